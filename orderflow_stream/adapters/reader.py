"""Reads a symbol because somebody asks for it now: on demand where it is not configured, `fresh` where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.core.events import Instrument, Refill
from orderflow_stream.feed.demand import PAGES, Demand, ReadPlan, ReadResult, held_by
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamFailed
from orderflow_stream.feed.upstream import Books, RestVenue, Sink

#: What one read may weigh.
WEIGHT: Final = 20


class _Flight(Struct, eq=False):
    task: asyncio.Task[ReadPlan]
    trades: int
    window: int
    head_only: bool

    def serves(self, trades: int, window: int, head_only: bool) -> bool:
        """Whether its answer is enough for a second caller."""
        return head_only or (not self.head_only and self.trades >= trades and self.window >= window)


class Reader:
    """One read of an instrument at a time; whoever asks meanwhile shares it. What is read is fed to the sink before
    `read` returns. `demand` knows who was asked for, and tells whom to make a stream and whom to give up."""

    def __init__(
        self, rest: Rest, venue: RestVenue, books: Books, sink: Sink, *, now: Callable[[], int], demand: Demand
    ) -> None:
        self._pages = Pages(rest, venue, now)
        self._most = max(1, min(PAGES, WEIGHT // self._pages.weight))
        self._books = books
        self._sink = sink
        self._now = now
        self.demand = demand
        self._flights: dict[str, _Flight] = {}
        self.reads = 0
        self.shared = 0

    async def read(
        self, instrument: Instrument, *, trades: int, window: int | None, fresh: bool, deadline: int
    ) -> ReadResult:
        """Read up to `trades` trades back, or a `window` (µs) where one is given; with `fresh` (a configured symbol)
        only what is newer than the tape. The instrument must have a tape. `deadline`: venue time (µs).

        Raises `UpstreamFailed`, `UpstreamBusy` (with `retry_after`), `UnknownSymbol`.
        """
        key = instrument.key
        promote = not fresh and self.demand.asked(key, self._now())
        wanted = (0 if window is not None else trades, window or 0, fresh)
        pages = 0
        while True:
            flight = self._flights.get(key)
            enough = flight is None or flight.serves(*wanted)
            if flight is None:
                flight = self._start(instrument, trades, window, fresh, deadline)
            else:
                self.shared += 1
            plan = await self._arrival(flight, deadline)
            pages += plan.pages
            if enough:
                return ReadResult(plan.reaches_back(self._now()) or fresh, promote, pages)

    def tick(self, now: int) -> tuple[str, ...]:
        """On-demand instruments that nobody asked for lately: drop their streams and tapes."""
        return self.demand.tick(now)

    async def close(self) -> None:
        """End the reads under way; their callers get `UpstreamFailed`."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(
        self, instrument: Instrument, trades: int, window: int | None, head_only: bool, deadline: int
    ) -> _Flight:
        key = instrument.key
        plan = ReadPlan(
            held_by(self._books, key),
            self._now(),
            trades=trades,
            window=window,
            head_only=head_only,
            origin=self.demand.origin(key),
            pages=self._most,
            lookback=self._pages.lookback,
        )
        task = asyncio.create_task(self._fly(instrument, plan, deadline))
        flight = _Flight(task, 0 if window is not None else trades, window or 0, head_only)
        self._flights[key] = flight
        self.reads += 1

        def ended(task: asyncio.Task[ReadPlan]) -> None:
            self._flights.pop(key, None)
            if not task.cancelled():
                task.exception()  # all callers may be gone: nobody else would look at it

        task.add_done_callback(ended)
        return flight

    async def _arrival(self, flight: _Flight, deadline: int) -> ReadPlan:
        """The end of a flight; it flies on where this caller goes away or runs out of time."""
        left = max((deadline - self._now()) / 1e6, 0.001)
        done, _ = await asyncio.wait((flight.task,), timeout=left)
        if not done:
            raise UpstreamFailed("the venue did not answer in time")
        if flight.task.cancelled():
            raise UpstreamFailed("the read was ended", retry="never")
        return flight.task.result()

    async def _fly(self, instrument: Instrument, plan: ReadPlan, deadline: int) -> ReadPlan:
        key = instrument.key
        while (ask := plan.next(self._now())) is not None:
            try:
                page = await self._pages.read(instrument, ask.from_id, ask.limit, kind="user", deadline=deadline)
            except UnknownSymbol:
                self.demand.forget(key)
                raise
            now = self._now()
            if ask.from_id is None and self._books.newest_id(key) is not None and not plan.joins(page.trades):
                self._books.reset(key)
            worth = plan.take(ask, page.trades, now)
            # Where a stream has taken the symbol over, its warm-up says when it is warm: that reads further back.
            warm = plan.next(now) is None and not self._books.warming(key)
            # Fed also when empty: it proves that there was nothing newer when we asked.
            self._sink(Refill(key, worth.trades, page.sent, lost=worth.lost, origin=worth.origin, warm=warm))
        self.demand.learn(key, plan.origin)
        return plan
