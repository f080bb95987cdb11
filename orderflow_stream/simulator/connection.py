"""One stream connection: what it is subscribed to, what waits to be written, and the writer that writes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import orjson

#: Bytes joined into one write: large enough that the system call is cheap, small enough not to hold the loop.
_CHUNK: Final = 128 * 1024


class Socket(Protocol):
    """The half of a websocket that a connection needs: raw frame bytes out, and an end."""

    def write(self, data: bytes) -> None: ...

    async def flush(self) -> None:
        """Return once everything written has gone to the kernel."""

    def abort(self) -> None:
        """End the TCP connection at once, with nothing said."""

    async def close(self, code: int, reason: str) -> None: ...


class Connection:
    """The server's side of one accepted websocket. `index` counts accepted connections from 0, open or not.

    A client that does not read holds the outbox; beyond `max_queued` frames it is cut off, as the exchange does.
    """

    def __init__(
        self,
        index: int,
        socket: Socket,
        *,
        opened: int,
        combined: bool,
        divisor: int,
        on_change: Callable[[Connection], None],
        max_queued: int = 500_000,
        door: str = "",
    ) -> None:
        #: The path it came in by: some doors acknowledge everything and tell nothing.
        self.door = door
        self.index = index
        self.opened = opened
        self.combined = combined
        self.divisor = divisor
        self.max_queued = max_queued
        self.is_open = True
        self.close_code: int | None = None
        self.close_reason = ""
        self.frames_in = 0
        self.frames_out = 0
        #: The payload the next pong owes, pongs that paid it, and when the last one did (the server's seconds).
        self.ping_payload = b""
        self.pongs = 0
        self.last_pong = 0.0
        #: Every JSON text frame the client sent, as text (the newest 10,000).
        self.control: deque[str] = deque(maxlen=10_000)
        #: A pause of everything we send, pings too; set = flowing.
        self.flowing = asyncio.Event()
        self.flowing.set()
        #: Bytes per write, seconds between writes, frames left (None: all): a slow drip.
        self.drip: tuple[int, float, int | None] | None = None
        self._streams: dict[str, None] = {}
        self._socket = socket
        self._on_change = on_change
        self._outbox: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._mid_frame = False

    @property
    def streams(self) -> list[str]:
        return list(self._streams)

    @property
    def requests(self) -> list[Any]:
        """The control messages that were JSON, decoded."""
        decoded: list[Any] = []
        for text in self.control:
            with suppress(orjson.JSONDecodeError):
                decoded.append(orjson.loads(text))
        return decoded

    def subscribe(self, names: list[str]) -> None:
        self._streams.update(dict.fromkeys(names))
        self._on_change(self)

    def unsubscribe(self, names: list[str]) -> None:
        for name in names:
            self._streams.pop(name, None)
        self._on_change(self)

    @property
    def queued(self) -> int:
        """Frames that wait to be written."""
        return len(self._outbox)

    def send(self, frame: bytes) -> None:
        """Queue one whole frame behind all earlier ones."""
        if not self.is_open:
            return
        if len(self._outbox) >= self.max_queued:
            self.abort("the client does not read")
            return
        self._outbox.append(frame)
        if self._idle.is_set():
            self._idle.clear()
            self._wake.set()

    async def idle(self) -> None:
        """Return once everything queued is written, or the connection is closed or paused by a fault."""
        while self.is_open and self.flowing.is_set() and not self._idle.is_set():
            await self._first_of(self._idle.wait)

    async def room(self, frames: int) -> None:
        """Return once at most `frames` frames wait, or the connection is closed or paused by a fault."""
        while self.is_open and self.flowing.is_set() and len(self._outbox) > frames:
            await self._first_of(self._idle.wait)

    async def _first_of(self, wait: Callable[[], Awaitable[Any]]) -> None:
        # The writer never stops while it has work; a fault may pause it, so look again now and then.
        try:
            async with asyncio.timeout(0.05):
                await wait()
        except TimeoutError:
            pass

    async def write_forever(self) -> None:
        """The writer: joins what waits into few large writes, and waits for the client to take them."""
        outbox, socket = self._outbox, self._socket
        while True:
            if not outbox:
                self._idle.set()
                await self._wake.wait()
                self._wake.clear()
                continue
            await self.flowing.wait()
            if self.drip is not None:
                await self._drip_one(*self.drip)
                continue
            size = 0
            frames: list[bytes] = []
            while outbox and size < _CHUNK:
                frame = outbox.popleft()
                size += len(frame)
                frames.append(frame)
            self.frames_out += len(frames)
            socket.write(b"".join(frames))
            await socket.flush()

    async def _drip_one(self, chunk: int, interval: float, left: int | None) -> None:
        frame = self._outbox.popleft()
        self.frames_out += 1
        self._mid_frame = True
        for start in range(0, len(frame), chunk):
            await self.flowing.wait()
            self._socket.write(frame[start : start + chunk])
            await self._socket.flush()
            await asyncio.sleep(interval)
        self._mid_frame = False
        if left is not None and self.drip is not None:
            self.drip = None if left <= 1 else (chunk, interval, left - 1)

    def abort(self, reason: str = "cut") -> None:
        """End the TCP connection without a close frame; what waits is lost."""
        self.closed(1006, reason)
        self._socket.abort()

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame and end; what waits is lost. Mid-frame no close frame can be said: then it is cut."""
        if not self.is_open:
            return
        mid_frame = self._mid_frame
        self.closed(code, reason)
        if mid_frame:
            self._socket.abort()
        else:
            await self._socket.close(code, reason)

    def closed(self, code: int, reason: str) -> None:
        """Mark as ended, once; whoever waits for it goes on."""
        if not self.is_open:
            return
        self.is_open = False
        self.close_code = code
        self.close_reason = reason
        self._outbox.clear()
        self._idle.set()
        self.flowing.set()
        self._on_change(self)
