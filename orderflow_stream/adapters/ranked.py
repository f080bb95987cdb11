"""Work that waits for its turn: the highest rank first, a bounded number at a time, failures again later."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from orderflow_stream.adapters.minded import minded
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamError

T = TypeVar("T")

#: Seconds until work that failed is tried again; the last one repeats for ever.
AGAIN: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Ranked(Generic[T]):
    """`work` is called for each item that was `put`; an `UpstreamError` brings the item back later.

    `refused` gets items for which the venue knows no symbol: they do not come back. `failures` is monotone.
    The queue is bounded by its users: each puts an instrument at most once.
    """

    def __init__(
        self,
        work: Callable[[T], Awaitable[None]],
        *,
        parallel: int,
        sleep: Callable[[float], Awaitable[object]],
        refused: Callable[[T, UnknownSymbol], None],
    ) -> None:
        self._work = work
        self._parallel = parallel
        self._sleep = sleep
        self._refused = refused
        self._order = itertools.count()
        self._queue: asyncio.PriorityQueue[tuple[int, int, int, T]] = asyncio.PriorityQueue()
        self.failures = 0

    def put(self, item: T, rank: int) -> None:
        """Do this, after all of a higher rank."""
        self._queue.put_nowait((-rank, next(self._order), 0, item))

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            await minded(*[group.create_task(self._worker(group), name="worker") for _ in range(self._parallel)])

    async def _worker(self, group: asyncio.TaskGroup) -> None:
        while True:
            rank, _, tries, item = await self._queue.get()
            try:
                await self._work(item)
            except UnknownSymbol as error:
                self._refused(item, error)
            except UpstreamError as error:
                self.failures += 1
                pause = max(AGAIN[min(tries, len(AGAIN) - 1)], error.retry_after or 0)
                group.create_task(self._later(pause, rank, tries + 1, item))

    async def _later(self, pause: float, rank: int, tries: int, item: T) -> None:
        try:
            await self._sleep(pause)
        finally:  # sooner, where somebody cuts the pause short, rather than never
            self._queue.put_nowait((rank, next(self._order), tries, item))
