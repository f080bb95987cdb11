"""Whose turn it is to dial, where to, and what is said of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orderflow_stream.adapters.dialler import Dialler, Timing, host_of
from orderflow_stream.adapters.ws import DialError
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.test_connections import ListLog, RealClock

DEFAULT = BinanceSpot().stream_url_default


class Clock(RealClock):
    """Time that passes by waiting only."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.seconds += seconds

    monkeypatch.setattr("orderflow_stream.adapters.dialler.asyncio.sleep", sleep)
    return clock


def dialler(clock: RealClock, url: str = DEFAULT, **options: Any) -> tuple[Dialler, ListLog]:
    log = ListLog()
    return Dialler(BinanceSpot(), url, clock, log, timing=Timing(), **options), log


def test_fallbacks_stand_behind_the_default_only() -> None:
    clock = RealClock()
    assert dialler(clock)[0].bases[0] == DEFAULT
    assert len(dialler(clock)[0].bases) == 3
    assert len(dialler(clock, DEFAULT + "/")[0].bases) == 3
    assert dialler(clock, fallbacks=False)[0].bases == (DEFAULT,)
    assert dialler(clock, "wss://mine.example")[0].bases == ("wss://mine.example",)


async def test_one_pace_for_all(clock: Clock) -> None:
    made, _ = dialler(clock)
    began = clock.seconds
    numbers = [await made.turn(made.backoff()) for _ in range(25)]
    assert numbers == list(range(1, 26))
    assert clock.seconds - began == 20.0  # five at once, then one a second


async def test_told_to_wait_nobody_dials(clock: Clock) -> None:
    made, log = dialler(clock)
    made.failed(1, DEFAULT, 1, DialError("rate_limited", "backoff", "limits", "we wait", 120.0))
    began = clock.seconds
    await made.turn(made.backoff())
    assert clock.seconds - began == 120.0
    assert log.lines[0][1]["wait_s"] == 120


async def test_told_while_waiting_for_a_slot(clock: Clock) -> None:
    made, _ = dialler(clock)
    for _ in range(5):
        await made.turn(made.backoff())
    began = clock.seconds
    turn = asyncio.ensure_future(made.turn(made.backoff()))
    made.failed(1, DEFAULT, 1, DialError("rate_limited", "backoff", "limits", "we wait", 60.0))
    await turn
    assert clock.seconds - began == 60.0


async def test_never_more_than_the_venue_allows(clock: Clock) -> None:
    made, _ = dialler(clock)
    times = []
    for _ in range(1_000):
        await made.turn(made.backoff())
        times.append(clock.seconds)
    assert all(later - first >= 300 for first, later in zip(times, times[240:], strict=False))


def test_an_hour_of_failures_is_a_dozen_lines() -> None:
    made, log = dialler(RealClock())
    for attempt in range(1, 257):
        made.failed(attempt, DEFAULT, attempt, DialError("dns", "backoff", "cannot resolve x", "check DNS"))
    told = [fields["attempt"] for _, fields in log.lines]
    assert told == [1, 2, 3, 4, 8, 16, 32, 64, 128, 256]
    assert log.lines[0][1]["reason"] == "cannot resolve x"
    assert log.lines[0][1]["hint"] == "check DNS"


def test_no_credentials_in_a_host() -> None:
    assert host_of("wss://user:secret@host:9443/") == "host:9443"
