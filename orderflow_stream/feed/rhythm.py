"""How long a connection may bring no trade, by its own rhythm.

Two measures, both from recorded days. A flow that has filled most of the last seconds (`BUSY_RATE` and `BUSY_SHARE`)
never paused longer than 0.9 s in any of them, the crash of 2025-10-10 included: it is judged after `fast`, and it is
known after four seconds. A slower one is judged by its longest pause of the last one or two minutes: eight times that
has never been reached, six times has. The rate alone proves nothing: a burst of a second followed by calm is a market
as it should be.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orderflow_stream.core.units import US_PER_S

_SPAN: Final = 60 * US_PER_S
_FACTOR: Final = 8
#: The seconds by which a busy flow is known, cut into slots; trades a second and share of the slots that it takes.
BUSY_SPAN: Final = 5 * US_PER_S
SLOT: Final = US_PER_S // 10
BUSY_RATE: Final = 45
BUSY_SHARE: Final = 0.66
_BUSY_TRADES: Final = BUSY_RATE * BUSY_SPAN // US_PER_S
_BUSY_SLOTS: Final = int(BUSY_SHARE * BUSY_SPAN / SLOT)


class Rhythm:
    """`fast`: the silence (µs) that condemns a busy flow; `floor`: the least that condemns a slower one; where its
    rhythm would allow more than `ceiling` it is not judged at all. Times are as coarse as the calls."""

    def __init__(self, fast: int, floor: int, ceiling: int) -> None:
        self._fast = fast
        self._floor = floor
        self._ceiling = ceiling
        self.mute = False  # a silence out of rhythm was seen, and nothing has come since
        self.begin(0)

    def begin(self, now: int) -> None:
        """Start anew at `now`."""
        self._last = self._started = now
        self._longest = 0
        self._before: int | None = None
        self._slots: deque[tuple[int, int]] = deque()  # (slot, trades in it), those of the last seconds
        self._trades = 0

    def heard(self, now: int, trades: int = 1) -> None:
        """So many trades came since the last call."""
        self.mute = False
        self._longest = max(self._longest, now - self._last)
        self._last = now
        if now - self._started >= _SPAN:
            self._before, self._longest, self._started = self._longest, 0, now
        slot = now // SLOT
        self._trades += trades
        if self._slots and self._slots[-1][0] == slot:
            trades += self._slots.pop()[1]
        self._slots.append((slot, trades))
        oldest = slot - BUSY_SPAN // SLOT
        while self._slots[0][0] <= oldest:
            self._trades -= self._slots.popleft()[1]

    def skip(self, span: int) -> None:
        """`span` of the time since the last trade does not count: nobody was reading."""
        self._last += span

    @property
    def busy(self) -> bool:
        """Whether the flow was a busy one up to its last trade."""
        return self._trades >= _BUSY_TRADES and len(self._slots) >= _BUSY_SLOTS

    @property
    def steady(self) -> bool:
        """Whether a silence of little less than a second is rare: a busy flow, or one without long pauses."""
        limit = self.limit()
        return limit is not None and limit <= self._floor

    def limit(self) -> int | None:
        """The silence that is out of rhythm; None while the rhythm is unknown or too loose to judge by."""
        if self.busy:
            return self._fast
        if self._before is None:
            return None
        limit = max(self._floor, _FACTOR * max(self._before, self._longest))
        return limit if limit <= self._ceiling else None

    def broken(self, now: int) -> bool:
        """True where the silence up to `now` is out of rhythm."""
        limit = self.limit()
        if limit is None or now - self._last <= limit:
            return False
        self.mute = True
        return True
