"""A raw connection to the stream: every byte as it came, by HTTP/1.1 in chunks or by HTTP/1.0 without."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self
from urllib.parse import quote, urlsplit

from tests.conformance.lint import dechunk

PATIENCE: Final = 20.0


class Tap:
    """`async with Tap(url, symbols="*") as tap`: reads by itself until the other side ends; `lazy` not until told."""

    def __init__(self, url: str, *headers: str, version: str = "1.1", lazy: bool = False, **query: str) -> None:
        self._port: Final = urlsplit(url).port
        text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        lines = [f"GET /v1/stream?{text} HTTP/{version}", f"Host: 127.0.0.1:{self._port}", *headers]
        self._request: Final = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self._lazy: Final = lazy
        self._raw = b""
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        sock = socket.socket()
        if self._lazy:  # so that little fits on the way
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        await asyncio.get_running_loop().sock_sendall(sock, self._request)
        self._sock = sock
        if not self._lazy:
            self.read()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._sock.close()

    def read(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionResetError):
            while data := await loop.sock_recv(self._sock, 1 << 16):
                self._raw += data
                self._news.set()
        self._news.set()

    @property
    def head(self) -> list[str]:
        """Status line and headers, in lower case."""
        return self._raw.partition(b"\r\n\r\n")[0].decode("latin-1").lower().split("\r\n")

    @property
    def chunked(self) -> bool:
        return "transfer-encoding: chunked" in self.head

    @property
    def body(self) -> bytes:
        """The bytes of the events so far."""
        body = self._raw.partition(b"\r\n\r\n")[2]
        return dechunk(body)[0] if self.chunked else body

    @property
    def ended_properly(self) -> bool:
        """Whether the last chunk has come; without chunks, whether the connection was closed."""
        body = self._raw.partition(b"\r\n\r\n")[2]
        return dechunk(body)[1] if self.chunked else self.over

    @property
    def over(self) -> bool:
        return self._task is not None and self._task.done()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what has come makes `condition` true."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"it never came; the last of it: {self._raw[-400:]!r}") from None
