"""Asks REST for missing ids when `feed.repair.Repair` says it is time, the most important first, and says how long it
will take where that is long.

Only a few fetches are handed out at a time: what waits for weight must not be overtaken by nobody, so the order is made
anew each time that some have been answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.core.events import GapFound, Instrument, Range, Refill
from orderflow_stream.feed.errors import UpstreamError
from orderflow_stream.feed.repair import NEVER, Fetch, Outlook, Rank, Repair
from orderflow_stream.feed.upstream import Books, Sink

_PARALLEL: Final = 8
#: Weight of the fetches that are handed out at a time, answered or not.
_AHEAD: Final = 160
_LONGEST_SLEEP_US: Final = 30_000_000
#: Seconds of work from which on it is told how long it will take, how soon (µs) after it was found, and how often then.
LONG: Final = 10.0
_FIRST_WORD: Final = 2_000_000
_AGAIN: Final = 30_000_000

log = structlog.get_logger(__name__)


class Mender:
    """`found` and `filled` keep the account of holes, `run` has them filled."""

    def __init__(
        self,
        pages: Pages,
        books: Books,
        sink: Sink,
        holes: Repair,
        *,
        instrument_of: Callable[[str], Instrument | None],
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]],
        rank: Rank = lambda key: (),
    ) -> None:
        """`rank` orders instruments by key, the least first."""
        self._pages = pages
        self._books = books
        self._sink = sink
        self._instrument_of = instrument_of
        self._now = now
        self._sleep = sleep
        self.holes = holes
        self._wake = asyncio.Event()
        self._due: int | None = None
        self._told: set[str] = set()  # instruments of whose refusal was told, until an answer comes
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._rank = rank
        self._ahead = max(_PARALLEL, _AHEAD // pages.weight)
        self._under_way = 0
        self._word = 0  # when to say next how long it will take; 0: it does not take long
        self._began = 0  # when that began, and with how many answers by then
        self._answers = 0
        self.fetches = 0
        self.trades = 0
        self.lost = 0
        self.failures = 0

    def found(self, gap: GapFound) -> None:
        """Fill this hole, after the delay."""
        self.holes.found(gap, self._now())
        self._hurry()

    def filled(self, instrument: str, ranges: tuple[Range, ...]) -> None:
        """These ids came in by another way."""
        self.holes.filled(instrument, ranges)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._due = None
                if self._has_room:
                    self._prune()
                    fetches = self.holes.due(self._now(), self._ahead - self._under_way, self._rank)
                    self._under_way += len(fetches)
                    for fetch in fetches:
                        group.create_task(self._fill(fetch))
                    if self._has_room:
                        self._due = self.holes.next_due()
                self._say()
                await self._rest()

    @property
    def _has_room(self) -> bool:
        """Whether enough of what was handed out is done to look for more: each look goes over all holes."""
        return self._under_way <= self._ahead // 2

    @property
    def long(self) -> bool:
        """Whether what is missing takes long to be had."""
        return self._word > 0

    def outlook(self) -> Outlook:
        """What is left to be read."""
        symbols = calls = trades = 0
        for key in self.holes.instruments():
            if left := self.holes.calls(key):
                symbols, calls, trades = symbols + 1, calls + left, trades + self.holes.open(key)
        return Outlook(symbols, calls, trades, self._pages.forecast("repair", calls))

    def ready_in(self, key: str) -> float | None:
        """Seconds until the holes of this instrument will have been asked for, in the order of now; 0 where there are
        none, None where nobody can tell."""
        mine = self.holes.calls(key)
        if not mine:  # what REST refuses to tell is asked for again some day: nobody knows when it will answer
            return None if self.holes.open(key) else 0.0
        order = (*self._rank(key), mine)
        before = sum(
            calls
            for other in self.holes.instruments()
            if other != key and (calls := self.holes.calls(other)) and (*self._rank(other), calls) <= order
        )
        return self._pages.forecast("repair", before + mine)

    def _say(self) -> None:
        """One line for a long work, seldom again, and one for its end."""
        now = self._now()
        if now < self._word and self._under_way:
            return
        left = self.outlook()
        if now < self._word and left.calls:
            return
        long = left.calls > 0 and (left.seconds is None or left.seconds >= LONG)
        if self._word == 0:
            if long:  # a moment for the rest of an outage to be found
                self._word, self._began, self._answers = now + _FIRST_WORD, now, self.fetches
            return
        if left.calls:
            self._word = now + _AGAIN
            log.warning(
                "many trades are missing: REST gives them back in the order of importance",
                symbols=left.symbols,
                calls=left.calls,
                trades=left.trades,
                seconds_left="unknown: REST does not answer" if left.seconds is None else round(left.seconds),
            )
        else:
            self._word = 0
            log.info(
                "what was missing has been asked for",
                calls=self.fetches - self._answers,
                seconds=round((now - self._began) / 1e6, 1),
            )

    def _prune(self) -> None:
        """Holes that the tape no longer answers for need not be filled."""
        for key in self.holes.instruments():
            if self._instrument_of(key) is None:
                self.holes.forget(key)
            elif (oldest := self._books.oldest_id(key)) is not None:
                self.holes.forget(key, oldest)

    async def _fill(self, fetch: Fetch) -> None:
        try:
            async with self._slots:
                instrument = self._instrument_of(fetch.instrument)
                if instrument is None:
                    self.holes.forget(fetch.instrument)
                    self.holes.answered(fetch, (), self._now())
                    return
                self.fetches += 1
                page = await self._pages.read(instrument, fetch.first, fetch.limit, kind="repair")
            now = self._now()
            lost = self.holes.answered(fetch, [trade.id for trade in page.trades], now)
            self.trades += len(page.trades)
            self._told.discard(fetch.instrument)
            if lost:
                count = sum(last - first + 1 for first, last in lost)
                self.lost += count
                log.warning(
                    "trades are lost: REST has what is beyond them",
                    instrument=fetch.instrument,
                    ids=lost[:10],
                    count=count,
                )
            if page.trades or lost:
                self._sink(Refill(fetch.instrument, tuple(page.trades), now, lost=lost, repair=True))
        except UpstreamError as error:
            self.failures += 1
            refused = error.retry == "never"
            self.holes.failed(fetch, self._now(), (error.retry_after or 0) * 1_000_000, refused=refused)
            if refused and fetch.instrument not in self._told:
                self._told.add(fetch.instrument)
                log.error(
                    "missing trades cannot be asked for: trying again in 1 min, 5 min, then every hour",
                    instrument=fetch.instrument,
                    reason=error.reason,
                    hint=error.hint,
                )
        except asyncio.CancelledError:
            self.holes.failed(fetch, self._now(), 0)  # it is no longer under way: not to be forgotten
            raise
        finally:
            self._under_way -= 1
            self._hurry()

    def _hurry(self) -> None:
        if not self._has_room:
            return
        due = self.holes.next_due()
        if (due is not None and (self._due is None or due < self._due)) or (self._word and not self._under_way):
            self._wake.set()

    async def _rest(self) -> None:
        """Until the next hole is due, or something was found that is due earlier."""
        until = min(self._due or NEVER, self._word or NEVER)
        if until == NEVER:
            await self._wake.wait()
        elif (left := until - self._now()) > 0:
            waking = asyncio.ensure_future(self._wake.wait())
            sleeping = asyncio.ensure_future(self._sleep(min(left, _LONGEST_SLEEP_US) / 1e6))
            try:
                await asyncio.wait((waking, sleeping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
                sleeping.cancel()
        self._wake.clear()
