"""Below the routes: slow senders, malformed requests, what the log says of them."""

import asyncio
import logging
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
from aiohttp import web

from orderflow_stream.delivery.http import server
from orderflow_stream.delivery.http.doors import Doors
from orderflow_stream.delivery.http.quiet import Quiet
from tests.delivery.http.world import Daemon, Start

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@asynccontextmanager
async def connected(daemon: Daemon) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()


async def raw(daemon: Daemon, data: bytes) -> bytes:
    """What comes back until the daemon closes."""
    async with connected(daemon) as (reader, writer):
        writer.write(data)
        return await reader.read()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_quiet", Quiet("malformed request"))


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", GET, GET + b"X-Slow: 1\r\n"])
async def test_headers_must_come_in_time(start: Start, sent: bytes) -> None:
    daemon = await start(header_deadline=0.1)
    assert await raw(daemon, sent) == b""


async def test_dripping_does_not_help(start: Start) -> None:
    daemon = await start(header_deadline=0.15)
    async with connected(daemon) as (reader, writer):
        writer.write(GET)
        end = asyncio.ensure_future(reader.read())
        drips = 0
        while not end.done():
            writer.write(b"X: y\r\n")
            drips += 1
            await asyncio.wait([end], timeout=0.02)
        with suppress(ConnectionResetError):  # the last drip may come after the end
            assert end.result() == b""
        assert drips > 2


async def test_a_second_request_has_the_same_deadline_and_idling_is_fine(start: Start) -> None:
    daemon = await start(header_deadline=0.1)
    async with connected(daemon) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert b" 200 " in await answer(reader)
        idle = asyncio.ensure_future(reader.read(1))
        assert not (await asyncio.wait([idle], timeout=0.3))[0]  # thrice the deadline, between requests
        idle.cancel()
        await asyncio.wait([idle])
        writer.write(GET)  # begun and not finished
        assert await reader.read() == b""


async def test_an_answer_may_take_longer_than_the_headers(start: Start) -> None:
    daemon = await start(header_deadline=0.05)
    async with asyncio.timeout(5):
        status, _, _ = await daemon.get("/v1/flow?symbol=BTCUSDT&after=abcd2345-7&wait=0.2")
    assert status == 200


async def test_ten_kilobytes_of_query_are_refused_in_the_envelope(daemon: Daemon) -> None:
    status, body, response = await daemon.get("/v1/flow?symbol=" + "A" * 10_000)
    assert (status, body["error"]) == (400, {"code": "bad_parameter", "param": None})
    assert "longer than 8190 bytes" in body["message"]
    assert body["meta"]["request_id"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (await daemon.get("/healthz"))[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",  # HTTP/0.9
        b"GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",  # no Host
        b"GET /healthz\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        GET + b"X: a\0b\r\n\r\n",
        GET + b"X: a\r\n folded\r\n\r\n",
        GET + b"Content-Length: 3\r\n\r\nabc",
        b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        GET + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 8000) for n in range(5)) + b"\r\n",
        GET + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 8000) for n in range(5)),  # and never an end
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        GET + b"X: " + b"y" * 9000 + b"\r\n\r\n",
        GET + b"".join(b"X-%d: y\r\n" % n for n in range(100)) + b"\r\n",
    ],
)
async def test_malformed_requests(start: Start, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    daemon = await start(header_deadline=0.2)
    with caplog.at_level(logging.INFO):
        got = await raw(daemon, data)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400"), got
    if not data.startswith(b"HEAD"):
        found = orjson.loads(body)
        assert (found["success"], found["error"]["code"]) == (False, "bad_parameter")
    for record in caplog.records:
        assert not record.exc_info, record
    assert (await daemon.get("/healthz"))[0] == 200


async def test_a_flood_of_nonsense_is_one_line(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(20):
            await raw(daemon, b"nonsense\r\n\r\n")
    lines = [one for one in caplog.records if "malformed request from 127.0.0.1" in one.getMessage()]
    assert len(lines) == 1
    assert not any(one.name.startswith("aiohttp") for one in caplog.records)


@pytest.mark.parametrize("line", [b"FOO /healthz HTTP/1.1", b"get /healthz HTTP/1.1", b"PURGE /healthz HTTP/1.1"])
async def test_a_method_that_nobody_knows_is_405(daemon: Daemon, line: bytes) -> None:
    got = await raw(daemon, line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: " in head
    assert orjson.loads(body)["error"]["code"] == "method_not_allowed"


async def test_a_good_method_is_not_blamed_for_what_follows(daemon: Daemon) -> None:
    got = await raw(daemon, GET + b"\r\n" + b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400 ")


async def test_a_host_is_missing_in_http_1_0(daemon: Daemon) -> None:
    got = await raw(daemon, b"GET /v1/meta HTTP/1.0\r\n\r\n")
    assert b" 403 " in got.split(b"\r\n")[0]
    assert b'"code":"forbidden"' in got


async def test_http_1_0(daemon: Daemon) -> None:
    got = await raw(daemon, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert got.startswith(b"HTTP/1.0 200")
    assert got.endswith(b"}")


async def test_pipelined_requests_are_answered_in_order(daemon: Daemon) -> None:
    async with connected(daemon) as (reader, writer):
        writer.write((GET + b"X-Request-Id: one\r\n\r\n") + (GET + b"X-Request-Id: two\r\n\r\n"))
        assert b'"request_id":"one"' in await answer(reader)
        assert b'"request_id":"two"' in await answer(reader)


async def test_what_follows_half_a_request_in_one_packet_has_a_deadline_too(start: Start) -> None:
    daemon = await start(header_deadline=0.1)
    async with connected(daemon) as (reader, writer):
        writer.write(GET + b"\r\nGET /heal")
        assert b" 200 " in await answer(reader)
        assert await reader.read() == b""
    assert daemon.doors.cut == {"headers": 1}


async def test_a_body_must_come_in_time(start: Start) -> None:
    daemon = await start(header_deadline=0.1)
    async with connected(daemon) as (reader, writer):
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        assert b" 405 " in await answer(reader)
        writer.write(b"abc")
        assert await reader.read() == b""
    assert daemon.doors.cut == {"body": 1}


async def test_a_body_that_came_leaves_the_connection_as_it_was(start: Start) -> None:
    daemon = await start(header_deadline=0.1)
    async with connected(daemon) as (reader, writer):
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabcde")
        writer.write(b"fghi")
        assert b" 405 " in await answer(reader)
        idle = asyncio.ensure_future(reader.read(1))
        assert not (await asyncio.wait([idle], timeout=0.3))[0]
        idle.cancel()
        await asyncio.wait([idle])
        writer.write(GET + b"\r\n")
        assert b" 200 " in await answer(reader)
    assert not daemon.doors.cut


async def big(request: web.Request) -> web.Response:
    """More than all buffers between two sockets hold."""
    return web.Response(body=b"x" * 30_000_000)


async def unread(port: int, path: bytes = b"/big", *, rcvbuf: int = 4096) -> socket.socket:
    """A client that has asked and reads nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    await loop.sock_sendall(sock, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Doors, int]]:
    """A server of one large answer."""
    app = web.Application()
    app.router.add_get("/big", big)
    doors = options.setdefault("doors", Doors())
    runner = server.Runner(app, **options)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield doors, runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while True:
            if look():
                return
            await asyncio.sleep(0.005)


async def test_who_does_not_read_his_answer_is_cut() -> None:
    async with serving(answer_deadline=0.1) as (doors, port):
        with await unread(port):
            await until(lambda: doors.cut)
            await until(lambda: not doors.open)
    assert doors.cut == {"answer": 1}


async def test_who_reads_a_little_now_and_then_is_cut_too() -> None:
    async with serving(answer_deadline=0.2) as (doors, port):
        with await unread(port) as sock:
            while not doors.cut:
                with suppress(BlockingIOError):
                    sock.recv(64)
                await asyncio.sleep(0.01)
            await until(lambda: not doors.open)
    assert doors.cut == {"answer": 1}


async def test_who_reads_at_some_speed_gets_all_of_it() -> None:
    async with serving(answer_deadline=0.5) as (doors, port):
        with await unread(port, rcvbuf=65_536) as sock:
            loop, got = asyncio.get_running_loop(), 0
            began = loop.time()
            async with asyncio.timeout(20):
                while got < 30_000_000 and (data := await loop.sock_recv(sock, 65_536)):
                    got += len(data)
                    if loop.time() - began < 1.6:  # several deadlines long
                        await asyncio.sleep(0.002)
    assert got >= 30_000_000
    assert not doors.cut


async def test_a_short_answer_must_be_read_too() -> None:
    """What fits into the usual buffer of a transport would wait for ever, since nobody looks."""

    async def middling(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return web.Response(body=b"x" * 60_000)

    app = web.Application()
    app.router.add_get("/big", middling)
    doors = Doors()
    runner = server.Runner(app, doors=doors, answer_deadline=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with await unread(runner.addresses[0][1]):
            await until(lambda: doors.open == 1)
            await until(lambda: doors.open == 0)
        assert doors.cut == {"answer": 1}
    finally:
        await runner.cleanup()


async def test_beyond_the_bound_a_connection_is_closed_at_once(start: Start) -> None:
    daemon = await start(doors=Doors(most=2))
    async with connected(daemon) as one, connected(daemon) as two:
        for reader, writer in (one, two):
            writer.write(GET + b"\r\n")
            assert b" 200 " in await answer(reader)
        async with connected(daemon) as (reader, writer):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert (daemon.doors.open, daemon.doors.refused) == (2, {"max_connections": 1})
    await until(lambda: not daemon.doors.open)
    async with connected(daemon) as (reader, writer):  # there is room again
        writer.write(GET + b"\r\n")
        assert b" 200 " in await answer(reader)


async def test_a_hundred_pipelined_requests_are_answered_in_order(daemon: Daemon) -> None:
    async with connected(daemon) as (reader, writer):
        writer.write(b"".join(GET + b"X-Request-Id: n%d\r\n\r\n" % n for n in range(100)))
        for n in range(100):
            assert b'"request_id":"n%d"' % n in await answer(reader)


async def test_leaving_at_any_moment_leaves_nothing_behind(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Reset after the request, in the middle of the answer, in the middle of a stream's head."""
    daemon = await start()
    before = len(asyncio.all_tasks())
    with caplog.at_level(logging.INFO):
        for path in (b"/healthz", b"/v1/trades?symbol=BTCUSDT", b"/v1/flow?symbol=BTCUSDT&after=abcd2345-7&wait=0.2"):
            for pipelined in (1, 3, 100):
                sock = await unread(daemon.port, path)
                request = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
                await asyncio.get_running_loop().sock_sendall(sock, request * pipelined)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST at close
                await asyncio.sleep(0)
                sock.close()
        await until(lambda: not daemon.doors.open)
        await until(lambda: len(asyncio.all_tasks()) <= before)
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
    assert (await daemon.get("/healthz"))[0] == 200


async def test_what_we_ourselves_held_up_is_not_laid_at_the_peers_door(start: Start) -> None:
    """The loop stands still longer than the deadline, and the headers have come meanwhile."""
    daemon = await start(header_deadline=0.2)
    async with connected(daemon) as (reader, writer):
        writer.write(GET)
        await until(lambda: daemon.doors.open == 1)
        writer.write(b"\r\n")  # it waits in the kernel
        time.sleep(0.2 + server.LATE + 0.1)  # noqa: ASYNC251 - that is the point
        assert b" 200 " in await answer(reader)
    assert not daemon.doors.cut
