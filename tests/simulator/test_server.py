"""The whole stand-in: its life, its plays, and its control door."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from orderflow_stream.simulator import (
    ArchivePlayer,
    MarketPlayer,
    RowsPlayer,
    Simulator,
    SyntheticMarket,
    SyntheticPlayer,
)
from orderflow_stream.venues.binance_archive import ArchiveError
from tests.simulator.kit import BTC, ETH, NOON, Clock, get, ids, rows, stream, take

TAPE = Path(__file__).resolve().parents[3] / "shared" / "tapes" / "LTCUSDT-spot-aggtrades-2025-06-21.csv.gz"


async def test_as_fast_as_read_loses_nothing_for_any_client() -> None:
    player = RowsPlayer("BTCUSDT", rows(1, 60_000), speed=None, history=10_000)
    async with Simulator(player, autoplay=False) as sim:
        path = "/stream?streams=btcusdt@aggTrade&timeUnit=MICROSECOND"
        async with stream(sim.stream_url, path) as first, stream(sim.stream_url, "/ws/btcusdt@aggTrade") as second:
            await sim.subscribed("BTCUSDT", connections=2)
            sim.play()
            messages, raw = await asyncio.gather(take(first, 50_000), ids(second, 50_000))
            await sim.played()
        assert raw == list(range(10_001, 60_001))
        expected = player.mapped()
        assert [(m["data"]["a"], m["data"]["p"], m["data"]["q"], m["data"]["T"]) for m in messages] == [
            (row.id, row.price, row.qty, row.ts) for row in expected[10_000:]
        ]
        assert sim.published("BTCUSDT") == expected
        assert sim.connections[0].frames_out == 50_000


async def test_a_client_that_does_not_read_holds_the_play_and_not_the_memory() -> None:
    player = RowsPlayer("BTCUSDT", rows(1, 120_000), speed=None)
    async with Simulator(player, autoplay=False) as sim, stream(sim.stream_url, "/ws") as blocked:
        blocked.transport.pause_reading()
        await blocked.send('{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}')
        await sim.subscribed("BTCUSDT")
        sim.play()
        connection = sim.connections[0]
        before = -1
        async with asyncio.timeout(20):
            while before != (before := sim.exchange["BTCUSDT"].published_total) or not before:  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # until the play holds still: nothing happens then that could be waited for
        assert before < 120_000
        assert connection.queued < 20_000
        blocked.transport.resume_reading()
        await take(blocked, 1)
        assert await ids(blocked, 120_000) == list(range(1, 120_001))
        await sim.played()


async def test_real_time_by_a_given_clock() -> None:
    clock = Clock()
    player = RowsPlayer("BTCUSDT", rows(1, 50, step=400_000), speed=2)
    sim = Simulator(player, clock=clock, sleep=clock.sleep, autoplay=False)
    async with sim, stream(sim.stream_url, "/ws/btcusdt@aggTrade?timeUnit=MICROSECOND") as socket:
        await sim.subscribed("BTCUSDT")
        sim.play()
        events = await take(socket, 50)
        await sim.played()
    assert [event["T"] for event in events] == [NOON + i * 200_000 for i in range(50)]
    assert all(0 <= event["E"] - event["T"] <= 1000 for event in events)
    assert clock.now == NOON + 49 * 200_000


async def test_a_synthetic_market_goes_on_live() -> None:
    clock = Clock()
    player = SyntheticPlayer(SyntheticMarket(seed=11), history_s=60)
    sim = Simulator(player, clock=clock, sleep=clock.sleep, autoplay=False)
    async with sim, stream(sim.stream_url, "/ws/btcusdt@aggTrade") as socket:
        await sim.subscribed("BTCUSDT")
        newest = sim.exchange["BTCUSDT"].newest_id
        assert newest is not None
        sim.play()
        assert await ids(socket, 300) == list(range(newest + 1, newest + 301))


async def test_a_source_can_be_added_later() -> None:
    async with Simulator(listings=[ETH]) as sim:
        await sim.add(RowsPlayer("BTCUSDT", rows(1, 10), speed=None, history=4))
        await sim.played()
        assert (await get(sim.rest_url, "/api/v3/aggTrades?symbol=BTCUSDT"))[1][-1]["a"] == 10
        assert list(sim.state()["symbols"]) == ["ETHUSDT", "BTCUSDT"]


async def test_a_drawn_market_over_all_symbols_at_once() -> None:
    player = MarketPlayer(SyntheticMarket(seed=4), 20_000)
    names = [listing.stream for listing in player.listings]
    async with Simulator(player, autoplay=False) as sim:
        async with stream(sim.stream_url, "/stream?streams=" + quote("/".join(names))) as socket:
            await sim.subscribed(*(listing.symbol for listing in player.listings))
            sim.play()
            messages = await take(socket, len(player.rows))
        assert [message["data"]["a"] for message in messages] == [row.id for row in player.rows]
        for listing in player.listings:
            assert sim.published(listing.symbol) == player.mapped(listing.symbol)


async def test_a_source_may_wait_for_the_next_play() -> None:
    async with Simulator(SyntheticPlayer(SyntheticMarket(listings=[ETH]), history_s=1)) as sim:
        await sim.add(RowsPlayer("BTCUSDT", rows(1, 10), speed=None), play=False)
        await sim.played()
        assert sim.published("BTCUSDT") == []
        sim.play()
        await sim.played()
        assert len(sim.published("BTCUSDT")) == 10


async def test_a_bad_file_fails_the_start(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-x.csv"
    path.write_text("nothing of the kind")
    sim = Simulator(ArchivePlayer(path))
    with pytest.raises(ArchiveError):
        await sim.start()
    await sim.stop()


async def test_a_taken_port_fails_the_start_and_leaves_nothing() -> None:
    async with Simulator(listings=[BTC]) as sim:
        second = Simulator(listings=[BTC], port=sim.port)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        await second.stop()
    await second.start()
    await second.stop()


async def test_it_starts_once_and_stops_twice() -> None:
    sim = Simulator(listings=[BTC])
    await sim.start()
    with pytest.raises(RuntimeError, match="is running"):
        await sim.start()
    await sim.stop()
    await sim.stop()


async def test_stop_ends_an_endless_play() -> None:
    async with Simulator(SyntheticPlayer(SyntheticMarket(), history_s=1)):
        pass
    assert len(asyncio.all_tasks()) == 1


async def test_the_control_door() -> None:
    async with Simulator(listings=[BTC, ETH]) as sim, aiohttp.ClientSession() as session:
        url = sim.rest_url + "/sim/faults"
        async with session.post(url, json={"fault": "skip", "symbol": "BTCUSDT", "count": 3}) as response:
            assert response.status == 200
            (rule,) = (await response.json())["faults"]
            assert (rule["fault"], rule["symbols"], rule["left"]) == ("skip", ["BTCUSDT"], 3)
        for body in (b"{", b"7", b'{"fault":"skip","symbol":7}', b'{"fault":"rest","kind":["429"]}'):
            async with session.post(url, data=body) as response:
                assert response.status == 400
                assert (await response.json())["error"]
        _, state, _ = await get(sim.rest_url, "/sim")
        assert state["stream_url"] == sim.stream_url
        assert state["symbols"]["BTCUSDT"] == {
            "status": "TRADING", "published": 0, "oldest_id": None, "newest_id": None,
        }  # fmt: skip
        assert len(state["faults"]) == 1
        assert (await get(sim.rest_url, "/sim"))[1]["rest_calls"] == 0


async def play_through(player: RowsPlayer) -> None:
    """Everything live, then everything by REST pages: both are the source's rows, moved in time."""
    async with Simulator(player, autoplay=False) as sim:
        name = player.listing.stream
        async with stream(sim.stream_url, f"/stream?streams={name}&timeUnit=MICROSECOND") as socket:
            await sim.subscribed(player.listing.symbol)
            sim.play()
            live = [message["data"] for message in await take(socket, len(player.rows))]
            await sim.played()
        paged: list[dict[str, object]] = []
        while page := (await get(
            sim.rest_url, f"/api/v3/aggTrades?symbol={player.listing.symbol}&limit=1000&fromId={next_id(paged)}",
            X_MBX_TIME_UNIT="MICROSECOND",
        ))[1]:  # fmt: skip
            paged += page
    expected = [
        {"a": r.id, "p": r.price, "q": r.qty, "f": r.first, "l": r.last, "T": r.ts, "m": r.buyer_is_maker, "M": True}
        for r in player.mapped()
    ]
    assert paged == expected
    assert [{key: event[key] for key in expected[0]} for event in live] == expected


def next_id(paged: list[dict[str, object]]) -> int:
    return int(str(paged[-1]["a"])) + 1 if paged else 0


async def test_a_tape_with_holes_live_and_paged() -> None:
    orders = itertools.islice(SyntheticMarket(seed=2).orders(NOON), 20_000)
    tape = [row for order in orders if order.symbol == "ETHUSDT" for row in order.rows]
    del tape[100:130], tape[2000:2001]
    await play_through(RowsPlayer("ETHUSDT", tape, speed=None))


@pytest.mark.skipif(not TAPE.is_file(), reason="no recorded tapes beside the checkout; the synthetic twin is above")
async def test_a_recorded_tape_with_holes_live_and_paged() -> None:
    player = ArchivePlayer(TAPE, speed=None)
    await play_through(player)
    assert sum(b.id - a.id - 1 for a, b in itertools.pairwise(player.rows)) == 168
