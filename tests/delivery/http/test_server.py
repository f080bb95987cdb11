"""Below the routes: slow senders, malformed requests, what the log says of them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
import pytest

from orderflow_stream.delivery.http import server
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
    monkeypatch.setattr(server, "_quiet", server._Quiet())


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
    assert head.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")), got
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


async def test_missing_host(daemon: Daemon) -> None:
    got = await raw(daemon, b"GET /healthz HTTP/1.0\r\n\r\n")
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
