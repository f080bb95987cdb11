"""The symbol list as the routes ask for it."""

from __future__ import annotations

from collections.abc import Collection

from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.guess import guess_instrument


class Listing:
    """The symbol list as the routes ask for it."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols

    def get(self, symbol: str) -> Instrument | None:
        known = self._symbols.by_symbol(symbol)
        if known is None and self._symbols.fetched_at is None and symbol == symbol.upper():
            # The list was never had: the venue itself will say whether it exists.
            return guess_instrument(symbol) or Instrument("binance", symbol, symbol, "")
        return known

    def listed(self) -> Collection[Instrument]:
        return self._symbols.instruments

    @property
    def refreshed(self) -> int | None:
        return self._symbols.fetched_at

    @property
    def stale(self) -> bool:
        return self._symbols.stale_since is not None
