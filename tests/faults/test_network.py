"""What the way to the exchange does to a connection: U1-U7, U23, U24."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from orderflow_stream.simulator.server import wall_clock
from tests.faults.house import House, house
from tests.faults.market import Steady
from tests.faults.proxy import Shape
from tests.pace import Lateness

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSY, SLOW, THIN, CALM = "AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("daemon")
    async with house(folder, Steady({BUSY: 80, SLOW: 15, THIN: 1, CALM: 0})) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def home(shared: House) -> AsyncIterator[House]:
    """Whole before and after; nothing in force."""
    await shared.until_whole()
    yield shared
    shared.sim.faults.clear()
    shared.streams.clear()
    shared.rest.clear()
    await shared.assert_whole()
    shared.assert_quiet_log()


async def gaps(home: House) -> float:
    return await home.metric("orderflow_gaps_total")


async def known(home: House) -> None:
    """There are two connections, some seconds old: their rhythm is known."""

    async def old() -> bool:
        connections = home.sim.open_connections
        return len(connections) == 2 and all(wall_clock() - each.opened > 8_000_000 for each in connections)

    await home.until(old, "two connections of some age", 30.0, pause=0.1)


async def test_reset(home: House) -> None:
    """U1: dialled again at once, and trades flow within half a second; what was missed comes back."""
    took = []
    for _ in range(3):
        before = home.sim.exchange[BUSY].newest_id or 0
        lost = await home.metric("orderflow_reconnects_total")
        home.streams.reset_all()
        began = time.monotonic()
        async with home.redialled(before=home.sim.attempts):
            pass
        carried = home.sim.exchange[BUSY].newest_id or before

        async def live(newest: int = carried) -> bool:
            return int((await home.coverage(BUSY, trades=100))["last_id"]) > newest

        await home.until(live, "a live trade", pause=0.005)
        took.append(time.monotonic() - began)
        await home.until_whole()
        assert await home.metric("orderflow_reconnects_total") > lost
    assert sorted(took)[1] <= 0.5, took


async def test_one_of_two_is_reset(home: House) -> None:
    """U1: of two connections that carry the same, either may die and nothing is missing, nothing in doubt."""
    await known(home)
    for index in (0, -1):
        calls, asked = len(home.sim.calls), home.sim.attempts
        home.streams.open[index].reset()
        states = set()
        while home.sim.attempts == asked or len(home.sim.open_connections) < 2:
            states |= set((await home.states(BUSY, SLOW)).values())
            await asyncio.sleep(0.01)
        await home.until_whole()
        assert states <= {"live"}
        read = [call for call in list(home.sim.calls)[calls:] if "fromId" in call.query]
        assert not read, "nothing was missing for so long that REST had to be asked"


@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_close(home: House, code: int | None) -> None:
    """U2: an orderly close (1000, 1001) or an end without one (1006) is the same to us."""
    async with home.redialled():
        home.sim.faults.cut(code=code)
    await home.until_whole()


async def test_half_open(home: House) -> None:
    """U3: a peer that vanished without a word is found within 3 s (half a second more where the machine is busy with
    other tests); what it owes is read again."""
    await known(home)
    links, began = len(home.streams.links), time.monotonic()
    async with home.redialled():
        home.streams.hold_all()
    assert home.streams.links[links].at - began <= 3.5
    await home.until_whole()


@pytest.mark.parametrize("silent,least", [(1, 1.5), (2, 3.0)], ids=["one-of-two", "both"])
async def test_pongs_but_no_data(home: House, silent: int, least: float) -> None:
    """U4: a connection that carried 50 trades/s and more, and falls silent while it answers pings and its twin speaks,
    is found within 1.5 s. Both at once may be the exchange's own calm: REST is asked at once, and others are opened
    within 2 s (a second more where the machine is busy with other tests)."""
    await known(home)
    links, began = len(home.streams.links), time.monotonic()
    async with Lateness() as late, home.redialled():
        for connection in home.sim.open_connections[:silent]:
            home.sim.faults.silence(connection=connection.index)
    assert home.streams.links[links].at - began <= least + late.seconds
    home.sim.faults.speak()
    await home.until_whole()


async def test_a_busy_symbol_falls_silent(home: House) -> None:
    """U4: the connection is well, one symbol of it says nothing while REST has newer trades: said within 6 s. A symbol
    that does not trade is not accused."""
    home.sim.faults.silence(BUSY)
    calm: set[str] = set()

    async def said() -> bool:
        calm.add((await home.coverage(CALM, trades=100))["state"])
        return not (await home.coverage(BUSY, trades=100))["complete"]

    assert await home.until(said, "said to be incomplete", 15.0) <= 6.0
    assert calm <= {"live", "quiet"}
    home.sim.faults.speak()
    await home.until_whole()


async def test_drip(home: House) -> None:
    """U6: bytes that come one by one are no data: frames that take for ever end the connection; so does a handshake
    that is not done in 10 s."""
    for link in home.streams.open:
        link.shape = Shape(rate=20)  # one frame in ten seconds
    home.streams.shape = Shape(rate=20)
    began = time.monotonic()
    home.streams.reset_all()  # whoever comes now gets the handshake at that pace too
    await home.daemon.line("did not answer in time", after=len(home.daemon.err))
    assert time.monotonic() - began <= 13.0
    assert (await home.coverage(BUSY, trades=100))["state"] == "stale"
    async with home.redialled(30.0):
        home.streams.clear()
        home.streams.reset_all()
    await home.until_whole()


async def test_delay_and_jitter(home: House) -> None:
    """U7: two connections, one 200 ms late and uneven: trades in the order of their ids, no gap is made of it."""

    async def paired() -> bool:
        return len(home.streams.open) >= 2

    await home.until(paired, "both connections, whatever the test before has cut")
    await home.until_whole()
    before = await gaps(home)
    home.streams.open[0].shape = Shape(latency=0.1, jitter=0.2)
    newest = home.sim.exchange[BUSY].newest_id or 0

    async def on() -> bool:
        return int((await home.coverage(BUSY, trades=100))["last_id"]) > newest + 150

    await home.until(on, "150 trades")
    held = [row["id"] for row in await home.tape(BUSY, newest)]
    assert held == sorted(set(held))
    assert await gaps(home) == before


ANSWERS = {
    "301": b"HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1:1/stream\r\nContent-Length: 0\r\n\r\n",
    "400": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "451": b"HTTP/1.1 451 Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


async def test_handshake_never_answered(home: House) -> None:
    """U23: taken, and then nothing: given up after 10 s, said, tried again."""
    home.streams.deaf = True
    said = len(home.daemon.err)
    began = time.monotonic()
    home.streams.reset_all()
    line = await home.daemon.line("did not answer in time", after=said)
    assert 9.0 <= time.monotonic() - began <= 13.0
    assert "feed cannot connect" in line
    async with home.redialled(30.0):
        home.streams.clear()
    await home.until_whole(patience=30.0)


async def test_handshake_told_to_wait(home: House) -> None:
    """U23: 429 with Retry-After, obeyed to the second."""
    links, said = len(home.streams.links), len(home.daemon.err)
    home.streams.canned = ANSWERS["429"]
    home.streams.reset_all()
    assert "429" in await home.daemon.line("feed cannot connect", after=said)
    await asyncio.sleep(0.2)  # a second connection of a pair may be told the same a moment later
    refused = home.streams.links[links:]
    home.streams.canned = None
    async with home.redialled(30.0):
        pass
    assert min(link.at for link in home.streams.links[links + len(refused) :]) - refused[0].at >= 2.9
    assert len(refused) <= 2
    await home.until_whole(patience=30.0)


@pytest.mark.parametrize("answer", ["301", "400", "451"])
async def test_handshake_refused(tmp_path: Path, answer: str) -> None:
    """U23: an answer that is no upgrade is explained in one line with a remedy, and does not stop the service."""
    async with house(tmp_path, Steady({BUSY: 80}), serve=False) as home:
        home.streams.canned = ANSWERS[answer]
        async with home.serving() as daemon:
            line = json.loads(await daemon.line("feed cannot connect"))
            assert line["hint"]
            assert line["reason"]
            status, body = await home.raw("/readyz")
            assert status == 503
            assert (await home.coverage(BUSY))["state"] == "connecting"
            assert line["reason"].encode()[:20] in body
        home.assert_quiet_log()


async def test_everything_down_for_a_while(home: House) -> None:
    """U24: neither streams nor REST for a while: said at once, memory as before, and all of it is had in the end."""
    used = await home.metric("process_resident_memory_bytes")
    home.streams.refuse = home.rest.refuse = True
    home.streams.reset_all()
    home.rest.reset_all()
    assert await home.until_state(BUSY, "stale") <= 1.0
    status, body = await home.raw("/readyz")
    assert status == 503
    assert b"no live feed" in body
    newest = home.sim.exchange[BUSY].newest_id or 0
    while (home.sim.exchange[BUSY].newest_id or 0) < newest + 400:
        assert not (await home.coverage(BUSY, trades=1000))["complete"]
        await asyncio.sleep(0.1)
    home.streams.clear()
    home.rest.clear()
    await home.until_whole(patience=45.0)
    assert await home.metric("process_resident_memory_bytes") - used < 32e6
