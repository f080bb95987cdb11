"""The proxy does what it is told, on real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import Proxy, Shape


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of an echo server."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[:2]) as running:
        yield running
    server.close()


async def client(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def said(reader: asyncio.StreamReader, count: int) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(count)


async def test_it_passes_on(proxy: Proxy) -> None:
    reader, writer = await client(proxy)
    writer.write(b"x" * 300_000)
    assert await said(reader, 300_000) == b"x" * 300_000
    assert proxy.open[0].request.startswith(b"xx")
    writer.close()
    assert await reader.read() == b""


async def test_latency(proxy: Proxy) -> None:
    proxy.shape = Shape(latency=0.1, jitter=0.02)
    reader, writer = await client(proxy)
    began = time.monotonic()
    writer.write(b"a")
    await said(reader, 1)
    assert 0.2 <= time.monotonic() - began < 1.0
    writer.write(b"".join(bytes((n,)) for n in range(100)))
    assert await said(reader, 100) == bytes(range(100))
    writer.close()


async def test_drip(proxy: Proxy) -> None:
    proxy.shape = Shape(rate=500)
    reader, writer = await client(proxy)
    began = time.monotonic()
    writer.write(b"a" * 200)
    await said(reader, 200)
    assert time.monotonic() - began >= 0.35
    writer.close()


async def test_hold_and_release(proxy: Proxy) -> None:
    reader, writer = await client(proxy)
    writer.write(b"1")
    await said(reader, 1)
    proxy.hold_all("down")
    writer.write(b"2")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(1)
    proxy.open[0].release()
    assert await said(reader, 1) == b"2"
    proxy.hold_all()
    writer.write(b"3")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(1)
    proxy.clear()
    assert await said(reader, 1) == b"3"
    writer.close()


async def test_resets(proxy: Proxy) -> None:
    reader, writer = await client(proxy)
    writer.write(b"1")
    await said(reader, 1)
    proxy.reset_all()
    with pytest.raises(ConnectionResetError):
        await said(reader, 1)
    writer.close()
    proxy.shape = Shape(cut_after=10)
    reader, writer = await client(proxy)
    writer.write(b"a" * 100)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await said(reader, 100)
    writer.close()
    proxy.clear()
    proxy.refuse = True
    reader, writer = await client(proxy)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await said(reader, 1)
    writer.close()


async def test_answers_of_its_own(proxy: Proxy) -> None:
    proxy.canned = b"HTTP/1.1 429 No\r\n\r\n"
    reader, writer = await client(proxy)
    writer.write(b"GET /x HTTP/1.1\r\n\r\n")
    assert await reader.read() == b"HTTP/1.1 429 No\r\n\r\n"
    assert proxy.links[-1].request == b"GET /x HTTP/1.1\r\n\r\n"
    writer.close()
    proxy.canned = None
    proxy.deaf = True
    reader, writer = await client(proxy)
    writer.write(b"hello?")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.readexactly(1)
    proxy.clear()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await said(reader, 1)
    writer.close()
