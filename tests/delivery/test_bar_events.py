"""The `bar` topic as dialogues: fed this, a client is sent that. Time is the test's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderflow_stream.analytics.bars import BarsView
from orderflow_stream.core.events import FeedDown, Probe, Refill, Restarted, Trade
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import BarSpec, Filter
from orderflow_stream.shapes.bars import BarEvent
from tests.delivery.rig import BTC, E8, ETH, Rig


def wishes(rig: Rig, *instruments: Any, topics: str = "bar", spec: BarSpec | None = None, **more: Any) -> Filter:
    return msgspec.structs.replace(rig.filter(*instruments, topics=topics, **more), bars=spec or BarSpec("1s"))


def spans(event: dict[str, Any]) -> list[tuple[int, int, bool, bool]]:
    """Second of the start, trades, closed, complete."""
    return [
        (bar["start"] // 1000 % 100, bar["buy_trades"] + bar["sell_trades"], bar["closed"], bar["complete"])
        for bar in event["bars"]
    ]


def test_a_snapshot_then_what_changes_at_the_pace_of_the_tick() -> None:
    rig = Rig(BTC, ETH)
    rig.trade()
    _, sink = rig.attach(wishes(rig, BTC, ETH, topics="flow,bar"))
    rig.loop.settle()
    assert sink.topics() == ["hello", "flow", "flow", "bar", "bar"]
    btc, eth = sink.of("bar")
    msgspec.convert(btc, BarEvent, strict=True)
    assert (btc["symbol"], btc["venue"], btc["market"], btc["interval"]) == ("BTCUSDT", "binance", "spot", "1s")
    assert (eth["bars"], eth["anchor"]) == ([], {"rule": "oldest", "time": None, "complete": False})
    assert [len(btc["bars"]), btc["bars"][0]["buy_trades"]] == [1, 1]
    rig.run(0.2)
    sink.clear()
    for _ in range(5):
        rig.trade()
        rig.loop.settle()
    assert [event["bars"][-1]["buy_trades"] for event in sink.of("bar")] == [2]  # at once, then no more
    rig.run(0.15)
    assert [event["bars"][-1]["buy_trades"] for event in sink.of("bar")] == [2, 6]


def test_a_bar_ends_though_nothing_trades() -> None:
    rig = Rig()
    rig.trade()
    _, sink = rig.attach(wishes(rig))
    rig.loop.settle()
    sink.clear()
    start = rig.clock()
    left = 1_000_000 - start % 1_000_000
    rig.run(left / 1e6 - 0.01, step=0.01)
    assert sink.of("bar") == []
    rig.run(0.1, step=0.01)
    (event,) = sink.of("bar")
    assert [(bar["closed"], bar["complete"]) for bar in event["bars"]] == [(True, False)]
    sink.clear()
    rig.feed(Probe(BTC.key, 1, rig.clock()))  # the venue has nothing newer
    rig.run(1.2)
    (event,) = sink.of("bar")
    assert [(bar["closed"], bar["complete"]) for bar in event["bars"]] == [(True, True)]
    sink.clear()
    rig.run(5.0)
    assert sink.of("bar") == []  # nothing is told twice
    rig.trade()
    rig.loop.settle()
    (event,) = sink.of("bar")
    assert [bar["closed"] for bar in event["bars"]] == [True, False]


def test_at_most_three_and_the_open_one_last() -> None:
    rig = Rig()
    _, sink = rig.attach(wishes(rig))
    for _ in range(6):
        rig.trade()
        rig.run(1.0)
    rig.trade()
    rig.loop.settle()
    event = sink.of("bar")[-1]
    assert [bar["closed"] for bar in event["bars"]] == [True, True, False]
    assert [bar["complete"] for bar in event["bars"]] == [True, True, True]
    assert all(len(event["bars"]) <= 3 for event in sink.of("bar"))
    assert [bar["cvd_base"] for bar in event["bars"]] == [0.05, 0.06, 0.07]


def test_every_kind_is_formed_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    specs = [BarSpec("1s"), BarSpec("1s", "oldest"), BarSpec("1m"), BarSpec("1s", exact=True)]
    sinks = [rig.attach(wishes(rig, spec=spec))[1] for spec in specs for _ in range(3)]
    rig.loop.settle()
    for sink in sinks:
        sink.clear()
    formed: list[str] = []
    made = rig.renderer.bar

    def counted(key: str, view: BarsView, exact: bool) -> bytes | None:
        formed.append(view.interval)
        return made(key, view, exact)

    monkeypatch.setattr(rig.renderer, "bar", counted)
    rig.trade()
    rig.loop.settle()
    assert formed == ["1s", "1s", "1m", "1s"]
    assert [len(sink.of("bar")) for sink in sinks] == [1] * 12
    assert len({sink.writes[0] for sink in sinks}) == 4
    strings = sinks[-1].of("bar")[0]["bars"][0]
    assert (strings["open"], strings["cvd_base"]) == ("50000", "0.01")


def test_where_nobody_asks_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    _, sink = rig.attach(rig.filter())
    rig.loop.settle()

    def never(*_: object) -> None:
        raise AssertionError("nobody asked for bars")

    monkeypatch.setattr(rig.renderer, "bars", never)
    rig.trade()
    rig.run(2.0)
    assert "bar" not in sink.topics()
    _, other = rig.attach(rig.filter(topics="large"))
    rig.trade()
    rig.run(1.0)
    assert "flow" not in other.topics()


def test_the_last_one_to_leave_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    client, _ = rig.attach(wishes(rig))
    rig.trade()
    rig.loop.settle()
    rig.hub.detach(client)
    monkeypatch.setattr(rig.renderer, "bars", lambda *_: 1 / 0)
    rig.trade()
    rig.run(2.0)
    assert BTC.key not in rig.hub._watched


def test_repair_restart_and_state_are_told() -> None:
    rig = Rig()
    _, sink = rig.attach(wishes(rig))
    rig.trade()
    rig.run(0.3)
    rig.trade(skip=1)
    rig.run(0.3)
    event = sink.of("bar")[-1]
    assert (event["state"], [bar["complete"] for bar in event["bars"]]) == ("gap", [False])
    missing = Trade(BTC.key, 2, 50_000 * E8, E8, 1, rig.clock() - 200_000, 20, 20, rig.clock())
    rig.feed(Refill(BTC.key, (missing,), rig.clock(), repair=True))
    rig.run(0.3)
    event = sink.of("bar")[-1]
    assert (event["state"], event["bars"][0]["cvd_base"], event["bars"][0]["complete"]) == ("live", 1.02, True)
    rig.feed(FeedDown((BTC.key,), rig.clock(), 1, "gone"))
    rig.run(0.3)
    event = sink.of("bar")[-1]
    assert (event["state"], event["bars"][-1]["complete"]) == ("stale", False)
    rig.feed(Restarted(BTC.key, rig.clock()))
    rig.run(0.3)
    assert sink.of("bar")[-1]["bars"] == []


def test_a_slow_client_is_sent_the_newest_only() -> None:
    rig = Rig()
    _, sink = rig.attach(wishes(rig, topics="bar,trade"))
    rig.loop.settle()
    sink.clear()
    sink.stalled, sink.held = True, 100_000
    for _ in range(4):
        rig.trade()
        rig.run(0.3)
    sink.stalled = False
    rig.run(0.5)
    assert sink.topics().count("trade") == 4
    assert len(sink.of("bar")) == 1
    assert sink.of("bar")[0]["bars"][-1]["last_id"] == 4
    ids = sink.ids()
    assert ids == sorted(ids)


def test_it_comes_back_after_a_replay() -> None:
    rig = Rig()
    rig.trade()
    client, first = rig.attach(wishes(rig, topics="bar,trade"))
    rig.loop.settle()
    rig.hub.detach(client)
    rig.trade()
    rig.trade()
    _, sink = rig.attach(wishes(rig, topics="bar,trade"), last=f"{rig.log.epoch}-{first.ids()[-1]}")
    rig.loop.settle()
    assert sink.topics() == ["hello", "trade", "trade", "bar"]
    assert sink.of("bar")[0]["bars"][-1]["last_id"] == 3


def test_a_frame_is_no_flow() -> None:
    """What counts skipped versions is of `flow` alone."""
    frame = Frame("bar", "ABCD2345", 7, b"{}")
    assert frame.missing(0) is frame
    assert frame.at(9).plain == b"event: bar\nid: ABCD2345-9\ndata: {}\n\n"
