"""Dialogues: fed this, a client is sent that. Time is the test's."""

import asyncio
import re

import orjson
import pytest

from orderflow_stream.core.events import BUY, Corrected, GapFound, Probe, Refill, Restarted, Trade
from orderflow_stream.delivery.hub import Limits
from tests.delivery.rig import BTC, E8, EPOCH, ETH, FakeSink, Rig


def test_hello_then_the_snapshot_then_what_is_live() -> None:
    rig = Rig(BTC, ETH)
    rig.trade()
    _, sink = rig.attach(rig.filter(BTC, ETH))
    rig.loop.settle()
    assert sink.topics() == ["hello", "flow", "flow"]
    (hello,) = sink.of("hello")
    assert hello == {
        "epoch": EPOCH,
        "seq": rig.log.seq,
        "recovered": False,
        "resumed_from": None,
        "server_time": rig.clock() // 1000,
        "heartbeat_ms": 2000,
    }
    assert [flow["symbol"] for flow in sink.of("flow")] == ["BTCUSDT", "ETHUSDT"]
    assert re.match(rb"event: hello\nid: ABCD2345-\d+\nretry: \d+\ndata: ", sink.writes[0])
    sink.clear()
    rig.large()
    rig.trade()
    rig.loop.settle()
    assert sink.topics() == ["large", "flow"]
    (large,) = sink.of("large")
    assert (large["symbol"], large["id"], large["notional_usd"], large["late"]) == ("BTCUSDT", 2, 150_000, False)
    assert large["legs"] == 1


def test_every_client_has_a_retry_of_its_own() -> None:
    rig = Rig()
    pauses = set()
    for _ in range(20):
        _, sink = rig.attach()
        rig.loop.settle()
        match = re.search(rb"retry: (\d+)\n", sink.writes[0])
        assert match is not None
        pauses.add(int(match[1]))
    assert len(pauses) > 15
    assert all(500 <= pause <= 5000 for pause in pauses)


def test_trades_count_even_when_nobody_listens() -> None:
    rig = Rig()
    rig.trade()
    before = rig.log.seq
    for _ in range(10):
        rig.trade()
    assert rig.log.seq == before + 10
    assert rig.hub.position() == f"{EPOCH}-{before + 10}"
    assert not rig.loop.ready  # and nothing else is done


def test_each_filter_gets_its_own() -> None:
    rig = Rig(BTC, ETH)
    rig.trade()
    filters = {
        "trades": rig.filter(BTC, topics="trade"),
        "rows": rig.filter(BTC, topics="large", group="row"),
        "orders": rig.filter(BTC, topics="large"),
        "huge": rig.filter(BTC, topics="large", min_notional=200_000 * 10**16),
        "other": rig.filter(ETH, topics="trade,large"),
    }
    sinks = {name: rig.attach(filter_)[1] for name, filter_ in filters.items()}
    rig.loop.settle()
    for sink in sinks.values():
        assert sink.topics() == ["hello"]
        sink.clear()
    rig.large()
    rig.trade()
    rig.loop.settle()
    assert {name: sink.topics() for name, sink in sinks.items()} == {
        "trades": ["trade", "trade"],
        "rows": ["large"],
        "orders": ["large"],
        "huge": [],
        "other": [],
    }
    assert "legs" not in sinks["rows"].of("large")[0]


def test_numbers_may_be_exact_text() -> None:
    rig = Rig()
    _, exact = rig.attach(rig.filter(topics="trade,flow", exact=True))
    _, plain = rig.attach(rig.filter(topics="trade,flow"))
    rig.trade(qty=1)
    rig.loop.settle()
    assert exact.of("trade")[0]["qty"] == "0.00000001"
    assert plain.of("trade")[0]["qty"] == 0.00000001
    assert exact.of("flow")[-1]["taker_buy_base"] == "0.00000001"


def test_an_event_is_encoded_once_for_all() -> None:
    rig = Rig()
    sinks = [rig.attach(rig.filter(topics="trade,large,flow"), remote=str(n))[1] for n in range(5)]
    other = rig.attach(rig.filter(topics="trade,large"), remote="x")[1]
    rig.loop.settle()
    rig.trade()
    rig.loop.settle()
    last = [[frame for frame in sink.frames if frame.topic == "trade"][-1] for sink in [*sinks, other]]
    assert all(frame is last[0] for frame in last)
    flows = [[frame for frame in sink.frames if frame.topic == "flow"][-1] for sink in sinks]
    assert all(frame is flows[0] for frame in flows)


def test_what_comes_in_one_turn_is_one_write() -> None:
    rig = Rig()
    rig.trade()
    _, sink = rig.attach(rig.filter(topics="trade"))
    rig.loop.settle()
    sink.clear()
    for _ in range(10):
        rig.trade()
    rig.loop.settle()
    assert len(sink.writes) == 1
    assert sink.topics() == ["trade"] * 10


# -- resuming ---------------------------------------------------------------------------------------------------------


def test_a_resume_gets_exactly_what_it_missed() -> None:
    rig = Rig(BTC, ETH)
    wishes = rig.filter(topics="large,trade")
    client, sink = rig.attach(wishes)
    rig.loop.settle()
    rig.large()
    rig.trade()
    rig.loop.settle()
    last = sink.frames[-1].seq
    rig.hub.detach(client)
    rig.large()
    rig.trade(ETH)
    rig.trade()
    _, again = rig.attach(wishes, last=f"{EPOCH}-{last}")
    rig.trade()
    rig.loop.settle()
    hello, *rest = again.frames
    assert hello.seq == last
    assert orjson.loads(hello.body)["recovered"] is True
    assert orjson.loads(hello.body)["resumed_from"] == f"{EPOCH}-{last}"
    assert [frame.topic for frame in rest] == ["trade", "trade", "large", "trade"]
    ids = [frame.seq for frame in rest]
    assert ids == sorted(ids)
    assert ids[0] > last
    assert [row["id"] for row in again.of("trade")] == [3, 4, 5]


def test_snapshots_follow_the_replay() -> None:
    rig = Rig()
    rig.trade()
    start = rig.log.seq
    for _ in range(200):
        rig.large()
    _, sink = rig.attach(last=f"{EPOCH}-{start}")
    rig.large()  # live, while the replay is still to come
    rig.loop.settle()
    topics = sink.topics()
    assert topics[0] == "hello"
    first_flow = topics.index("flow")
    assert set(topics[1:first_flow]) == {"large"}
    assert first_flow > 190
    ids = sink.ids()
    assert ids == sorted(ids)
    assert len({row["id"] for row in sink.of("large")}) == len(sink.of("large"))


@pytest.mark.parametrize("last", ["ZZZZ2345-1", f"{EPOCH}-999999", "nonsense", "", "ünsinn-1", f"{EPOCH}--1"])
def test_what_cannot_be_resumed_says_so_and_starts_anew(last: str) -> None:
    rig = Rig()
    rig.large()
    rig.large()
    _, sink = rig.attach(last=last)
    rig.loop.settle()
    (hello,) = sink.of("hello")
    assert (hello["recovered"], hello["resumed_from"]) == (False, None)
    assert sink.topics() == ["hello", "flow"]
    assert sink.frames[0].seq == rig.log.seq


def test_too_old_is_never_a_part() -> None:
    rig = Rig(events=5)
    start = rig.log.seq
    for _ in range(20):
        rig.large()
    _, sink = rig.attach(rig.filter(topics="large"), last=f"{EPOCH}-{start}")
    rig.loop.settle()
    assert sink.topics() == ["hello"]
    assert sink.of("hello")[0]["recovered"] is False


def test_a_burst_of_trades_does_not_spoil_a_resume_for_large_prints() -> None:
    rig = Rig(trades=10)
    rig.trade()
    start = rig.log.seq
    rig.large()
    for _ in range(100):
        rig.trade()
    _, sink = rig.attach(rig.filter(topics="large"), last=f"{EPOCH}-{start}")
    _, trades = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{start}")
    rig.loop.settle()
    assert sink.topics() == ["hello", "large"]
    assert trades.of("hello")[0]["recovered"] is False


@pytest.mark.parametrize("ended", [True, False])
def test_a_filter_that_asks_for_more_than_before_is_not_recovered(ended: bool) -> None:
    rig = Rig(BTC, ETH)
    client, sink = rig.attach(rig.filter(BTC, topics="large"))
    rig.large()
    rig.trade()
    rig.loop.settle()
    last = f"{EPOCH}-{sink.frames[-1].seq}"
    if ended:  # else it has gone, and nobody has noticed yet
        rig.hub.detach(client)
    more = [
        rig.filter(BTC, ETH, topics="large"),
        rig.filter(BTC, topics="large,trade"),
        rig.filter(BTC, topics="large", group="row"),
    ]
    for wishes in more:
        other = FakeSink()
        joined = rig.hub.attach(wishes, other, remote="192.0.2.1", last_event_id=last)
        rig.loop.settle()
        assert other.of("hello")[0]["recovered"] is False
        rig.hub.detach(joined)
    same = rig.attach(rig.filter(BTC, topics="large"), last=last)[1]
    less = rig.attach(rig.filter(BTC, topics="large", min_notional=10**22), last=last)[1]
    rig.loop.settle()
    assert same.of("hello")[0]["recovered"] is True
    assert less.of("hello")[0]["recovered"] is True


def test_a_position_from_rest_resumes_anything_that_is_kept() -> None:
    rig = Rig(BTC, ETH)
    rig.attach(rig.filter(BTC, topics="large"), remote="192.0.2.99")
    rig.loop.settle()
    position = rig.hub.position()
    rig.large()
    rig.large(ETH)
    _, sink = rig.attach(rig.filter(BTC, ETH, topics="trade"), last=position)
    rig.loop.settle()
    assert sink.of("hello")[0]["recovered"] is True
    assert [row["symbol"] for row in sink.of("trade")] == ["BTCUSDT", "ETHUSDT"]


def test_a_replay_longer_than_the_mailbox_gets_through() -> None:
    """The loop that other servers fall into: cut for its backlog, resumed, cut for the same backlog."""
    rig = Rig(trades=10_000, limits=Limits(mailbox_bytes=20_000))
    start = rig.log.seq
    for _ in range(5_000):
        rig.trade()
    client, sink = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{start}")
    for _ in range(400):
        sink.stalled = not sink.stalled
        rig.trade()
        rig.loop.run(0.1)
    sink.stalled = False
    rig.run(3)
    assert client.ended is None
    assert [row["id"] for row in sink.of("trade")] == list(range(1, 5401))
    ids = sink.ids()
    assert ids == sorted(ids)


# -- gaps -------------------------------------------------------------------------------------------------------------


def test_a_hole_that_the_other_copy_fills_is_no_event() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="large"))
    now = rig.clock()
    rig.trade()
    rig.trade(skip=1)  # 2 is missing
    rig.run(0.05)
    rig.feed(Trade(BTC.key, 2, E8, E8, BUY, now, 1, 1, now))
    rig.run(1.0)
    assert {"gap", "corrected"} & set(sink.topics()) == set()


def test_a_hole_is_told_after_a_moment_and_its_repair_at_once() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="large,trade"))
    rig.trade()
    rig.loop.settle()
    sink.clear()
    now = rig.clock()
    rig.trade(skip=3)  # 2, 3, 4
    rig.loop.run(0.09)
    assert "gap" not in sink.topics()
    rig.loop.run(0.02)
    (gap,) = sink.of("gap")
    assert (gap["symbol"], gap["first"], gap["last"]) == ("BTCUSDT", 2, 4)
    trades = tuple(Trade(BTC.key, id_, 50_000 * E8, 3 * E8, BUY, now, id_, id_, now) for id_ in (2, 3))
    sink.clear()
    rig.feed(Refill(BTC.key, trades, now, repair=True))
    rig.loop.settle()
    assert [(row["id"], row["late"]) for row in sink.of("trade")] == [(2, True), (3, True)]
    assert all(row["late"] for row in sink.of("large"))
    assert sink.of("large")
    (corrected,) = sink.of("corrected")
    assert corrected["filled"] == [[2, 3]]
    assert corrected["missing"] == [[4, 4]]
    assert corrected["coverage"]["missing_total"] == 1
    ids = sink.ids()
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_part_of_a_hole_is_told_as_what_is_left_of_it() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="large"))
    rig.trade()
    rig.trade(skip=10)  # 2 .. 11
    now = rig.clock()
    trades = tuple(Trade(BTC.key, id_, E8, E8, BUY, now, id_, id_, now) for id_ in (4, 5))
    rig.feed(Refill(BTC.key, trades, now, repair=True))
    rig.loop.run(0.2)
    assert [(gap["first"], gap["last"]) for gap in sink.of("gap")] == [(2, 3), (6, 11)]
    assert sink.of("corrected") == []


def test_trades_that_rest_knew_first_and_the_stream_brought_in_turn_are_no_gap() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="large"))
    rig.trade()
    rig.feed(Probe(BTC.key, 3, rig.clock()))  # 3 exists, 1 is held
    rig.trade()
    rig.trade()
    rig.loop.run(0.2)
    assert sink.of("gap") == []
    rig.feed(Probe(BTC.key, 5, rig.clock()))
    rig.loop.run(0.2)
    assert [(gap["first"], gap["last"]) for gap in sink.of("gap")] == [(4, 5)]
    rig.trade()
    rig.trade()
    rig.loop.settle()
    assert [one["filled"] for one in sink.of("corrected")] == [[[4, 4]], [[5, 5]]], "who was told of it hears its end"


def test_a_loss_is_told_after_the_hole() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="large"))
    rig.hub.publish(None, (GapFound(BTC.key, 10, 19, 0),))
    rig.hub.publish(None, (Corrected(BTC.key, (), ((10, 19),), 0),))
    rig.loop.settle()
    assert sink.topics() == ["hello", "gap", "corrected"]
    assert sink.of("corrected")[0]["lost"] == [[10, 19]]


def test_changes_of_state_go_to_every_topic() -> None:
    rig = Rig()
    sinks = [rig.attach(rig.filter(topics=topic))[1] for topic in ("flow", "watch", "large", "trade")]
    rig.trade()
    rig.loop.settle()
    for sink in sinks:
        (state,) = sink.of("state")
        assert (state["symbol"], state["state"]) == ("BTCUSDT", "live")


def test_a_late_trade_is_told_once() -> None:
    rig = Rig()
    rig.trade()
    rig.trade(skip=1)
    _, sink = rig.attach(rig.filter(topics="trade"))
    rig.loop.settle()
    now = rig.clock()
    rig.feed(Trade(BTC.key, 2, E8, E8, BUY, now, 1, 1, now))
    rig.loop.settle()
    assert [(row["id"], row["late"]) for row in sink.of("trade")] == [(2, True)]


def test_a_row_without_a_trade_is_no_trade_event_but_has_a_position() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="trade"))
    before = rig.log.seq
    rig.feed(Trade(BTC.key, 1, 0, 0, BUY, rig.clock(), -1, -1, 0))
    rig.loop.settle()
    assert rig.log.seq > before
    assert sink.of("trade") == []


# -- ends and places --------------------------------------------------------------------------------------------------


def test_room_is_counted_by_address_and_in_all() -> None:
    rig = Rig(limits=Limits(max_clients=3, max_clients_per_ip=2))
    assert rig.hub.room("a") is None
    one, _ = rig.attach(remote="a")
    rig.attach(remote="a")
    assert rig.hub.room("a") == "max_clients_per_ip"
    assert rig.hub.room("b") is None
    rig.attach(remote="b")
    assert rig.hub.room("c") == "max_clients"
    rig.hub.detach(one)
    assert rig.hub.room("c") is None
    assert rig.hub.stats().refused == {"max_clients_per_ip": 1, "max_clients": 1}


def test_one_that_left_unnoticed_holds_no_place() -> None:
    rig = Rig(limits=Limits(max_clients_per_ip=1))
    _, sink = rig.attach(remote="a")
    sink.closing = True
    assert rig.hub.room("a") is None
    assert rig.hub.stats().clients == 0


def test_busy_echoes_the_position_that_was_asked_for() -> None:
    rig = Rig()
    assert b"\nid: OTHER234-5\n" in rig.hub.busy("OTHER234-5")
    assert b"\nid: 00000000-0\n" in rig.hub.busy("bad\nid")
    assert f"\nid: {rig.hub.position()}\n".encode() in rig.hub.busy(None)
    match = re.search(rb"\nretry: (\d+)\n", rig.hub.busy(None))
    assert match is not None
    assert 15_000 <= int(match[1]) <= 30_000


def test_bye_comes_after_what_waits_and_under_its_position() -> None:
    rig = Rig()
    client, sink = rig.attach(rig.filter(topics="trade"))
    rig.loop.settle()
    rig.trade()
    rig.loop.turn()
    rig.trade()
    rig.hub.bye(client, "shutdown")
    assert sink.ended
    assert sink.topics()[-1] == "bye"
    assert sink.of("bye") == [{"reason": "shutdown"}]
    assert sink.frames[-1].seq == sink.frames[-2].seq
    assert re.search(rb"retry: \d+\n", sink.writes[-1])
    rig.loop.settle()
    assert sink.topics()[-1] == "bye"
    assert rig.hub.stats().aborted == {"shutdown": 1}
    _, again = rig.attach(rig.filter(topics="trade"), last=f"{EPOCH}-{sink.frames[-1].seq}")
    rig.loop.settle()
    assert [row["id"] for row in sink.of("trade") + again.of("trade")] == [1, 2]


async def test_drain_says_bye_to_all_and_waits_for_them() -> None:
    rig = Rig()
    clients = [rig.attach(remote=str(n)) for n in range(120)]
    rig.loop.settle()
    drain = asyncio.ensure_future(rig.hub.drain("shutdown", 10.0))
    for _ in range(10):
        await asyncio.sleep(0)
    assert all(sink.topics()[-1] == "bye" for _, sink in clients)
    assert not drain.done()
    assert rig.hub.room("new") == "closing"
    for client, _ in clients:
        rig.hub.detach(client)
    await asyncio.wait_for(drain, 5)
    assert not any(sink.aborted for _, sink in clients)
    assert len({sink.frames[-1].retry for _, sink in clients}) > 100


async def test_drain_cuts_who_does_not_end() -> None:
    rig = Rig()
    _, sink = rig.attach()
    await rig.hub.drain("shutdown", 0.01)
    assert sink.aborted


def test_streams_end_at_an_age_of_their_own_and_are_told_to_come_back_soon() -> None:
    rig = Rig(limits=Limits(age=600.0))
    clients = [rig.attach(remote=str(n))[1] for n in range(200)]
    rig.run(479, step=1.0)
    assert not any(sink.ended for sink in clients)
    rig.run(121, step=1.0)
    half = sum(sink.ended for sink in clients)
    assert 60 < half < 140  # spread evenly around the age
    rig.run(122, step=1.0)
    assert all(sink.ended for sink in clients)
    for sink in clients:
        assert sink.of("bye") == [{"reason": "age"}]
        assert sink.topics()[-1] == "bye"
        assert 200 <= (sink.frames[-1].retry or 0) <= 1_000
    assert rig.hub.stats().aborted == {"age": 200}


def test_a_stream_that_ended_of_age_resumes_where_it_was() -> None:
    rig = Rig(limits=Limits(age=10.0))
    _, sink = rig.attach()
    rig.run(13.5)
    assert sink.ended
    last = str(sink.frames[-1].plain.split(b"\nid: ")[1].split(b"\n")[0], "ascii")
    rig.large()
    rig.run(0.5)
    _, again = rig.attach(last=last)
    rig.run(0.5)
    assert again.of("hello")[0]["recovered"] is True
    assert len(again.of("large")) == 1


def test_no_age_is_no_end() -> None:
    rig = Rig(limits=Limits(age=0.0))
    _, sink = rig.attach()
    rig.run(10_000, step=10.0)
    assert not sink.ended


def test_other_limits_hold_for_open_streams_too() -> None:
    rig = Rig(limits=Limits(age=600.0, max_clients=5))
    client, sink = rig.attach(rig.filter(topics="flow"))
    rig.run(1.0)
    changed = Limits(
        age=60.0, max_clients=1, tick=1.0, mailbox_bytes=1_000, mailbox_age=1.5, backlog=7, stall=3.0, piece=0.001
    )
    rig.hub.set_limits(changed)
    assert rig.hub.limits == changed
    assert rig.hub.room("another") == "max_clients"
    assert (client.mailbox.limit, client.mailbox.patience, client.most_backlog) == (1_000, 1.5, 7)
    sink.clear()
    for _ in range(100):
        rig.trade()
        rig.run(0.05)
    assert 5 <= len(sink.of("flow")) <= 7  # one a second now
    assert not sink.ended
    rig.run(70.0)
    assert sink.of("bye") == [{"reason": "age"}]


def test_another_heartbeat_begins_with_a_new_hello() -> None:
    """A client was told how long silence may last."""
    rig = Rig()
    _, sink = rig.attach()
    rig.run(1.0)
    rig.hub.set_limits(Limits(heartbeat=5.0))
    assert sink.of("bye") == [{"reason": "settings"}]
    _, again = rig.attach()
    rig.run(12.0)
    assert again.of("hello")[0]["heartbeat_ms"] == 5_000
    assert len(again.of("heartbeat")) == 3  # one was on its way already


def test_nothing_is_left_of_clients_that_went() -> None:
    rig = Rig(BTC, ETH)
    clients = [rig.attach(rig.filter(BTC, ETH, topics="flow,watch,large,trade"), remote=str(n))[0] for n in range(5)]
    rig.run(2.5)
    for client in clients:
        rig.hub.detach(client)
    assert not rig.hub.listened(BTC.key)
    rig.trade()
    rig.run(5)
    assert rig.hub.stats().clients == 0
    assert not rig.loop.ready
    assert all(timer.cancelled for timer in rig.loop.timers)  # time stands still again


def test_a_restarted_instrument_moves_the_position() -> None:
    rig = Rig()
    position = rig.hub.position()
    rig.feed(Restarted(BTC.key, rig.clock()))
    assert rig.hub.traded_beyond(BTC.key, position)


def test_stats_count_what_was_written() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="trade,flow"))
    sink2 = rig.attach(rig.filter(topics="trade"), remote="b")[1]
    rig.trade()
    rig.run(2.2)
    stats = rig.hub.stats()
    assert stats.clients == 2
    for topic in ("hello", "trade", "flow", "heartbeat", "state"):
        assert stats.events[topic] == len(sink.of(topic)) + len(sink2.of(topic))
    assert stats.buffer_bytes == 0
