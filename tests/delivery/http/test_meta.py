"""`/v1/meta`: what is in force, of the default venue and of each."""

from __future__ import annotations

from dataclasses import replace

from orderflow_stream.core.events import LiquidationFeed
from tests.delivery.http.venues import COINM, USDM, engine_of_venues, venues_of
from tests.delivery.http.world import NOW, Daemon, FakeSymbols, Start


async def test_without_a_venue_as_ever_and_which_there_are(many: Daemon) -> None:
    meta = await many.data("/v1/meta")
    assert meta["venues"] == ["binance", USDM, COINM]
    assert (meta["venue"], meta["market"], meta["trading_symbols"], meta["streamed_symbols"]) == (
        "binance",
        "spot",
        8,
        3,
    )
    assert "semantics" not in meta
    assert "the same time (µs) and side with chained fill ids" in meta["large"]["order_rule"]
    assert {"USD", "USDT", "USDC", "U"} <= set(meta["usd_like"])


async def test_one_venue_is_listed_too(daemon: Daemon) -> None:
    assert (await daemon.data("/v1/meta"))["venues"] == ["binance"]


async def test_spot(many: Daemon) -> None:
    said = (await many.data("/v1/meta?venue=binance"))["semantics"]
    assert said["row"]["span_ms"] == 0
    assert "one taker order" in said["row"]["rule"]
    assert (said["continuity"]["fills_chained"], said["order"]["rebuilt"], said["order"]["confidence"]) == (
        True,
        True,
        None,
    )
    assert said["order"]["closes_after_ms"] == 25
    assert (said["nq"], said["roll"], said["liquidations"], said["kinds"]) == (None, None, None, ["spot"])
    assert said["units"]["venue_counts"] == "base asset"
    assert said["coin"]["default_quote"] == "USDT"


async def test_merged_rows(many: Daemon) -> None:
    meta = await many.data("/v1/meta?venue=binance-usdm")
    said = meta["semantics"]
    assert (meta["venue"], meta["market"], meta["trading_symbols"], meta["streamed_symbols"]) == (USDM, "usdm", 3, 1)
    assert "venues" not in meta
    assert said["row"]["span_ms"] == 100
    assert "within 100 ms" in said["row"]["rule"]
    assert (said["continuity"]["by"], said["continuity"]["fills_chained"]) == ("id", False)
    assert "have holes by design" in said["continuity"]["rule"]
    assert (said["order"]["rebuilt"], set(said["order"]["confidence"])) == (False, {"likely", "possible"})
    assert said["order"]["closes_after_ms"] == meta["large"]["order_closes_after_ms"] == 125
    assert meta["large"]["order_rule"] == said["order"]["rule"]
    assert "without RPI" in said["nq"]["rule"]
    assert said["units"]["venue_counts"] == "base asset"
    assert said["kinds"] == ["delivery", "perpetual"]
    assert "symbol of its own" in said["roll"]["rule"]
    rest = said["rest"]
    assert (rest["trades_weight"], rest["weight_limit"], rest["weight_pool"]) == (20, 2400, "binance-futures")
    assert rest["lookback_s"] == 48 * 3600
    assert said["liquidations"]["listening_since"] == NOW // 1000 - 3_600_000
    assert "at most" in said["liquidations"]["sample"]


async def test_contracts(many: Daemon) -> None:
    said = (await many.data("/v1/meta?venue=binance-coinm"))["semantics"]
    assert (said["units"]["venue_counts"], said["nq"], said["coin"]["default_quote"]) == ("contracts", None, "USD")
    assert "contract_size" in said["units"]["rule"]
    assert "generation" in said["id_restart"]["rule"]


async def test_while_it_does_not_listen(many: Daemon) -> None:
    many.context.engine.apply(LiquidationFeed(USDM, False, NOW, "closed", 1))
    said = (await many.data("/v1/meta?venue=binance-usdm"))["semantics"]
    assert said["liquidations"]["listening_since"] is None


async def test_of_a_venue_that_has_told_nothing(start: Start) -> None:
    """No list, nothing kept: what it is in general is said, and no number is made up."""
    engine = engine_of_venues()
    for key in [key for key in engine.books if key.startswith(USDM)]:
        engine.remove(key)
    silent = {USDM: replace(venues_of(engine)[USDM], symbols=FakeSymbols((), None, True), stated={})}
    daemon = await start(engine=engine, venues={**venues_of(engine, "binance"), **silent})
    meta = await daemon.data("/v1/meta?venue=binance-usdm")
    said = meta["semantics"]
    assert (meta["symbols_refreshed"], meta["symbols_stale"], said["row"]["span_ms"]) == (None, True, None)
    assert (said["order"]["rebuilt"], said["continuity"]["fills_chained"]) == (False, False)
    assert (said["rest"]["trades_weight"], said["rest"]["lookback_s"], said["kinds"]) == (None, None, [])
