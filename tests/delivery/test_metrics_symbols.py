"""The series of a symbol: what they say, what they leave out, and that writing them never holds the loop."""

import asyncio

import pytest

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery import metrics_symbols
from tests.delivery.scraping import BTC, NOW, ODD, engine_of, scrape


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
