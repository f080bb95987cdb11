"""Fixed, aligned bars of one instrument, kept as a ring of columns beside the tape and outliving it.

A trade belongs to the bar of its `ts_event`. The open bar takes its sums as a difference of the tape's running sums,
so a trade costs it two comparisons; a trade that arrives out of order is merged into the bar it belongs to, which is
exact because sums add up, extremes are extremes, and open and close go by id.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row, Tape

_BITS: Final = 62
_LOW: Final = (1 << _BITS) - 1
#: 64-bit columns of each volume: a quantity is below 2^63 and a notional below 2^126, a bar sums up to 2^60 of them.
_PARTS: Final = (2, 2, 3, 3)
#: ... and the base volume of an inverse contract, a notional at most 10^16 times as fine, is below 2^180.
_INVERSE_PARTS: Final = (4, 4, 3, 3)
#: Columns of a ring beside the volumes: start, open, high, low, close, first and last id, the two counts.
_PLAIN: Final = 9


def columns_of(inverse: bool) -> int:
    """How many 64-bit columns a ring of bars has."""
    return _PLAIN + sum(_INVERSE_PARTS if inverse else _PARTS)


class Bar(Struct):
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

    def __len__(self) -> int:
        return len(self._start)

    def put(self, bar: Bar) -> None:
        """Add a bar, or merge it into the one of the same start."""
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
        at = 0 if since is None else bisect_left(self._start, since)
        return [self._get(i) for i in range(at, len(self._start))]

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
        for i, column in enumerate(columns):
            del column[:]
            column.frombytes(data[i * size : (i + 1) * size])

    def _trim(self) -> None:
        stale = bisect_left(self._start, self._start[-1] - self.span + self.width)
        if stale > len(self._start) // 8:  # in strides: cutting a column at its head moves all of it
            del self._start[:stale]
            for column in (*self._columns, *self._wide):
                del column[:stale]


class BarsKept(Struct):
    """All bars of an instrument: the rings of seconds and minutes, and the open second."""

    seconds: bytes = b""
    minutes: bytes = b""
    open: Bar | None = None


class Bars:
    """The bars of one instrument: 1 s for an hour, 1 m for a day, both with the open bar."""

    __slots__ = (
        "_base",
        "_close",
        "_first",
        "_high",
        "_inverse",
        "_last",
        "_low",
        "_open",
        "_start",
        "_tape",
        "minutes",
        "seconds",
    )

    SECOND: Final = 1_000_000
    MINUTE: Final = 60_000_000

    def __init__(self, tape: Tape, inverse: bool = False) -> None:
        self._tape = tape
        self._inverse = inverse
        self.seconds = BarRing(self.SECOND, 3_600 * self.SECOND, inverse)
        self.minutes = BarRing(self.MINUTE, 1_440 * self.MINUTE, inverse)
        self._start = -1_000_000  # of the open second; negative before the first trade
        self._open = self._high = self._low = self._close = 0
        self._first = self._last = -1
        self._base = Sums()

    def over(self, tape: Tape) -> Bars:
        """The same bars, going on over a new tape; the open second is closed with what it has."""
        if self._start >= 0:
            self._store(self._current(self._tape.head()))
        bars = Bars(tape, self._inverse)
        bars.seconds, bars.minutes = self.seconds, self.minutes
        return bars

    def dump(self) -> BarsKept:
        """What `load` takes."""
        now = self._current(self._tape.head()) if self._start >= 0 else None
        return BarsKept(self.seconds.dump(), self.minutes.dump(), now)

    def load(self, kept: BarsKept, head: Sums) -> None:
        """Begin with these; `head` were the tape's running sums then. Raises `ValueError`."""
        self.seconds.load(kept.seconds)
        self.minutes.load(kept.minutes)
        if kept.open is not None:
            self._start = kept.open.start
            self._set(kept.open)
            self._base = head - kept.open.sums

    def on_trade(self, id_: int, price: int, ts: int) -> None:
        """The trade just appended to the tape."""
        if 0 <= ts - self._start < 1_000_000:
            if price > self._high:
                self._high = price
            elif price < self._low:
                self._low = price
            self._close = price
            self._last = id_
            return
        tail = self._tape.tail
        second = ts - ts % 1_000_000
        if second < self._start:
            self.on_late([tail.row(len(tail) - 1)])
            return
        before = self._tape.head() - tail.sums(len(tail) - 1)
        if self._start >= 0:
            self._store(self._current(before))
        self._start, self._base = second, before
        self._open = self._high = self._low = self._close = price
        self._first = self._last = id_

    def on_late(self, rows: Sequence[Row]) -> None:
        """Trades that were put into the tape out of turn, ascending by id; the tape holds them already."""
        self.take(self._tape.sums_of(rows), fold(rows, self.SECOND, self._tape.sums_of))

    def take(self, added: Sums, folded: Sequence[Bar]) -> None:
        """The same, of trades that add up to `added` and were folded into bars of a second already."""
        head = self._tape.head()
        self._base = self._base + added
        past: list[Bar] = []
        for bar in folded:
            if bar.start < self._start:
                past.append(bar)
            elif bar.start == self._start:
                held = self._current(head)
                held.take(bar)
                self._set(held)
                self._base = self._base - bar.sums
            else:
                if self._start >= 0:
                    past.append(self._current(head))
                self._start = bar.start
                self._set(bar)
                self._base = head - bar.sums
        self.seconds.put_all(past)
        minutes: list[Bar] = []
        for bar in past:
            minute = self._minute(bar)
            if minutes and minutes[-1].start == minute.start:
                minutes[-1].take(minute)
            else:
                minutes.append(minute)
        self.minutes.put_all(minutes)

    def _set(self, bar: Bar) -> None:
        self._open, self._high, self._low, self._close = bar.open, bar.high, bar.low, bar.close
        self._first, self._last = bar.first_id, bar.last_id

    def _current(self, head: Sums) -> Bar:
        """The open bar, where `head` are the tape's running sums at its end."""
        sums = head - self._base
        return Bar(self._start, self._open, self._high, self._low, self._close, self._first, self._last, sums)

    def _store(self, bar: Bar) -> None:
        self.seconds.put(bar)
        self.minutes.put(self._minute(bar))

    def _minute(self, bar: Bar) -> Bar:
        return Bar(
            bar.start - bar.start % self.MINUTE,
            bar.open, bar.high, bar.low, bar.close, bar.first_id, bar.last_id, bar.sums,
        )  # fmt: skip

    def second_bars(self, since: int | None = None) -> list[Bar]:
        """The 1 s bars of the hour up to the newest with `start >= since`, ascending, the open one last."""
        bars = self.seconds.bars(self._since(self.seconds, since))
        if self._start >= 0 and (since is None or self._start >= since):
            bars.append(self._current(self._tape.head()))
        return bars

    def _since(self, ring: BarRing, since: int | None) -> int | None:
        """`since`, but no further back than the ring spans: what it has not let go of yet is chance."""
        if self._start < 0:
            return since
        edge = self._start - self._start % ring.width - ring.span + ring.width
        return edge if since is None else max(edge, since)

    def minute_bars(self, since: int | None = None) -> list[Bar]:
        """The 1 m bars of the day up to the newest with `start >= since`, ascending, the open one last."""
        bars = self.minutes.bars(self._since(self.minutes, since))
        if self._start >= 0:
            now = self._current(self._tape.head())
            minute = self._minute(now)
            if bars and bars[-1].start == minute.start:
                bars[-1].take(minute)
            elif since is None or minute.start >= since:
                bars.append(minute)
        return bars


def plain_sums(rows: Iterable[Row]) -> Sums:
    """Where quantities are of the base asset."""
    return Sums.of((row.price, row.qty) for row in rows)


def fold(rows: Iterable[Row], width: int, sums_of: Callable[[Iterable[Row]], Sums] = plain_sums) -> list[Bar]:
    """Aligned bars of trades ascending by id, in order of first appearance (one start may appear more than once)."""
    bars: list[Bar] = []
    run: list[Row] = []
    start = -1
    for row in rows:
        begin = row.ts_event - row.ts_event % width
        if begin != start and run:
            bars.append(_bar(start, run, sums_of))
            run = []
        start = begin
        run.append(row)
    if run:
        bars.append(_bar(start, run, sums_of))
    return bars


def _bar(start: int, rows: list[Row], sums_of: Callable[[Iterable[Row]], Sums]) -> Bar:
    prices = [row.price for row in rows]
    return Bar(start, prices[0], max(prices), min(prices), prices[-1], rows[0].id, rows[-1].id, sums_of(rows))
