"""A scrape: what it says, what it leaves out, and that it never holds the loop."""

import asyncio
import platform

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, FeedUp, Instrument, Refill, Trade
from orderflow_stream.delivery import metrics_symbols
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.limits import Stats
from orderflow_stream.delivery.metrics import FeedNumbers, LoopNumbers, Metrics, RestNumbers, Sources

NOW = 1_760_000_000_000_000
WINDOWS = {"1m": 60_000_000, "5m": 300_000_000}
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ODD = Instrument("binance", '币安"\\人生USDT', "币安", "USDT")


STREAMS = Stats(
    clients=3,
    events={"flow": 10, "large": 2},
    conflated=4,
    dropped=5,
    aborted={"slow": 1},
    refused={"over_capacity": 6},
    buffer_bytes=700,
)


def engine_of(*instruments: Instrument) -> Engine:
    engine = Engine(windows=tuple(WINDOWS.values()))
    for one in instruments:
        engine.add(one)
    engine.apply(FeedUp(tuple(one.key for one in instruments), NOW - 200_000_000, 1))
    old = Trade(BTC.key, 1, 10**12, 10**8, BUY, NOW - 100_000_000, -1, -1, NOW - 100_000_000)
    for one in instruments:
        engine.apply(Refill(one.key, (old,) if one is BTC else (), NOW - 90_000_000, warm=True, origin=True))
    engine.apply(Trade(BTC.key, 2, 10**12, 3 * 10**8, BUY, NOW - 50_000_000, -1, -1, NOW - 49_000_000))
    engine.apply(Trade(BTC.key, 2, 10**12, 3 * 10**8, BUY, NOW - 50_000_000, -1, -1, NOW - 49_000_000))
    engine.apply(Trade(BTC.key, 5, 2 * 10**12, 10**8, SELL, NOW - 2_000_000, -1, -1, NOW - 1_500_000))
    engine.advance(NOW)
    return engine


async def scrape(engine: Engine, most: int = 100) -> dict[str, dict[tuple[str, ...], float]]:
    http = HttpStats()
    http.count("GET", "/v1/flow", 200)
    http.time("GET", "/v1/flow", 0.002)
    sources = Sources(
        engine=engine,
        now=lambda: NOW,
        windows=WINDOWS,
        version="1.2.3",
        http=http,
        streams=lambda: STREAMS,
        feed=lambda: FeedNumbers(
            connections=2, reconnects={"silence": 3}, last_message={"1": NOW}, rejected={"garbage": 1}
        ),
        rest=lambda: RestNumbers(calls={("/api/v3/aggTrades", "200"): 9}, weight=36, used=12, limit=6000, retries=1),
        loop=lambda: LoopNumbers(lag=0.001, worst=0.02),
    )
    body = await Metrics(sources, max_symbols=most).render()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.get("symbol"):
                assert (labels.pop("venue"), labels.pop("market")) == ("binance", "spot")
            key = tuple(labels.values())
            assert key not in found.setdefault(sample.name, {}), f"{sample.name} {key} twice"
            found[sample.name][key] = sample.value
    return found


async def test_a_symbol() -> None:
    found = await scrape(engine_of(BTC))
    one = ("BTCUSDT",)
    assert found["orderflow_cvd_base"][one] == 3.0
    assert found["orderflow_cvd_quote"][one] == 20_000.0
    assert found["orderflow_cvd_anchor_timestamp_seconds"][one] == pytest.approx((NOW - 100_000_000) / 1e6)
    assert found["orderflow_window_delta_base"] == {("BTCUSDT", "1m"): 2.0, ("BTCUSDT", "5m"): 3.0}
    assert found["orderflow_window_delta_quote"] == {("BTCUSDT", "1m"): 10_000.0, ("BTCUSDT", "5m"): 20_000.0}
    assert found["orderflow_window_buy_volume_ratio"] == {("BTCUSDT", "1m"): 0.75, ("BTCUSDT", "5m"): 0.8}
    assert found["orderflow_last_price"][one] == 20_000.0
    assert found["orderflow_last_trade_timestamp_seconds"][one] == pytest.approx((NOW - 2_000_000) / 1e6)
    assert found["orderflow_event_age_seconds"][one] == pytest.approx(2.0)
    assert found["orderflow_event_lag_seconds"][one] == pytest.approx(0.5)
    # the counters leave the warm-up out: they must not jump at a restart
    sides = {("BTCUSDT", "buy"): 3.0, ("BTCUSDT", "sell"): 1.0}
    assert found["orderflow_trade_volume_base_total"] == sides
    assert found["orderflow_trade_volume_quote_total"] == {("BTCUSDT", "buy"): 30_000.0, ("BTCUSDT", "sell"): 20_000.0}
    assert found["orderflow_trades_total"] == {("BTCUSDT", "buy"): 1, ("BTCUSDT", "sell"): 1}
    assert found["orderflow_large_prints_total"] == {("BTCUSDT", "buy"): 0, ("BTCUSDT", "sell"): 0}
    counts = {"received": 3, "applied": 2, "duplicate": 1, "late": 0, "invalid": 0}
    assert {name: found[f"orderflow_trades_{name}_total"][one] for name in counts} == counts
    assert (found["orderflow_gaps_total"][one], found["orderflow_gap_trades_total"][one]) == (1, 2)
    assert (found["orderflow_open_gaps"][one], found["orderflow_missing_trades"][one]) == (1, 2)
    assert found["orderflow_trades_dropped_total"]["BTCUSDT", "too_old"] == 0
    states = found["orderflow_feed_state"]
    assert len(states) == 8
    assert {key for key, value in states.items() if value} == {("BTCUSDT", "gap")}


async def test_a_symbol_that_never_traded_has_no_false_numbers() -> None:
    found = await scrape(engine_of(ODD))
    for name in ("cvd_base", "last_price", "last_trade_timestamp_seconds", "event_age_seconds", "event_lag_seconds"):
        assert f"orderflow_{name}" not in found
    assert "orderflow_window_buy_volume_ratio" not in found
    assert found["orderflow_window_delta_base"] == {(ODD.symbol, "1m"): 0, (ODD.symbol, "5m"): 0}
    assert found["orderflow_trades_total"] == {(ODD.symbol, "buy"): 0, (ODD.symbol, "sell"): 0}


async def test_the_daemon() -> None:
    found = await scrape(engine_of(BTC, ODD))
    (build,) = found["orderflow_build_info"]
    assert set(build) == {"1.2.3", platform.python_version()}
    assert found["orderflow_symbols_cut"][()] == 0
    assert found["orderflow_instruments"]["gap", "binance"] == 1
    assert found["orderflow_instruments"]["quiet", "binance"] == 1
    assert found["orderflow_instruments"]["stale", "binance"] == 0
    assert found["orderflow_all_trades_total"]["received", "binance"] == 3
    assert found["orderflow_connections"]["binance",] == 2
    assert found["orderflow_reconnects_total"]["silence", "binance"] == 3
    assert found["orderflow_last_message_timestamp_seconds"]["1", "binance"] == pytest.approx(NOW / 1e6)
    assert found["orderflow_frames_rejected_total"]["garbage", "binance"] == 1
    assert found["orderflow_rest_requests_total"]["/api/v3/aggTrades", "200", "binance"] == 9
    assert found["orderflow_rest_weight_used"]["binance",] == 12
    assert found["orderflow_rest_weight_limit"]["binance",] == 6000
    assert found["orderflow_rest_weight_total"]["binance",] == 36
    assert found["orderflow_event_loop_lag_seconds"][()] == 0.001
    assert found["orderflow_event_loop_lag_max_seconds"][()] == 0.02
    assert found["orderflow_sse_clients"][()] == 3
    assert found["orderflow_sse_events_total"]["flow",] == 10
    assert found["orderflow_sse_aborted_total"]["slow",] == 1
    assert found["orderflow_sse_mailbox_dropped_total"][()] == 5
    assert found["orderflow_sse_buffer_bytes"][()] == 700
    assert found["orderflow_http_requests_total"]["200", "GET", "/v1/flow"] == 1
    assert found["orderflow_http_request_duration_seconds_count"]["GET", "/v1/flow"] == 1
    assert found["orderflow_tape_bytes"][()] > 0
    assert "process_resident_memory_bytes" in found


async def test_the_most_active_keep_their_series() -> None:
    others = tuple(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(5))
    engine = engine_of(*others, BTC)
    found = await scrape(engine, most=3)
    assert {key[0] for key in found["orderflow_feed_state"]} == {"BTCUSDT", "S0USDT", "S1USDT"}
    assert found["orderflow_symbols_cut"][()] == 3
    none = await scrape(engine, most=0)
    assert "orderflow_feed_state" not in none
    assert none["orderflow_symbols_cut"][()] == 6


async def test_symbols_on_demand_have_no_series() -> None:
    engine = engine_of(BTC)
    engine.add(ODD).demand = True
    found = await scrape(engine)
    assert {key[0] for key in found["orderflow_feed_state"]} == {"BTCUSDT"}
    assert found["orderflow_on_demand_instruments"][()] == 1
    assert sum(found["orderflow_instruments"].values()) == 1


async def test_a_scrape_lets_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a slice of nothing the loop turns after every symbol."""
    monkeypatch.setattr(metrics_symbols, "SLICE", -1.0)
    engine = engine_of(*(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(50)), BTC)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        await scrape(engine)
    finally:
        task.cancel()
    assert turns > 50


def test_every_family_has_a_lawful_name() -> None:
    names = [family.name for family in metrics_symbols.FAMILIES]
    assert len(set(names)) == len(names)
    for family in metrics_symbols.FAMILIES:
        assert family.name.startswith("orderflow_")
        assert (family.kind == "counter") == family.name.endswith("_total")
        assert family.help.endswith(".")
