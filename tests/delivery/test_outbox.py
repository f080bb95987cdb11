import pytest

from orderflow_stream.delivery.client import Client
from orderflow_stream.delivery.hub import Limits
from orderflow_stream.delivery.outbox import HIGH_WATER
from tests.delivery.rig import BTC, EPOCH, ETH, FakeSink, Rig


class Work:
    """Time that passes with each look at the clock."""

    def __init__(self, step: float) -> None:
        self.step, self.now = step, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_a_turn_is_cut_when_its_time_is_up_and_goes_on_in_the_next() -> None:
    rig = Rig(elapsed=Work(0.0004))
    sinks = [rig.attach(rig.filter(topics="trade"), remote=str(n))[1] for n in range(300)]
    rig.loop.settle()
    for _ in range(3):
        rig.trade()
    before = rig.loop.turns
    rig.loop.settle()
    assert rig.loop.turns - before > 20
    assert all([row["id"] for row in sink.of("trade")] == [1, 2, 3] for sink in sinks)


def test_with_time_enough_one_turn_does_it_all() -> None:
    rig = Rig()
    sinks = [rig.attach(rig.filter(topics="trade"), remote=str(n))[1] for n in range(300)]
    rig.loop.settle()
    rig.trade()
    before = rig.loop.turns
    rig.loop.settle()
    assert rig.loop.turns - before <= 2
    assert all(sink.of("trade") for sink in sinks)


def stalled(rig: Rig, topics: str) -> tuple[Client, FakeSink]:
    client, sink = rig.attach(rig.filter(topics=topics))
    rig.loop.settle()
    sink.stalled = True
    sink.held = HIGH_WATER
    return client, sink


def test_a_client_that_does_not_read_log_events_is_told_slow_and_resumes_by_id() -> None:
    rig = Rig()
    client, sink = stalled(rig, "trade")
    told = len(sink.frames)
    rig.trade()
    rig.run(4.9)
    assert rig.hub.stats().clients == 1
    rig.run(0.5)
    assert client.ended == "slow"
    assert sink.ended
    assert [frame.topic for frame in sink.frames[told:]] == ["slow"]
    assert sink.of("slow") == [{"reason": "age"}]
    last = sink.frames[-1]
    assert last.retry is not None
    assert last.seq == sink.frames[told - 1].seq  # nothing that it was not sent
    stats = rig.hub.stats()
    assert stats.aborted == {"slow": 1}
    assert stats.dropped == 2  # the trade, and the change of state with it
    _, again = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{last.seq}")
    rig.loop.settle()
    assert again.of("hello")[0]["recovered"] is True
    assert [row["id"] for row in again.of("trade")] == [1]


def test_too_many_bytes_are_slow_long_before_that() -> None:
    rig = Rig(limits=Limits(mailbox_bytes=100_000))
    client, sink = stalled(rig, "trade")
    for _ in range(400):
        rig.trade()
    rig.loop.run(0.3)
    assert client.ended == "slow"
    assert sink.of("slow") == [{"reason": "bytes"}]
    assert client.mailbox.log_bytes == 0


def test_states_collapse_for_a_client_that_does_not_read() -> None:
    rig = Rig()
    client, sink = stalled(rig, "flow")
    rig.trade()  # also the change of state, a log event: read that first
    rig.loop.settle()
    sink.held = 0
    sink.stalled = False
    rig.loop.run(0.3)
    sink.clear()
    sink.stalled, sink.held = True, HIGH_WATER
    for _ in range(100):
        rig.trade()
        rig.loop.run(0.09)
    assert client.ended is None
    assert sink.frames == []
    sink.stalled = False
    rig.loop.run(0.5)
    first = sink.of("flow")[0]
    assert first["trades_scanned"] == 101
    assert first["skipped"] == 99  # of 100 new states the last one is told
    assert rig.hub.stats().conflated >= 80
    rig.trade()
    rig.loop.run(0.2)
    assert sink.of("flow")[-1]["skipped"] == 0


def test_a_full_transport_is_filled_no_further() -> None:
    rig = Rig()
    client, sink = rig.attach(rig.filter(topics="trade"))
    rig.loop.settle()
    sink.stalled = True
    for _ in range(1_000):
        rig.trade()
        rig.loop.settle()
    assert HIGH_WATER <= sink.held < 2 * HIGH_WATER
    assert client.ended is None
    sink.stalled = False
    rig.loop.run(0.3)
    assert [row["id"] for row in sink.of("trade")] == list(range(1, 1_001))


def test_one_stalled_client_holds_nobody_up() -> None:
    rig = Rig()
    stalled(rig, "trade")
    _, other = rig.attach(rig.filter(topics="trade"), remote="b")
    for _ in range(100):
        rig.trade()
        rig.loop.settle()
    assert len(other.of("trade")) == 100


def test_a_replay_that_does_not_move_is_slow() -> None:
    rig = Rig()
    start = rig.log.seq
    for _ in range(900):
        rig.trade()
    client, sink = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{start}")
    sink.stalled, sink.held = True, HIGH_WATER
    rig.run(4)
    assert rig.hub.stats().clients == 1
    rig.run(2)
    assert client.ended == "slow"
    assert rig.hub.stats().dropped >= 900


def test_what_comes_behind_a_replay_is_bounded() -> None:
    rig = Rig(limits=Limits(backlog=1_000))
    start = rig.log.seq
    for _ in range(900):
        rig.trade()
    client, sink = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{start}")
    sink.stalled, sink.held = True, HIGH_WATER
    for _ in range(200):
        rig.trade()
    rig.loop.run(0.5)
    assert client.ended == "slow"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_closed_connection_is_let_go(when: str) -> None:
    rig = Rig(BTC, ETH)
    client, sink = rig.attach()
    if when == "after":
        rig.loop.settle()
    sink.closing = True
    rig.loop.run(1.1)
    assert client.ended == "gone"
    assert sink.ended
    assert rig.hub.stats().aborted == {"gone": 1}
    rig.hub.detach(client)
    assert rig.hub.stats().clients == 0


def test_a_client_for_which_only_states_wait_is_ended_when_it_takes_nothing() -> None:
    """They collapse, so they never grow; but it holds a place, and its page looks alive."""
    rig = Rig()
    client, sink = stalled(rig, "flow")
    rig.loop.settle()
    sink.stalled, sink.held = True, HIGH_WATER
    client.moved = rig.loop.now
    rig.run(9.9)
    assert not sink.ended
    rig.run(0.5)
    assert client.ended == "slow"
    assert sink.frames[-1].topic == "slow"
    assert sink.of("slow") == [{"reason": "stall"}]
    assert sink.ended


def test_one_that_takes_a_little_now_and_then_goes_on() -> None:
    rig = Rig()
    client, sink = stalled(rig, "flow")
    for _ in range(10):
        sink.stalled, sink.held = True, HIGH_WATER
        rig.run(5.0)
        sink.stalled = False
        rig.run(0.5)
    assert client.ended is None


def test_a_loop_that_cannot_keep_up_ends_its_streams_rather_than_fill_the_memory() -> None:
    rig = Rig(limits=Limits(backlog=50))
    client, sink = rig.attach(rig.filter(topics="trade"))
    for _ in range(10):
        rig.trade()
    rig.loop.settle()
    told = sink.of("trade")
    for _ in range(60):  # all between two turns of the loop
        rig.trade()
    assert client.ended == "slow"
    assert sink.of("slow") == [{"reason": "behind"}]
    rig.loop.settle()
    assert sink.of("trade") == told  # nothing out of turn after that
    _, again = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{sink.frames[-1].seq}")
    rig.loop.settle()
    assert again.of("hello")[0]["recovered"] is True
    assert [row["id"] for row in (*told, *again.of("trade"))] == list(range(1, 71))
