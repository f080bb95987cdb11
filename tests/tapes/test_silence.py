"""Calm or dead: a symbol that no longer comes is found, named and read by REST; a calm one is left alone."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import aiohttp
import msgspec
from structlog.testing import capture_logs

from orderflow_stream.simulator.player import listing_of
from orderflow_stream.simulator.server import wall_clock
from tests.tapes.kit import archive_row, made_up, until
from tests.tapes.listener import Listener
from tests.tapes.rig import playing

#: Many trades a second: out of rhythm after 3 s.
BUSY: Final = made_up("AAAUSDT", "USDT", seed=61, n=6_000)


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def test_a_busy_symbol_that_falls_silent_is_found_within_six_seconds() -> None:
    async with playing(BUSY) as play:
        play.publish(100)
        await play.settled()
        play.sim.faults.silence(play.symbol)
        began = seconds()
        play.publish(40)
        with capture_logs() as logs:
            await until(lambda: play.book.state == "stale", lambda: play.book.state)
        assert seconds() - began <= 6.0, seconds() - began
        assert re.match(r"no trade came for [345] s, while REST has newer ones", play.book.state_reason or "")
        assert ("feed is stale", play.book.instrument.key) in [(one["event"], one.get("instrument")) for one in logs]
        flow = await play.api.get("/v1/flow", symbol=play.symbol, trades=100)
        assert flow["coverage"]["state"] == "stale"
        assert flow["coverage"]["complete"] is False
        # What it misses comes by REST all the same, and another connection is opened beside.
        await play.arrived()
        await until(lambda: play.sim.attempts == 2, lambda: f"{play.sim.attempts} attempts")
        play.sim.faults.speak()
        play.publish(20)
        await play.settled()
        assert play.book.state == "live"
        await play.assert_whole()


async def test_a_stream_that_never_spoke_is_named() -> None:
    async with playing(BUSY) as play:
        play.sim.faults.silence(play.symbol)
        began = seconds()
        play.publish(5)
        with capture_logs() as logs:
            await until(lambda: play.book.state == "stale", lambda: play.book.state)
        assert seconds() - began <= 6.0
        assert play.book.state_reason.startswith("subscribed to ")
        assert play.book.state_reason.endswith(
            "s ago and no trade came, while REST has newer ones: wrong path or delisted?"
        )
        stale = [one for one in logs if one["event"] == "feed is stale"]
        assert [(one["instrument"], one["reason"]) for one in stale] == [
            (play.book.instrument.key, play.book.state_reason)
        ]


async def test_a_calm_market_is_no_fault() -> None:
    """Nothing trades: asked twice and then ever less often, never stale, and proven up to the last answer."""
    async with playing(BUSY) as play:
        play.publish(100)
        await play.settled()
        states = {play.book.state}
        before = play.book.as_of or 0
        lists = play.daemon.watcher.lists

        def asked_twice() -> bool:
            states.add(play.book.state)
            return play.daemon.watcher.singles >= 2 and (play.book.as_of or 0) > before + 5_000_000

        await until(asked_twice, "REST was asked twice")
        assert states <= {"live", "quiet"}
        assert play.daemon.watcher.lists == lists
        assert play.counters.gaps == 0


async def test_a_heartbeat_cannot_hide_a_dead_feed() -> None:
    """It goes on, and the ids in it stand still while the venue's go on; the state says why."""
    async with playing(BUSY, delivery__heartbeat_s=1) as play, aiohttp.ClientSession() as session:
        play.publish(100)
        await play.settled()
        listener = Listener(session, play.daemon.url, symbols=play.symbol, topics="flow")
        await listener.connect()
        try:
            last = play.book.sequence.newest
            play.sim.faults.silence(play.symbol)
            play.publish(30)
            await until(lambda: len(listener.of("heartbeat")) >= 2, "two heartbeats")
            for beat in listener.of("heartbeat"):
                assert beat["symbols"] == {play.symbol: last}
                assert beat["lag_ms"] is not None
            await until(lambda: bool(listener.of("state")), "a state")
            assert [(one["symbol"], one["state"]) for one in listener.of("state")[:1]] == [(play.symbol, "stale")]
        finally:
            await listener.leave()


async def test_ids_that_begin_anew_are_a_new_generation_within_seconds() -> None:
    async with playing(BUSY, rows=4_000) as play:
        play.publish(300)
        await play.settled()
        old = play.sim.exchange.tapes.pop(play.symbol)
        assert (old.newest_id or 0) > 300
        play.sim.exchange.add(listing_of(play.symbol))
        began = seconds()
        now = wall_clock()
        rows = [
            msgspec.structs.replace(archive_row(row), id=number, ts=now + number * 1000)
            for number, row in enumerate(play.rows[play.at : play.at + 300], 1)
        ]
        play.sim.publish(play.symbol, rows[:250])
        await until(lambda: play.book.state == "unverified", lambda: play.book.state)
        await until(lambda: play.book.generation == 2, lambda: f"{play.book.state}, {play.counters}")
        assert seconds() - began <= 5.0
        play.sim.publish(play.symbol, rows[250:])
        await until(lambda: play.book.sequence.newest == 300 and play.book.state == "live", lambda: play.book.state)
        flow = await play.api.get("/v1/flow", symbol=play.symbol, trades=300)
        assert flow["coverage"]["generation"] == 2
        assert (flow["coverage"]["first_id"], flow["coverage"]["last_id"]) == (1, 300)
        assert flow["coverage"]["missing_total"] == 0


async def test_a_jump_of_a_thousand_million_ids_is_one_hole_that_is_lost() -> None:
    async with playing(BUSY) as play:
        play.publish(100)
        await play.settled()
        newest = play.book.sequence.newest or 0
        calls = play.daemon.backfiller.counters.repair_fetches
        rows = [archive_row(row) for row in play.rows[play.at : play.at + 50]]
        jumped = [msgspec.structs.replace(row, id=row.id + 10**9) for row in rows]
        play.sim.publish(play.symbol, jumped)
        last = jumped[-1].id
        await until(lambda: play.book.sequence.newest == last, lambda: str(play.counters))
        await until(lambda: play.book.state == "partial", lambda: play.book.state_reason)
        assert play.daemon.backfiller.counters.repair_fetches - calls <= 2
        assert [(hole.first, hole.last, hole.lost) for hole in play.book.sequence.holes] == [
            (newest + 1, jumped[0].id - 1, True)
        ]
        flow = await play.api.get("/v1/flow", symbol=play.symbol, trades=100)
        assert flow["coverage"]["missing"] == [[newest + 1, jumped[0].id - 1]]
        assert flow["coverage"]["complete"] is False


async def test_a_feed_that_is_eight_seconds_late_is_live_and_says_so() -> None:
    async with playing(BUSY) as play:
        now = wall_clock()
        rows = [archive_row(row) for row in play.rows[play.at : play.at + 50]]
        late = [msgspec.structs.replace(row, ts=now - 8_000_000 + number) for number, row in enumerate(rows)]
        play.at += 50
        play.sim.publish(play.symbol, late)
        await play.settled()
        flow = await play.api.get("/v1/flow", symbol=play.symbol, trades=100)
        assert flow["coverage"]["state"] == "live"
        assert flow["coverage"]["complete"] is True
        assert 7_900 <= flow["coverage"]["lag_ms"] <= 12_000
        assert play.counters.gaps == 0
