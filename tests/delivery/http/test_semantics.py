"""What is said of a venue follows from its instruments, whatever its name."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as other

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.http.semantics import semantics
from tests.delivery.http.venues import COINM, FIRST, INVERSE, PERP, QUARTER, USDM, engine_of_venues, venues_of
from tests.delivery.http.world import BTC, Daemon, FakeSymbols, Start


@pytest.mark.parametrize(
    "listed,span,units,nq,roll,quote",
    [
        ((PERP,), 100, "base asset", True, False, "USDT"),
        ((PERP, QUARTER), 100, "base asset", True, True, "USDT"),
        ((INVERSE, FIRST), 100, "contracts", False, True, "USD"),
        ((other(PERP, row_span=250_000, rpi=False),), 250, "base asset", False, False, "USDT"),
        ((other(BTC, quote="USD"),), 0, "base asset", False, False, "USD"),
    ],
)
async def test_by_the_instruments(
    start: Start, listed: tuple[Instrument, ...], span: int, units: str, nq: bool, roll: bool, quote: str
) -> None:
    engine = engine_of_venues()
    venues = venues_of(engine)
    venue = replace(venues[USDM], symbols=FakeSymbols(listed), market=listed[0].market)
    daemon = await start(engine=engine, venues=venues)
    said = semantics(daemon.context, venue)
    assert (said["row"]["span_ms"], said["order"]["closes_after_ms"]) == (span, 25 + span)
    assert said["order"]["rebuilt"] is not bool(span)
    assert f"{span} ms" in said["order"]["rule"] or not span
    assert said["units"]["venue_counts"] == units
    assert (said["nq"] is not None, said["roll"] is not None) == (nq, roll)
    assert said["coin"]["default_quote"] == quote


async def test_what_is_kept_speaks_for_a_list_that_was_never_had(many: Daemon) -> None:
    silent = replace(many.context.venue(COINM), symbols=FakeSymbols((), None))
    said = semantics(many.context, silent)
    assert (said["row"]["span_ms"], said["units"]["venue_counts"], said["kinds"]) == (100, "contracts", ["perpetual"])


async def test_what_reading_costs_is_as_stated(many: Daemon) -> None:
    rest = semantics(many.context, replace(many.context.venue(USDM), stated={"trades_weight": 7}))["rest"]
    assert {name: rest[name] for name in ("trades_weight", "weight_limit", "lookback_s")} == {
        "trades_weight": 7,
        "weight_limit": None,
        "lookback_s": None,
    }
