"""A reset is seen as one."""

from __future__ import annotations

import asyncio

import pytest

from orderflow_stream.simulator.reset import reset


async def test_the_other_side_sees_a_reset() -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        ours = await accepted.get()
        reset(ours.transport)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        reset(ours.transport)  # again: nothing happens
        writer.close()
