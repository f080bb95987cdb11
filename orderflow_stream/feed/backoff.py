"""When to dial again: full jitter per connection, and one pace for all of them. Times are microseconds of any clock
that never steps back; chance is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from orderflow_stream.core.units import US_PER_S

#: Binance counts connection attempts per IP over five minutes and allows 300.
WINDOW: Final = 300 * US_PER_S


class Backoff:
    """Delays between the attempts of one connection.

    The first attempt and the first retry are at once (most cuts are single), the n-th later retry comes after
    `random() * min(cap, base * 2^(n-1))`: full jitter, so that many clients of one failed server spread out. Never more
    than `attempts` in any `WINDOW`, also where every attempt succeeds and is cut at its first frame.
    """

    def __init__(
        self,
        random: Callable[[], float],
        *,
        base: int = US_PER_S,
        cap: int = 30 * US_PER_S,
        attempts: int = 60,
    ) -> None:
        if base <= 0 or cap < base or attempts < 1:
            raise ValueError(
                f"Backoff: base {base}, cap {cap} and attempts {attempts} must be positive and base <= cap"
            )
        self._random = random
        self._base = base
        self._cap = cap
        self._attempts = 0
        self._dialled: deque[int] = deque(maxlen=attempts)

    @property
    def attempts(self) -> int:
        """Attempts since the last good connection, itself included."""
        return self._attempts

    def next(self, now: int) -> int:
        """Counts an attempt; returns how long to wait before it."""
        delay = 0
        if self._attempts > 1:
            ceiling = min(self._cap, self._base << min(self._attempts - 2, 40))
            delay = int(self._random() * ceiling)
        if len(self._dialled) == self._dialled.maxlen:
            delay = max(delay, self._dialled[0] + WINDOW - now)
        self._attempts += 1
        self._dialled.append(now + delay)
        return delay

    def good(self) -> None:
        """The last attempt brought a good connection: the next loss begins with a retry at once."""
        self._attempts = min(self._attempts, 1)


class Pace:
    """One pace for every new connection of the process: `burst` at once, then one per `interval`, and never more than
    `most` in any `WINDOW`."""

    def __init__(self, *, burst: int = 5, interval: int = US_PER_S, most: int = 240) -> None:
        if burst < 1 or interval < 0 or most < 1:
            raise ValueError(f"Pace: burst {burst} and most {most} must be positive, interval {interval} not negative")
        self._ahead = (burst - 1) * interval
        self._interval = interval
        self._next = 0  # when a bucket without a burst would be ready
        self._held = 0
        self._slots: deque[int] = deque(maxlen=most)

    def hold(self, until: int) -> None:
        """No connection before `until`: the venue has told this address so."""
        self._held = max(self._held, until)

    def held(self, now: int) -> int:
        """How long no connection may be opened, as of `now`; to be asked again after a wait for a slot."""
        return max(0, self._held - now)

    def reserve(self, now: int) -> int:
        """Takes the next free slot; returns how long to wait for it."""
        slot = max(now, self._next - self._ahead, self._held)
        if len(self._slots) == self._slots.maxlen:
            slot = max(slot, self._slots[0] + WINDOW)
        self._next = max(self._next, slot) + self._interval
        self._slots.append(slot)
        return slot - now
