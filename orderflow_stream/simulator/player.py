"""What feeds the tapes: a synthetic market in real time, or any rows (an archive file's) at any speed.

A source says what was published before the start (history), then what to publish when. Only `Stage` (in `stage.py`)
waits and publishes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, Listing
from orderflow_stream.simulator.market import Forced, Order, SyntheticMarket
from orderflow_stream.venues.binance_archive import ArchiveRow, read_archive, symbol_of
from orderflow_stream.venues.guess import guess_instrument

#: When a market that is drawn beforehand begins; its times are moved to now.
_DRAWN_FROM: Final = 1_735_689_600_000_000


class Batch(NamedTuple):
    """Rows of one symbol to publish together at `due` (µs; None: as soon as there is room), and which of the orders
    behind them were forced."""

    due: int | None
    symbol: str
    rows: Sequence[ArchiveRow]
    liquidations: Sequence[Forced] = ()


class Source(Protocol):
    """Something that can be played."""

    @property
    def listings(self) -> Sequence[Listing]: ...

    @property
    def endless(self) -> bool:
        """True where `live` never ends by itself."""

    @property
    def max_rows(self) -> int | None:
        """How many rows a tape keeps (None: all)."""

    def load(self) -> None:
        """Read what has to be read first; blocking, called once, off the loop."""

    def history(self, now: int) -> Iterator[tuple[str, Sequence[ArchiveRow]]]:
        """Fix the start at `now` (µs); what was published by then, each row at its own time."""

    def live(self) -> Iterator[Batch]:
        """What follows; called once, after `history` is exhausted."""


class SyntheticPlayer:
    """A synthetic market: `history_s` seconds of it lie behind the start, then it goes on in real time."""

    endless = True

    def __init__(self, market: SyntheticMarket, history_s: float = 3900.0, max_rows: int | None = 150_000) -> None:
        if history_s < 0:
            raise ValueError(f"history_s must be at least 0 seconds, not {history_s}")
        self.market = market
        self.history_s = history_s
        self.max_rows = max_rows
        self._orders: Iterator[Order] = iter(())
        self._next: Order | None = None

    @property
    def listings(self) -> Sequence[Listing]:
        return self.market.listings

    def load(self) -> None:
        """Nothing: the market is drawn as it is played."""

    def history(self, now: int) -> Iterator[tuple[str, Sequence[ArchiveRow]]]:
        self._orders = self.market.orders(now - round(self.history_s * 1e6), now)
        for order in self._orders:
            if order.ts > now:
                self._next = order
                return
            yield order.symbol, order.rows

    def live(self) -> Iterator[Batch]:
        if self._next is not None:
            yield Batch(self._next.ts, self._next.symbol, self._next.rows, self._next.forced)
        for order in self._orders:
            yield Batch(order.ts, order.symbol, order.rows, order.forced)


class _DrawnPlayer(ABC):
    """Orders that are all known before the start, moved to now.

    The first `history` rows are published before the start; the others follow in real time (`speed=1`), N times as
    fast (intervals divided by N), or as fast as they are read (`speed=None`). Ids, order, prices, sizes and sides stay;
    `map_time` says where a time of the source went. With a speed the first live row is due at the start; as fast as
    read, the newest row is at the start and intervals stay as they were.
    """

    endless = False
    max_rows: int | None = None

    def __init__(self, listings: Sequence[Listing], speed: float | None, history: int) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise ValueError(f"speed must be above 0 (None: as fast as read), not {speed}")
        if history < 0:
            raise ValueError(f"history must be at least 0 rows, not {history}")
        self.listings = listings
        self.speed = speed
        self._history = history
        self._multiplier, self._divisor = (1, 1) if speed is None else Fraction(str(speed)).as_integer_ratio()
        self._read: list[Order] | None = None
        self._anchor = 0
        self._start = 0
        self._split = 0

    @abstractmethod
    def _orders(self) -> Iterable[Order]:
        """The source, as given."""

    def load(self) -> None:
        """Read the source. `ArchiveError` where it is a file with a fault."""
        if self._read is None:
            self._read = list(self._orders())

    @property
    def orders(self) -> list[Order]:
        """Everything as given, times too; reads the source the first time."""
        self.load()
        assert self._read is not None
        return self._read

    @property
    def rows(self) -> list[ArchiveRow]:
        """Every row as given, times too."""
        return [row for order in self.orders for row in order.rows]

    def map_time(self, ts: int) -> int:
        """Where a time of the source (µs) is moved to; known once the play has started."""
        if not self._start:
            raise RuntimeError("the play has not started: its start decides where times go")
        return self._start + (ts - self._anchor) * self._divisor // self._multiplier

    def mapped(self, symbol: str | None = None) -> list[ArchiveRow]:
        """Every row (of one symbol) as it is, or will be, published."""
        return [
            self._moved(row) for order in self.orders if symbol is None or order.symbol == symbol for row in order.rows
        ]

    def history(self, now: int) -> Iterator[tuple[str, Sequence[ArchiveRow]]]:
        orders = self.orders
        self._split, counted = 0, 0
        while self._split < len(orders) and counted < self._history:
            counted += len(orders[self._split].rows)
            self._split += 1
        if self.speed is None or self._split == len(orders):
            self._anchor = max((order.ts for order in orders), default=0)
        else:
            self._anchor = orders[self._split].ts
        # Whole milliseconds, so that rows that share one in the source still do, and others still do not.
        self._start = now - (now - self._anchor) % 1000
        for order in orders[: self._split]:
            yield order.symbol, [self._moved(row) for row in order.rows]

    def live(self) -> Iterator[Batch]:
        for order in self.orders[self._split :]:
            due = None if self.speed is None else self.map_time(order.ts)
            forced = [each._replace(ts=self.map_time(each.ts)) for each in order.forced]
            yield Batch(due, order.symbol, [self._moved(row) for row in order.rows], forced)

    def _moved(self, row: ArchiveRow) -> ArchiveRow:
        return ArchiveRow(
            row.id, row.price, row.qty, row.first, row.last, self.map_time(row.ts), row.ts_unit, row.buyer_is_maker,
            row.nq,
        )  # fmt: skip


class RowsPlayer(_DrawnPlayer):
    """Given rows of one symbol, moved to now: the first `history` rows lie in the past, the others are live in real
    time (`speed=1`), N times as fast, or as fast as read (`speed=None`); `map_time` says where a time went."""

    def __init__(
        self,
        listing: Listing | str,
        rows: Iterable[ArchiveRow],
        *,
        speed: float | None = 1.0,
        history: int = 0,
    ) -> None:
        self.listing = listing_of(listing) if isinstance(listing, str) else listing
        super().__init__((self.listing,), speed, history)
        self._source = rows

    def _orders(self) -> Iterable[Order]:
        symbol = self.listing.symbol
        return (Order(row.ts, symbol, (row,)) for row in self._source)


class MarketPlayer(_DrawnPlayer):
    """The first `trades` trades (or a few more: orders stay whole) of a synthetic market over all its symbols, drawn
    beforehand and then played like a file: it ends, and it can be played as fast as it is read."""

    def __init__(
        self,
        market: SyntheticMarket,
        trades: int,
        *,
        speed: float | None = None,
        history: int = 0,
    ) -> None:
        if trades < 1:
            raise ValueError(f"trades must be at least 1, not {trades}")
        super().__init__(market.listings, speed, history)
        self.market = market
        self.trades = trades

    def _orders(self) -> Iterable[Order]:
        drawn = 0
        for order in self.market.orders(_DRAWN_FROM):
            yield order
            drawn += len(order.rows)
            if drawn >= self.trades:
                return


class ArchivePlayer(RowsPlayer):
    """A file in Binance's archive format; the symbol comes from the file's name unless `listing` names it.

    Faults of the file are `ArchiveError`, raised when `rows` is first read.
    """

    def __init__(
        self,
        path: str | Path,
        listing: Listing | str | None = None,
        *,
        speed: float | None = 1.0,
        history: int = 0,
    ) -> None:
        super().__init__(
            symbol_of(path) if listing is None else listing, read_archive(path), speed=speed, history=history
        )
        self.path = Path(path)


def listing_of(symbol: str) -> Listing:
    """A listing for a symbol known by name alone: a default one, or split at a known quote asset."""
    for listing in DEFAULT_LISTINGS:
        if listing.symbol == symbol:
            return listing
    guess = guess_instrument(symbol)
    if guess is None:
        raise ValueError(f"cannot tell base and quote of {symbol!r}: pass a Listing")
    return Listing(symbol, guess.base, guess.quote, "0.00000001", "0.00000001")
