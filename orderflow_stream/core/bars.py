"""Fixed, aligned bars of one instrument, kept as a ring of columns beside the tape and outliving it.

A trade belongs to the bar of its `ts_event`. The open bar takes its sums as a difference of the tape's running sums,
so a trade costs it two comparisons; a trade that arrives out of order is merged into the bar it belongs to, which is
exact because sums add up, extremes are extremes, and open and close go by id.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from orderflow_stream.core.bar_ring import Bar, BarRing, columns_of
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row, Tape

__all__ = ["Bar", "BarRing", "Bars", "BarsKept", "columns_of", "fold", "plain_sums"]

#: Ids without a trade that are remembered behind the tape.
MOST_BLANK: Final = 10_000


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
        "blank",
        "minutes",
        "seconds",
    )

    SECOND: Final = 1_000_000
    MINUTE: Final = 60_000_000
    #: How long the bars of each are kept.
    SECONDS_SPAN: Final = 3_600 * SECOND
    MINUTES_SPAN: Final = 1_440 * MINUTE

    def __init__(self, tape: Tape, inverse: bool = False) -> None:
        self._tape = tape
        self._inverse = inverse
        self.seconds = BarRing(self.SECOND, self.SECONDS_SPAN, inverse)
        self.minutes = BarRing(self.MINUTE, self.MINUTES_SPAN, inverse)
        #: Ids that carried no trade and that the order of ids answers for no longer, ascending. (A journal does not
        #: keep them: what is proven by ids is then less, never more.)
        self.blank: list[int] = []
        self._start = -1_000_000  # of the open second; negative before the first trade
        self._open = self._high = self._low = self._close = 0
        self._first = self._last = -1
        self._base = Sums()

    def over(self, tape: Tape) -> Bars:
        """The same bars, going on over a new tape; the open second is closed with what it has."""
        if self._start >= 0:
            self._store(self._current(self._tape.head()))
        bars = Bars(tape, self._inverse)
        bars.seconds, bars.minutes, bars.blank = self.seconds, self.minutes, self.blank
        return bars

    def note_blank(self, ids: Sequence[int]) -> None:
        """These (ascending, above those noted before) carried no trade."""
        self.blank += ids
        del self.blank[:-MOST_BLANK]

    def blank_between(self, first: int, last: int) -> int:
        """How many of those noted are in `first`..`last`."""
        return bisect_right(self.blank, last) - bisect_left(self.blank, first)

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

    def now(self) -> Bar | None:
        """The open second as it stands; None before the first trade."""
        return self._current(self._tape.head()) if self._start >= 0 else None

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
