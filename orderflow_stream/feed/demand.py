"""Symbols that nobody configured: what a read on demand asks, and when such a symbol becomes a stream. Pure.

A first read takes the newest page and older ones; a repeat only what is new since (and older pages where more is wanted
now than then). A symbol that is too far behind to be joined is begun anew. Nothing reads more than 5 pages (5,000
trades, 20 weight; fewer pages where they weigh more) but that last case, which may learn only from the last page that
it has to begin anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from orderflow_stream.core.events import Trade
from orderflow_stream.feed.backfill import Ask, Page, Plan, ascending, holes_between
from orderflow_stream.feed.upstream import PAGE, Books

PAGES: Final = 5
#: An on-demand symbol that nobody asks for is given up after ten minutes.
IDLE: Final = 600_000_000
#: Symbols on demand at a time; beyond, the one that was not asked for the longest is given up.
MOST: Final = 100


class Held(Struct, frozen=True):
    """What a tape holds: ids, venue times (µs) and valid trades."""

    oldest_id: int
    newest_id: int
    oldest_ts: int
    newest_ts: int
    count: int


class ReadResult(Struct, frozen=True):
    """What a read came to. `promote`: asked for again within a while, so it should become a stream."""

    reaches_back: bool
    promote: bool
    pages: int


def held_by(books: Books, key: str) -> Held | None:
    """What `books` hold of an instrument; None for nothing."""
    oldest_id, newest_id = books.oldest_id(key), books.newest_id(key)
    oldest_ts, newest_ts = books.oldest_ts(key), books.newest_ts(key)
    if oldest_id is None or newest_id is None or oldest_ts is None or newest_ts is None:
        return None
    return Held(oldest_id, newest_id, oldest_ts, newest_ts, books.count(key))


class ReadPlan:
    """One read: `next` says what to ask, `take` gets the answer, until `next` is None.

    Wanted are `trades` valid trades or, if `window` (µs) is given, all of that window. `origin` is the id below which
    nothing exists, if an earlier read has learned it. `head_only`: just what is newer than held. At most `pages` are
    read; `lookback` as of `Plan`.
    """

    def __init__(
        self,
        held: Held | None,
        now: int,
        *,
        trades: int,
        window: int | None = None,
        head_only: bool = False,
        origin: int | None = None,
        pages: int = PAGES,
        lookback: int | None = None,
    ) -> None:
        self._held = held
        self._trades = trades
        self._window = window
        self._head_only = head_only
        self.origin = origin
        self.pages = 0
        self.anew = held is None  # the newest page is asked; unless it `joins`, the tape begins anew with it
        self._most = self._left = pages
        self._lookback = lookback
        self._newest = held.newest_id if held else -1
        self._older: Plan | None = None
        self._head_done = False
        if held is not None and not head_only and _expected(held, now) > max(pages - 1, 1) * PAGE:
            self.anew = True

    def next(self, now: int) -> Ask | None:
        """The next page at venue time `now`; None: all done, as far as the bound allows."""
        if self._left == 0:
            return None
        if not self.anew and not self._head_done:
            return Ask(self._newest + 1)
        if self.anew and self._older is None:
            return Ask(None)
        if self._head_only or self.reaches_back(now):
            return None
        if self._older is not None:
            return self._older.next(now, None)
        assert self._held is not None  # not anew
        below = max(self._held.oldest_id - PAGE, 0)
        return Ask(below, self._held.oldest_id - below) if self._held.oldest_id else None

    def take(self, ask: Ask, rows: Sequence[Trade], now: int) -> Page:
        """The answer to `ask`. A page that begins the tape anew has `ask.from_id` None."""
        self.pages += 1
        self._left -= 1
        if ask.from_id is None:
            if self.joins(rows):
                self.anew = False
                return self._take_head(self._newest + 1, rows)
            self._older = self._older or self._plan()
            return self._from_older(ask, rows, now)
        if not self._head_done and not self.anew:
            return self._take_head(ask.from_id, rows)
        if self._older is not None:
            return self._from_older(ask, rows, now)
        return self._take_below(ask, rows)

    def joins(self, newest: Sequence[Trade]) -> bool:
        """Whether the newest page follows what is held without a hole; if not, the tape has to be emptied first."""
        return self._held is not None and (not newest or min(trade.id for trade in newest) <= self._newest + 1)

    def reaches_back(self, now: int) -> bool:
        """Whether what is held, with what was read, goes back as far as wanted or to the very beginning."""
        count, oldest_id, oldest_ts = self._extent()
        if self.origin is not None and oldest_id is not None and oldest_id <= self.origin:
            return True
        if self._older is not None and self._older.origin:
            return True
        if self._window is not None:
            return oldest_ts is not None and oldest_ts <= now - self._window
        return count >= self._trades

    def _extent(self) -> tuple[int, int | None, int | None]:
        if self._older is not None:
            return self._older.valid, self._older.first, self._older.oldest_ts
        if self._held is None:
            return 0, None, None
        return self._held.count, self._held.oldest_id, self._held.oldest_ts

    def _take_head(self, from_id: int, rows: Sequence[Trade]) -> Page:
        ordered = [trade for trade in ascending(rows) if trade.id >= from_id]
        assert self._held is not None
        if ordered:
            self._newest = ordered[-1].id
            self._held = Held(
                self._held.oldest_id,
                self._newest,
                self._held.oldest_ts,
                ordered[-1].ts_event,
                self._held.count + sum(1 for trade in ordered if trade.qty),
            )
        self._head_done = len(ordered) < PAGE
        if not self._head_done and self._left == 0 and not self._head_only:
            self.anew = True
            self._left = self._most
        lost = holes_between(ordered)
        if ordered and ordered[0].id > from_id:
            lost = ((from_id, ordered[0].id - 1), *lost)
        return Page(tuple(ordered), lost)

    def _from_older(self, ask: Ask, rows: Sequence[Trade], now: int) -> Page:
        assert self._older is not None
        page = self._older.take(ask, rows, now)
        if page.origin:
            self.origin = self._older.first if self._older.first is not None else 0
        return page

    def _plan(self) -> Plan:
        return Plan(
            trades=self._trades if self._window is None else 0,
            window=self._window,
            cap=self._most * PAGE,
            lookback=self._lookback,
        )

    def _take_below(self, ask: Ask, rows: Sequence[Trade]) -> Page:
        """Older pages below what was held: the same rules as a warm-up's."""
        assert self._held is not None
        plan = self._plan()
        plan.first, plan.newest = self._held.oldest_id, self._held.newest_id
        plan.oldest_ts, plan.valid = self._held.oldest_ts, self._held.count
        self._older = plan
        return self._from_older(ask, rows, 0)


class Demand:
    """Who was asked for on demand, and when."""

    def __init__(self, *, idle: int = IDLE, most: int = MOST) -> None:
        self._idle = idle
        self._most = most
        self._asked: dict[str, tuple[int, int]] = {}  # key: last time, how often; the longest unasked first
        self._origins: dict[str, int] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._asked

    def asked(self, key: str, now: int) -> bool:
        """Somebody asks for `key` now. True from the second time on: it should be a stream."""
        _, often = self._asked.pop(key, (0, 0))
        self._asked[key] = (now, often + 1)
        return often >= 1

    def tick(self, now: int) -> tuple[str, ...]:
        """Instruments to give up now: idle ones, and the longest unasked beyond the bound. They are forgotten here."""
        gone = [key for key, (last, _) in self._asked.items() if now - last >= self._idle]
        over = len(self._asked) - len(gone) - self._most
        if over > 0:
            kept = [key for key in self._asked if key not in set(gone)]
            gone += kept[:over]
        for key in gone:
            self.forget(key)
        return tuple(gone)

    def forget(self, key: str) -> None:
        """As if it had never been asked for."""
        self._asked.pop(key, None)
        self._origins.pop(key, None)

    def origin(self, key: str) -> int | None:
        """The id below which nothing exists, where a read has learned it."""
        return self._origins.get(key)

    def learn(self, key: str, origin: int | None) -> None:
        """Nothing older than `origin` exists."""
        if origin is not None and key in self._asked:
            self._origins[key] = origin


def _expected(held: Held, now: int) -> int:
    """How many trades are new by now, if the symbol went on as it did over the tape held."""
    span = held.newest_ts - held.oldest_ts
    return held.count * max(now - held.newest_ts, 0) // span if span > 0 else 0
