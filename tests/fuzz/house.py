"""A whole daemon over the simulator on a thread of its own, for clients that block; and a client as rude as it gets."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import orjson

from orderflow_stream.app import Daemon
from tests.e2e.inside import LISTINGS, market, running

SYMBOLS: Final = tuple(listing.symbol for listing in LISTINGS)
PATIENCE: Final = 20.0


class Answer(NamedTuple):
    """One response: header names in lower case, the body as it came (chunks and all for a stream)."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class House:
    """A running daemon. `complaints` are log lines that no client may cause: errors, and anything with a traceback."""

    def __init__(self, url: str, daemon: Daemon) -> None:
        self.url = url
        self.daemon = daemon
        self.port = int(urlsplit(url).port or 0)
        self.complaints: list[str] = []

    def send(self, head: bytes, *, until: bytes | None = None, seconds: float = PATIENCE) -> Answer:
        """Send these bytes as a request on a connection of their own; the answer, up to its end or up to `until`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as sock:
            sock.sendall(head)
            data = b""
            while True:
                try:
                    more = sock.recv(1 << 20)
                except ConnectionResetError:
                    more = b""
                data += more
                answer = _parsed(data, head)
                if not more or (answer is not None and (until is None or until in answer.body)):
                    break
        assert answer is not None, f"no whole answer to {head[:200]!r}: {data[:200]!r}"
        return answer

    def get(self, target: bytes | str, *headers: bytes, **more: Any) -> Answer:
        """GET of a request target, sent as it is."""
        raw = target.encode("latin-1") if isinstance(target, str) else target
        lines = [b"GET " + raw + b" HTTP/1.1", b"Host: 127.0.0.1:%d" % self.port, b"Connection: close", *headers]
        return self.send(b"\r\n".join(lines) + b"\r\n\r\n", **more)


def _parsed(data: bytes, head: bytes) -> Answer | None:
    """The response once it is whole (of a stream: as far as it has come)."""
    top, end, body = data.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] ([0-9]{3}) ", top)
    if not end or status is None:
        return None
    lines = [line.partition(b":") for line in top.split(b"\r\n")[1:]]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1").strip() for name, _, value in lines}
    if "content-length" in headers and len(body) < int(headers["content-length"]) and not head.startswith(b"HEAD"):
        return None
    return Answer(int(status[1]), headers, body)


class _Complaints(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self._into.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}")


Make = Callable[[Path], AbstractAsyncContextManager[Daemon]]


def served(**over: object) -> AbstractContextManager[House]:
    """A daemon that listens and is ready; keys of `over` are dotted with `__`."""

    @asynccontextmanager
    async def one(folder: Path) -> AsyncIterator[Daemon]:
        async with market() as simulator, running(simulator, folder, **over) as daemon:
            yield daemon

    return on_a_thread(one)


@contextmanager
def on_a_thread(make: Make) -> Iterator[House]:
    """The daemon that `make` makes (in that folder), with a loop and a thread of its own, once all of it is warm."""
    up: list[House] = []
    failed: list[BaseException] = []
    ready, over_now = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def live(folder: Path) -> None:
        loops.append(asyncio.get_running_loop())
        async with make(folder) as daemon:
            deadline = loops[0].time() + PATIENCE
            while not all(book.warm for book in daemon.engine.books.values()) or not daemon.engine.books:
                assert loops[0].time() < deadline, "it does not warm up"
                await asyncio.sleep(0.01)
            up.append(House(daemon.url, daemon))
            ready.set()
            await over_now.wait()

    def body() -> None:
        with TemporaryDirectory() as folder:
            try:
                asyncio.run(live(Path(folder)))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                failed.append(error)
            finally:
                ready.set()

    thread = threading.Thread(target=body, name="daemon")
    thread.start()
    ready.wait()
    handler: _Complaints | None = None
    try:
        if up:
            handler = _Complaints(up[0].complaints)
            logging.getLogger().addHandler(handler)
            yield up[0]
    finally:
        if handler is not None:
            logging.getLogger().removeHandler(handler)
        with suppress(RuntimeError):  # its loop is closed already: it has failed, and says so below
            if loops:
                loops[0].call_soon_threadsafe(over_now.set)
        thread.join(60)
        if failed:
            raise failed[0]
