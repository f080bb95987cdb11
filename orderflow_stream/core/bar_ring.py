"""A ring of fixed, aligned bars in columns: what is added, what is let go of, and how it is read."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct, structs

from orderflow_stream.core.sums import Sums

_BITS: Final = 62
_LOW: Final = (1 << _BITS) - 1
#: 64-bit columns of each volume: a quantity is below 2^63 and a notional below 2^126, a bar sums up to 2^60 of them.
_PARTS: Final = (2, 2, 3, 3)
#: ... and the base volume of an inverse contract, a notional at most 10^16 times as fine, is below 2^180.
_INVERSE_PARTS: Final = (4, 4, 3, 3)
#: Columns of a ring beside the volumes: start, open, high, low, close, first and last id, the two counts.
_PLAIN: Final = 9
#: Among those behind the start.
_FIRST: Final = 4
_LAST: Final = 5
#: A time is believed, for what is let go of, where so many bars are that late.
_WITNESSES: Final = 3
#: Sums over many bars that a ring keeps at hand: of two days, by two rules.
_TOTALS: Final = 4


def columns_of(inverse: bool) -> int:
    """How many 64-bit columns a ring of bars has."""
    return _PLAIN + sum(_INVERSE_PARTS if inverse else _PARTS)


class Bar(Struct, gc=False):
    """One bar `[start, start + width)`; times in microseconds, prices at 10^-8, `sums` as everywhere."""

    start: int
    open: int
    high: int
    low: int
    close: int
    first_id: int
    last_id: int
    sums: Sums

    def take(self, other: Bar) -> None:
        """Merge another bar of the same start."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        if other.first_id < self.first_id:
            self.first_id, self.open = other.first_id, other.open
        if other.last_id > self.last_id:
            self.last_id, self.close = other.last_id, other.close
        self.sums = self.sums + other.sums


class BarRing:
    """Closed bars in columns, ascending; those older than `span` behind the newest are let go.

    Sums of quantities are wider than 64 bits, so each takes two columns (four, of `inverse` contracts); those of
    notionals take three.
    """

    def __init__(self, width: int, span: int, inverse: bool = False) -> None:
        self.width = width
        self.span = span
        self._parts = _INVERSE_PARTS if inverse else _PARTS
        self._start = array("q")
        self._columns = [array("q") for _ in range(_PLAIN - 1)]
        self._wide = [array("q") for _ in range(sum(self._parts))]  # the parts of the four volumes, lowest first
        #: Latest start and highest last id of the bars that were let go of; None: none was.
        self.gone: tuple[int, int] | None = None
        self._totals: dict[int, Bar] = {}  # what `total` was asked for, kept up with what comes

    def __len__(self) -> int:
        return len(self._start)

    def put(self, bar: Bar) -> None:
        """Add a bar, or merge it into the one of the same start."""
        for since, total in self._totals.items():
            if bar.start >= since:
                total.take(bar)
        starts = self._start
        if not starts or bar.start > starts[-1]:
            at = len(starts)
        else:
            at = bisect_left(starts, bar.start)
            if starts[at] == bar.start:
                held = self._get(at)
                held.take(bar)
                self._write(at, held)
                return
        starts.insert(at, bar.start)
        for column in (*self._columns, *self._wide):
            column.insert(at, 0)
        self._write(at, bar)
        self._trim()

    def put_all(self, bars: Sequence[Bar]) -> None:
        """Add or merge many. A page of the past comes as bars ahead of all held: those go in at one stroke."""
        starts = self._start
        ahead = bool(bars) and (not starts or bars[-1].start < starts[0])
        if ahead and all(bar.start < following.start for bar, following in pairwise(bars)):
            self._totals.clear()
            starts[0:0] = array("q", [bar.start for bar in bars])
            cells = zip(*map(self._cells, bars), strict=True)
            for column, values in zip((*self._columns, *self._wide), cells, strict=True):
                column[0:0] = array("q", values)
            self._trim()
        else:
            for bar in bars:
                self.put(bar)

    def bars(self, since: int | None = None) -> list[Bar]:
        """The closed bars with `start >= since`, ascending."""
        return self.slice(0 if since is None else self.place(since), len(self._start))

    # -- reading by place -----------------------------------------------------------------------------------------

    def place(self, start: int, low: int = 0, high: int | None = None) -> int:
        """Where the first bar is that begins at `start` or later; looked for among those from `low` to `high`."""
        return bisect_left(self._start, start, low, len(self._start) if high is None else high)

    def start(self, at: int) -> int:
        """Where that bar begins."""
        return self._start[at]

    def last_id(self, at: int) -> int:
        """Of that bar."""
        return self._columns[_LAST][at]

    def slice(self, low: int, high: int) -> list[Bar]:
        """The bars from place `low` to `high`, each by itself."""
        wide = iter(self._wide)
        volumes = [self._whole([next(wide)[low:high] for _ in range(parts)]) for parts in self._parts]
        plain = [column[low:high] for column in (self._start, *self._columns)]
        return [
            Bar(start, open_, most, least, close, first, last, Sums(buys, sells, *sums))
            for start, open_, most, least, close, first, last, buys, sells, *sums in zip(*plain, *volumes, strict=True)
        ]

    def merged(self, low: int, high: int) -> Bar:
        """The bars from place `low` to `high`, at least one, as one that begins where the first of them does."""
        part = [column[low:high] for column in self._columns]
        first, last = min(part[_FIRST]), max(part[_LAST])
        open_, close = part[0][part[_FIRST].index(first)], part[3][part[_LAST].index(last)]
        wide = iter(self._wide)
        volumes = [sum(sum(next(wide)[low:high]) << _BITS * i for i in range(parts)) for parts in self._parts]
        sums = Sums(sum(part[6]), sum(part[7]), *volumes)
        return Bar(self._start[low], open_, max(part[1]), min(part[2]), close, first, last, sums)

    def total(self, since: int) -> Bar | None:
        """All bars with `start >= since` as one, None where there is none. Asked for again, it costs nothing."""
        known = self._totals.get(since)
        if known is None:
            at = self.place(since)
            if at == len(self._start):
                return None
            if len(self._totals) >= _TOTALS:
                self._totals.clear()
            known = self._totals[since] = self.merged(at, len(self._start))
        return structs.replace(known)

    @staticmethod
    def _whole(parts: Sequence[array[int]]) -> Sequence[int]:
        """Volumes of their parts."""
        whole: Sequence[int] = parts[-1]
        for part in parts[-2::-1]:
            whole = [(upper << _BITS) + lower for upper, lower in zip(whole, part, strict=True)]
        return whole

    @property
    def nbytes(self) -> int:
        return len(self._start) * 8 * (_PLAIN + sum(self._parts)) * 17 // 16  # columns are grown a little ahead

    def _write(self, at: int, bar: Bar) -> None:
        for column, value in zip((*self._columns, *self._wide), self._cells(bar), strict=True):
            column[at] = value

    def _cells(self, bar: Bar) -> list[int]:
        """What a bar is in columns, `start` aside."""
        sums = bar.sums
        cells = [bar.open, bar.high, bar.low, bar.close, bar.first_id, bar.last_id, sums.buy_trades, sums.sell_trades]
        volumes = (sums.buy_base, sums.sell_base, sums.buy_quote, sums.sell_quote)
        for parts, value in zip(self._parts, volumes, strict=True):
            for _ in range(parts - 1):
                cells.append(value & _LOW)
                value >>= _BITS  # noqa: PLW2901 - the next part of the same number
            cells.append(value)
        return cells

    def _get(self, at: int) -> Bar:
        open_, high, low, close, first, last, buys, sells = (column[at] for column in self._columns)
        wide = iter(self._wide)
        volumes = [sum(next(wide)[at] << _BITS * part for part in range(parts)) for parts in self._parts]
        return Bar(self._start[at], open_, high, low, close, first, last, Sums(buys, sells, *volumes))

    def dump(self) -> bytes:
        """All of it, for `load`."""
        return b"".join(column.tobytes() for column in (self._start, *self._columns, *self._wide))

    def load(self, data: bytes) -> None:
        """What `dump` gave. Raises `ValueError` where it cannot have been that."""
        columns = (self._start, *self._columns, *self._wide)
        size, rest = divmod(len(data), len(columns))
        if rest or size % 8:
            raise ValueError(f"{len(data)} bytes are no ring of bars")
        self.gone = None
        self._totals.clear()
        for i, column in enumerate(columns):
            del column[:]
            column.frombytes(data[i * size : (i + 1) * size])

    def _trim(self) -> None:
        newest = self._start[-_WITNESSES:][0]  # two times of a far future push out nothing
        stale = bisect_left(self._start, newest - self.span + self.width)
        if stale > len(self._start) // 8:  # in strides: cutting a column at its head moves all of it
            start, last = self.gone or (-1, -1)  # a late trade may have brought back what had been let go of before
            self.gone = max(start, self._start[stale - 1]), max(last, *self._columns[_LAST][:stale])
            self._totals = {since: total for since, total in self._totals.items() if since > self.gone[0]}
            del self._start[:stale]
            for column in (*self._columns, *self._wide):
                del column[:stale]
