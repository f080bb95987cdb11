"""Venue time: this machine's clock, read without its jumps, plus the measured distance to the venue's.

`now()` is the wall clock of the moment it was last set, carried on by the monotonic counter, so that a stepped host
clock moves nothing; plus the offset of the last good measurement. It never goes back: after a correction backwards it
stands still until time has caught up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from orderflow_stream.adapters.rest import Answer, Rest
from orderflow_stream.feed.errors import UpstreamError
from orderflow_stream.feed.upstream import RestVenue

SAMPLES: Final = 3
INTERVAL_S: Final = 600.0
_RETRY_S: Final = 30.0
#: How far the host's clock may leave ours (it was stepped, or the machine slept) before we measure at once.
_STEPPED_US: Final = 250_000
_LOOK_S: Final = 5.0
_PATIENCE_US: Final = 15_000_000

log = structlog.get_logger(__name__)


class Clock:
    """`now()` in µs of venue time; `offset` (µs) is venue clock minus host clock, 0 until it was first measured."""

    __slots__ = ("_counter", "_floor", "_shift", "_wall", "measured_at", "offset", "round_trip", "stale")

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        counter_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._wall = wall_ns
        self._counter = counter_ns
        self.offset = 0
        self.round_trip: int | None = None  # µs, of the sample that was used
        self.measured_at: int | None = None  # venue time, µs
        self.stale = False  # the last attempt to measure failed
        self._floor = 0
        self._shift = wall_ns() - counter_ns()  # ns: what turns the counter into venue time

    def now(self) -> int:
        """Venue time in µs; never less than it was."""
        now = (self._counter() + self._shift) // 1000
        return now if now > self._floor else self._floor  # noqa: FURB136 - max() takes twice as long

    def monotonic(self) -> float:
        """Seconds that only ever pass: for intervals."""
        return time.monotonic()

    def host(self) -> int:
        """The host's own clock in µs, with its jumps: what log lines carry."""
        return self._wall() // 1000

    def set_offset(self, offset: int) -> None:
        """Venue clock minus host clock (µs), from here on."""
        self._floor = self.now()
        self.offset = offset
        self._shift = self._wall() - self._counter() + offset * 1000

    def stepped(self) -> bool:
        """Whether the host's clock has left ours since the offset was set."""
        drift = self._wall() - self._counter() + self.offset * 1000 - self._shift
        return abs(drift) > _STEPPED_US * 1000

    async def sync(self, rest: Rest, venue: RestVenue) -> bool:
        """Measure the offset: the best of three, by round trip. A failing source keeps the last one (False)."""
        best: tuple[int, int] | None = None
        for _ in range(SAMPLES):
            try:
                answer, there = await rest.fetch(
                    venue.time_request(),
                    "repair",
                    lambda answer: (answer, venue.decode_time(answer.body)),
                    self.now() + _PATIENCE_US,
                )
            except UpstreamError as error:
                if best is None:
                    if not self.stale:
                        log.warning(
                            "the venue's clock cannot be read; the last offset stays",
                            reason=error.reason,
                            hint=error.hint,
                            offset_ms=self.offset / 1000,
                        )
                    self.stale = True
                    return False
                break
            sample = self._sample(answer, there)
            if best is None or sample < best:
                best = sample
        assert best is not None  # the loop has run
        self.round_trip, offset = best
        self.set_offset(offset)
        self.measured_at = self.now()
        if self.stale:
            log.info("the venue's clock can be read again", offset_ms=offset / 1000)
        self.stale = False
        return True

    async def run(
        self,
        rest: Rest,
        venue: RestVenue,
        *others: tuple[Rest, RestVenue],
        changed: Callable[[int], None] = lambda _: None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Keep the offset fresh: every ten minutes, and at once after a jump of the host's clock. `changed` gets it.
        `others` are venues of the same clock, asked in turn where one does not answer."""
        sources = deque([(rest, venue), *others])
        while True:
            good = False
            for _ in range(len(sources)):
                good = await self.sync(*sources[0])
                if good:
                    break
                sources.rotate(-1)
            if good:
                changed(self.offset)
            left = INTERVAL_S if good else _RETRY_S
            while left > 0 and not (good and self.stepped()):
                await sleep(min(left, _LOOK_S))
                left -= _LOOK_S

    def _sample(self, answer: Answer, there: int) -> tuple[int, int]:
        """Round trip and offset, µs: the venue read its clock half a round trip after we asked."""
        middle = (answer.sent + answer.received) // 2
        here = (middle + self._wall() - self._counter()) // 1000
        return (answer.received - answer.sent) // 1000, there - here
