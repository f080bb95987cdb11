"""How long a connection may be silent, by its own rhythm.

A connection that has brought something every 0.2 s for minutes and then nothing for 2 s is dead or stalled; one that
pauses for 5 s every now and then is not. So the measure is the longest pause of the last minutes, not the rate:
a burst followed by calm proves nothing.
"""

from __future__ import annotations

from typing import Final

from orderflow_stream.core.units import US_PER_S

_SPAN: Final = 60 * US_PER_S
_FACTOR: Final = 8


class Rhythm:
    """The longest pause between frames over the last one to two minutes; unknown before the first whole minute.

    `floor` and `ceiling` (microseconds): a silence shorter than `floor` is never judged, and where the rhythm would
    allow more than `ceiling` it says nothing at all. Times are as coarse as the calls.
    """

    def __init__(self, floor: int, ceiling: int) -> None:
        self._floor = floor
        self._ceiling = ceiling
        self._last = 0
        self._started = 0
        self._longest = 0
        self._before: int | None = None

    def begin(self, now: int) -> None:
        """Start anew at `now`."""
        self._last = self._started = now
        self._longest = 0
        self._before = None

    def heard(self, now: int) -> None:
        """Something came since the last call."""
        self._longest = max(self._longest, now - self._last)
        self._last = now
        if now - self._started >= _SPAN:
            self._before, self._longest, self._started = self._longest, 0, now

    def skip(self, span: int) -> None:
        """`span` of the time since the last frame does not count: nobody was reading."""
        self._last += span

    def limit(self) -> int | None:
        """The silence that is out of rhythm; None while the rhythm is unknown or too loose to judge by."""
        if self._before is None:
            return None
        limit = max(self._floor, _FACTOR * max(self._before, self._longest))
        return limit if limit <= self._ceiling else None

    def broken(self, now: int) -> bool:
        """True where the silence up to `now` is out of rhythm."""
        limit = self.limit()
        return limit is not None and now - self._last > limit
