"""Options: which threshold counts for which instrument, and the defaults."""

import pytest

from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.http.context import CONTEXT, Context, Options
from tests.delivery.http.world import (
    BTC,
    ETHBTC,
    SILENT,
    WINDOWS,
    Daemon,
    FakeDemand,
    FakeHub,
    FakeSymbols,
    live_engine,
)


@pytest.mark.parametrize(
    "instrument,expected",
    [
        (BTC, 3),  # by symbol, though its quote asset has one too
        (SILENT, 2),  # by quote asset
        (ETHBTC, 1),  # neither
        (Instrument("binance", "USDTTRY", "USDT", "TRY"), 1),  # the base asset is no quote asset
        (Instrument("binance", "BTC", "BTC", "BTCUSDT"), 1),  # and a symbol no asset
    ],
)
def test_a_symbols_threshold_wins_over_its_quotes_and_that_over_the_general(
    instrument: Instrument, expected: int
) -> None:
    options = Options(windows=WINDOWS, large=1, large_by_quote={"USDT": 2}, large_by_symbol={"BTCUSDT": 3})
    assert options.threshold(instrument) == expected


def test_zero_is_a_threshold_too() -> None:
    options = Options(windows=WINDOWS, large=1, large_by_quote={"USDT": 0, "BTC": 5}, large_by_symbol={"ETHBTC": 0})
    assert (options.threshold(BTC), options.threshold(ETHBTC)) == (0, 0)


def test_defaults_are_the_contracts() -> None:
    options = Options(windows=WINDOWS)
    assert options.threshold(BTC) == 100_000 * NOTIONAL_SCALE
    assert (options.venue, options.market, options.bound_host, options.metrics_here) == (
        "binance",
        "spot",
        "127.0.0.1",
        True,
    )


def test_a_context_is_started_open_and_counts_for_itself() -> None:
    engine = live_engine()

    def made() -> Context:
        return Context(
            engine=engine,
            hub=FakeHub(),
            symbols=FakeSymbols(),
            demand=FakeDemand(engine),
            options=Options(windows=WINDOWS),
            now=lambda: 0,
            version="1",
        )

    context = made()
    assert (context.started(), context.closing(), context.metrics) == (True, False, None)
    context.stats.count("GET", "/", 200)
    assert made().stats.requests == {}
    context.options = Options(windows={})  # after a reload
    assert made().options.windows == WINDOWS


async def test_the_application_carries_it(daemon: Daemon) -> None:
    from orderflow_stream.delivery.http.app import build_app

    assert build_app(daemon.context)[CONTEXT] is daemon.context
