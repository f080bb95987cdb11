"""Two connections that carry the same symbols judge each other: no question to anybody, and no guess about calm.

What one brings the other must bring as well. One that brings nothing while its twin does is silent; one that brings
everything seconds after its twin is behind (what came late once stays late: TCP does not skip). Where both are silent
nothing is said: that is a calm market or a venue that stalls, and asking the venue is the business of others.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from orderflow_stream.core.units import US_PER_S

Fault = Literal["silence", "lag"]


class Sight(Struct, frozen=True):
    """One of the two now: trades brought so far, and the venue's time (µs) of the newest of them, -1: none."""

    trades: int
    newest: int


class Limits(Struct, frozen=True):
    """Microseconds where not said otherwise."""

    silence: int = 1_200_000  # of one, while the other brings at least `trades`
    trades: int = 3
    thin: int = 3 * US_PER_S  # the same where the other brings fewer
    behind: int = 2 * US_PER_S
    behind_for: int = 10 * US_PER_S
    late: int = 300_000  # between two looks; more means that we were held up ourselves


class Twins:
    """`look` ten times a second or so."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._before: tuple[Sight, Sight] | None = None
        self._looked = 0
        self._alone: list[tuple[int, int] | None] = [None, None]  # since when, and at which count, the other spoke
        self._behind: list[int | None] = [None, None]

    def reset(self) -> None:
        """There are not two that carry the same symbols."""
        self._before = None
        self._alone = [None, None]
        self._behind = [None, None]

    def look(self, now: int, first: Sight, second: Sight) -> tuple[int, Fault] | None:
        """Which of the two (0 or 1) is to be replaced, and why."""
        before, sights = self._before, (first, second)
        held_up = now - self._looked > self._limits.late
        self._looked = now
        if before is None or held_up:
            self.reset()
            self._before = sights
            return None
        self._before = sights
        for me, other in ((0, 1), (1, 0)):
            fault = self._judge(now, me, sights[me], before[me], sights[other], before[other])
            if fault is not None:
                self.reset()
                return me, fault
        return None

    def _judge(self, now: int, me: int, mine: Sight, was: Sight, its: Sight, its_was: Sight) -> Fault | None:
        limits = self._limits
        if mine.trades != was.trades or its.newest <= mine.newest:  # which may merely have come by the other later
            self._alone[me] = None
        elif self._alone[me] is None:
            self._alone[me] = now, its_was.trades
        alone = self._alone[me]
        if alone is not None:
            many = its.trades - alone[1] >= limits.trades
            if now - alone[0] >= (limits.silence if many else limits.thin):
                return "silence"
        if mine.newest < 0 or its.newest - mine.newest <= limits.behind or mine.trades == 0:
            self._behind[me] = None
        elif self._behind[me] is None:
            self._behind[me] = now
        since = self._behind[me]
        return "lag" if since is not None and now - since >= limits.behind_for else None
