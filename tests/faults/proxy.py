"""A TCP proxy that misbehaves on command, between the daemon and whatever it talks to.

What it can do to a link, one way or both: delay (with jitter, in order: TCP does not reorder), drip at so many bytes a
second, hold everything without a word (a half-open peer, a stalled path), reset, cut after so many bytes. What it can
do to whoever connects: reset, or take the connection and never say anything.

The kernel of this machine still acknowledges what a held link is sent, so a held link is the application's view of a
peer that vanished; what the kernel sees of one (packets dropped) needs a network namespace and is part of `make soak`.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from orderflow_stream.simulator.reset import reset

Direction = Literal["up", "down"]
BOTH: Final[tuple[Direction, ...]] = ("up", "down")
_READ: Final = 64 * 1024


@dataclass
class Shape:
    """How one way of a link behaves: seconds of latency and of jitter beyond it, bytes a second (None: no limit), and
    after how many more bytes the link is reset (None: never)."""

    latency: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    cut_after: int | None = None


class _Way:
    """Bytes from one socket to the other. `up` is from the client to the target."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        shape: Callable[[], Shape],
        chance: random.Random,
        end: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._shape = shape
        self._chance = chance
        self._end = end
        self._queue: deque[tuple[float, bytes]] = deque()  # (when it is due, bytes); empty bytes: the end
        self._wake = asyncio.Event()
        self._due = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.bytes = 0
        self.first = b""  # what came first

    async def take(self) -> None:
        """Read until the end; while the way is held nothing is read, so the sender's own buffers fill."""
        loop = asyncio.get_running_loop()
        while True:
            await self.open.wait()
            data = await self._reader.read(_READ)
            await self.open.wait()
            self.first = self.first or data
            shape = self._shape()
            wait = shape.latency + (self._chance.random() * shape.jitter if shape.jitter else 0.0)
            self._due = max(self._due, loop.time() + wait)
            self._queue.append((self._due, data))
            self._wake.set()
            if not data:
                return

    async def give(self) -> None:
        """Write when due, as fast as the shape allows."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            due, data = self._queue.popleft()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await self.open.wait()
            if self._writer.is_closing():
                return
            if not data:
                self._writer.write_eof()
                return
            await self._write(data)

    async def _write(self, data: bytes) -> None:
        while data:
            shape = self._shape()
            if shape.rate is None:
                piece, pause = data, 0.0
            else:
                piece = data[: max(1, int(shape.rate / 20))]
                pause = len(piece) / shape.rate
            if shape.cut_after is not None:
                piece = piece[: shape.cut_after]
                shape.cut_after -= len(piece)
            data = data[len(piece) :]
            if self._writer.is_closing():
                return
            self._writer.write(piece)
            self.bytes += len(piece)
            await self._writer.drain()
            if shape.cut_after == 0:
                shape.cut_after = None
                self._end()
            if pause:
                await asyncio.sleep(pause)
            await self.open.wait()


class Link:
    """One connection through the proxy. `index` counts them from 0, ended ones too."""

    def __init__(self, proxy: Proxy, index: int, client: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.index = index
        self.client = client
        self.target: asyncio.StreamWriter | None = None
        self.ways: dict[Direction, _Way] = {}
        #: A shape of its own; None: the proxy's.
        self.shape: Shape | None = None
        self.is_open = True
        self.held = False
        self.at = time.monotonic()
        self._request = b""

    @property
    def request(self) -> bytes:
        """The first bytes of the client: a request's first line and headers."""
        return self._request or (self.ways["up"].first if self.ways else b"")

    async def answer(self, client: asyncio.StreamReader, canned: bytes) -> None:
        """Read one request and answer it without asking the target."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            self._request = await client.readuntil(b"\r\n\r\n")
            self.client.write(canned)
            await self.client.drain()

    def join(self, client: asyncio.StreamReader, target: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The target has answered: bytes may flow."""
        self.target = writer
        chance = self.proxy.chance
        self.ways = {
            "up": _Way(client, writer, self._shape_of, chance, self.reset),
            "down": _Way(target, self.client, self._shape_of, chance, self.reset),
        }
        if self.held:
            self.hold()

    async def flow(self) -> None:
        """Until both ways have ended, or one of them is broken."""
        tasks = [asyncio.ensure_future(work()) for way in self.ways.values() for work in (way.take, way.give)]
        try:
            await asyncio.gather(*tasks)
        except OSError:
            self.reset()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def hold(self, *directions: Direction) -> None:
        """Bring nothing on (both ways unless told which), say nothing about it: not even that an end was closed."""
        self.held = True
        for direction in directions or BOTH:
            if direction in self.ways:
                self.ways[direction].open.clear()

    def release(self) -> None:
        """End `hold`: what waited is brought."""
        self.held = False
        for way in self.ways.values():
            way.open.set()

    def reset(self) -> None:
        """A TCP reset, both ways."""
        self.is_open = False
        for writer in (self.client, self.target):
            if writer is not None:
                reset(writer.transport)
        self.release()

    def _shape_of(self) -> Shape:
        return self.shape or self.proxy.shape


class Proxy:
    """Listens on `port` of loopback and passes everything to `target` (host, port), as told.

    `shape` is for all links without their own. `refuse`: whoever connects is reset; `deaf`: is taken and hears nothing;
    `canned`: bytes that answer every request on a new connection. With `tls` it speaks TLS to its clients, plain
    beyond.
    """

    def __init__(self, target: tuple[str, int], *, seed: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.tls = tls
        self.canned: bytes | None = None
        self.chance = random.Random(seed)
        self.shape = Shape()
        self.refuse = False
        self._hearing = asyncio.Event()
        self._hearing.set()
        self.links: list[Link] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def deaf(self) -> bool:
        """Whether new connections hear nothing; those that heard nothing are reset when it ends."""
        return not self._hearing.is_set()

    @deaf.setter
    def deaf(self, deaf: bool) -> None:
        if deaf:
            self._hearing.clear()
        else:
            self._hearing.set()

    @property
    def open(self) -> list[Link]:
        """Links that stand, oldest first."""
        return [link for link in self.links if link.is_open]

    def clear(self) -> None:
        """No fault is in force any more; links that were held go on."""
        self.shape = Shape()
        self.refuse = self.deaf = False
        self.canned = None
        for link in self.open:
            link.shape = None
            link.release()

    def reset_all(self) -> None:
        """Reset every open link."""
        for link in self.open:
            link.reset()

    def hold_all(self, *directions: Direction) -> None:
        """Hold every open link; new ones flow."""
        for link in self.open:
            link.hold(*directions)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_READ, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = Link(self, len(self.links), writer)
        self.links.append(link)
        try:
            if self.refuse:
                link.reset()
                return
            if self.canned is not None:
                await link.answer(reader, self.canned)
                return
            if self.deaf:
                link.held = True
                await self._hearing.wait()
                link.reset()
                return
            try:
                target_reader, target_writer = await asyncio.open_connection(*self.target, limit=_READ)
            except OSError:
                link.reset()
                return
            link.join(reader, target_reader, target_writer)
            await link.flow()
        except asyncio.CancelledError:
            pass  # the proxy ends: whoever cancelled waits for us below
        finally:
            link.is_open = False
            for each in (writer, link.target):
                if each is not None:
                    each.close()
            self._tasks.discard(task)
