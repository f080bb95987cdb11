"""One connection's outbox and writer, over a socket that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from orderflow_stream.simulator.connection import Connection


class Memory:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.ends: list[object] = []
        self.wrote = asyncio.Event()
        self.taking = asyncio.Event()
        self.taking.set()

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.wrote.set()

    async def flush(self) -> None:
        await self.taking.wait()

    def abort(self) -> None:
        self.ends.append("abort")

    async def close(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))


@asynccontextmanager
async def running(max_queued: int = 1000) -> AsyncIterator[tuple[Connection, Memory, list[int]]]:
    socket = Memory()
    changes: list[int] = []
    connection = Connection(
        3,
        socket,
        opened=0,
        combined=True,
        divisor=1,
        on_change=lambda c: changes.append(c.index),
        max_queued=max_queued,
    )
    writer = asyncio.create_task(connection.write_forever())
    try:
        async with asyncio.timeout(10):
            yield connection, socket, changes
    finally:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer


async def test_what_waits_is_one_write_in_order() -> None:
    async with running() as (connection, socket, _):
        for number in range(5):
            connection.send(b"%d" % number)
        await connection.idle()
        assert socket.writes == [b"01234"]
        assert connection.frames_out == 5


async def test_large_backlogs_are_cut_into_chunks() -> None:
    async with running() as (connection, socket, _):
        for _ in range(10):
            connection.send(b"x" * 50_000)
        await connection.idle()
        assert [len(write) for write in socket.writes] == [150_000, 150_000, 150_000, 50_000]


async def test_room_waits_for_a_slow_client_and_idle_for_the_last_byte() -> None:
    async with running() as (connection, socket, _):
        socket.taking.clear()
        connection.send(b"a" * 200_000)
        connection.send(b"b" * 200_000)
        room = asyncio.create_task(connection.room(0))
        idle = asyncio.create_task(connection.idle())
        await socket.wrote.wait()
        assert not room.done()
        assert not idle.done()
        socket.taking.set()
        await asyncio.gather(room, idle)
        assert connection.queued == 0


async def test_whoever_does_not_read_is_cut_off() -> None:
    async with running(max_queued=3) as (connection, socket, changes):
        socket.taking.clear()
        for _ in range(4):
            connection.send(b"x")
        assert socket.ends == ["abort"]
        assert (connection.is_open, connection.close_code, connection.queued) == (False, 1006, 0)
        assert changes == [3]
        connection.send(b"more")
        assert connection.queued == 0


async def test_a_pause_holds_everything_and_is_not_waited_for() -> None:
    async with running() as (connection, socket, _):
        connection.flowing.clear()
        connection.send(b"a")
        await connection.idle()
        await connection.room(0)
        assert socket.writes == []
        connection.flowing.set()
        await connection.idle()
        assert socket.writes == [b"a"]


async def test_a_drip_and_its_end() -> None:
    async with running() as (connection, socket, _):
        connection.drip = (2, 0.0, 1)
        connection.send(b"abcde")
        connection.send(b"fgh")
        await connection.idle()
        assert socket.writes == [b"ab", b"cd", b"e", b"fgh"]
        assert connection.drip is None


async def test_a_close_in_the_middle_of_a_frame_is_a_cut() -> None:
    async with running() as (connection, socket, _):
        connection.drip = (1, 3600.0, None)
        connection.send(b"ab")
        await socket.wrote.wait()
        await connection.close(1001, "bye")
        assert socket.ends == ["abort"]


async def test_a_close_is_said_once() -> None:
    async with running() as (connection, socket, changes):
        await connection.close(1001, "bye")
        await connection.close(1008, "again")
        connection.closed(1006, "later")
        assert socket.ends == [(1001, "bye")]
        assert (connection.close_code, connection.close_reason, changes) == (1001, "bye", [3])


@pytest.mark.parametrize("names", [["a", "b"], ["b", "a", "b"]])
async def test_subscriptions_keep_their_order_once(names: list[str]) -> None:
    async with running() as (connection, _, changes):
        connection.subscribe(names)
        connection.unsubscribe(["zz"])
        assert connection.streams == list(dict.fromkeys(names))
        assert changes == [3, 3]


async def test_requests_are_the_control_messages_that_were_json() -> None:
    async with running() as (connection, _, _):
        connection.control.extend(['{"id":1}', "{"])
        assert connection.requests == [{"id": 1}]
