"""One websocket against real servers: frames, ends, back-pressure, and every way a dial can fail."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidProxy
from websockets.http11 import Request, Response

from orderflow_stream.adapters.ws import DialError, Wire, WireClosed, classify, dial, proxy_of

Handler = Callable[[ServerConnection], Awaitable[None]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "socks_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@asynccontextmanager
async def listening(handler: RawHandler) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, then: bytes = b"") -> None:
    """The server's side of the opening handshake, by hand, with `then` in the same packet."""
    head = await reader.readuntil(b"\r\n\r\n")
    (key,) = (line[18:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(
        hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    )
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
        + then
    )
    await writer.drain()


def frame(payload: bytes, opcode: int = 1, fin: bool = True) -> bytes:
    assert len(payload) < 126
    return bytes([opcode | (0x80 if fin else 0), len(payload)]) + payload


ticking = itertools.count(1).__next__


async def open_(url: str, **options: Any) -> Wire:
    return await dial(url, now=ticking, close_timeout=0.2, **options)


async def read(wire: Wire, count: int) -> list[bytes]:
    frames: list[bytes] = []
    while len(frames) < count:
        frames += (await asyncio.wait_for(wire.read(), 5))[1]
    assert len(frames) == count
    return frames


async def read_to_end(wire: Wire) -> tuple[list[bytes], WireClosed]:
    frames: list[bytes] = []
    while True:
        try:
            frames += (await asyncio.wait_for(wire.read(), 5))[1]
        except WireClosed as closed:
            return frames, closed


# -- frames ----------------------------------------------------------------------------------------------------------


async def test_frames_in_order_stamped_when_read() -> None:
    async def handler(peer: ServerConnection) -> None:
        for n in range(2_000):
            await peer.send(f'{{"n":{n}}}')
        await peer.send("币".encode())  # binary
        await peer.wait_closed()

    async with serving(handler) as url:
        wire = await open_(url)
        frames: list[bytes] = []
        stamps = []
        while len(frames) < 2_001:
            stamp, some = await asyncio.wait_for(wire.read(), 5)
            stamps.append(stamp)
            frames += some
        assert frames == [b'{"n":%d}' % n for n in range(2_000)] + ["币".encode()]
        assert all(type(one) is bytes for one in frames)
        assert stamps == sorted(set(stamps))  # one stamp a read
        assert wire.bytes_in >= sum(map(len, frames))
        wire.close_soon()
        await read_to_end(wire)


async def test_frames_in_the_packet_of_the_handshake_are_not_lost() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer, then=frame(b"first") + frame(b"second"))
        await reader.read()

    async with listening(handler) as port:
        wire = await open_(f"ws://127.0.0.1:{port}")
        assert await read(wire, 2) == [b"first", b"second"]
        wire.transport.abort()


async def test_fragments_are_joined_with_pings_between_them() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        writer.write(frame(b"be", fin=False) + frame(b"p", 9) + frame(b"fo", 0, fin=False) + frame(b"re", 0))
        writer.write(frame(b"whole"))
        await writer.drain()
        await reader.read()

    async with listening(handler) as port:
        wire = await open_(f"ws://127.0.0.1:{port}")
        assert await read(wire, 2) == [b"before", b"whole"]
        wire.transport.abort()


async def test_pings_are_answered_and_seen_and_bring_no_frame() -> None:
    answered = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        await (await peer.ping(b"12345"))
        answered.set()
        await peer.wait_closed()

    async with serving(handler) as url:
        wire = await open_(url)
        await asyncio.wait_for(answered.wait(), 5)
        assert (wire.pings, wire.whole) == (1, 1)
        assert wire.bytes_in > 0
        assert wire.waiting == 0
        wire.close_soon()
        assert (await read_to_end(wire))[0] == []


async def test_what_is_sent_arrives_and_nothing_after_the_close() -> None:
    got: list[str | bytes] = []

    async def handler(peer: ServerConnection) -> None:
        got.extend([message async for message in peer])

    async with serving(handler) as url:
        wire = await open_(url)
        assert wire.send_now('{"id":1}')
        assert wire.send_now("币")
        wire.close_soon()
        assert not wire.send_now("late")
        await read_to_end(wire)
        assert not wire.send_now("later")
        wire.close_soon()  # again, and after the end: nothing happens
    assert got == ['{"id":1}', "币"]


async def test_a_reader_that_stops_stops_the_socket() -> None:
    total = 60_000
    payload = b"x" * 100

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        for _ in range(total // 1_000):
            writer.write(frame(payload) * 1_000)
            await writer.drain()
        await reader.read()

    async with listening(handler) as port:
        wire = await open_(f"ws://127.0.0.1:{port}")
        waiting = -1
        while wire.waiting != waiting or not waiting:  # until nothing more comes in
            waiting = wire.waiting
            for _ in range(200):
                await asyncio.sleep(0)
        assert wire.waiting < 1_024 + 400  # a piece beyond the mark
        assert wire.bytes_in < total * 50  # and most of it is still with the sender
        assert len(await read(wire, total)) == total
        wire.transport.abort()


async def test_a_large_read_is_parsed_in_pieces_with_turns_of_the_loop_between() -> None:
    count = 20_000

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        writer.write(b"".join(frame(b"%06d" % n + b"." * 100) for n in range(count)))
        await writer.drain()
        writer.close()

    async with listening(handler) as port:
        wire = await open_(f"ws://127.0.0.1:{port}")
        frames: list[bytes] = []
        largest = 0
        async with asyncio.timeout(10):
            while len(frames) < count:
                before = wire.waiting
                await asyncio.sleep(0)
                largest = max(largest, wire.waiting - before)
                if wire.waiting:
                    frames += (await wire.read())[1]
        assert frames == [b"%06d" % n + b"." * 100 for n in range(count)]
        assert 0 < largest <= 2 * 32 * 1024 // 108  # a piece booked and a small read may share a turn
        _, closed = await read_to_end(wire)
        assert closed.code == 1006


async def test_what_was_read_before_the_end_is_parsed_whole() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        writer.write(frame(b"x" * 100) * 3_000 + frame(b"\x03\xe9bye", 8))
        await writer.drain()

    async with listening(handler) as port:
        frames, closed = await read_to_end(await open_(f"ws://127.0.0.1:{port}"))
    assert (len(frames), closed.code, closed.reason) == (3_000, 1001, "bye")


async def test_the_socket_is_watched_by_the_kernel() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()

    async with serving(handler) as url:
        wire = await open_(url)
        sock = wire.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        wire.transport.abort()


# -- ends ------------------------------------------------------------------------------------------------------------


async def test_a_close_comes_after_the_last_frame() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send("last")
        await peer.close(1001, "going away")

    async with serving(handler) as url:
        frames, closed = await read_to_end(await open_(url))
    assert (frames, closed.code, closed.reason) == ([b"last"], 1001, "going away")


async def test_a_reset_is_1006() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer, then=frame(b"one"))
        writer.transport.abort()

    async with listening(handler) as port:
        frames, closed = await read_to_end(await open_(f"ws://127.0.0.1:{port}"))
    assert (frames, closed.code) == ([b"one"], 1006)


async def test_a_cut_in_the_middle_of_a_frame_brings_no_half_frame() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer, then=frame(b"whole") + frame(b"halved")[:5])

    async with listening(handler) as port:
        frames, closed = await read_to_end(await open_(f"ws://127.0.0.1:{port}"))
    assert (frames, closed.code) == ([b"whole"], 1006)


async def test_a_frame_beyond_the_limit_ends_the_connection() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send("x" * 2_000)
        with pytest.raises(ConnectionClosed):
            await peer.recv()

    async with serving(handler) as url:
        frames, closed = await read_to_end(await open_(url, max_size=1_000))
    assert (frames, closed.code) == ([], 1009)


async def test_a_peer_that_does_not_answer_the_close_is_dropped() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        await asyncio.Event().wait()

    async with listening(handler) as port:
        wire = await open_(f"ws://127.0.0.1:{port}")
        wire.close_soon(timeout=0.05)
        _, closed = await read_to_end(wire)
    assert closed.code == 1006


async def test_a_cancelled_read_loses_nothing() -> None:
    go = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        await go.wait()
        await peer.send("kept")
        await peer.wait_closed()

    async with serving(handler) as url:
        wire = await open_(url)
        task = asyncio.create_task(wire.read())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        assert await read(wire, 1) == [b"kept"]
        wire.transport.abort()


# -- dials that fail -------------------------------------------------------------------------------------------------


async def fails(url: str, **options: Any) -> DialError:
    with pytest.raises(DialError) as caught:
        await open_(url, **options)
    error = caught.value
    assert error.reason
    assert "\n" not in error.line()
    return error


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_refused_and_unresolved() -> None:
    error = await fails(f"ws://127.0.0.1:{unused_port()}")
    assert (error.fault, error.retry) == ("refused", "backoff")
    error = await fails(f"ws://localhost:{unused_port()}")  # several addresses, all refused
    assert error.fault == "refused"
    error = await fails("ws://no-such-host.invalid")
    assert (error.fault, error.retry) == ("dns", "backoff")
    assert "no-such-host.invalid" in error.reason


@pytest.mark.parametrize("url", ["http://127.0.0.1", "ws://", "nonsense", "ws://host:99999", "ws://h#f"])
async def test_no_websocket_url(url: str) -> None:
    error = await fails(url)
    assert (error.fault, error.retry) == ("url", "never")
    assert "stream_url" in error.hint


@pytest.mark.parametrize(
    "status, headers, fault, retry, after",
    [
        (451, {}, "blocked", "never", None),
        (403, {}, "blocked", "seldom", None),
        (429, {"Retry-After": "7"}, "rate_limited", "backoff", 7.0),
        (429, {}, "rate_limited", "backoff", 60.0),
        (418, {"Retry-After": "soon"}, "rate_limited", "backoff", 120.0),
        (
            418,
            {"Retry-After": "Sun, 22 Nov 2026 10:05:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            "rate_limited",
            "backoff",
            300.0,
        ),
        (503, {}, "http", "backoff", None),
        (400, {}, "http", "seldom", None),
        (404, {}, "http", "seldom", None),
        (200, {}, "http", "seldom", None),
    ],
)
async def test_a_status_instead_of_a_websocket(
    status: int, headers: dict[str, str], fault: str, retry: str, after: float | None
) -> None:
    def answer(peer: ServerConnection, request: Request) -> Response:
        return Response(status, HTTPStatus(status).phrase, Headers(headers | {"Content-Length": "0"}), b"")

    async def handler(peer: ServerConnection) -> None:
        raise AssertionError("no connection was to come about")

    async with serving(handler, process_request=answer) as url:
        error = await fails(url)
    assert (error.fault, error.retry, error.retry_after) == (fault, retry, after)
    assert error.hint


async def test_silence_garbage_and_a_hang_up_instead_of_a_handshake() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with listening(silent) as port:
        error = await fails(f"ws://127.0.0.1:{port}", open_timeout=0.05)
        assert (error.fault, error.retry) == ("timeout", "backoff")
    for handler in (garbage, hang_up):
        async with listening(handler) as port:
            error = await fails(f"ws://127.0.0.1:{port}")
            assert (error.fault, error.retry) == ("http", "backoff")


async def test_tls_to_a_port_that_speaks_none() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(handler) as port:
        error = await fails(f"wss://127.0.0.1:{port}", tls=ssl.create_default_context())
    assert (error.fault, error.retry) == ("tls", "backoff")


def test_other_errors_by_hand() -> None:
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate"
    error = classify(untrusted, "host")
    assert (error.fault, error.retry) == ("tls", "never")
    assert "self-signed" in error.reason
    assert classify(OSError(101, "Network is unreachable"), "host").fault == "network"
    assert classify(InvalidProxy("ftp://x", "scheme ftp isn't supported"), "host").fault == "proxy"
    assert classify(ImportError("python-socks is required"), "host").fault == "proxy"


# -- proxies ---------------------------------------------------------------------------------------------------------


async def test_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await handshake(reader, writer, then=frame(b"through"))
        await reader.read()

    async with listening(proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{port}")
        assert proxy_of("wss://stream.example:9443") == f"127.0.0.1:{port}"  # and no password in it
        wire = await open_("ws://stream.example:9443/stream")
        assert await read(wire, 1) == [b"through"]
        wire.transport.abort()
    assert asked == [b"CONNECT stream.example:9443 HTTP/1.1"]


async def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    port = unused_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    error = await fails("ws://stream.example:9443")
    assert (error.fault, error.retry) == ("proxy", "backoff")
    assert f"127.0.0.1:{port}" in error.reason
    assert "PROXY" in error.hint


async def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with listening(proxy) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        error = await fails("ws://stream.example:9443")
    assert error.fault == "proxy"


async def test_this_very_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("ALL_PROXY", "nonsense://")
    for url in ("ws://127.0.0.1:1", "ws://localhost:1", "ws://[::1]:1", "http://no-websocket"):
        assert proxy_of(url) is None

    async def handler(peer: ServerConnection) -> None:
        await peer.send("direct")
        await peer.wait_closed()

    async with serving(handler) as url:
        wire = await open_(url)
        assert await read(wire, 1) == [b"direct"]
        wire.transport.abort()
