"""The websocket doors over real sockets, with an independent client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from orderflow_stream.simulator import Simulator
from orderflow_stream.simulator.ws import StreamLimits
from tests.simulator.kit import BTC, ETH, NAME, NOON, ask, end_of, ids, rows, stream, take


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(listings=[BTC, ETH, NAME]) as sim:
        yield sim


async def test_raw_streams_in_the_path(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/ws/btcusdt@aggTrade/ethusdt@aggTrade") as socket:
        await sim.subscribed("BTCUSDT", "ETHUSDT")
        sim.publish("BTCUSDT", rows(1, 2))
        sim.publish("ETHUSDT", rows(9, 1))
        events = await take(socket, 3)
    assert [(event["s"], event["a"]) for event in events] == [("BTCUSDT", 1), ("BTCUSDT", 2), ("ETHUSDT", 9)]
    assert list(events[0]) == ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"]
    assert events[0]["T"] == NOON // 1000
    assert len(str(events[0]["E"])) == 13


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond"])
async def test_combined_streams_in_microseconds(sim: Simulator, unit: str) -> None:
    path = f"/stream?streams=btcusdt@aggTrade/{quote('币安人生usdt@aggTrade')}&timeUnit={unit}"
    async with stream(sim.stream_url, path) as socket:
        await sim.subscribed("币安人生USDT")
        sim.publish("币安人生USDT", rows(1, 1))
        (message,) = await take(socket, 1)
    assert message["stream"] == "币安人生usdt@aggTrade"
    assert (message["data"]["s"], message["data"]["T"]) == ("币安人生USDT", NOON)
    assert sim.connections[0].combined is True


@pytest.mark.parametrize(
    "path", ["/ws/" + quote("币安人生usdt@aggTrade"), "/ws/btcusdt%40aggTrade/" + quote("币安人生usdt")]
)
async def test_percent_encoded_paths(sim: Simulator, path: str) -> None:
    async with stream(sim.stream_url, path):
        await sim.hub.until(lambda: bool(sim.connections))
        assert sim.connections[0].streams[-1].startswith("币安人生usdt")


async def test_no_deflate_is_agreed(sim: Simulator) -> None:
    from websockets.asyncio.client import connect

    async with connect(sim.stream_url + "/ws", compression="deflate") as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_control_messages(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/stream") as socket:
        assert await ask(socket, "SUBSCRIBE", ["btcusdt@aggTrade"], 7) == {"result": None, "id": 7}
        assert await ask(socket, "LIST_SUBSCRIPTIONS") == {"result": ["btcusdt@aggTrade"], "id": 1}
        assert await ask(socket, "SET_PROPERTY", ["combined", False]) == {"result": None, "id": 1}
        sim.publish("BTCUSDT", rows(1, 1))
        assert (await take(socket, 1))[0]["a"] == 1
        assert await ask(socket, "UNSUBSCRIBE", ["btcusdt@aggTrade"]) == {"result": None, "id": 1}
        sim.publish("BTCUSDT", rows(2, 1))
        assert await ask(socket, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}
    assert [each["method"] for each in sim.connections[0].requests] == [
        "SUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS",
    ]  # fmt: skip
    assert sim.connections[0].frames_in == 5


async def test_unknown_and_upper_case_names_are_acknowledged_and_silent(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/ws") as socket:
        assert await ask(socket, "SUBSCRIBE", ["BTCUSDT@aggTrade", "nosuch@aggTrade"]) == {"result": None, "id": 1}
        sim.publish("BTCUSDT", rows(1, 5))
        assert await ask(socket, "SUBSCRIBE", ["btcusdt@aggTrade"]) == {"result": None, "id": 1}
        sim.publish("BTCUSDT", rows(6, 1))
        assert await ids(socket, 1) == [6]


async def test_a_sixth_frame_within_a_second_ends_it(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/ws") as socket:
        for _ in range(5):
            await socket.send("{}")
        assert len(await take(socket, 5)) == 5
        await socket.pong()  # pings and pongs count as well
        error = await end_of(socket)
    assert error.rcvd is not None
    assert (error.rcvd.code, error.rcvd.reason) == (1008, "Too many requests")


async def test_pings_of_the_client_count_and_are_answered(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/ws") as socket:
        for _ in range(5):
            await (await socket.ping(b"hello"))
        with pytest.raises(ConnectionClosed):
            await (await socket.ping())


async def test_a_large_subscribe_is_silently_ignored(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/ws") as socket:
        names = [f"sym{i:04d}usdt@aggTrade" for i in range(200)]
        await socket.send(orjson.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}).decode())
        assert await ask(socket, "LIST_SUBSCRIPTIONS", id_=2) == {"result": [], "id": 2}
        assert await ask(socket, "SUBSCRIBE", names[:100], 3) == {"result": None, "id": 3}


async def test_no_more_than_so_many_streams() -> None:
    async with Simulator(listings=[BTC], limits=StreamLimits(max_streams=3)) as sim:
        async with stream(sim.stream_url, "/stream?streams=a/b") as socket:
            reply = await ask(socket, "SUBSCRIBE", ["c", "d"], 19)
            assert reply == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 19}
            assert (await ask(socket, "LIST_SUBSCRIPTIONS"))["result"] == ["a", "b"]
        with pytest.raises(InvalidStatus):
            await stream(sim.stream_url, "/ws/a/b/c/d")


async def test_1024_streams_fit_into_one_url(sim: Simulator) -> None:
    names = "/".join([*(f"sym{i:04d}usdt@aggTrade" for i in range(1023)), "btcusdt@aggTrade"])
    async with stream(sim.stream_url, "/stream?streams=" + names) as socket:
        await sim.subscribed("BTCUSDT")
        sim.publish("BTCUSDT", rows(1, 1))
        assert await ids(socket, 1) == [1]


async def test_a_bad_time_unit_is_refused(sim: Simulator) -> None:
    with pytest.raises(InvalidStatus):
        await stream(sim.stream_url, "/ws?timeUnit=FORTNIGHT")


async def test_pings_are_echoed_and_whoever_does_not_is_dropped() -> None:
    limits = StreamLimits(ping_interval=0.01, pong_timeout=0.2, frames_per_second=10_000)
    async with Simulator(listings=[BTC], limits=limits) as sim:
        async with stream(sim.stream_url, "/ws"):  # answers pings by itself
            await sim.hub.until(lambda: bool(sim.connections))
            connection = sim.connections[0]
            async with asyncio.timeout(20):
                while connection.pongs < 30:  # noqa: ASYNC110 - longer than the timeout, on the server's own clock
                    await asyncio.sleep(0.01)
            assert connection.is_open
        reader, writer = await asyncio.open_connection(sim.host, sim.port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            rest = await reader.read()
        writer.close()
        assert b"101 Switching" in head
        assert rest[0] == 0x89  # a ping
        assert rest.endswith(b"Pong timeout")
        assert sim.connections[1].close_code == 1008


async def test_a_connection_does_not_live_for_ever() -> None:
    async with Simulator(listings=[BTC], limits=StreamLimits(max_lifetime=0.01)) as sim:
        async with stream(sim.stream_url, "/ws") as socket:
            error = await end_of(socket)
        assert error.rcvd is not None
        assert error.rcvd.code == 1001


async def test_too_many_attempts() -> None:
    async with Simulator(listings=[BTC], limits=StreamLimits(max_attempts=2)) as sim:
        for _ in range(2):
            async with stream(sim.stream_url, "/ws"):
                pass
        with pytest.raises(InvalidStatus) as caught:
            await stream(sim.stream_url, "/ws")
        assert caught.value.response.status_code == 429
        assert (sim.attempts, len(sim.connections)) == (3, 2)


async def test_an_end_by_the_client_is_noticed(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/ws/btcusdt@aggTrade"):
        await sim.subscribed("BTCUSDT")
    async with asyncio.timeout(20):
        await sim.hub.until(lambda: not sim.open_connections)
    assert sim.connections[0].close_code == 1000
    sim.publish("BTCUSDT", rows(1, 1))
    await sim.drained()


async def test_stop_says_goodbye() -> None:
    async with Simulator(listings=[BTC]) as sim:
        socket = await stream(sim.stream_url, "/ws")
    error = await end_of(socket)
    assert error.rcvd is not None
    assert error.rcvd.code == 1001
