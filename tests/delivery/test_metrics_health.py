"""What alerts ask for: readiness as /readyz has it, the age of gaps, stops of REST, connections' ages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.metrics_core import Metric

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, FeedDown, FeedUp, Instrument, Refill, Trade
from orderflow_stream.delivery.metrics_health import connected_since, holes, readiness, stops
from tests.delivery.scraping import BTC, NOW, engine_of
from tests.e2e.inside import market, running
from tests.tapes.kit import until


def values(metrics: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("orderflow_"), *sample.labels.values()): sample.value
        for metric in metrics
        for sample in metric.samples
    }


def many(count: int, down: int) -> Engine:
    """So many symbols that were connected, of which the first are not any more."""
    engine = Engine(windows=())
    keys = [f"binance:S{n}USDT" for n in range(count)]
    for key in keys:
        engine.add(Instrument("binance", key.partition(":")[2], "S", "USDT"))
    engine.apply(FeedUp(tuple(keys), NOW, 1))
    for key in keys:
        engine.apply(Refill(key, (), NOW, warm=True, origin=True))
    engine.apply(FeedDown(tuple(keys[:down]), NOW, 1, "cut"))
    return engine


@pytest.mark.parametrize(
    "count,down,started,closing,ready",
    [
        (3, 0, True, False, 1), (3, 1, True, False, 0), (250, 2, True, False, 1), (250, 3, True, False, 0),
        (3, 0, False, False, 0), (3, 0, True, True, 0), (0, 0, True, False, 1),
    ],
)  # fmt: skip
def test_ready(count: int, down: int, started: bool, closing: bool, ready: int) -> None:
    books = many(count, down).books.values()
    assert values(readiness(books, ["binance"], started=started, closing=closing)) == {("ready",): ready}


def test_each_venue_must_be_ready() -> None:
    engine = many(300, 0)
    other = Instrument("venue-x", "BTCUSDT", "BTC", "USDT")
    engine.add(other)
    assert values(readiness(engine.books.values(), ["binance", "venue-x"], started=True, closing=False))["ready",] == 0


async def test_it_is_what_readyz_says(tmp_path: Path) -> None:
    async with (
        market() as simulator,
        running(simulator, tmp_path) as daemon,
        aiohttp.ClientSession(daemon.url) as session,
    ):
        await until(
            lambda: all(book.warm for book in daemon.engine.books.values()) and bool(daemon.engine.books), "warm"
        )

        async def both() -> tuple[int, bool]:
            async with session.get("/readyz") as answer, session.get("/metrics") as scrape:
                return answer.status, "\norderflow_ready 1.0\n" in await scrape.text()

        assert await both() == (200, True)
        simulator.faults.refuse()
        simulator.faults.cut()
        await until(lambda: all(book.state == "stale" for book in daemon.engine.books.values()), "stale")
        assert await both() == (503, False)


def test_gaps_of_all_symbols_and_the_oldest() -> None:
    engine = engine_of(BTC)
    found = values(holes(engine.books.values(), ["binance", "venue-x"], NOW))
    assert found["all_open_gaps", "binance"] == 1
    assert found["open_gap_age_seconds", "binance"] == pytest.approx(1.5)  # when trade 5 was received, 3 and 4 were not
    assert found["all_open_gaps", "venue-x"] == found["open_gap_age_seconds", "venue-x"] == 0
    later = values(holes(engine.books.values(), ["binance"], NOW + 60_000_000))
    assert later["open_gap_age_seconds", "binance"] == pytest.approx(61.5)
    engine.apply(Trade(BTC.key, 9, 10**12, 10**8, BUY, NOW, -1, -1, NOW))
    assert values(holes(engine.books.values(), ["binance"], NOW))["all_open_gaps", "binance"] == 2
    engine.apply(Refill(BTC.key, (), NOW, lost=((3, 4), (6, 8)), repair=True))
    found = values(holes(engine.books.values(), ["binance"], NOW))
    assert found["all_open_gaps", "binance"] == found["open_gap_age_seconds", "binance"] == 0


def test_a_late_feed_makes_no_gap_old() -> None:
    """Trades come 12 s late: a gap that was just seen is just seen."""
    engine = Engine(windows=())
    engine.add(BTC)
    engine.apply(FeedUp((BTC.key,), NOW - 20_000_000, 1))
    engine.apply(Refill(BTC.key, (), NOW - 20_000_000, warm=True, origin=True))
    for id_, recv in ((1, NOW - 1_000_000), (5, NOW)):
        engine.apply(Trade(BTC.key, id_, 10**12, 10**8, BUY, recv - 12_000_000, -1, -1, recv))
    found = values(holes(engine.books.values(), ["binance"], NOW + 300_000))
    assert found["all_open_gaps", "binance"] == 1
    assert found["open_gap_age_seconds", "binance"] == pytest.approx(0.3)
    # Trades go on, and so does the gap.
    engine.apply(Trade(BTC.key, 6, 10**12, 10**8, BUY, NOW - 6_000_000, -1, -1, NOW + 6_000_000))
    found = values(holes(engine.books.values(), ["binance"], NOW + 6_300_000))
    assert found["open_gap_age_seconds", "binance"] == pytest.approx(6.3)


def test_stops_have_series_before_there_is_one() -> None:
    calls = {("/a", "200"): 9, ("/a", "418"): 1, ("/b", "418"): 2, ("/b", "timeout"): 4}
    found = values(stops({"binance": (calls, 90_000_000), "venue-x": ({}, -5)}))
    assert found == {
        ("rest_stops_total", "binance", "418"): 3,
        ("rest_stops_total", "binance", "429"): 0,
        ("rest_stops_total", "venue-x", "418"): 0,
        ("rest_stops_total", "venue-x", "429"): 0,
        ("rest_blocked_seconds", "binance"): 90,
        ("rest_blocked_seconds", "venue-x"): 0,
    }


def test_since_when_connections_are_open() -> None:
    found = values(connected_since({"binance": {"0A": NOW, "0B": NOW - 1_000_000}}))
    assert found["connection_since_timestamp_seconds", "binance", "0A"] == NOW / 1e6
    assert found["connection_since_timestamp_seconds", "binance", "0B"] == NOW / 1e6 - 1
