"""The symbol list as the routes ask for it."""

from __future__ import annotations

from typing import cast

from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.app.listing import Listing
from orderflow_stream.core.events import Instrument

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")


class Known:
    """As much of `Symbols` as is asked."""

    def __init__(self, *instruments: Instrument, fetched_at: int | None = None, stale_since: int | None = None) -> None:
        self.instruments = instruments
        self.fetched_at = fetched_at
        self.stale_since = stale_since

    def by_symbol(self, symbol: str) -> Instrument | None:
        return next((one for one in self.instruments if one.symbol == symbol), None)


def listing(known: Known) -> Listing:
    return Listing(cast(Symbols, known))


def test_what_the_venue_lists_is_known_and_nothing_else_is() -> None:
    known = listing(Known(BTC, fetched_at=5))
    assert known.get("BTCUSDT") is BTC
    assert known.get("NOPEUSDT") is None
    assert list(known.listed()) == [BTC]
    assert (known.refreshed, known.stale) == (5, False)


def test_without_a_list_a_name_is_taken_for_what_it_suggests() -> None:
    guessed = listing(Known()).get("ETHBTC")
    assert guessed is not None
    assert (guessed.symbol, guessed.base, guessed.quote) == ("ETHBTC", "ETH", "BTC")
    assert listing(Known()).refreshed is None


def test_a_list_that_is_overdue_says_so() -> None:
    assert listing(Known(BTC, fetched_at=5, stale_since=9)).stale
