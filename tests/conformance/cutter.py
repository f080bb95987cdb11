"""A TCP relay whose connections can be reset at any moment, in the middle of an event too."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit


class Cutter:
    """`async with Cutter(url) as cutter`: `cutter.url` leads to `url`."""

    def __init__(self, url: str) -> None:
        self._port: Final = urlsplit(url).port
        self._open: dict[asyncio.StreamWriter, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        while self._tasks:  # also one that comes up only now
            self.cut()
            await asyncio.wait(self._tasks, timeout=0.1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> int:
        """Reset every connection: the peers see RST, no end. How many there were."""
        count = len(self._open)
        for writer in list(self._open):
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._open.clear()
        return count

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._open[writer] = None
        upstream = None
        try:
            far, upstream = await asyncio.open_connection("127.0.0.1", self._port)
            self._open[upstream] = None
            async with asyncio.TaskGroup() as group:
                group.create_task(_pour(reader, upstream))
                group.create_task(_pour(far, writer))
        except* (ConnectionError, OSError):
            pass
        finally:
            for each in (writer, upstream):
                if each is not None:
                    self._open.pop(each, None)
                    each.close()
            self._tasks.discard(task)


async def _pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    while data := await source.read(1 << 16):
        into.write(data)
        await into.drain()
    if into.can_write_eof():
        into.write_eof()
