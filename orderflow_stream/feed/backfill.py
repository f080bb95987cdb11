"""Which pages a warm-up asks, and what each answer means. Pure: the shell asks, this decides.

Newest page first (it must reach the first trade that the stream brought; REST is served from a database and may lag),
then older pages by `fromId`, until there are enough trades and they go back far enough, or nothing older exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from orderflow_stream.core.events import Range, Trade
from orderflow_stream.feed.upstream import PAGE

#: A little more than asked, so that the window's far end is still inside once the last page has arrived.
MARGIN: Final = 30_000_000
#: An hour of the busiest symbol in a crash is below this; what is beyond would take the budget of everybody.
CAP: Final = 200_000
#: Waits (µs) while REST has not got to where the stream began. After the last one the rest is left to the repair of
#: holes: a warm-up must end.
LAG_WAITS: Final = (250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)

#: An empty page is nearly always a fault: there is a trade to tell of. Only of a symbol that never traded is it the
#: truth, and then it has to be said so often.
BLANKS: Final = 3

#: Older pages in a row that hold nothing older: a hole of that many thousand ids. What lies below it is let be.
BARREN: Final = 10


class Ask(Struct, frozen=True):
    """A page: ids from `from_id` on, ascending (None: the newest `limit`), not before venue time `at` (µs)."""

    from_id: int | None
    limit: int = PAGE
    at: int = 0


class Page(Struct, frozen=True):
    """What an answer is worth: its trades ascending, ids `lost` inside it, `origin`: nothing older exists."""

    trades: tuple[Trade, ...]
    lost: tuple[Range, ...] = ()
    origin: bool = False


class Plan:
    """The warm-up of one instrument: `next` says what to ask, `take` gets the answer, until `next` is None.

    `trades` valid trades and `window` µs are wanted, at most `cap` rows are read. `lookback` is how far back (µs) the
    venue tells of trades at all: then that there is nothing older is no proof of a beginning, and not asked for.
    """

    def __init__(self, *, trades: int, window: int | None, cap: int = CAP, lookback: int | None = None) -> None:
        self._lookback = lookback
        self._past = False  # the venue tells of nothing older, whether there was or not
        self._trades = trades
        self._window = window
        self._cap = max(cap, trades)
        self.first: int | None = None  # oldest and newest id read
        self.newest: int | None = None
        self.oldest_ts: int | None = None
        self.valid = 0
        self.rows = 0
        self.pages = 0
        self.origin = False
        self.capped = False
        self._empty = False
        self._lags = 0
        self._join_at = 0
        self._blanks = 0
        self._blank_until = 0
        self._floor = 0  # the lowest id asked: from there to `first` the venue has nothing
        self._bottom: int | None = None  # the lowest id that the venue has, once it was asked
        self._ask_bottom = False
        self._barren = 0

    def next(self, now: int, streamed: int | None) -> Ask | None:
        """The next page at venue time `now`; `streamed` is the first id that the stream brought, None if none yet.
        None: the warm-up is complete (as far as `origin`, `capped` and `unjoined` say)."""
        if self.newest is None:
            return None if self._empty else Ask(None, at=self._blank_until)
        joins = self._lags > len(LAG_WAITS) or streamed is None or self.newest >= streamed - 1
        if not joins and now >= self._join_at:
            return self._newer(streamed)
        if not (self.origin or self.capped or self._enough(now)):
            assert self.first is not None
            if self._ask_bottom:
                return Ask(0, 1, self._blank_until)
            top = min(self.first, self._floor) if self._floor else self.first
            below = max(top - PAGE, 0)
            return Ask(below, top - below, self._blank_until)
        return None if joins else self._newer(streamed)

    def resume(self, first: int, newest: int, valid: int, oldest_ts: int) -> None:
        """Go on from what is held already: ids `first`..`newest`, `valid` trades, the oldest of venue time
        `oldest_ts` (µs)."""
        self.first, self.newest, self.oldest_ts = first, newest, oldest_ts
        self.valid = self.rows = valid
        self.origin = first == 0
        self.capped = not self.origin and self.rows >= self._cap

    def unjoined(self, streamed: int | None) -> Range | None:
        """What is still missing between the newest row read and the first one of the stream."""
        if streamed is None or self.newest is None or self.newest >= streamed - 1:
            return None
        return self.newest + 1, streamed - 1

    def _newer(self, streamed: int | None) -> Ask:
        assert self.newest is not None
        assert streamed is not None
        return Ask(self.newest + 1, min(PAGE, streamed - self.newest), self._join_at)

    def take(self, ask: Ask, rows: Sequence[Trade], now: int, streamed: int | None = None) -> Page:
        """The answer to `ask` at venue time `now`, as what it is worth."""
        self.pages += 1
        ordered = ascending(rows)
        if self.newest is not None and ask.from_id is not None and ask.from_id > self.newest:
            return self._take_newer(ask.from_id, ordered, now)
        if not ordered:
            return self._take_blank(now, streamed)
        self._blanks = self._blank_until = 0
        if self.newest is None:
            return self._take_newest(ordered)
        assert ask.from_id is not None
        assert self.first is not None
        if self._ask_bottom:
            self._ask_bottom = False
            self._bottom = ordered[0].id
            self.origin = self.first <= self._bottom
            return Page((), origin=self.origin)
        first = self.first
        ordered = [trade for trade in ordered if trade.id < first]
        lost = holes_between(ordered, first)
        self._count(ordered)
        if ordered:
            self.first = ordered[0].id
        # The venue answers with ids from `from_id` on: where its answer starts above, it has nothing in between. That
        # is the beginning, or a hole; which of them, its oldest trade tells.
        self._floor = ask.from_id
        short = self.first > ask.from_id
        self._barren = 0 if ordered else self._barren + 1
        if self._lookback is None:
            self.origin = ask.from_id == 0 or (self._bottom is not None and self.first <= self._bottom)
            self._ask_bottom = short and not self.origin and self._bottom is None
        else:
            self.origin = self.first <= 1
            self._past = short and not self.origin
        self.capped = not self.origin and (self.rows >= self._cap or self._barren >= BARREN)
        return Page(tuple(ordered), lost, self.origin)

    def _take_blank(self, now: int, streamed: int | None) -> Page:
        self._blank_until = now + LAG_WAITS[min(self._blanks, len(LAG_WAITS) - 1)]
        self._blanks += 1
        if self.newest is None and streamed is None and self._blanks >= BLANKS:
            self._empty = self.origin = True
        return Page((), origin=self.origin)

    def _take_newest(self, ordered: list[Trade]) -> Page:
        self._count(ordered)
        self.first, self.newest = ordered[0].id, ordered[-1].id
        self.origin = self.first == 0
        self.capped = not self.origin and self.rows >= self._cap
        return Page(tuple(ordered), holes_between(ordered), self.origin)

    def _take_newer(self, from_id: int, ordered: list[Trade], now: int) -> Page:
        ordered = [trade for trade in ordered if trade.id >= from_id]
        if not ordered:
            if self._lags < len(LAG_WAITS):
                self._join_at = now + LAG_WAITS[self._lags]
            self._lags += 1
            return Page(())
        self._lags = self._join_at = 0
        lost = holes_between(ordered)
        if ordered[0].id > from_id:
            lost = ((from_id, ordered[0].id - 1), *lost)
        self.newest = ordered[-1].id
        self.valid += sum(1 for trade in ordered if trade.qty)
        self.rows += len(ordered)
        return Page(tuple(ordered), lost)

    def _count(self, ordered: list[Trade]) -> None:
        self.rows += len(ordered)
        self.valid += sum(1 for trade in ordered if trade.qty)
        if ordered:
            self.oldest_ts = ordered[0].ts_event if self.oldest_ts is None else min(self.oldest_ts, ordered[0].ts_event)

    def give_up(self) -> None:
        """The venue does not tell of anything older."""
        self._past = True

    def suffices(self, valid: int, oldest_ts: int | None, now: int) -> bool:
        """Whether so many trades that go back to `oldest_ts` are what is wanted."""
        if valid < self._trades:
            return False
        return self._window is None or (oldest_ts is not None and oldest_ts <= now - self._window)

    def _enough(self, now: int) -> bool:
        if self._past:
            return True
        if self._lookback is not None and self.oldest_ts is not None and self.oldest_ts <= now - self._lookback:
            return True
        return self.suffices(self.valid, self.oldest_ts, now)


def ascending(rows: Sequence[Trade]) -> list[Trade]:
    """Rows by id, each id once (the first that was told)."""
    if all(rows[index].id < rows[index + 1].id for index in range(len(rows) - 1)):
        return list(rows)
    by_id: dict[int, Trade] = {}
    for row in rows:
        by_id.setdefault(row.id, row)
    return [by_id[key] for key in sorted(by_id)]


def holes_between(ordered: Sequence[Trade], end: int | None = None) -> tuple[Range, ...]:
    """Ids that ascending rows skip; with `end` also those between the last row and `end`, which is known to exist."""
    holes: list[Range] = []
    for before, after in pairwise(ordered):
        if after.id > before.id + 1:
            holes.append((before.id + 1, after.id - 1))
    if end is not None and ordered and ordered[-1].id + 1 < end:
        holes.append((ordered[-1].id + 1, end - 1))
    return tuple(holes)
