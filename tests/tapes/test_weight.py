"""One weight budget for all: who asks too much is told when to come again, and holes are filled all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

import pytest

from orderflow_stream.simulator import Simulator
from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.player import listing_of
from orderflow_stream.simulator.rest_faults import RestKind
from orderflow_stream.simulator.server import wall_clock
from tests.reference.tapefile import Row
from tests.tapes.kit import Api, Material, api_of, archive_row, made_up, running, settle, until

STREAMED: Final = made_up("AAAUSDT", "USDT", seed=71, n=3_000)


def recent(material: Material, count: int) -> list[Row]:
    """Its first rows, the last of them now."""
    rows = material.head(count)
    shift = wall_clock() // 1000 * 1000 - rows[-1].ts_us // 1000 * 1000
    return [row._replace(ts_us=row.ts_us + shift) for row in rows]


def exchange(*others: Listing, weight_limit: int = 6000) -> tuple[Simulator, list[Row]]:
    """One symbol with a past of 1,000 trades, and others that nobody streams, each with the same past."""
    sim = Simulator(listings=[listing_of(STREAMED.symbol), *others], weight_limit=weight_limit)
    rows = recent(STREAMED, 3_000)
    for symbol in [STREAMED.symbol, *(each.symbol for each in others)]:
        sim.add_history(symbol, map(archive_row, rows[:1_000]))
    return sim, rows


def other(number: int, **more: str) -> Listing:
    return Listing(f"X{number}USDT", f"X{number}", "USDT", **more)  # type: ignore[arg-type]


async def test_a_bot_that_polls_everything_does_not_keep_holes_open() -> None:
    """300 symbols nobody configured, asked again and again: their share ends, the repair's does not."""
    sim, rows = exchange(*(other(number) for number in range(300)), weight_limit=1_000)
    answers: Counter[int] = Counter()
    waits: list[int] = []
    loop = asyncio.get_running_loop()
    slowest = 0.0
    async with sim, running(sim, STREAMED.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(STREAMED.symbol)
        book = await settle(daemon, STREAMED, rows[999].id)

        async def poll(first: int) -> None:
            nonlocal slowest
            for number in range(first, 300, 10):
                began = loop.time()
                status, headers = await _head(api, f"X{number}USDT")
                slowest = max(slowest, loop.time() - began)
                answers[status] += 1
                if status == 503:
                    waits.append(int(headers["Retry-After"]))

        bots = [asyncio.create_task(poll(first)) for first in range(10)]
        await until(lambda: answers[503] >= 20, lambda: f"the share of people is used up: {answers}")
        for _ in range(5):
            sim.faults.skip(STREAMED.symbol, count=200)
            at = len([row for row in rows if row.id <= (book.sequence.newest or 0)])
            sim.publish(STREAMED.symbol, map(archive_row, rows[at : at + 300]))
            began = loop.time()
            await settle(daemon, STREAMED, rows[at + 299].id)
            assert loop.time() - began <= 3.0, "the hole waited"
        await asyncio.gather(*bots)
        assert set(answers) == {200, 503}
        assert slowest <= 11.0, "nobody hangs"
        used = daemon.budget.weights(wall_clock()).by_kind
        assert used["user"] <= daemon.budget.user_share
        assert all(1 <= wait <= 61 for wait in waits)
    assert not [call for call in sim.calls if call.status in {418, 429}], "we never went over the venue's limit"


async def _head(api: Api, symbol: str) -> tuple[int, dict[str, str]]:
    async with api._session.get(api.url + "/v1/flow", params={"symbol": symbol, "trades": "500"}) as response:
        return response.status, dict(response.headers)


@pytest.mark.parametrize("kind", ["500", "html"])
async def test_a_venue_that_does_not_answer_is_a_502_with_retry_after(kind: RestKind) -> None:
    sim, _ = exchange(other(1))
    async with sim, running(sim, STREAMED.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(STREAMED.symbol)
        sim.faults.rest(kind, path="aggTrades")
        status, headers = await _head(api, "X1USDT")
        assert status == 502
        assert int(headers["Retry-After"]) >= 1


@pytest.mark.parametrize("kind", ["429", "418"])
async def test_a_stop_stops_every_kind_of_work_to_the_second(kind: RestKind) -> None:
    """A repair, a person and a probe want REST: none of them is heard of before `Retry-After`."""
    sim, rows = exchange(other(1), other(2))
    async with sim, running(sim, STREAMED.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(STREAMED.symbol)
        await settle(daemon, STREAMED, rows[999].id)
        sim.faults.rest(kind, count=1, retry_after=2)
        sim.faults.skip(STREAMED.symbol, count=50)
        sim.publish(STREAMED.symbol, map(archive_row, rows[1_000:1_100]))
        await until(lambda: daemon.budget.blocked_until > wall_clock(), "it was refused")
        known = len(sim.calls)
        daemon.backfiller.probe(daemon.engine.books[STREAMED.key].instrument)
        assert (await api.raw("/v1/flow", symbol="X1USDT", trades=500))[0] == 200
        await settle(daemon, STREAMED, rows[1_099].id)
        calls = list(sim.calls)
        refused = next(call for call in calls if call.status == int(kind))
        assert len(calls) > known
        assert calls[known].ts - refused.ts >= 2_000_000, [call.ts - refused.ts for call in calls[known:]]


async def test_at_95_percent_repair_waits_for_the_minute_and_live_goes_on() -> None:
    """Other processes on this address used the limit: the header says so."""
    sim, rows = exchange()
    async with sim, running(sim, STREAMED.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(STREAMED.symbol)
        book = await settle(daemon, STREAMED, rows[999].id)
        minute = wall_clock() // 60_000_000
        sim.weights.charge(5_700 - sim.weights.used_at(wall_clock()), wall_clock())
        assert await daemon.symbols.refresh()  # any answer tells
        before = len(sim.calls)
        sim.faults.skip(STREAMED.symbol, count=50)
        sim.publish(STREAMED.symbol, map(archive_row, rows[1_000:1_200]))
        await until(lambda: book.sequence.newest == rows[1_199].id, "live trades go on")
        if wall_clock() // 60_000_000 == minute:
            assert daemon.budget.weights(wall_clock()).used >= 5_700
            assert book.state == "gap"
            flow = await api.get("/v1/flow", symbol=STREAMED.symbol, trades=1000)
            assert flow["coverage"]["missing_total"] == 50
            fetched = [call for call in list(sim.calls)[before:] if call.path.endswith("aggTrades")]
            assert fetched == [] or wall_clock() // 60_000_000 != minute


async def test_what_does_not_trade_can_be_read_and_what_does_not_exist_is_404() -> None:
    sim, _ = exchange(other(1, status="BREAK"), other(2, status="HALT"))
    async with sim, running(sim, STREAMED.symbol, "X2USDT") as daemon, api_of(daemon) as api:
        await sim.subscribed(STREAMED.symbol, "X2USDT")
        await until(lambda: daemon.symbols.by_symbol("X1USDT") is not None, "what rests is listed in the background")
        halted = Material("halted", "X2USDT", "USDT", STREAMED.load)
        book = await settle(daemon, halted, recent(STREAMED, 1_000)[-1].id)
        assert (book.state, book.state_reason) == ("quiet", "the venue does not trade it now (HALT)")
        data = await api.get("/v1/flow", symbol="X1USDT", trades=500)
        assert data["coverage"]["received"] == 500
        assert (await api.raw("/v1/flow", symbol="NOSUCHUSDT"))[0] == 404


@pytest.mark.parametrize("kind", ["500", "html"])
async def test_without_a_list_the_venue_itself_says_what_exists(kind: RestKind) -> None:
    sim, _ = exchange(other(1))
    sim.faults.rest(kind, path="exchangeInfo")
    async with sim, running(sim) as daemon, api_of(daemon) as api:
        await until(lambda: daemon.ingest.started, "it started without a list")
        for unknown in ("NOSUCHUSDT", "FOOBAR"):
            status, body = await api.raw("/v1/flow", symbol=unknown)
            assert (status, b'"unknown_symbol"' in body) == (404, True), body
        assert (await api.get("/v1/flow", symbol="x1usdt", trades=500))["coverage"]["received"] == 500
