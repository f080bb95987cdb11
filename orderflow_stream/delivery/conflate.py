"""The pace of state topics: the first change of a key goes at once, further ones at most once a tick, for all clients.

Pure: time is an argument, nothing is scheduled here.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from msgspec import Struct

_Pace = Literal["ready", "cooling", "changed"]


class Conflator:
    """Keys that change, and when each may be told again. An idle key costs nothing."""

    __slots__ = ("_cooling", "_pace", "_ready", "tick")

    def __init__(self, tick: float) -> None:
        """`tick`: seconds between two versions of one key."""
        self.tick = tick
        self._pace: dict[str, _Pace] = {}
        self._ready: deque[str] = deque()
        # In the order of their time, since the tick is one for all. (Just after it was made shorter, some wait for
        # those before them, no longer than the old one.)
        self._cooling: deque[tuple[float, str]] = deque()

    def touch(self, key: str) -> bool:
        """`key` has changed; true where it may be told now and could not before."""
        pace = self._pace.get(key)
        if pace is None:
            self._pace[key] = "ready"
            self._ready.append(key)
            return True
        if pace == "cooling":
            self._pace[key] = "changed"
        return False

    def changed(self, key: str) -> bool:
        """Whether `key` has changed since it was last told."""
        return self._pace.get(key) in {"ready", "changed"}

    def cool(self, now: float) -> None:
        """Let keys whose tick has passed be told again."""
        while self._cooling and self._cooling[0][0] <= now:
            _, key = self._cooling.popleft()
            pace = self._pace.get(key)
            if pace == "changed":
                self._pace[key] = "ready"
                self._ready.append(key)
            elif pace == "cooling":
                del self._pace[key]

    def take(self, now: float) -> str | None:
        """The next key to tell, or None; it begins to cool."""
        while self._ready:
            key = self._ready.popleft()
            if self._pace.get(key) == "ready":
                self._pace[key] = "cooling"
                self._cooling.append((now + self.tick, key))
                return key
        return None

    @property
    def ready(self) -> bool:
        """Whether `take` may have something."""
        return bool(self._ready)

    def due(self) -> float | None:
        """When `cool` has something to do."""
        return self._cooling[0][0] if self._cooling else None

    def drop(self, key: str) -> None:
        """Nobody asks for `key` any more; its tick still runs out."""
        pace = self._pace.get(key)
        if pace == "ready":
            del self._pace[key]
        elif pace == "changed":
            self._pace[key] = "cooling"


class Held(Struct):
    """A hole that is not told yet: ids `first`..`last`, found at venue time `ts` (µs), to be told at `due` (s)."""

    first: int
    last: int
    ts: int
    due: float


class HeldGaps:
    """Holes that wait a moment before they are told, since the other copy of the stream often fills them."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, list[Held]] = {}

    def add(self, key: str, held: Held) -> None:
        self._held.setdefault(key, []).append(held)

    def fill(self, key: str, ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        """Ids came in: forget them where they are held. What is left of `ranges` was told before, and is returned."""
        held = self._held.get(key)
        if not held:
            return ranges
        told: list[tuple[int, int]] = list(ranges)
        for hole in held:
            told = _without(told, hole.first, hole.last)
        for first, last in ranges:
            held = [
                Held(a, b, hole.ts, hole.due)
                for hole in held
                for a, b in _without([(hole.first, hole.last)], first, last)
            ]
        self._keep(key, held)
        return tuple(told)

    def due(self, now: float) -> list[tuple[str, Held]]:
        """The holes to tell now, by instrument; they are held no longer."""
        out: list[tuple[str, Held]] = []
        for key in list(self._held):
            held = self._held[key]
            out += [(key, hole) for hole in held if hole.due <= now]
            self._keep(key, [hole for hole in held if hole.due > now])
        return out

    def next_due(self) -> float | None:
        """When the next hole is to be told."""
        return min((hole.due for held in self._held.values() for hole in held), default=None)

    def take(self, key: str) -> list[Held]:
        """All that is held of one instrument, now."""
        return self._held.pop(key, [])

    def _keep(self, key: str, held: list[Held]) -> None:
        if held:
            self._held[key] = held
        else:
            self._held.pop(key, None)


def _without(ranges: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """`ranges` less the ids `first`..`last`."""
    out: list[tuple[int, int]] = []
    for a, b in ranges:
        if b < first or a > last:
            out.append((a, b))
            continue
        if a < first:
            out.append((a, first - 1))
        if b > last:
            out.append((last + 1, b))
    return out
