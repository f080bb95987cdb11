"""Reads the past of instruments whose stream has come up: the shell around `feed.backfill.Plan`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.ranked import Ranked
from orderflow_stream.core.events import GapFound, Instrument, Refill
from orderflow_stream.feed.backfill import Plan
from orderflow_stream.feed.errors import UnknownSymbol
from orderflow_stream.feed.upstream import Books, Sink

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
    ) -> None:
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
        item = self._items[instrument.key] = _Item(instrument, self._plan(), onward)
        self._work.put(item, rank)

    def forget(self, key: str) -> None:
        """The instrument was removed."""
        if self._items.pop(key, None) is not None:
            self._total -= 1

    async def run(self) -> None:
        """Work until cancelled."""
        await self._work.run()

    async def _warm(self, item: _Item) -> None:
        key, plan = item.instrument.key, item.plan
        if item.onward and plan.newest is None and self._resume(item):
            self._sink(Refill(key, (), self._now(), warm=True))  # it goes back far enough as it is
        while self._items.get(key) is item:
            ask = plan.next(self._now(), item.streamed)
            if ask is None:
                self._finish(item)
                return
            if ask.at > self._now():
                await self._sleep((ask.at - self._now()) / 1e6)
            page = await self._pages.read(item.instrument, ask.from_id, ask.limit, kind="warmup")
            if self._items.get(key) is not item:
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
