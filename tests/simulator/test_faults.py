"""Faults on command, as a client on a real socket sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from orderflow_stream.simulator import Simulator
from orderflow_stream.simulator.garbage import KINDS
from tests.simulator.kit import BTC, ETH, ask, end_of, get, ids, rows, stream, take

BOTH = "/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(listings=[BTC, ETH]) as sim:
        yield sim


async def test_cut_of_one_connection(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as first, stream(sim.stream_url, BOTH) as second:
        await sim.subscribed("BTCUSDT", connections=2)
        sim.faults.cut(connection=0)
        assert isinstance(await end_of(first), ConnectionClosedError)
        sim.publish("BTCUSDT", rows(1, 1))
        assert await ids(second, 1) == [1]
    assert (sim.connections[0].close_code, sim.connections[0].is_open) == (1006, False)


async def test_cut_of_all_with_a_code(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as first, stream(sim.stream_url, BOTH) as second:
        await sim.subscribed("BTCUSDT", connections=2)
        sim.faults.cut(code=1012, reason="restart")
        for socket in (first, second):
            error = await end_of(socket)
            assert error.rcvd is not None
            assert (error.rcvd.code, error.rcvd.reason) == (1012, "restart")


async def test_silence_of_a_symbol_on_an_open_socket(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.silence("BTCUSDT")
        sim.publish("BTCUSDT", rows(1, 3))
        sim.publish("ETHUSDT", rows(7, 1))
        assert await ids(socket, 1) == [7]
        assert (await ask(socket, "GET_PROPERTY", ["combined"]))["result"] is True
        sim.faults.speak("BTCUSDT")
        sim.publish("BTCUSDT", rows(4, 1))
        assert await ids(socket, 1) == [4]
    assert [row.id for row in sim.published("BTCUSDT")] == [1, 2, 3, 4]


async def test_silence_of_one_of_two_connections(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as first, stream(sim.stream_url, BOTH) as second:
        await sim.subscribed("BTCUSDT", connections=2)
        sim.faults.silence(connection=1)
        sim.publish("BTCUSDT", rows(1, 2))
        sim.faults.speak()
        sim.publish("BTCUSDT", rows(3, 1))
        assert await ids(first, 3) == [1, 2, 3]
        assert await ids(second, 1) == [3]


async def test_skip_and_rest(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.skip("BTCUSDT", 2)
        sim.publish("BTCUSDT", rows(1, 3))
        sim.faults.skip("BTCUSDT", 1, rest=False)
        sim.publish("BTCUSDT", rows(4, 2))
        assert await ids(socket, 2) == [3, 5]
    _, body, _ = await get(sim.rest_url, "/api/v3/aggTrades?symbol=BTCUSDT")
    assert [each["a"] for each in body] == [1, 2, 3, 5]


async def test_repeat_and_replay(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.repeat(2)
        sim.publish("BTCUSDT", rows(1, 2))
        sim.faults.repeat(1)
        sim.publish("BTCUSDT", rows(3, 1))
        sim.faults.replay("BTCUSDT", 2)
        assert await ids(socket, 7) == [1, 1, 2, 2, 3, 2, 3]


async def test_shuffle(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.shuffle("BTCUSDT", 10)
        sim.publish("BTCUSDT", rows(1, 11))
        got = await ids(socket, 11)
    assert sorted(got) == list(range(1, 12))
    assert got[:10] != list(range(1, 11))
    assert got[10] == 11


async def test_corrupt(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.corrupt("BTCUSDT", 1, "q", '"-1"')
        sim.publish("BTCUSDT", rows(1, 2))
        bad, good = await take(socket, 2)
    assert (bad["data"]["a"], bad["data"]["q"]) == (1, "-1")
    assert good["data"]["q"] != "-1"
    assert sim.published("BTCUSDT")[0].qty != "-1"


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"bad_utf8"}))
async def test_garbage_comes_between(sim: Simulator, kind: str) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.publish("BTCUSDT", rows(1, 1))
        sim.faults.garbage(kind, 2)
        sim.publish("BTCUSDT", rows(2, 1))
        async with asyncio.timeout(20):
            frames = [await socket.recv() for _ in range(4)]
    assert frames[1] == frames[2]
    assert [orjson.loads(frames[i])["data"]["a"] for i in (0, 3)] == [1, 2]


async def test_broken_utf8_reaches_a_client_that_does_not_decode(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.garbage("bad_utf8")
        async with asyncio.timeout(20):
            assert b"\xff" in await socket.recv(decode=False)


async def test_a_drip_arrives_whole(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.drip(chunk=7, interval=0.0, count=2)
        sim.publish("BTCUSDT", rows(1, 3))
        assert await ids(socket, 3) == [1, 2, 3]
    assert sim.connections[0].drip is None


async def test_a_pause_delivers_late(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH) as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.pause()
        sim.publish("BTCUSDT", rows(1, 2))
        await sim.drained()
        assert sim.connections[0].queued == 2
        sim.faults.resume()
        assert await ids(socket, 2) == [1, 2]
        sim.faults.pause(duration=0.01)
        sim.publish("BTCUSDT", rows(3, 1))
        assert await ids(socket, 1) == [3]


@pytest.mark.parametrize("path, wrapped", [("/ws", False), ("/stream", True)])
async def test_server_shutdown(sim: Simulator, path: str, wrapped: bool) -> None:
    async with stream(sim.stream_url, path) as socket:
        await sim.hub.until(lambda: bool(sim.connections))
        sim.faults.shutdown(delay=0.01)
        (event,) = await take(socket, 1)
        error = await end_of(socket)
    if wrapped:
        assert event["stream"] == "!serverShutdown"
        event = event["data"]
    assert event["e"] == "serverShutdown"
    assert event["E"] > 10**12
    assert error.rcvd is not None
    assert error.rcvd.code == 1001


async def test_refused_connections(sim: Simulator) -> None:
    sim.faults.refuse(count=2)
    for _ in range(2):
        with pytest.raises(InvalidStatus) as caught:
            await stream(sim.stream_url, "/ws").__aenter__()
        assert caught.value.response.status_code == 503
    async with stream(sim.stream_url, "/ws"):
        pass
    sim.faults.refuse(duration=1e-6, status=403)
    async with stream(sim.stream_url, "/ws"):
        pass
    sim.faults.refuse()
    with pytest.raises(InvalidStatus):
        await stream(sim.stream_url, "/ws").__aenter__()
    sim.faults.clear()
    async with stream(sim.stream_url, "/ws"):
        pass
    assert sim.attempts == 6


async def test_clear_and_state(sim: Simulator) -> None:
    async with stream(sim.stream_url, BOTH):
        await sim.subscribed("BTCUSDT")
        sim.faults.silence(["BTCUSDT", "ETHUSDT"])
        sim.faults.rest("500", path="aggTrades")
        sim.faults.refuse(3)
        sim.faults.pause(0)
        sim.faults.drip(-1)
        assert [rule["fault"] for rule in sim.faults.state()] == ["silence", "rest", "refuse", "pause", "drip"]
        sim.faults.clear()
        assert sim.faults.state() == []


@pytest.mark.parametrize(
    "body, says",
    [
        ({"fault": "explode"}, "one of clear"),
        ({"fault": "state"}, "one of clear"),
        ({"fault": "__init__"}, "one of clear"),
        ([], "one of clear"),
        ({"fault": "skip"}, "missing a required argument: 'symbol'"),
        ({"fault": "skip", "symbol": "BTCUSDT", "colour": 1}, "colour"),
        ({"fault": "skip", "symbol": "NOSUCH"}, "'NOSUCH' is not listed"),
        ({"fault": "skip", "symbol": "BTCUSDT", "count": 0}, "count must be"),
        ({"fault": "skip", "symbol": "BTCUSDT", "count": "3"}, "count must be"),
        ({"fault": "skip", "symbol": "BTCUSDT", "rest": False, "connection": 0}, "give no connection"),
        ({"fault": "cut", "connection": 4}, "connection 4: there are 0"),
        ({"fault": "cut", "connection": "all"}, "connection must be an index"),
        ({"fault": "silence", "duration": -1}, "duration must be above 0"),
        ({"fault": "silence", "duration": "1"}, "duration must be above 0"),
        ({"fault": "rest", "kind": "teapot"}, "kind must be one of 429"),
        ({"fault": "rest", "kind": "slow"}, "delay must be above 0"),
        ({"fault": "corrupt", "symbol": "BTCUSDT", "field": "T"}, "field must be one of"),
        ({"fault": "shuffle", "symbol": "BTCUSDT", "count": 1}, "count must be"),
    ],
)
async def test_wrong_commands_are_named_and_do_nothing(sim: Simulator, body: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sim.faults.command(body)
    assert sim.faults.state() == []
