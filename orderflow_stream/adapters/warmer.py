"""Reads the past of instruments whose stream has come up: the shell around `feed.backfill.Plan`.

Where a page is dear, nobody gets a second one before all have had their first (`rounds`): the newest trades of everyone
first, then deeper. Deep pages wait for repairs, and time works for us: what the streams have brought meanwhile is not
asked for, and a tape that goes back far enough by streaming is warm without any REST.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct

from orderflow_stream.adapters.minded import minded
from orderflow_stream.adapters.pages import Fetched, Pages
from orderflow_stream.adapters.ranked import Ranked
from orderflow_stream.core.events import GapFound, Instrument, Refill
from orderflow_stream.feed.backfill import Ask, Plan
from orderflow_stream.feed.errors import Blocked, UnknownSymbol, UpstreamError
from orderflow_stream.feed.upstream import Books, Sink

#: Added to a rank for each page that the others are behind: any round outweighs any rank.
_ROUND: Final = 10**80
#: Seconds between two looks for tapes that go back far enough by now, and of a pause for repairs.
LOOK_S: Final = 10.0
_YIELD_S: Final = 1.0

log = structlog.get_logger(__name__)


class Progress(Struct, frozen=True):
    """How far the warm-ups are: instruments `done` of `total`; pages, rows and weight so far; seconds left (None:
    not known yet)."""

    done: int
    total: int
    pages: int
    trades: int
    weight: int
    eta_s: float | None


class _Item(Struct, eq=False):
    instrument: Instrument
    plan: Plan
    onward: bool = False
    streamed: int | None = None
    rank: int = 0
    held: int | None = None  # the newest id when it was ordered


class Warmer:
    """`order` an instrument; `run` does the work. `plan` makes the plan of one warm-up; `unjoined` takes the hole that
    a lagging REST left between its newest trade and the stream's first."""

    def __init__(
        self,
        pages: Pages,
        books: Books,
        sink: Sink,
        *,
        plan: Callable[[], Plan],
        unjoined: Callable[[GapFound], None],
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]],
        parallel: int,
        rounds: bool = False,
        hold: Callable[[], bool] = lambda: False,
    ) -> None:
        """`hold`: whether deep pages should wait now (asked only where there are `rounds`)."""
        self._rounds = rounds
        self._hold = hold
        self._pages = pages
        self._books = books
        self._sink = sink
        self._plan = plan
        self._unjoined = unjoined
        self._now = now
        self._sleep = sleep
        self._work = Ranked(self._warm, parallel=parallel, sleep=sleep, refused=self._refused)
        self._items: dict[str, _Item] = {}
        self._total = 0
        self._began = 0
        self.warmed = 0
        self.pages = 0
        self.trades = 0
        self.lost = 0
        self.weight = 0

    @property
    def failures(self) -> int:
        return self._work.failures

    @property
    def progress(self) -> Progress:
        """Of the batch that began when none was left before."""
        left = len(self._items)
        done = self._total - left
        eta = None if left else 0.0
        if left and done:
            eta = (self._now() - self._began) / 1e6 * left / done
        return Progress(done, self._total, self.pages, self.trades, self.weight, eta)

    def order(self, instrument: Instrument, rank: int, *, onward: bool = False) -> None:
        """Warm it up; while that is under way, another order changes nothing. `onward`: from the oldest trade held,
        where there is one."""
        if instrument.key in self._items:
            return
        if not self._items:
            self._total, self._began = 0, self._now()
        self._total += 1
        held = self._books.newest_id(instrument.key)
        item = self._items[instrument.key] = _Item(instrument, self._plan(), onward, rank=rank, held=held)
        self._work.put(item, rank)

    def forget(self, key: str) -> None:
        """The instrument was removed."""
        if self._items.pop(key, None) is not None:
            self._total -= 1

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._work.run(), name="warm-ups")]
            if self._rounds:
                tasks.append(group.create_task(self._look(), name="warm by streaming"))
            await minded(*tasks)

    async def _look(self) -> None:
        """Those that wait for their turn may not need it any more."""
        while True:
            await self._sleep(LOOK_S)
            for item in list(self._items.values()):
                if self._suffices(item):
                    self._enough(item)

    async def _warm(self, item: _Item) -> None:
        key, plan = item.instrument.key, item.plan
        if self._items.get(key) is not item:
            return
        if item.onward and plan.newest is None and self._resume(item):
            self._sink(Refill(key, (), self._now(), warm=True))  # it goes back far enough as it is
        while self._items.get(key) is item:
            if self._rounds and self._suffices(item):
                self._enough(item)
                return
            ask = plan.next(self._now(), item.streamed)
            if ask is None:
                self._finish(item)
                return
            if ask.at > self._now():
                await self._sleep((ask.at - self._now()) / 1e6)
            if self._rounds and plan.pages and self._hold():
                await self._sleep(_YIELD_S)
                self._again(item)
                return
            page = await self._read(item, ask)
            if page is None or self._items.get(key) is not item:
                return
            if plan.newest is None:  # what is held before the first page came by the stream
                item.streamed = self._books.oldest_id(key)
            now = self._now()
            worth = plan.take(ask, page.trades, now, item.streamed)
            self.pages += 1
            self.weight += page.weight
            self.trades += len(worth.trades)
            self.lost += sum(last - first + 1 for first, last in worth.lost)
            warm = plan.next(now, item.streamed) is None
            if worth.trades or worth.origin or warm:
                self._sink(Refill(key, worth.trades, now, lost=worth.lost, origin=worth.origin, warm=warm))
            if self._rounds and not warm:
                self._again(item)
                return

    async def _read(self, item: _Item, ask: Ask) -> Fetched | None:
        """The page; None where the venue tells nothing that old, which ends the warm-up."""
        plan = item.plan
        try:
            return await self._pages.read(item.instrument, ask.from_id, ask.limit, kind="warmup")
        except UpstreamError as error:
            older = plan.first is not None and ask.from_id is not None and ask.from_id < plan.first
            answered = error.retry == "never" and not isinstance(error, Blocked | UnknownSymbol)
            if not (answered and older and self._pages.lookback is not None):
                raise
        plan.give_up()
        self._enough(item)
        return None

    def _again(self, item: _Item) -> None:
        """Its next page comes after those of all that have had fewer."""
        if self._items.get(item.instrument.key) is item:
            self._work.put(item, item.rank - item.plan.pages * _ROUND)

    def _suffices(self, item: _Item) -> bool:
        """Whether what is held by now, streamed or read, is what the plan wants, and joined to the stream."""
        books, key, plan = self._books, item.instrument.key, item.plan
        if plan.newest is None:
            if books.newest_id(key) == item.held:
                return False  # nothing came since it was ordered: what was before is not known to be joined
        elif plan.unjoined(item.streamed) is not None:
            return False
        return plan.suffices(books.count(key), books.oldest_ts(key), self._now())

    def _enough(self, item: _Item) -> None:
        self._sink(Refill(item.instrument.key, (), self._now(), warm=True))
        self._finish(item)

    def _resume(self, item: _Item) -> bool:
        """Let the plan go on where the tape begins; whether nothing is left to be read."""
        books, key = self._books, item.instrument.key
        first, newest, oldest_ts = books.oldest_id(key), books.newest_id(key), books.oldest_ts(key)
        if first is None or newest is None or oldest_ts is None:
            return False
        item.plan.resume(first, newest, books.count(key), oldest_ts)
        return item.plan.next(self._now(), None) is None

    def _finish(self, item: _Item) -> None:
        key, plan = item.instrument.key, item.plan
        self.warmed += 1
        if plan.capped:
            log.warning("the warm-up stopped at its cap, before the longest window", instrument=key, trades=plan.rows)
        if (left := plan.unjoined(item.streamed)) is not None:
            self._unjoined(GapFound(key, left[0], left[1], self._now()))
        self._drop(item)

    def _refused(self, item: _Item, error: UnknownSymbol) -> None:
        log.error("cannot be warmed up", instrument=item.instrument.key, reason=error.reason)
        self._drop(item)

    def _drop(self, item: _Item) -> None:
        if self._items.get(item.instrument.key) is item:
            del self._items[item.instrument.key]
            if not self._items:
                log.info(
                    "warm-up complete",
                    instruments=self._total,
                    trades=self.trades,
                    weight=self.weight,
                    seconds=round((self._now() - self._began) / 1e6, 1),
                )
