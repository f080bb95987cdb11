"""What the simulator's tests share: rows made to measure, a clock that is set, and clients on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import aiohttp
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from orderflow_stream.simulator import Listing
from orderflow_stream.venues.binance_archive import ArchiveRow

#: A Monday noon, µs; whole minutes.
NOON = 1_760_011_200_000_000
BTC = Listing("BTCUSDT", "BTC", "USDT")
ETH = Listing("ETHUSDT", "ETH", "USDT")
NAME = Listing("币安人生USDT", "币安人生", "USDT", "0.0001", "0.1")


def row(
    id_: int, ts: int = NOON, price: str = "100.00000000", qty: str = "1.00000000", maker: bool = False
) -> ArchiveRow:
    return ArchiveRow(id_, price, qty, id_ * 10, id_ * 10 + 1, ts, "us", maker)


def rows(first: int, count: int, start: int = NOON, step: int = 1000) -> list[ArchiveRow]:
    """`count` rows with ids from `first`, `step` µs apart, no two alike."""
    return [
        row(first + i, start + i * step, f"{100 + i % 7}.{i % 100:02d}000000", f"0.{i % 99999 + 1:05d}000", i % 3 == 0)
        for i in range(count)
    ]


class Clock:
    """The venue's time, set by the test; sleeping moves it."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e6)
        await asyncio.sleep(0)


def stream(url: str, path: str) -> connect:
    """A client that answers pings and sends nothing by itself."""
    return connect(url + path, compression=None, ping_interval=None, max_size=2**24, max_queue=None)


async def take(socket: ClientConnection, count: int) -> list[Any]:
    """The next `count` messages, decoded."""
    async with asyncio.timeout(20):
        return [orjson.loads(await socket.recv()) for _ in range(count)]


async def end_of(socket: ClientConnection) -> ConnectionClosed:
    """Read until the connection ends; how it ended."""
    async with asyncio.timeout(20):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as end:
                return end


async def ids(socket: ClientConnection, count: int) -> list[int]:
    """The ids of the next `count` trades, with the wrapper of `/stream` or without."""
    return [message.get("data", message)["a"] for message in await take(socket, count)]


async def ask(socket: ClientConnection, method: str, params: Iterable[object] | None = None, id_: object = 1) -> Any:
    """Send one control message; its reply (no trade may come between)."""
    message: dict[str, object] = {"method": method, "id": id_}
    if params is not None:
        message["params"] = list(params)
    await socket.send(orjson.dumps(message).decode())
    return (await take(socket, 1))[0]


async def get(url: str, path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, decoded body and headers of one REST call."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.get(url + path, headers=named) as response:
        return response.status, orjson.loads(await response.read()), dict(response.headers)
