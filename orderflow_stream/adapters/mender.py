"""Asks REST for missing ids when `feed.repair.Repair` says it is time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.core.events import GapFound, Instrument, Range, Refill
from orderflow_stream.feed.errors import UpstreamError
from orderflow_stream.feed.repair import Fetch, Repair
from orderflow_stream.feed.upstream import Books, Sink

_PARALLEL: Final = 8
_LONGEST_SLEEP_US: Final = 30_000_000

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
    ) -> None:
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
                self._prune()
                for fetch in self.holes.due(self._now()):
                    group.create_task(self._fill(fetch))
                self._due = self.holes.next_due()
                await self._rest()

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
            self._hurry()

    def _hurry(self) -> None:
        due = self.holes.next_due()
        if due is not None and (self._due is None or due < self._due):
            self._wake.set()

    async def _rest(self) -> None:
        """Until the next hole is due, or something was found that is due earlier."""
        if self._due is None:
            await self._wake.wait()
        elif (left := self._due - self._now()) > 0:
            waking = asyncio.ensure_future(self._wake.wait())
            sleeping = asyncio.ensure_future(self._sleep(min(left, _LONGEST_SLEEP_US) / 1e6))
            try:
                await asyncio.wait((waking, sleeping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
                sleeping.cancel()
        self._wake.clear()
