"""Many clients at once, good and bad, cheap enough that the daemon is what is measured."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

_EVENT: Final = re.compile(rb"event: (\w+)\nid: \w+-(\d+)\n(?:retry: (\d+)\n)?data: ([^\n]*)\n\n")
_TRADE: Final = re.compile(rb'"id":(\d+),.*?"ts_event":(\d+),')
_REASON: Final = re.compile(rb'"reason":"(\w+)"')


def more_files() -> int:
    """Lift our own limit of open files as far as it goes; the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which so much of them lies; nan for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def rss(pid: int) -> float:
    """Resident memory of a process, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(pid)


def cpu(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def files(pid: int) -> int:
    """Files that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Stream(asyncio.Protocol):
    """One stream that is read: what came, and whether anything was missing.

    `trades` are the ids of `trade` events in the order they came, `delays` the time (s) from the venue to here.
    """

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.first: float | None = None  # seconds from the connection to the first event
        self.seen: Counter[str] = Counter()
        self.trades: list[int] = []
        self.delays: list[float] = []
        self.position = -1
        self.went_back = 0
        self.reason = ""
        self.retry: int | None = None
        self.ended = asyncio.get_running_loop().create_future()
        self.status = 0
        self.transport: asyncio.Transport | None = None
        self._left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        data = self._left + data
        if not self.status:
            if b"\r\n\r\n" not in data:
                self._left = data
                return
            self.status = int(data[9:12])
        end = data.rfind(b"\n\n") + 2
        if end < 2:
            self._left = data
            return
        self._left = data[end:]
        now = time.time()
        for topic, seq, retry, body in _EVENT.findall(data[:end]):
            self._event(topic.decode(), int(seq), retry, body, now)

    def _event(self, topic: str, seq: int, retry: bytes, body: bytes, now: float) -> None:
        if self.first is None:
            self.first = time.perf_counter() - self.began
        self.seen[topic] += 1
        self.went_back += seq < self.position
        self.position = seq
        if retry:
            self.retry = int(retry)
        if topic == "trade" and (found := _TRADE.search(body)):
            self.trades.append(int(found[1]))
            self.delays.append(now - int(found[2]) / 1e6)
        elif topic in {"bye", "slow", "busy"} and (why := _REASON.search(body)):
            self.reason = f"{topic}: {why[1].decode()}"

    def connection_lost(self, exc: BaseException | None) -> None:
        if not self.ended.done():
            self.ended.set_result(time.perf_counter())

    def missed(self) -> int:
        """Trades between the first and the last that did not come, or came twice or out of order."""
        return sum(after - before != 1 for before, after in pairwise(self.trades))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def ask(url: str, path: str, *more: str) -> bytes:
    """A GET request."""
    host, port = _address(url)
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}:{port}", *more, "", ""]).encode()


async def listen(url: str, path: str, count: int, *, at_once: int = 100) -> list[Stream]:
    """So many streams, each with its first event."""
    out: list[Stream] = []
    for start in range(0, count, at_once):
        part = await asyncio.gather(*[_one(url, path) for _ in range(min(at_once, count - start))])
        await until(partial(_begun, part), 30.0)
        out += part
    return out


def _begun(streams: Sequence[Stream]) -> bool:
    return all(each.first is not None or each.ended.done() for each in streams)


async def _one(url: str, path: str) -> Stream:
    began = time.perf_counter()
    _, stream = await asyncio.get_running_loop().create_connection(Stream, *_address(url))
    assert isinstance(stream, Stream)
    assert stream.transport is not None
    stream.began = began
    stream.transport.write(ask(url, path, "Accept: text/event-stream"))
    return stream


async def raw(url: str, request: bytes = b"", *, rcvbuf: int = 0) -> socket.socket:
    """A connection that nobody reads."""
    sock = socket.socket()
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, _address(url))
    if request:
        await loop.sock_sendall(sock, request)
    return sock


async def mute(url: str, path: str, count: int) -> list[socket.socket]:
    """So many streams that are never read."""
    return [await raw(url, ask(url, path, "Accept: text/event-stream"), rcvbuf=4096) for _ in range(count)]


def reset(sock: socket.socket) -> None:
    """Close with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def until(holds: Callable[[], object], patience: float) -> None:
    """Wait for something that tells nobody; TimeoutError if it never comes true."""
    async with asyncio.timeout(patience):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


class Loris:
    """A client that sends its request a header at a time, as slowly as it is let. `lived`: seconds until it was cut."""

    def __init__(self, url: str, *, every: float) -> None:
        self.lived: float | None = None
        self._url = url
        self._every = every

    async def run(self) -> None:
        reader, writer = await asyncio.open_connection(*_address(self._url))
        began = time.perf_counter()
        end = asyncio.ensure_future(reader.read())
        with suppress(ConnectionError):
            writer.write(ask(self._url, "/v1/flow?symbol=BTCUSDT")[:-2])
            while not end.done():
                writer.write(b"X-a: b\r\n")
                await asyncio.wait([end], timeout=self._every)
        self.lived = time.perf_counter() - began
        with suppress(ConnectionError):
            await end
        writer.close()


#: Requests that are none, and some that only look like one.
NONSENSE: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
    b"nonsense\r\n\r\n",
    b"GET /v1/flow\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"GET /v1/flow?symbol=%00%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /v1/flow?" + b"&".join(b"p%d=1" % n for n in range(900)) + b" HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: close\r\n\r\n",
    b"POST /v1/flow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"FOO / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
)  # fmt: skip


class Flood:
    """Clients that send nonsense, each as soon as the last was answered or cut. `answers` counts by status (0: no
    answer)."""

    def __init__(self, url: str, clients: int) -> None:
        self.answers: Counter[int] = Counter()
        self._url = url
        self._tasks = [asyncio.create_task(self._run(number)) for number in range(clients)]

    async def _run(self, number: int) -> None:
        while True:
            number += 1
            self.answers[await self._send(NONSENSE[number % len(NONSENSE)])] += 1

    async def _send(self, data: bytes) -> int:
        try:
            reader, writer = await asyncio.open_connection(*_address(self._url))
        except OSError:
            await asyncio.sleep(0.01)
            return 0
        try:
            writer.write(data)
            line = await reader.readline()
            return int(line.split()[1]) if line else 0
        except (ConnectionError, ValueError, IndexError):
            return 0
        finally:
            writer.close()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Asker:
    """A bot that asks one thing over and over on one connection. `times` are seconds, `bad` what was not 200."""

    def __init__(self, url: str, path: str, *, every: float = 0.01) -> None:
        self.times: list[float] = []
        self.bad: list[int] = []
        self._url, self._path, self._every = url, path, every

    async def run(self, seconds: float) -> list[float]:
        """The times of so many seconds."""
        reader, writer = await asyncio.open_connection(*_address(self._url))
        request, end, times = ask(self._url, self._path), time.perf_counter() + seconds, []
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - began)
            if (status := int(head[9:12])) != 200:
                self.bad.append(status)
            await asyncio.sleep(self._every)
        writer.close()
        self.times += times
        return times
