"""Tapes that only REST has when they are asked for: the same answers, and then a stream as if always streamed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.reference import oracle
from tests.reference.oracle import assert_same
from tests.tapes.answers import IGNORE, LENGTHS, WINDOWS, assert_coverage, assert_flow, assert_window, thresholds
from tests.tapes.kit import Material, made_up, recorded_tapes, synthetic_tapes
from tests.tapes.rig import playing


def about(material: Material) -> dict[str, Any]:
    return {"symbol": material.symbol, "quote": material.quote}


#: What differs for a page of REST: µs and ms, holes, a coin for a quote, the ids of another market.
RECORDED = ("TRXUSDT", "XRPETH", "BTCUSDT-um-2023", "BTCUSDC")
TAPES = [*synthetic_tapes(), *(tape for tape in recorded_tapes() if tape.name.startswith(RECORDED))]


@pytest.mark.parametrize("material", TAPES, ids=str)
async def test_read_on_demand_then_streamed(material: Material) -> None:
    """First from REST, then a stream too; what a read may cost (5 pages) is less than 5,000 trades where ids lack."""
    async with playing(material, rows=7_000, configured=False) as play:
        play.publish(play.left - min(150, play.left // 2))
        assert not play.sim.open_connections
        data = await play.api.get("/v1/flow", symbol=play.symbol, trades=5000)
        held = [row for row in play.told if row.id >= (play.book.sequence.first or 0)]
        assert len(held) == len(play.told) or len(held) >= 5000 - sum(b - a + 1 for a, b in oracle.missing(held))
        back = len(held) == len(play.told) or sum(row.valid for row in held) >= 5000
        assert_same(data, oracle.flow(held, trades=5000, **about(material)), ignore=IGNORE)
        assert_coverage(data["coverage"], oracle.coverage(held, trades=5000), back=back)
        assert data["coverage"]["source"] == "backfill"
        data = await play.api.get("/v1/flow", symbol=play.symbol, trades=1000)  # asked again: it becomes a stream
        assert_same(data, oracle.flow(held, trades=1000, **about(material)), ignore=IGNORE)
        await play.subscribed()
        await play.settled()
        await assert_flow(play.api, material, play.told)
        arrived = play.counters.applied
        streamed = play.publish(play.left)
        await play.settled()
        assert play.counters.applied == arrived + len(streamed)
        await play.assert_whole()


@pytest.mark.parametrize("trades", LENGTHS)
async def test_any_length_at_the_first_request(trades: int) -> None:
    material = made_up("AAAUSDT", "USDT", seed=31, n=7_000)
    async with playing(material, rows=7_000, configured=False) as play:
        play.publish(play.left)
        data = await play.api.get("/v1/flow", symbol=play.symbol, trades=trades, numbers="string")
        assert_same(
            data, oracle.flow(play.told, trades=trades, exact=True, **about(material)), ignore=IGNORE, strings=True
        )
        assert_coverage(data["coverage"], oracle.coverage(play.told, trades=trades))
        assert sum(call.weight for call in play.sim.calls if call.path.endswith("aggTrades")) <= 20


@pytest.mark.parametrize("group", ["row", "order"])
async def test_large_prints_at_the_first_request(group: str) -> None:
    material = made_up("AAAUSDT", "USDT", seed=35, n=7_000)
    async with playing(material, rows=7_000, configured=False) as play:
        play.publish(play.left)
        least = thresholds(play.told)[group][1]
        expect = {"row": oracle.rows_large, "order": oracle.orders_large}[group]
        data = await play.api.get("/v1/large", symbol=play.symbol, min_notional=f"{least:f}", group=group)
        assert_same(data, expect(play.told, least, **about(material)), ignore=IGNORE)
        assert_coverage(data["coverage"], oracle.coverage(play.told, trades=5000))


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_window_at_the_first_request(window: str) -> None:
    """Time reaches back as far as 5,000 trades do; where that is not enough the answer says so."""
    material = made_up("AAAUSDT", "USDT", seed=32, n=7_000, invalid=3)
    async with playing(material, rows=7_000, configured=False) as play:
        play.publish(play.left)
        data = await play.api.get("/v1/flow", symbol=play.symbol, window=window)
        coverage = data["coverage"]
        rows = [row for row in play.told if row.id >= (play.book.sequence.first or 0)]
        assert coverage["reaches_back"] is (rows[0].ts_us <= coverage["requested"]["from"] * 1000)
        assert coverage["reaches_back"] or len(rows) >= 4_990
        assert_window(data, material, rows, coverage["requested"]["to"] * 1000, WINDOWS[window])


async def test_asked_again_it_reads_only_what_is_new() -> None:
    """Of two that ask at the same time, one is asked for; whoever asks later gets what has traded since, too."""
    material = made_up("AAAUSDT", "USDT", seed=33, n=7_000)
    async with playing(material, rows=7_000, configured=False) as play:
        play.publish(3_500)
        # The stream that the second request orders cannot be had: each request has to ask REST.
        play.sim.faults.refuse()

        async def ask(trades: int) -> None:
            data = await play.api.get("/v1/flow", symbol=play.symbol, trades=trades)
            assert_same(data, oracle.flow(play.told, trades=trades, **about(material)), ignore=IGNORE)
            assert_coverage(data["coverage"], oracle.coverage(play.told, trades=trades))

        async def pages(*asked: int) -> int:
            before = len(play.sim.calls)
            await asyncio.gather(*map(ask, asked))
            return sum(call.path.endswith("aggTrades") for call in list(play.sim.calls)[before:])

        assert await pages(5000, 5000, 777) == 5
        assert await pages(5000) == 1
        play.publish(40)
        assert await pages(5000, 1000) == 1
        play.publish(1_200)
        assert await pages(5000) == 2
        play.sim.faults.clear()
        play.publish(10)
        await play.subscribed()
        await play.settled()
        play.publish(play.left)
        await play.settled()
        await play.assert_whole()


async def test_fresh_asks_for_what_no_stream_brought() -> None:
    """A configured symbol whose stream is silent: `fresh=true` answers with what REST has, and the stream goes on."""
    material = made_up("AAAUSDT", "USDT", seed=34, n=6_000)
    async with playing(material) as play:
        play.publish(500)
        await play.settled()
        old = list(play.told)
        play.sim.faults.silence(play.symbol)
        play.publish(300)
        data = await play.api.get("/v1/flow", symbol=play.symbol, trades=777)
        assert_same(data, oracle.flow(old, trades=777, **about(material)), ignore=IGNORE)
        data = await play.api.get("/v1/flow", symbol=play.symbol, trades=777, fresh="true")
        assert_same(data, oracle.flow(play.told, trades=777, **about(material)), ignore=IGNORE)
        assert_coverage(data["coverage"], oracle.coverage(play.told, trades=777))
        play.publish(10)
        least = max(row.notional for row in play.told[-5000:]) / 3
        data = await play.api.get("/v1/large", symbol=play.symbol, min_notional=f"{least:f}", fresh="true")
        assert_same(data, oracle.rows_large(play.told, least, **about(material)), ignore=IGNORE)
        play.sim.faults.speak()
        play.publish(100)
        await play.settled()
        assert play.counters.gaps == 0
        await play.assert_whole()
