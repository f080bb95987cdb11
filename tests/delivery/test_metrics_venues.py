"""A scrape of several venues: whose numbers are whose, the budget that two of them share, and liquidations."""

import math
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, FeedUp, Instrument, Liquidation, LiquidationFeed, Refill, Trade
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.metrics import FeedNumbers, Metrics, RestNumbers, Sources, VenueSource
from orderflow_stream.feed.repair import Outlook
from tests.delivery.scraping import BTC, NOW, WINDOWS, engine_of

PERP = Instrument("binance-usdm", "BTCUSDT", "BTC", "USDT", market="usdm", kind="perpetual", row_span=100_000)
INVERSE = Instrument(
    *("venue-x", "BTCUSD_PERP", "BTC", "USD"),
    market="coinm",
    kind="perpetual",
    row_span=100_000,
    contract=100 * 10**8,
)
Scrape = dict[str, dict[frozenset[tuple[str, str]], float]]


def engine_of_three() -> Engine:
    """Spot as in the other scrapes; one trade on each of the futures venues."""
    engine = engine_of(BTC)
    for one, qty in ((PERP, 10**8), (INVERSE, 5 * 10**8)):
        engine.add(one)
        engine.apply(FeedUp((one.key,), NOW - 9_000_000, 1))
        engine.apply(Refill(one.key, (), NOW - 9_000_000, warm=True, origin=True))
        at = NOW - 5_000_000
        engine.apply(Trade(one.key, 1, 50_000 * 10**8, qty, BUY, at, 1, 1, at))
    engine.apply(LiquidationFeed(PERP.venue, True, NOW - 9_000_000, connection=1))
    engine.set_offset(PERP.venue, 250_000, 0)
    return engine


def liquidate(engine: Engine, side: int, at: int = NOW) -> None:
    engine.apply(Liquidation(PERP.key, side, 10**8, 10**8, 10**8, 10**8, at, at, "FILLED"))


def venues() -> dict[str, VenueSource]:
    shared: dict[str, Any] = {"used": 70, "limit": 2400}
    return {
        "binance": VenueSource(
            feed=lambda: FeedNumbers(connections=2, lag={"0A": 1_000_000}),
            rest=lambda: RestNumbers(calls={("/api/v3/aggTrades", "200"): 9}, weight=36, used=12, limit=6000),
            offset=lambda: -3_000,
            pool="binance-spot",
        ),
        "binance-usdm": VenueSource(
            feed=lambda: FeedNumbers(connections=4, reconnects={"rotate": 5}, lag={"0A": 2_000_000}),
            rest=lambda: RestNumbers(calls={("/fapi/v1/aggTrades", "200"): 3}, weight=60, **shared),
            offset=lambda: 250_000,
            pool="binance-futures",
            liquidations=True,
        ),
        "venue-x": VenueSource(
            rest=lambda: RestNumbers(weight=10, retries=2, **shared), pool="binance-futures", liquidations=True
        ),
    }


async def scrape(engine: Engine, *, most: int = 100, **sources: Any) -> Scrape:
    metrics = Metrics(
        Sources(engine=engine, now=lambda: NOW, windows=WINDOWS, version="1", http=HttpStats(), **sources),
        max_symbols=most,
    )
    found: Scrape = {}
    for family in text_string_to_metric_families((await metrics.render()).decode()):
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in found.setdefault(sample.name, {}), f"{sample.name} {labels} twice"
            found[sample.name][labels] = sample.value
    return found


def at(found: Scrape, name: str, **labels: str) -> float:
    return found[f"orderflow_{name}"][frozenset(labels.items())]


async def test_each_venue_has_numbers_of_its_own() -> None:
    found = await scrape(engine_of_three(), venues=venues())
    assert [at(found, "connections", venue=name) for name in venues()] == [2, 4, 0]
    assert [at(found, "feed_lag_seconds", venue=name, connection="0A") for name in list(venues())[:2]] == [1.0, 2.0]
    assert at(found, "reconnects_total", venue="binance-usdm", reason="rotate") == 5
    assert at(found, "clock_offset_seconds", venue="binance") == -0.003
    assert at(found, "clock_offset_seconds", venue="binance-usdm") == 0.25
    assert [at(found, "all_trades_total", venue=name, fate="applied") for name in venues()] == [2, 1, 1]
    assert [at(found, "instruments", venue=name, state="live") for name in venues()] == [0, 1, 1]
    assert at(found, "instruments", venue="binance", state="gap") == 1
    assert len(found["orderflow_instruments"]) == 3 * 8
    assert at(found, "rest_requests_total", venue="binance-usdm", path="/fapi/v1/aggTrades", status="200") == 3
    assert [at(found, "rest_weight_total", venue=name) for name in venues()] == [36, 60, 10]


async def test_a_budget_that_two_venues_share_is_one() -> None:
    found = await scrape(engine_of_three(), venues=venues())
    assert len(found["orderflow_rest_pool_weight_used"]) == 2
    assert at(found, "rest_pool_weight_used", pool="binance-futures") == 70
    assert at(found, "rest_pool_weight_limit", pool="binance-futures") == 2400
    assert at(found, "rest_pool_weight_limit", pool="binance-spot") == 6000
    assert [at(found, "rest_weight_used", venue=name) for name in venues()] == [12, 70, 70]


async def test_symbols_of_one_name_keep_apart() -> None:
    found = await scrape(engine_of_three(), venues=venues())
    spot = {"venue": "binance", "market": "spot", "symbol": "BTCUSDT"}
    perp = {"venue": "binance-usdm", "market": "usdm", "symbol": "BTCUSDT"}
    assert (at(found, "last_price", **spot), at(found, "last_price", **perp)) == (20_000, 50_000)
    assert (at(found, "trades_applied_total", **spot), at(found, "trades_applied_total", **perp)) == (2, 1)


async def test_the_bound_is_over_all_venues() -> None:
    found = await scrape(engine_of_three(), most=2, venues=venues())
    keys = {frozenset({(k, v) for k, v in labels if k == "venue"}) for labels in found["orderflow_feed_state"]}
    assert len(keys) == 2
    assert at(found, "symbols_cut") == 1


async def test_base_of_contracts_is_in_the_base_asset() -> None:
    found = await scrape(engine_of_three(), venues=venues())
    inverse = {"venue": "venue-x", "market": "coinm", "symbol": "BTCUSD_PERP"}
    assert at(found, "cvd_base", **inverse) == 0.01  # five contracts of 100 dollars at 50,000
    assert at(found, "window_delta_base", window="1m", **inverse) == 0.01
    assert at(found, "trade_volume_base_total", side="buy", **inverse) == 0.01
    assert at(found, "trade_volume_quote_total", side="buy", **inverse) == 500


async def test_liquidations_by_side() -> None:
    engine = engine_of_three()
    for number, side in enumerate((SELL, SELL, BUY)):
        liquidate(engine, side, NOW - number)
    liquidate(engine, SELL, NOW)  # the other connection's copy
    found = await scrape(engine, venues=venues())
    perp = {"venue": "binance-usdm", "market": "usdm", "symbol": "BTCUSDT"}
    assert at(found, "liquidations_total", side="sell", **perp) == 2
    assert at(found, "liquidations_total", side="buy", **perp) == 1
    assert at(found, "all_liquidations_total", venue="binance-usdm", side="sell") == 2
    assert at(found, "all_liquidations_total", venue="venue-x", side="sell") == 0
    assert at(found, "liquidations_listening", venue="binance-usdm") == 1
    assert at(found, "liquidations_listening", venue="venue-x") == 0
    assert {dict(labels)["venue"] for labels in found["orderflow_liquidations_total"]} == {"binance-usdm"}
    engine.apply(LiquidationFeed(PERP.venue, False, NOW, "lost", connection=1))
    later = await scrape(engine, venues=venues())
    assert at(later, "liquidations_listening", venue="binance-usdm") == 0
    assert at(later, "liquidations_total", side="buy", **perp) == 1  # a counter goes on


async def test_their_count_outlives_the_day_that_they_are_kept() -> None:
    engine = engine_of_three()
    liquidate(engine, SELL)
    engine.advance(NOW + 2 * 86_400_000_000)
    liquidate(engine, SELL, NOW + 2 * 86_400_000_000)
    book = engine.books[PERP.key]
    assert (len(book.liquidations), book.liquidation_count) == (1, {BUY: 0, SELL: 2})


async def test_one_venue_needs_no_more_than_before() -> None:
    engine = engine_of(BTC)
    engine.clock_offset = 5_000
    found = await scrape(engine, feed=lambda: FeedNumbers(connections=7), rest=lambda: RestNumbers(used=3, limit=6000))
    assert at(found, "connections", venue="binance") == 7
    assert at(found, "rest_weight_used", venue="binance") == 3
    assert at(found, "clock_offset_seconds", venue="binance") == 0.005
    for absent in ("rest_pool_weight_used", "all_liquidations_total", "liquidations_listening", "liquidations_total"):
        assert f"orderflow_{absent}" not in found


async def test_what_is_missing_and_how_long_it_takes() -> None:
    told = venues()
    told["binance-usdm"] = VenueSource(repair=lambda: Outlook(symbols=3, calls=40, trades=9_000, seconds=20.5))
    told["venue-x"] = VenueSource(repair=lambda: Outlook(symbols=1, calls=1, trades=1, seconds=None))
    found = await scrape(engine_of_three(), venues=told)
    assert [at(found, "repair_symbols", venue=name) for name in told] == [0, 3, 1]
    assert [at(found, "repair_calls", venue=name) for name in told] == [0, 40, 1]
    assert [at(found, "repair_seconds_left", venue=name) for name in list(told)[:2]] == [0, 20.5]
    assert math.isnan(at(found, "repair_seconds_left", venue="venue-x"))  # REST does not answer
