"""What only the futures have: a path that stays silent, ids that begin anew, contracts that are delivered, two venues
of which one is gone, liquidations."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from orderflow_stream.simulator import Contract, Simulator, contracts
from orderflow_stream.simulator.server import wall_clock
from tests.faults.house import House, house
from tests.faults.market import Steady
from tests.faults.market_usdm import SteadyContracts
from tests.faults.proxy import Proxy
from tests.faults.scaled import hooked

VENUE: Final = "binance-usdm"
BUSY, SLOW, CALM = "AAAUSDT", "BBBUSDT", "DDDUSDT"
MARKET: Final = {BUSY: 40.0, SLOW: 10.0, CALM: 0.0}


async def test_a_path_that_acknowledges_and_stays_silent(tmp_path: Path) -> None:
    """What happened to everybody when the streams moved: subscriptions are acknowledged, nothing comes. Within half a
    minute one line says so, for all symbols, and what to do; nothing is called complete. When the path speaks, it is
    whole again without anybody's help."""
    async with house(tmp_path, SteadyContracts(MARKET), venue=VENUE, serve=False) as home:
        home.sim.faults.silent_path("/market")
        async with home.serving() as daemon:
            began = time.monotonic()
            (line,) = [await said(home, "subscriptions are acknowledged and nothing comes")]
            assert time.monotonic() - began <= 30.0
            assert line["venue"] == VENUE
            assert line["symbols"] == len(MARKET)
            assert "/market/stream" in line["url"]
            assert "[venues.binance-usdm]" in line["hint"]
            states = await home.states(BUSY, SLOW)
            assert set(states.values()) == {"stale"}, states
            status, body = await home.raw("/readyz")
            assert status == 503
            assert b"subscribed to" in body
            assert not (await home.coverage(BUSY))["complete"]
            home.sim.faults.silent_path("/market", False)
            after = len(daemon.err)
            await home.assert_whole(BUSY, SLOW, patience=60.0)
            await daemon.line("trades come after all", after=after)
            assert len(home.said("subscriptions are acknowledged and nothing comes")) == 1
            assert (await home.raw("/readyz"))[0] == 200
        home.assert_quiet_log()


async def said(home: House, pattern: str) -> dict[str, Any]:
    """The first line that says so."""
    await home.daemon.line(pattern)
    return home.said(pattern)[0]


async def test_ids_that_begin_anew_open_a_generation(tmp_path: Path) -> None:
    """A contract whose ids start again, as after a migration: REST agrees, a new generation, no answer spans two; the
    other contracts do not notice."""
    async with house(tmp_path, SteadyContracts(MARKET), venue=VENUE) as home:
        generation = (await home.coverage(BUSY))["generation"]
        gaps = await home.metric("orderflow_gaps_total", venue=VENUE)
        other = (await home.coverage(SLOW))["generation"]
        home.sim.faults.restart_ids(BUSY)

        async def anew() -> bool:
            return bool((await home.coverage(BUSY))["generation"] > generation)

        took = await home.until(anew, "a new generation", 30.0)
        assert took <= 15.0
        line = home.said("began its ids anew")[0]
        assert line["instrument"] == f"{VENUE}:{BUSY}"
        await home.assert_whole(BUSY, SLOW)
        assert (await home.coverage(BUSY, trades=5000))["first_id"] == 1
        assert (await home.coverage(SLOW))["generation"] == other
        assert await home.metric("orderflow_gaps_total", venue=VENUE) - gaps <= 1
        home.assert_quiet_log()


#: The list is read again a minute after a delivery; here two seconds.
_SOONER: Final = """
from orderflow_stream.adapters import symbols
symbols._DELIVERED_S = 2.0
"""


class Delivered(SteadyContracts):
    """The first contract is delivered so many seconds after the market was made."""

    def __init__(self, seconds: float) -> None:
        super().__init__(MARKET)
        self.delivery = wall_clock() + int(seconds * 1e6)
        self.listings = [
            Contract(symbol, symbol.removesuffix("USDT"), "USDT", "0.01", "0.001", pair=symbol, margin="USDT",
                     kind="DELIVERY" if symbol == BUSY else "PERPETUAL",
                     delivery=self.delivery if symbol == BUSY else 0)
            for symbol in MARKET
        ]  # fmt: skip


async def test_a_contract_that_is_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its trades end, and that is no fault of anybody's: no connection is given up, its tape stays and is told, and it
    says of itself that it was delivered."""
    monkeypatch.setattr(contracts, "_PRE_DELIVERY", 0)  # else its last ten minutes have another status
    source = Delivered(14.0)
    async with house(tmp_path, source, venue=VENUE, serve=False) as home, AsyncExitStack() as stack:
        home.keys |= hooked(tmp_path, _SOONER)
        await stack.enter_async_context(home.serving())
        await home.until_whole()
        attempts = home.sim.attempts
        last = home.sim.exchange[BUSY].newest_id or 0
        line = await said(home, "contracts are delivered")
        assert wall_clock() - source.delivery <= 40_000_000
        assert BUSY in line["symbols"]
        assert SLOW not in line["symbols"]
        newest = home.sim.exchange[BUSY].newest_id or 0
        assert newest > last + 100, "it traded until then"
        flow = await home.flow(BUSY)
        assert flow["coverage"]["last_id"] == newest
        assert flow["coverage"]["complete"]
        assert flow["coverage"]["state"] == "quiet"
        await home.assert_whole(BUSY, SLOW)
        assert home.sim.attempts == attempts, "no connection was given up for it"
        assert (await home.raw("/readyz"))[0] == 200
        home.assert_quiet_log()


async def test_spot_does_not_notice_that_the_futures_are_gone(tmp_path: Path) -> None:
    """Two venues, one dead from the start to the end: spot is warm, live and complete, at its own pace; what is told of
    the futures says what is wrong with them."""
    async with (
        Simulator(SteadyContracts(MARKET), market="usdm") as futures,
        Proxy((futures.host, futures.port)) as way,
    ):
        way.refuse = True
        keys: dict[str, Any] = {
            "venues__binance_usdm__symbols": "*",
            "venues__binance_usdm__stream_url": f"ws://127.0.0.1:{way.port}",
            "venues__binance_usdm__rest_url": f"http://127.0.0.1:{way.port}",
        }
        async with house(tmp_path, Steady({BUSY: 80, SLOW: 15, CALM: 0}), serve=False, **keys) as home:
            async with home.serving():
                began = time.monotonic()
                await home.until_whole()
                assert time.monotonic() - began <= 10.0
                calls = len(home.sim.calls)
                states = set()
                end = time.monotonic() + 8.0
                while time.monotonic() < end:
                    states |= set((await home.states(BUSY, SLOW, CALM)).values())
                    assert (await home.coverage(BUSY, trades=100))["lag_ms"] < 500
                    await asyncio.sleep(0.05)
                assert states <= {"live", "quiet"}
                assert len(home.sim.calls) - calls <= 6
                await home.assert_whole()
                status, body = await home.raw("/v1/flow", symbol=BUSY, venue=VENUE)
                assert status in {404, 502, 503}, body
                way.clear()
                other = House(futures, tmp_path, VENUE)
                other.daemon, other.url, other.daemons = home.daemon, home.url, home.daemons
                try:
                    await other.assert_whole(patience=60.0)
                finally:
                    await other.session.close()
                way.refuse = True
                way.reset_all()
                await other_is(home, "stale")
                assert set((await home.states(BUSY, SLOW)).values()) == {"live"}
                await home.assert_whole()
            home.assert_quiet_log()


async def other_is(home: House, state: str) -> None:
    async def holds() -> bool:
        coverage = (await home.get("/v1/flow", symbol=BUSY, venue=VENUE, trades=100))["coverage"]
        return bool(coverage["state"] == state)

    await home.until(holds, f"the futures {state}")
