"""A market with a steady pulse: who is silent, and for how long, is then known to the millisecond."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orderflow_stream.simulator import Listing
from orderflow_stream.simulator.player import Batch
from orderflow_stream.venues.binance_archive import ArchiveRow

#: One order in so many walks three levels, one in so many is large.
_SWEEP_EVERY: Final = 7
_LARGE_EVERY: Final = 60


def _qty(lots: int) -> str:
    """Thousandths as decimal text."""
    return f"{lots // 1000}.{lots % 1000:03d}00000"


class _Later(Sequence[ArchiveRow]):
    """An order that is drawn when it is published: what a test publishes in between has the ids before it."""

    def __init__(self, market: Steady, symbol: str, ts: int) -> None:
        self._draw = (market, symbol, ts)
        self._rows: list[ArchiveRow] | None = None

    def _drawn(self) -> list[ArchiveRow]:
        if self._rows is None:
            market, symbol, ts = self._draw
            self._rows = market.order(symbol, ts)
        return self._rows

    def __len__(self) -> int:
        return len(self._drawn())

    def __getitem__(self, at: Any) -> Any:
        return self._drawn()[at]


class Steady:
    """`rates`: orders a second by symbol, evenly spaced with a little jitter; 0 trades in the past only. `history` rows
    of each symbol lie before the start. Endless. `nq`: a futures market's, whose rows tell the quantity without RPI."""

    endless = True
    max_rows: int | None = None

    def __init__(self, rates: Mapping[str, float], *, history: int = 600, seed: int = 1, nq: bool = False) -> None:
        self._nq = nq
        self.rates = dict(rates)
        self.listings: Sequence[Listing] = [listing(symbol) for symbol in rates]
        self._history = history
        self._draw = random.Random(seed)
        self._next_id = {symbol: self._draw.randrange(10**6, 10**9) for symbol in rates}
        self._start = 0

    def load(self) -> None:
        """Nothing: it is drawn as it is played."""

    def history(self, now: int) -> Iterator[tuple[str, Sequence[ArchiveRow]]]:
        self._start = now
        for symbol, rate in self.rates.items():
            gap = 1e6 / (rate or 20.0)
            ts = now - int(self._history * gap)
            rows: list[ArchiveRow] = []
            while len(rows) < self._history:
                rows += self.order(symbol, ts)
                ts += int(gap)
            yield symbol, [row for row in rows if row.ts <= now]

    def live(self) -> Iterator[Batch]:
        queue = [(self._start + int(1e6 / rate), symbol) for symbol, rate in self.rates.items() if rate]
        heapq.heapify(queue)
        while queue:
            ts, symbol = queue[0]
            gap = 1e6 / self.rates[symbol] * (0.8 + 0.4 * self._draw.random())
            heapq.heapreplace(queue, (ts + int(gap), symbol))
            yield Batch(ts, symbol, _Later(self, symbol, ts))

    def order(self, symbol: str, ts: int) -> list[ArchiveRow]:
        """The next taker order of a symbol: its rows."""
        draw = self._draw
        levels = 3 if draw.randrange(_SWEEP_EVERY) == 0 else 1
        lots = 2_000_000 if draw.randrange(_LARGE_EVERY) == 0 else draw.randrange(1, 5_000)
        sell = draw.random() < 0.5
        price = 10_000 + draw.randrange(100)
        rows = []
        for level in range(levels):
            self._next_id[symbol] += 1
            id_ = self._next_id[symbol]
            cents = price + (-level if sell else level)
            rows.append(
                ArchiveRow(
                    id_, f"{cents // 100}.{cents % 100:02d}000000", _qty(lots),
                    id_ * 2, id_ * 2 + 1, ts, "us", sell, _qty(lots - lots * (id_ % 5) // 9) if self._nq else "",
                )
            )  # fmt: skip
        return rows

    def burst(self, symbol: str, orders: int, ts: int) -> list[ArchiveRow]:
        """So many orders at once, a microsecond apart."""
        return [row for step in range(orders) for row in self.order(symbol, ts + step)]


def listing(symbol: str) -> Listing:
    """As the exchange lists it; the quote is dollars."""
    return Listing(symbol, symbol.removesuffix("USDT"), "USDT", "0.01", "0.001")
