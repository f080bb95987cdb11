"""Two venues that hold symbols of one name: each stream hears of its own venue, and only that."""

from typing import Any

import msgspec
import orjson
import pytest

from orderflow_stream.core.events import (
    BUY,
    SELL,
    FeedDown,
    FeedUp,
    Instrument,
    Liquidation,
    LiquidationFeed,
    Refill,
    Trade,
)
from orderflow_stream.delivery.ring import EventLog, Scope
from orderflow_stream.delivery.sse import Position
from orderflow_stream.delivery.topics import TOPICS, Filter
from tests.delivery.rig import BTC, E8, EPOCH, Rig

PERP = Instrument(
    *("binance-usdm", "BTCUSDT", "BTC", "USDT"), market="usdm", kind="perpetual", row_span=100_000, rpi=True
)
ETHPERP = Instrument("binance-usdm", "ETHUSDT", "ETH", "USDT", market="usdm", kind="perpetual", row_span=100_000)


def wishes(rig: Rig, *instruments: Instrument, venue: str = "binance-usdm", **more: Any) -> Filter:
    return msgspec.structs.replace(rig.filter(*instruments, **more), venue=venue)


def liquidation(rig: Rig, instrument: Instrument = PERP, *, side: int = SELL, qty: int = E8) -> Liquidation:
    now = rig.clock()
    told = Liquidation(instrument.key, side, 50_000 * E8, 50_000 * E8, qty, qty, now, now + 1_000, "FILLED")
    rig.feed(told)  # type: ignore[arg-type]  # the rig is of what all markets have
    return told


def both() -> Rig:
    return Rig(BTC, PERP)


# -- one name, two venues -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("patterns", [(), ("BTC*",), ("*",)])
def test_a_stream_hears_of_its_own_venue_only(patterns: tuple[str, ...]) -> None:
    rig = both()
    more: dict[str, Any] = {"topics": "flow,watch,large,trade", "patterns": patterns}
    _, spot = rig.attach(wishes(rig, *(() if patterns else (BTC,)), venue="binance", **more))
    _, perp = rig.attach(wishes(rig, *(() if patterns else (PERP,)), **more))
    rig.run(1.1)
    for sink in (spot, perp):
        sink.clear()
    rig.large(PERP)
    rig.run(1.2)  # its rows are merged, so its order is over later than one of spot
    assert [row["group"] for row in perp.of("large")] == ["order"]
    assert [flow["venue"] for flow in perp.of("flow")]
    assert {flow["venue"] for flow in perp.of("flow")} == {"binance-usdm"}
    assert {row["venue"] for rows in perp.of("watch") for row in rows} == {"binance-usdm"}
    assert len(perp.of("trade")) == 1
    assert not spot.of("large") + spot.of("flow") + spot.of("trade") + spot.of("watch")
    for sink in (spot, perp):
        sink.clear()
    rig.large(BTC)
    rig.run(1.2)
    assert (len(spot.of("large")), len(spot.of("trade"))) == (1, 1)
    assert {flow["venue"] for flow in spot.of("flow")} == {"binance"}
    assert not perp.of("large") + perp.of("trade")
    assert not [flow for flow in perp.of("flow") if flow["venue"] != "binance-usdm"]


def test_the_snapshot_is_that_of_the_venue() -> None:
    rig = both()
    rig.trade(BTC, price=50_000)
    rig.trade(PERP, price=60_000)
    _, spot = rig.attach(wishes(rig, venue="binance", patterns=("*",), topics="flow"))
    _, perp = rig.attach(wishes(rig, patterns=("*",), topics="flow"))
    rig.loop.settle()
    assert [(one["venue"], one["last_price"]) for one in spot.of("flow")] == [("binance", 50_000)]
    assert [(one["venue"], one["last_price"]) for one in perp.of("flow")] == [("binance-usdm", 60_000)]


def test_the_heartbeat_names_the_ids_of_its_venue() -> None:
    rig = both()
    for _ in range(3):
        rig.trade(BTC)
    rig.trade(PERP)
    _, spot = rig.attach(wishes(rig, BTC, venue="binance", topics="trade"))
    _, perp = rig.attach(wishes(rig, patterns=("*",), topics="trade"))
    rig.run(2.1)
    assert spot.of("heartbeat")[-1]["symbols"] == {"BTCUSDT": 3}
    assert perp.of("heartbeat")[-1]["symbols"] == {"BTCUSDT": 1}
    rig.add(ETHPERP)
    rig.run(2.1)
    assert perp.of("heartbeat")[-1]["symbols"] == {"BTCUSDT": 1, "ETHUSDT": None}
    assert spot.of("heartbeat")[-1]["symbols"] == {"BTCUSDT": 3}


def test_states_gaps_and_corrections_stay_with_their_venue() -> None:
    rig = both()
    _, spot = rig.attach(wishes(rig, BTC, venue="binance", topics="large"))
    _, perp = rig.attach(wishes(rig, PERP, topics="large"))
    rig.trade(BTC)
    rig.trade(PERP)
    rig.trade(PERP, skip=2)
    rig.run(1.0)
    assert [(gap["symbol"], gap["first"], gap["last"]) for gap in perp.of("gap")] == [("BTCUSDT", 2, 3)]
    now = rig.clock()
    missing = tuple(Trade(PERP.key, id_, E8, E8, BUY, now, id_, id_, now) for id_ in (2, 3))
    rig.feed(Refill(PERP.key, missing, now, repair=True))
    rig.feed(FeedDown((PERP.key,), now, 1, "test"))
    rig.loop.settle()
    assert len(perp.of("corrected")) == 1
    assert perp.of("state")[-1]["state"] == "stale"
    assert not spot.of("gap") + spot.of("corrected")
    assert "stale" not in [state["state"] for state in spot.of("state")]


def test_a_resume_is_of_its_venue() -> None:
    rig = both()
    client, sink = rig.attach(wishes(rig, PERP, topics="trade"))
    rig.trade(PERP)
    rig.loop.settle()
    last = sink.frames[-1].seq
    rig.hub.gone(client)
    rig.trade(BTC)
    rig.trade(PERP)
    _, again = rig.attach(wishes(rig, PERP, topics="trade"), last=f"{EPOCH}-{last}")
    rig.loop.settle()
    assert again.of("hello")[0]["recovered"] is True
    assert [row["id"] for row in again.of("trade")] == [2]
    _, other = rig.attach(wishes(rig, BTC, venue="binance", topics="trade"), last=f"{EPOCH}-{last}")
    rig.loop.settle()
    assert other.of("hello")[0]["recovered"] is False  # the same name, but what it was sent were not those trades


def test_filters_of_two_venues_are_two() -> None:
    rig = both()
    spot, perp = (wishes(rig, venue=venue, patterns=("*",)) for venue in ("binance", "binance-usdm"))
    assert spot != perp
    one, _ = rig.attach(spot)
    two, _ = rig.attach(perp)
    assert (one.group.instruments, two.group.instruments) == ({BTC.key}, {PERP.key})


def test_one_skewed_clock_moves_only_its_own_windows() -> None:
    rig = both()
    rig.trade(BTC)
    rig.trade(PERP)
    rig.engine.set_offset(PERP.venue, 90_000_000, 90_000_000)
    for key, trades in ((BTC.key, 1), (PERP.key, 0)):  # there, that trade is a minute and a half old
        sums = rig.renderer.sums(key)
        assert sums is not None
        assert sums["1m"].trades == trades
        spec = rig.filter().spec
        body = rig.renderer.flow(key, spec, sums, "e-1")
        assert body is not None
        coverage = orjson.loads(body)["coverage"]
        skew = 0 if trades else 90_000
        assert coverage["requested"] == {
            "from": rig.clock() // 1_000 + skew - 60_000,
            "to": rig.clock() // 1_000 + skew,
        }
        assert coverage["clock_offset_ms"] == skew


# -- liquidations -------------------------------------------------------------------------------------------------


def test_liquidations_go_to_those_who_ask_for_them() -> None:
    assert "liquidation" in TOPICS
    rig = Rig(BTC, PERP, ETHPERP)
    _, asked = rig.attach(wishes(rig, PERP, topics="liquidation"))
    _, all_ = rig.attach(wishes(rig, patterns=("*",), topics="liquidation,large", exact=True))
    _, deaf = rig.attach(wishes(rig, PERP, topics="flow,large,trade"))
    _, spot = rig.attach(wishes(rig, patterns=("*",), venue="binance", topics="liquidation"))
    liquidation(rig)
    liquidation(rig, ETHPERP, side=BUY)
    rig.loop.settle()
    assert [(one["symbol"], one["position"]) for one in asked.of("liquidation")] == [("BTCUSDT", "long")]
    assert [(one["symbol"], one["qty"]) for one in all_.of("liquidation")] == [("BTCUSDT", "1"), ("ETHUSDT", "1")]
    assert not deaf.of("liquidation") + spot.of("liquidation")
    assert not all_.of("flow") + all_.of("large")


def test_the_other_connections_copy_is_not_told_again() -> None:
    rig = both()
    _, sink = rig.attach(wishes(rig, PERP, topics="liquidation"))
    told = liquidation(rig)
    rig.feed(msgspec.structs.replace(told, ts_recv=told.ts_recv + 7))  # type: ignore[arg-type]
    rig.loop.settle()
    assert len(sink.of("liquidation")) == 1


def test_they_change_no_flow_and_wake_no_long_poll() -> None:
    rig = both()
    rig.trade(PERP)
    _, sink = rig.attach(wishes(rig, PERP, topics="flow,liquidation"))
    rig.run(1.1)
    sink.clear()
    position = rig.hub.position()
    liquidation(rig)
    rig.run(0.4)
    assert sink.topics() == ["liquidation"]
    assert not rig.hub.traded_beyond(PERP.key, position)
    rig.feed(LiquidationFeed(PERP.venue, True, rig.clock(), connection=1))  # type: ignore[arg-type]
    rig.loop.settle()
    assert sink.topics() == ["liquidation"]


def test_they_are_replayed_like_any_log_event() -> None:
    rig = both()
    client, sink = rig.attach(wishes(rig, PERP, topics="liquidation,trade"))
    liquidation(rig, qty=E8)
    rig.loop.settle()
    last = sink.frames[-1].seq
    rig.hub.gone(client)
    rig.trade(PERP)
    liquidation(rig, qty=2 * E8)
    liquidation(rig, qty=3 * E8)
    _, again = rig.attach(wishes(rig, PERP, topics="liquidation,trade"), last=f"{EPOCH}-{last}")
    rig.loop.settle()
    assert again.of("hello")[0]["recovered"] is True
    assert [one["qty"] for one in again.of("liquidation")] == [2, 3]
    assert [topic for topic in again.topics() if topic in TOPICS] == ["trade", "liquidation", "liquidation"]
    assert sorted(again.ids()) == again.ids()


def test_a_resume_that_asks_for_them_anew_is_not_recovered() -> None:
    rig = both()
    client, sink = rig.attach(wishes(rig, PERP, topics="trade"))
    rig.trade(PERP)
    rig.loop.settle()
    rig.hub.gone(client)
    liquidation(rig)
    last = f"{EPOCH}-{sink.frames[-1].seq}"
    _, again = rig.attach(wishes(rig, PERP, topics="trade,liquidation"), last=last)
    rig.loop.settle()
    assert again.of("hello")[0]["recovered"] is False
    assert not again.of("liquidation")


def test_what_a_journal_kept_of_them_is_replayed() -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    told = [Liquidation(PERP.key, SELL, E8, E8, n, n, n, n) for n in range(1, 4)]
    log.resume(EPOCH, 9, 2, [(3, told[0]), (5, told[1]), (8, told[2])], {PERP.key: 2})
    scope = Scope({PERP.key}, frozenset({"liquidation"}), "order")
    found = log.since(Position(EPOCH, 3), scope)
    assert found is not None
    assert [entry.payload for entry in found] == told[1:]
    assert log.since(Position(EPOCH, 3), Scope({PERP.key}, frozenset({"large"}), "order")) == []


def test_an_instrument_that_is_gone_says_nothing() -> None:
    rig = both()
    _, sink = rig.attach(wishes(rig, PERP, topics="liquidation"))
    told = liquidation(rig)
    rig.engine.remove(PERP.key)
    rig.loop.settle()
    assert not sink.of("liquidation")
    assert rig.renderer.log(told, False) is None
    assert rig.engine.apply(told) is None
    assert rig.engine.apply(FeedUp((PERP.key,), rig.clock(), 2)) == ()
