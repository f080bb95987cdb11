"""Plays sources onto the exchange: the only part that waits for a time to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from orderflow_stream.simulator.hub import Hub
from orderflow_stream.simulator.market import Forced
from orderflow_stream.simulator.player import Source

#: Longest stretch of publishing before the loop gets its turn, in seconds.
_SLICE_S: Final = 0.002
#: Frames that may wait per connection before a play without a pace holds still.
_ROOM: Final = 4096
_LONGEST_SLEEP_S: Final = 1.0
_SHORTEST_SLEEP_S: Final = 0.001

Sleep = Callable[[float], Awaitable[object]]


class Stage:
    """One source on its way to the tapes. With a `batch` (µs) trades leave on that grid of the venue's time, each with
    its own time, as those of the futures markets do."""

    def __init__(
        self,
        source: Source,
        hub: Hub,
        clock: Callable[[], int],
        sleep: Sleep,
        batch: int = 0,
        tell: Callable[[Forced], object] = lambda one: None,
    ) -> None:
        self._batch = batch
        self.source = source
        self.published = 0
        self._hub = hub
        self._tell = tell
        self._clock = clock
        self._sleep = sleep

    async def prepare(self) -> None:
        """List the source's symbols and publish its history, giving way to the loop every few milliseconds."""
        source, exchange = self.source, self._hub.exchange
        await asyncio.to_thread(source.load)
        for listing in source.listings:
            exchange.add(listing, source.max_rows)
        turn = time.perf_counter()
        for symbol, rows in source.history(self._clock()):
            exchange.add_history(symbol, rows)
            if time.perf_counter() - turn > _SLICE_S:
                await asyncio.sleep(0)
                turn = time.perf_counter()

    async def play(self) -> None:
        """Publish everything when it is due; returns when the source ends."""
        hub, clock = self._hub, self._clock
        turn = time.perf_counter()
        grid = self._batch
        for batch in self.source.live():
            due = batch.due
            if grid and due is not None:
                due += -due % grid
            if due is not None and due > clock():
                await self._until(due)
                turn = time.perf_counter()
            elif time.perf_counter() - turn > _SLICE_S:
                if batch.due is None:
                    await hub.room(_ROOM)
                await asyncio.sleep(0)
                turn = time.perf_counter()
            hub.publish(batch.symbol, batch.rows)
            self.published += len(batch.rows)
            for one in batch.liquidations:
                self._tell(one)

    async def _until(self, due: int) -> None:
        while (wait := due - self._clock()) > 0:
            await self._sleep(min(max(wait / 1e6, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S))
