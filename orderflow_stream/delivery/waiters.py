"""Long polls: requests that wait until an instrument has traded."""

from __future__ import annotations

import asyncio
from typing import Final

from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.sse import parse_position


class Waiters:
    """Wakes who waits for an instrument. Falsy while nobody does, which is what the path of a trade asks."""

    __slots__ = ("_log", "_waiting")

    def __init__(self, log: EventLog) -> None:
        self._log: Final = log
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def tell(self, key: str) -> None:
        """That instrument's tape has changed."""
        for waiter in self._waiting.pop(key, ()):
            if not waiter.done():
                waiter.set_result(None)

    def beyond(self, key: str, position: str) -> bool:
        """Whether it has changed since `position`; true for one that is not of this log and cannot be compared."""
        at = parse_position(position)
        return at is None or at.epoch != self._log.epoch or self._log.last_change(key) > at.seq

    async def wait(self, key: str, position: str, timeout: float) -> bool:
        """Wait until `beyond` holds, at most `timeout` seconds; whether it does."""
        if self.beyond(key, position):
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, set()).add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return False
        finally:
            others = self._waiting.get(key)
            if others is not None:
                others.discard(waiter)
                if not others:
                    del self._waiting[key]
        return True
