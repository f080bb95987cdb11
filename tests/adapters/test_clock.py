"""Venue time: steady, monotone, corrected by measurement."""

import time
from typing import Any

from structlog.testing import capture_logs

from orderflow_stream.adapters.clock import INTERVAL_S, Clock
from orderflow_stream.adapters.rest import Answer, Rest
from orderflow_stream.feed.budget import Budget
from orderflow_stream.feed.errors import UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import SECOND, START, Running, VirtualTime

VENUE = BinanceSpot()


class Host:
    """A machine's two clocks, in ns, moved by hand."""

    def __init__(self) -> None:
        self.wall = START * 1000
        self.counter = 5_000_000_000

    def clock(self) -> Clock:
        return Clock(wall_ns=lambda: self.wall, counter_ns=lambda: self.counter)

    def run(self, seconds: float) -> None:
        self.wall += round(seconds * 1e9)
        self.counter += round(seconds * 1e9)


class TimeRest(Rest):
    """A venue whose clock is `ahead` (µs) of the host's; each answer takes its `trips` there and back (µs)."""

    def __init__(self, host: Host, ahead: int, trips: list[tuple[int, int]]) -> None:
        super().__init__(["http://time.invalid"], Budget(), now=lambda: host.wall // 1000, explain=VENUE.error)
        self.host = host
        self.ahead = ahead
        self.trips = trips
        self.broken = False
        self.calls = 0

    async def fetch_slowly(self, request: Any, kind: Any, read: Any, deadline: Any = None, *, bound: int = 0) -> Any:
        self.calls += 1
        if self.broken:
            raise UpstreamFailed("down", hint="up again later")
        there, back = self.trips[(self.calls - 1) % len(self.trips)]
        sent = self.host.counter
        self.host.run(there / 1e6)
        server = self.host.wall // 1000 + self.ahead
        self.host.run(back / 1e6)
        body = b'{"serverTime":%d}' % server
        return await read(Answer(body, sent, self.host.counter))


def test_it_runs_with_the_counter_and_ignores_steps_of_the_host() -> None:
    host = Host()
    clock = host.clock()
    assert clock.now() == START
    host.run(2)
    host.wall += 3600 * 10**9
    assert clock.now() == START + 2 * SECOND
    assert clock.stepped()
    assert clock.host() == START + 3602 * SECOND


def test_it_never_goes_back() -> None:
    host = Host()
    clock = host.clock()
    clock.set_offset(5 * SECOND)
    ahead = clock.now()
    assert ahead == START + 5 * SECOND
    clock.set_offset(0)
    assert clock.now() == ahead
    host.run(4)
    assert clock.now() == ahead
    host.run(2)
    assert clock.now() == START + 6 * SECOND
    assert clock.offset == 0


def test_a_reading_is_cheap() -> None:
    """Measured against the bare counter, so that a slow machine does not fail it."""
    clock = Clock()

    def cost(read: Any) -> float:
        best = 1e9
        for _ in range(7):
            began = time.perf_counter()
            for _ in range(2000):
                read()
            best = min(best, time.perf_counter() - began)
        return best

    assert cost(clock.now) < 8 * cost(time.perf_counter_ns)
    assert abs(clock.now() - time.time_ns() // 1000) < SECOND
    assert clock.monotonic() <= clock.monotonic()


async def test_the_offset_is_half_a_round_trip_and_the_quickest_of_three_counts() -> None:
    host = Host()
    clock = host.clock()
    rest = TimeRest(host, 1_500_000, [(90_000, 10_000), (20_000, 20_000), (10_000, 200_000)])
    assert await clock.sync(rest, VENUE)
    assert clock.offset == 1_500_000
    assert clock.round_trip == 40_000
    assert rest.calls == 3
    assert clock.now() == host.wall // 1000 + 1_500_000
    assert clock.measured_at == clock.now()


async def test_a_clock_that_is_ahead_is_held_not_turned_back() -> None:
    host = Host()
    clock = host.clock()
    before = clock.now()
    await clock.sync(TimeRest(host, -30 * SECOND, [(1000, 1000)]), VENUE)
    assert clock.offset == -30 * SECOND
    assert before <= clock.now() <= before + SECOND


async def test_a_failing_source_keeps_the_last_offset_and_says_so_once() -> None:
    host = Host()
    clock = host.clock()
    rest = TimeRest(host, 250_000, [(1000, 1000)])
    await clock.sync(rest, VENUE)
    rest.broken = True
    with capture_logs() as logs:
        assert not await clock.sync(rest, VENUE)
        assert not await clock.sync(rest, VENUE)
        assert (clock.stale, clock.offset) == (True, 250_000)
        rest.broken = False
        assert await clock.sync(rest, VENUE)
    assert (clock.stale, clock.offset) == (False, 250_000)
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]


async def test_a_sample_that_fails_does_not_spoil_the_others() -> None:
    host = Host()
    clock = host.clock()
    rest = TimeRest(host, 250_000, [(1000, 1000)])
    original = rest.fetch_slowly

    async def flaky(*args: Any, **named: Any) -> Any:
        if rest.calls == 1:
            rest.broken = True
        return await original(*args, **named)

    rest.fetch_slowly = flaky  # type: ignore[method-assign]
    assert await clock.sync(rest, VENUE)
    assert clock.offset == 250_000


async def test_it_is_kept_fresh_and_measured_again_after_a_step_of_the_host() -> None:
    host, moment = Host(), VirtualTime()
    clock = host.clock()
    rest = TimeRest(host, 100_000, [(0, 0)])
    told: list[int] = []

    async def sleep(seconds: float) -> None:
        await moment.sleep(seconds)
        host.run(seconds)

    async with Running(clock.run(rest, VENUE, changed=told.append, sleep=sleep)):
        await moment.pass_by(1)
        assert told == [100_000]
        rest.ahead = 120_000
        await moment.pass_by(INTERVAL_S)
        assert told == [100_000, 120_000]
        host.wall -= 10 * 10**9  # the host's clock is set back: the venue is now further ahead of it
        rest.ahead += 10 * SECOND
        await moment.pass_by(6)
        assert told == [100_000, 120_000, 10_120_000]
        rest.broken = True
        calls = rest.calls
        await moment.pass_by(INTERVAL_S + 120)
        assert 3 <= rest.calls - calls <= 6, "a broken source is asked every half minute"
