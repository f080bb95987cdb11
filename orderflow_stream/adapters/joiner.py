"""Joins what a journal held to what REST has now: one page of the newest trades an instrument, and usually that is all.

The page weighs as much as the question for the newest id alone. Where it does not reach back to what is held, the hole
between is repaired like any other, or given up where that is not worth it (`worthless`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.ranked import Ranked
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import GapFound, Instrument, Probe, Refill
from orderflow_stream.feed.backfill import MARGIN
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamFailed
from orderflow_stream.feed.upstream import PAGE, Books, Sink

#: Rows that are always asked for.
_LEAST: Final = 50
#: Pages that are asked for where the one before was too early to prove anything, and the seconds in between.
_TRIES: Final = 4
_PAUSE: Final = 0.2

log = structlog.get_logger(__name__)


class _Item(Struct, eq=False):
    instrument: Instrument
    ordered: int


class Joiner:
    """`expect` those that were restored, `order` one when its stream is up, `run` does the work. `joined` is told of
    each, `doubt` of one whose ids REST contradicts."""

    def __init__(
        self,
        pages: Pages,
        books: Books,
        sink: Sink,
        *,
        joined: Callable[[Instrument], None],
        doubt: Callable[[Instrument], None],
        doubtful: Callable[[str], bool],
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]],
        parallel: int,
        patience: float = 0.0,
    ) -> None:
        """`patience`: seconds that an instrument gets to prove itself by its next trade before a page is asked for."""
        self._patience = patience
        self._pages = pages
        self._books = books
        self._sink = sink
        self._joined = joined
        self._doubt = doubt
        self._doubtful = doubtful
        self._now = now
        self._sleep = sleep
        self._work = Ranked(self._join, parallel=parallel, sleep=sleep, refused=self._refused)
        self._expected: dict[str, _Item | None] = {}
        self.fetches = 0
        self.trades = 0

    @property
    def failures(self) -> int:
        return self._work.failures

    def expect(self, key: str) -> None:
        """This one was restored and is not joined yet."""
        self._expected[key] = None

    def __contains__(self, key: str) -> bool:
        return key in self._expected

    def order(self, instrument: Instrument, rank: int) -> None:
        """Join it; once under way, another order changes nothing."""
        if self._expected.get(instrument.key) is None:
            item = self._expected[instrument.key] = _Item(instrument, self._now())
            self._work.put(item, rank)

    def forget(self, key: str) -> None:
        """It is no longer to be joined."""
        self._expected.pop(key, None)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._work.run()

    async def _join(self, item: _Item) -> None:
        key = item.instrument.key
        if self._expected.get(key) is not item:
            return
        if (left := self._patience - (self._now() - item.ordered) / 1e6) > 0:
            await self._sleep(left)
        # What the stream has proven meanwhile, by the next id or by a hole that is being filled, needs no page.
        tries = 0
        while self._doubtful(key):
            if tries:  # it was asked before the newest connection was up, or our clock was set and so it seems
                if tries == _TRIES:
                    raise UpstreamFailed("not proven yet")
                await self._sleep(_PAUSE)
            tries += 1
            held = self._books.newest_id(key)
            page = await self._pages.read(item.instrument, None, self._limit(key), kind="repair")
            self.fetches += 1
            if self._expected.get(key) is not item:
                return
            newest = page.trades[-1].id if page.trades else None
            if newest is None or held is None or newest < held:
                self._doubt(item.instrument)  # a lagging database, or ids that began anew: to be asked again
                break
            news = tuple(trade for trade in page.trades if trade.id > held)
            self.trades += len(news)
            if news:
                self._sink(Refill(key, news, self._now(), repair=True))
            self._sink(Probe(key, newest, page.sent))
        if self._expected.pop(key, None) is item:
            self._joined(item.instrument)

    def _limit(self, key: str) -> int:
        """Rows to ask for: thrice what its pace of before makes one expect. All weigh the same, but not to be read."""
        books = self._books
        newest, oldest = books.newest_ts(key), books.oldest_ts(key)
        if newest is None or oldest is None or newest <= oldest:
            return PAGE
        expected = books.count(key) * (self._now() - newest) // (newest - oldest)
        return max(_LEAST, min(PAGE, 3 * expected))

    def _refused(self, item: _Item, error: UnknownSymbol) -> None:
        log.error("cannot be joined to its journal", instrument=item.instrument.key, reason=error.reason)
        self._expected.pop(item.instrument.key, None)


def worthless(engine: Engine, gap: GapFound, now: int) -> bool:
    """Whether what lies before that hole is of no use: older than every window, and the hole as large as what is kept
    at least. To read the past anew is then cheaper than to fill the hole."""
    book = engine.book(gap.instrument)
    if book is None or gap.last - gap.first + 1 < engine.keeper.trades:
        return False
    before = next(book.tape.rows_before(gap.first), None)
    return before is not None and before.ts_event <= now - engine.keeper.span - MARGIN
