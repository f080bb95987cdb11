from orderflow_stream.delivery.limits import Limits
from tests.delivery.rig import BTC, EPOCH, ETH, FakeSink, Rig


def test_the_first_change_goes_at_once_then_one_a_tick_for_all_clients() -> None:
    rig = Rig()
    sinks = [rig.attach(rig.filter(topics="flow"), remote=str(n))[1] for n in range(3)]
    rig.loop.settle()
    for sink in sinks:
        sink.clear()
    for _ in range(100):
        rig.trade()
        rig.loop.run(0.01)
    rig.loop.run(0.2)
    for sink in sinks:
        told = [flow["trades_scanned"] for flow in sink.of("flow")]
        assert told[0] == 1
        assert told[-1] == 100
        assert 10 <= len(told) <= 12
        assert told == sorted(told)
        # Every state of the instrument is told or counted; here each is that of one trade more.
        skipped = [flow["skipped"] for flow in sink.of("flow")]
        assert skipped == [now - before - 1 for before, now in zip([0, *told], told, strict=False)]
        assert len(told) + sum(skipped) == 100


def test_a_client_that_comes_in_between_is_told_what_it_was_not_sent() -> None:
    """The snapshot shows a state that the others are not told; what is counted for them is not counted for it."""
    rig = Rig(limits=Limits(tick=1.0))
    _, old = rig.attach(rig.filter(topics="flow"))
    rig.loop.settle()
    for _ in range(10):
        rig.trade()
        rig.loop.settle()
    _, new = rig.attach(rig.filter(topics="flow"))
    rig.loop.settle()
    for _ in range(5):
        rig.trade()
        rig.loop.settle()
    rig.loop.run(1.5)
    assert [(flow["trades_scanned"], flow["skipped"]) for flow in old.of("flow")] == [(0, 0), (1, 0), (15, 13)]
    assert [(flow["trades_scanned"], flow["skipped"]) for flow in new.of("flow")] == [(10, 0), (15, 4)]


def test_one_event_is_one_state_whatever_it_brings() -> None:
    """A hole: a trade, a gap and a change of state at once."""
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="flow"))
    rig.trade()
    rig.loop.run(0.05)
    rig.trade(skip=3)
    rig.trade()
    rig.loop.run(0.5)
    flows = sink.of("flow")
    assert [flow["trades_scanned"] for flow in flows] == [1, 3]
    assert flows[-1]["coverage"]["missing_total"] == 3
    assert [flow["skipped"] for flow in flows] == [0, 1]


def test_a_quiet_symbol_tells_its_next_trade_at_once() -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter(topics="flow"))
    rig.trade()
    rig.loop.run(0.5)
    sink.clear()
    rig.trade()
    rig.loop.settle()
    assert [flow["trades_scanned"] for flow in sink.of("flow")] == [2]


def test_windows_age_without_a_trade() -> None:
    rig = Rig()
    rig.trade()
    _, sink = rig.attach(rig.filter(topics="flow"))
    rig.loop.settle()
    assert sink.of("flow")[-1]["trades_scanned"] == 1
    sink.clear()
    rig.loop.run(58)
    assert sink.of("flow") == []  # nothing changed, nothing said
    rig.loop.run(4)
    assert [flow["trades_scanned"] for flow in sink.of("flow")] == [0]
    assert sink.of("flow")[0]["windows"]["5m"]["trades"] == 1
    sink.clear()
    rig.loop.run(240)
    assert [flow["windows"]["5m"]["trades"] for flow in sink.of("flow")] == [0]


def test_spans_are_formed_apart_and_paced_together() -> None:
    rig = Rig()
    for _ in range(150):
        rig.trade()
    _, minute = rig.attach(rig.filter(topics="flow"))
    _, count = rig.attach(rig.filter(topics="flow", trades=100))
    rig.trade()
    rig.loop.settle()
    assert minute.of("flow")[-1]["trades_scanned"] == 151
    assert count.of("flow")[-1]["trades_scanned"] == 100


def test_a_snapshot_is_shared_while_nothing_changes_and_fresh_when_it_has() -> None:
    rig = Rig()
    rig.trade()
    _, one = rig.attach(rig.filter(topics="flow"))
    rig.loop.settle()
    _, two = rig.attach(rig.filter(topics="flow"))
    rig.loop.settle()
    assert two.frames[-1].body is one.frames[-1].body
    rig.loop.run(0.3)
    rig.trade()
    rig.loop.settle()
    rig.trade()  # within the tick: the others will hear of it later
    _, three = rig.attach(rig.filter(topics="flow"))
    rig.loop.settle()
    assert three.of("flow")[0]["trades_scanned"] == 3
    assert one.of("flow")[-1]["trades_scanned"] == 2
    rig.loop.run(0.2)
    assert one.of("flow")[-1]["trades_scanned"] == 3


def test_heartbeats_are_for_the_symbols_asked_for() -> None:
    rig = Rig(BTC, ETH)
    rig.trade()
    _, both = rig.attach(rig.filter(BTC, ETH, topics="large"))
    _, one = rig.attach(rig.filter(ETH, topics="large"))
    rig.loop.run(6.5)
    assert [beat["symbols"] for beat in both.of("heartbeat")] == [{"BTCUSDT": 1, "ETHUSDT": None}] * 3
    assert [beat["symbols"] for beat in one.of("heartbeat")] == [{"ETHUSDT": None}] * 3
    assert both.of("heartbeat")[0]["server_time"] == (rig.clock() - 4_500_000) // 1000


def test_ids_never_go_back_nor_ahead_of_a_log_event() -> None:
    """Everything at once, in turns that are cut short after every few steps."""
    ticks = iter(range(10_000_000))
    rig = Rig(BTC, ETH, elapsed=lambda: next(ticks) * 0.0009)
    wishes = rig.filter(BTC, ETH, topics="flow,watch,large,trade")
    sinks: list[FakeSink] = [rig.attach(wishes, remote=str(n))[1] for n in range(60)]
    for n in range(300):
        rig.trade() if n % 3 else rig.large(ETH)
        if n == 100:
            sinks.append(rig.attach(wishes, last=f"{EPOCH}-2")[1])
        if n % 4 == 0:
            rig.loop.turn()
        if n % 50 == 0:
            rig.loop.run(1.1)
    rig.run(2)
    logs = {"trade", "large", "state", "gap", "corrected"}
    order = [frame.seq for frame in sinks[0].frames if frame.topic in logs]
    assert len(order) > 400
    for sink in sinks:
        ids = sink.ids()
        assert ids == sorted(ids)
        mine = [frame.seq for frame in sink.frames if frame.topic in logs and frame.seq >= order[0]]
        assert mine == order
        sent = 0
        for frame in sink.frames:  # what any event claims was sent before it, was
            if frame.topic in logs:
                sent = frame.seq
            else:
                assert not [seq for seq in order if sent < seq <= frame.seq]
