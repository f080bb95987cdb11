"""A thousand streams at once: all of them come at the same instant, all of them are told goodbye."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from orderflow_stream.simulator import DEFAULT_LISTINGS, SyntheticMarket, SyntheticPlayer
from tests.clients.apart import apart
from tests.clients.crowd import Stream, listen, more_files, mute
from tests.faults.house import House, house
from tests.pace import Lateness

#: As many as our own open files allow, where that is fewer than a thousand.
MANY = min(1_000, more_files() - 300)
SYMBOL = DEFAULT_LISTINGS[0].symbol
PATH = f"/v1/stream?symbols={SYMBOL}&topics=large,trade"
KEYS: dict[str, Any] = {"delivery__max_clients_per_ip": 2_000}
#: Streams of everything, whose buffers fill in no time when nobody reads.
HEAVY = "/v1/stream?symbols=*&topics=flow,watch,trade,large"
FAST: dict[str, Any] = {**KEYS, "delivery__tick_ms": 10, "delivery__mailbox_s": 60}


def market(rate: float = 8.0) -> SyntheticPlayer:
    return SyntheticPlayer(SyntheticMarket(13, DEFAULT_LISTINGS[:2], rate=rate), 60)


async def ended(streams: list[Stream]) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*[each.ended for each in streams])


async def test_a_thousand_come_back_at_the_same_instant(tmp_path: Path) -> None:
    async with house(tmp_path, market(), **KEYS) as home:
        attempts = home.sim.attempts
        async with Lateness() as late:
            result = await apart("herd", home.url, "--path", PATH, "--count", str(MANY))
        assert result["hello"] == MANY
        # A second, on a machine that has nothing else to do.
        assert result["first_event_p99"] - late.seconds < 2.0, result
        assert home.sim.attempts == attempts  # the feed has not noticed
        assert (await home.coverage(SYMBOL))["state"] in {"live", "quiet"}
        home.assert_quiet_log()


async def test_a_thousand_are_told_goodbye(tmp_path: Path) -> None:
    """SIGTERM: not ready first, then `bye` with a time to come back that is each one's own, and out within 5 s, though
    some never read."""
    async with house(tmp_path, market(), **KEYS) as home:
        streams = await listen(home.url, PATH, MANY)
        silent = await mute(home.url, f"/v1/stream?symbols={SYMBOL}&topics=flow", 10)
        seen: list[tuple[bool, int]] = []  # whether draining was logged before asking, and the answer
        watching = asyncio.create_task(_watch(home, seen))
        began = time.monotonic()
        home.daemon.kill(signal.SIGTERM)
        async with Lateness() as late:
            code = await home.daemon.ended()
        took = time.monotonic() - began - late.seconds
        watching.cancel()
        assert code == 0
        assert took < 5.0
        await ended(streams)
        assert {each.reason for each in streams} == {"bye: shutdown"}
        retries = [each.retry for each in streams if each.retry is not None]
        assert max(retries) - min(retries) >= 4_000
        assert len(set(retries)) > MANY // 3
        assert not any(each.missed() or each.went_back for each in streams)
        assert all(status == 503 for draining, status in seen if draining), seen
        for sock in silent:
            sock.close()
        assert [json.loads(line)["event"] for line in home.daemon.err][-1] == "stopped"
        home.assert_quiet_log()


async def _watch(home: House, seen: list[tuple[bool, int]]) -> None:
    """/readyz, over and over."""
    with suppress(aiohttp.ClientError):
        while True:
            draining = bool(home.said('"draining"'))
            seen.append((draining, (await home.raw("/readyz"))[0]))
            await asyncio.sleep(0.02)


async def test_who_does_not_read_does_not_hold_up_the_end_and_meanwhile_it_is_not_ready(tmp_path: Path) -> None:
    async with house(tmp_path, market(100.0), **FAST) as home:
        silent = await mute(home.url, HEAVY, 20)
        reader = (await listen(home.url, HEAVY, 1))[0]

        async def full() -> bool:
            return await home.metric("orderflow_sse_buffer_bytes") > 20 * 30_000

        await home.until(full, "their buffers are full", patience=40)
        seen: list[tuple[bool, int]] = []
        watching = asyncio.create_task(_watch(home, seen))
        began = time.monotonic()
        home.daemon.kill(signal.SIGTERM)
        async with Lateness() as late:
            code = await home.daemon.ended()
        took = time.monotonic() - began
        watching.cancel()
        assert code == 0
        assert took > 1.0
        assert took - late.seconds < 5.0
        during = [status for draining, status in seen if draining]
        assert len(during) > 5
        assert set(during) == {503}
        await ended([reader])
        assert reader.reason == "bye: shutdown"
        for sock in silent:
            sock.close()
        home.assert_quiet_log()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, market(100.0), **FAST, delivery__drain_s=60) as home:
        silent = await mute(home.url, HEAVY, 20)

        async def full() -> bool:
            return await home.metric("orderflow_sse_buffer_bytes") > 20 * 30_000

        await home.until(full, "their buffers are full", patience=40)
        home.daemon.kill(signal.SIGTERM)
        await home.daemon.line('"draining"')
        began = time.monotonic()
        home.daemon.kill(signal.SIGINT)
        async with Lateness() as late:
            assert await home.daemon.ended() == 130
        assert time.monotonic() - began - late.seconds < 2.0
        assert home.daemon.err[-1] == "cut short"
        for sock in silent:
            sock.close()


async def test_old_streams_come_back_by_themselves_and_miss_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, market(), **KEYS, delivery__stream_age_s=0.5) as home:
        lives: list[Stream] = []
        epoch = (await home.get("/v1/gaps", symbol=SYMBOL))["position"].partition("-")[0]
        for _ in range(3):
            more = f"&last_event_id={epoch}-{lives[-1].position}" if lives else ""
            (stream,) = await listen(home.url, PATH + more, 1)
            lives.append(stream)
            await ended([stream])
            assert stream.reason == "bye: age"
            assert stream.retry is not None
            assert 200 <= stream.retry <= 1_000
        ids = [number for stream in lives for number in stream.trades]
        assert len(ids) > 5
        assert ids == list(range(ids[0], ids[0] + len(ids)))
