"""When each connection is renewed: before the venue's limit of age, and never two of them together.

A renewal is make-before-break and loses nothing by itself; what must not happen is that a fault at the venue meets all
connections in the middle of one. Each gets the middle of the widest free stretch in its own window of time, less or
more a little chance, so that the renewals of many daemons do not meet either. With n others about, any two are at least
`MARGIN * window / (2 (n + 1))` apart, and the two that carry the same symbols an eighth of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from itertools import pairwise
from typing import Final

#: How far chance may move a renewal from the middle of its stretch, as a share of the half stretch.
_CHANCE: Final = 0.2
MARGIN: Final = 1 - _CHANCE
_TWIN_SHARE: Final = 8


class Rota:
    """Times of renewal by connection; microseconds of any clock that never steps back."""

    def __init__(self, max_age: int, window: int, chance: Callable[[], float]) -> None:
        """A connection is renewed between `max_age - window` and `max_age` after it was opened."""
        self._max_age = max_age
        self._window = window
        self._chance = chance
        self._due: dict[Hashable, int] = {}

    def plan(self, who: Hashable, now: int, twins: Iterable[Hashable] = ()) -> float:
        """`who` is opened at `now`. Returns its share, in [0, 1], of the window by which it is renewed earlier than
        `max_age`. `twins` carry the same symbols."""
        self._due.pop(who, None)
        first, last = now + self._max_age - self._window, now + self._max_age
        if self._window <= 0:
            return 0.0
        away = self._window // _TWIN_SHARE
        shut = [(due - away, due + away) for twin in twins if (due := self._due.get(twin)) is not None]
        taken = sorted(due for due in self._due.values() if first - self._window < due < last + self._window)
        low, high = max(_stretches(first, last, taken, shut), key=lambda pair: pair[1] - pair[0])
        middle, half = (low + high) / 2, (high - low) / 2
        due = min(max(int(middle + half * _CHANCE * (2 * self._chance() - 1)), first), last)
        self._due[who] = due
        return (last - due) / self._window

    def forget(self, who: Hashable) -> None:
        """It is gone."""
        self._due.pop(who, None)

    def due(self, who: Hashable) -> int | None:
        """When it is renewed."""
        return self._due.get(who)


def _stretches(first: int, last: int, taken: list[int], shut: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches of `first`..`last` between what is taken and outside of what is shut; at least one."""
    edges = sorted({first, last, *(due for due in taken if first < due < last)})
    found: list[tuple[int, int]] = list(pairwise(edges))
    for begin, end in shut:
        found = [
            part
            for low, high in found
            for part in ((low, min(high, begin)), (max(low, end), high))
            if part[0] < part[1]
        ]
    return found or [(first, last)]
