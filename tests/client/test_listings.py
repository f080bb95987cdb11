"""What surrounds the numbers, as read, is what the daemon states."""

from __future__ import annotations

import msgspec
import pytest

from orderflow_stream.client import listings
from orderflow_stream.shapes import answers as stated
from orderflow_stream.shapes import futures, service
from tests.client.parity import differences

PAIRS = [
    (listings.Gap, stated.Gap),
    (listings.Gaps, stated.Gaps),
    (listings.ScreenerRow, stated.ScreenerRow),
    (listings.Screener, stated.Screener),
    (listings.Contract, futures.Contract),
    (listings.Symbols, stated.Symbols, futures.FuturesSymbols),
    (listings.Liquidation, futures.Liquidation),
    (listings.LiquidationSums, futures.LiquidationSums),
    (listings.Liquidations, futures.Liquidations),
    (listings.Alive, service.Alive),
    (listings.JournalState, service.JournalState),
    (listings.NotReady, service.NotReady, service.VenueNotReady),
    (listings.Repairs, service.Repairs),
    (listings.VenueReady, service.VenueReady),
    (listings.Ready, service.Ready, service.VenuesReady),
]


@pytest.mark.parametrize("view,shapes", [(view, shapes) for view, *shapes in PAIRS], ids=lambda one: str(one)[:60])
def test_members(view: type[msgspec.Struct], shapes: list[type[msgspec.Struct]]) -> None:
    assert differences(view, *shapes) == {}


def test_every_one_is_held_against_its_shape() -> None:
    here = {
        each
        for each in vars(listings).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == listings.__name__
    }
    assert here == {view for view, *_ in PAIRS}
