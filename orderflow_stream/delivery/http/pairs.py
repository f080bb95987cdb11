"""Which instrument stands for a coin in a quote asset, as the venue lists its symbols (they are never cut)."""

from __future__ import annotations

from collections.abc import Collection
from operator import is_
from typing import Final

from orderflow_stream.core.events import Instrument

#: What `coin` is taken against where `quote` is left out: the first of these that the venue has instruments in.
DEFAULT_QUOTES: Final = ("USDT", "USD")

#: A pair may have a perpetual and contracts that are delivered: the perpetual stands for it, else what trades, else
#: what is delivered first.
_Rank = tuple[bool, bool, int, str]


def _rank(instrument: Instrument) -> _Rank:
    return (instrument.kind == "delivery", not instrument.trading, instrument.delivery, instrument.symbol)


class Pairs:
    """An index of a venue's list by base and quote, made anew when the list is another one."""

    __slots__ = ("_by_pair", "_quote", "_source")

    def __init__(self) -> None:
        self._source: tuple[Instrument, ...] | None = None
        self._by_pair: dict[tuple[str, str], Instrument] = {}
        self._quote = DEFAULT_QUOTES[0]

    def find(self, listed: Collection[Instrument], base: str, quote: str) -> Instrument | None:
        """The instrument of that pair, in upper case as the venue writes assets; None where it lists none."""
        self._read(listed)
        return self._by_pair.get((base, quote))

    def quotes(self, listed: Collection[Instrument], base: str) -> list[str]:
        """The quote assets in which that coin is listed."""
        self._read(listed)
        return sorted(quote for coin, quote in self._by_pair if coin == base)

    def multiples(self, listed: Collection[Instrument], base: str) -> list[str]:
        """Coins that are traded by the thousand, say, under a name of their own: `1000PEPE` for `PEPE`."""
        self._read(listed)
        coins = {coin for coin, _ in self._by_pair if coin.endswith(base)}
        return sorted(coin for coin in coins if base and coin.removesuffix(base).isdecimal())

    def default_quote(self, listed: Collection[Instrument]) -> str:
        """What `coin` alone is taken against on this venue."""
        self._read(listed)
        return self._quote

    def _read(self, listed: Collection[Instrument]) -> None:
        found, source = tuple(listed), self._source
        if source is not None and len(source) == len(found) and all(map(is_, source, found)):
            return
        by_pair: dict[tuple[str, str], Instrument] = {}
        for one in sorted(found, key=_rank):
            by_pair.setdefault((one.base.upper(), one.quote.upper()), one)
        known = {quote for _, quote in by_pair}
        self._quote = next((quote for quote in DEFAULT_QUOTES if quote in known), DEFAULT_QUOTES[0])
        self._by_pair, self._source = by_pair, found
