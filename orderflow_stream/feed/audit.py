"""Whether each of two connections brings every symbol: a subscription may be dead on one of them, and nobody would miss
it while the other brings the symbol. It would be missed when that one dies.

Once a minute both note for a while what they bring. A symbol that one of them brought in the middle of that while, and
the other not from its beginning to its end, is dead on the other: the two are never further apart than the margins (one
that is has a lag and is judged for that). A symbol that does not trade within the while is looked at in another one.
"""

from __future__ import annotations

from typing import Final, Protocol

from orderflow_stream.core.units import US_PER_S

#: µs: from one beginning to the next, and the while in its three parts.
EVERY: Final = 60 * US_PER_S
MARGIN: Final = 3 * US_PER_S
MIDDLE: Final = 14 * US_PER_S


class Noting(Protocol):
    """What a connection brings is noted in `brought`, by instrument, while that is a set."""

    brought: set[str] | None


class Audit:
    """`look` a few times a second at the two that stand; `stop` where there are not two that carry the same. Times are
    microseconds of a clock that never steps back."""

    def __init__(self) -> None:
        self._pair: tuple[Noting, Noting] | None = None
        self._parts: list[tuple[set[str], set[str]]] = []
        self._due = 0

    def look(self, now: int, first: Noting, second: Noting) -> list[tuple[int, str]]:
        """Which of the two (0 or 1) does not bring which instrument."""
        if self._pair is not None and (self._pair[0] is not first or self._pair[1] is not second):
            self.stop()
        if now < self._due:
            return []
        self._pair = first, second
        if len(self._parts) < 3:
            self._parts.append((set(), set()))
            first.brought, second.brought = self._parts[-1]
            self._due = now + (MARGIN, MIDDLE, MARGIN)[len(self._parts) - 1]
            return []
        middle = self._parts[1]
        whole = [set[str]().union(*(part[which] for part in self._parts)) for which in (0, 1)]
        self.stop()
        self._due = now + EVERY - MIDDLE - 2 * MARGIN
        return [(which, key) for which in (0, 1) for key in sorted(middle[1 - which] - whole[which])]

    def stop(self) -> None:
        """Note nothing more."""
        if self._pair is not None:
            for noting, index in zip(self._pair, (0, 1), strict=True):
                if self._parts and noting.brought is self._parts[-1][index]:
                    noting.brought = None
        self._pair = None
        self._parts = []
        self._due = 0
