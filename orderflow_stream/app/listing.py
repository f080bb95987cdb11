"""The symbol list of a venue as the routes ask for it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.guess import guess_instrument


def _spot(symbol: str) -> Instrument:
    return guess_instrument(symbol) or Instrument("binance", symbol, symbol, "")


class Listing:
    """The symbol list as the routes ask for it. `guess` is what a name looks like while no list was ever had; None
    where numbers of such an instrument could be wrong."""

    def __init__(self, symbols: Symbols, guess: Callable[[str], Instrument | None] = _spot) -> None:
        self._symbols = symbols
        self._guess = guess

    def get(self, symbol: str) -> Instrument | None:
        known = self._symbols.by_symbol(symbol)
        if known is None and self._symbols.fetched_at is None and symbol == symbol.upper():
            # The list was never had: the venue itself will say whether it exists.
            return self._guess(symbol)
        return known

    def listed(self) -> Collection[Instrument]:
        return self._symbols.instruments

    @property
    def refreshed(self) -> int | None:
        return self._symbols.fetched_at

    @property
    def stale(self) -> bool:
        return self._symbols.stale_since is not None
