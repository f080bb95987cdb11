"""A chaos proxy of the trades only: liquidations, which come by connections of their own, pass beside it.

What a test does to connections it then does to those that carry trades, as on spot; it need not know which is which.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final

from tests.faults.proxy import Proxy

#: What the request for the liquidations has in its first line.
LIQUIDATIONS: Final = re.compile(rb"^GET \S*forceOrder", re.IGNORECASE)
_PATIENCE_S: Final = 30.0
_READ: Final = 64 * 1024


class Parted(Proxy):
    """Passes liquidations to `aside` (host, port) as they are, and everything else to `target` as it is told."""

    def __init__(self, target: tuple[str, int], aside: tuple[str, int], *, seed: int = 0) -> None:
        super().__init__(target, seed=seed)
        self.aside = aside

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            self._tasks.discard(task)
            writer.close()
            return
        if not LIQUIDATIONS.match(head):
            reader.feed_data(head)  # nothing follows a request before its answer: it is all there was
            await super()._accept(reader, writer)
            return
        try:
            await self._pass(head, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # an end went, or the proxy ends: both ends are closed below
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.aside)
        back.write(head)
        ways = [asyncio.ensure_future(_pour(reader, back)), asyncio.ensure_future(_pour(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_READ):
            sink.write(data)
            await sink.drain()
