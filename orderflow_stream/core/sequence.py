"""The trade-id order of one instrument: what came, what is missing, what was proven lost.

Ids of one instrument step by one. `offer` judges an id against that; the ranges not yet seen are `holes`. A hole is
declared the moment an id beyond it arrives; it is filled id by id, or proven lost by a source that has what is beyond
it and not the hole itself. Ids that carry no trade (rows the venue marked invalid) are received like any other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from enum import Enum

from msgspec import Struct

from orderflow_stream.core.events import Range


class Verdict(Enum):
    """How an id stands to those seen before."""

    NEXT = "next"
    GAP = "gap"  # ids before it are missing: they are a hole now
    LATE = "late"  # it was missing (or is older than everything held)
    DUPLICATE = "duplicate"


class Hole(Struct):
    """Missing ids `first`..`last` (inclusive), found at venue time `found` (µs); `lost`: proven not to exist."""

    first: int
    last: int
    found: int
    lost: bool = False

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Sequence:
    """Which ids of an instrument were received: `first`..`newest` less the `holes` (ascending, disjoint)."""

    __slots__ = ("first", "holes", "invalid", "lost", "next", "open")

    def __init__(self) -> None:
        self.first: int | None = None
        self.next: int = -1  # the id that continues the order; -1 before the first
        self.holes: list[Hole] = []
        self.open = 0  # ids in holes that may still be filled
        self.lost = 0  # ids in holes that are proven lost
        self.invalid: list[int] = []

    @property
    def newest(self) -> int | None:
        return None if self.first is None else self.next - 1

    def offer(self, id_: int, ts: int) -> Verdict:
        """Receive an id at venue time `ts`, and say how it stood."""
        if self.first is None:
            self.first = id_
            self.next = id_ + 1
            return Verdict.NEXT
        if id_ >= self.next:
            gap = id_ > self.next
            if gap:
                self.holes.append(Hole(self.next, id_ - 1, ts))
                self.open += id_ - self.next
            self.next = id_ + 1
            return Verdict.GAP if gap else Verdict.NEXT
        if id_ < self.first:
            if id_ < self.first - 1:
                self.holes.insert(0, Hole(id_ + 1, self.first - 1, ts))
                self.open += self.first - 1 - id_
            self.first = id_
            return Verdict.LATE
        index = self._hole_at(id_)
        if index is None:
            return Verdict.DUPLICATE
        self._replace(index, id_, id_, None)
        return Verdict.LATE

    def missing_here(self, id_: int) -> bool:
        """Whether that id would be new: beyond either end, or inside a hole."""
        return self.first is None or id_ >= self.next or id_ < self.first or self._hole_at(id_) is not None

    def mark_invalid(self, id_: int) -> None:
        """The id was received and carries no trade."""
        insort(self.invalid, id_)

    def lose(self, first: int, last: int) -> list[Range]:
        """Ids `first`..`last` are proven not to exist; the ranges that were open holes until now."""
        newly: list[Range] = []
        for hole in self._overlapping(first, last):
            if not hole.lost:
                low, high = max(hole.first, first), min(hole.last, last)
                newly.append((low, high))
                by = Hole(low, high, hole.found, lost=True)
                self._replace(bisect_left(self.holes, low, key=_last), low, high, by)
        return newly

    def missing(self, first: int, last: int) -> list[Hole]:
        """The holes inside `first`..`last`, cut to it, ascending."""
        return [
            Hole(max(hole.first, first), min(hole.last, last), hole.found, hole.lost)
            for hole in self._overlapping(first, last)
        ]

    def invalid_between(self, first: int, last: int) -> int:
        """How many received ids in `first`..`last` carry no trade."""
        return bisect_right(self.invalid, last) - bisect_left(self.invalid, first)

    def first_missing(self, after: int, before: int) -> int | None:
        """Where the first hole begins that does so above id `after` and below id `before`."""
        index = bisect_right(self.holes, after, key=_first)
        return self.holes[index].first if index < len(self.holes) and self.holes[index].first < before else None

    def forget_before(self, id_: int) -> None:
        """Ids below `id_` are no longer answered for."""
        if self.first is None or id_ <= self.first:
            return
        self.first = id_
        gone = bisect_left(self.holes, id_, key=_last)
        for hole in self.holes[:gone]:
            self._count(hole, -1)
        del self.holes[:gone]
        if self.holes and self.holes[0].first < id_:
            self._replace(0, self.holes[0].first, id_ - 1, None)
        del self.invalid[: bisect_left(self.invalid, id_)]

    def _overlapping(self, first: int, last: int) -> list[Hole]:
        start = bisect_left(self.holes, first, key=_last)
        return self.holes[start : bisect_right(self.holes, last, key=_first)]

    def _hole_at(self, id_: int) -> int | None:
        index = bisect_left(self.holes, id_, key=_last)
        return index if index < len(self.holes) and self.holes[index].first <= id_ else None

    def _replace(self, index: int, low: int, high: int, by: Hole | None) -> None:
        """Take `low`..`high` out of the hole that holds them; `by` takes their place, joined with lost neighbours."""
        hole = self.holes[index]
        parts = [by] if by is not None else []
        if hole.first < low:
            parts.insert(0, Hole(hole.first, low - 1, hole.found, hole.lost))
        if hole.last > high:
            parts.append(Hole(high + 1, hole.last, hole.found, hole.lost))
        self._count(hole, -1)
        for part in parts:
            self._count(part, 1)
        self.holes[index : index + 1] = parts
        if by is not None:
            self._join(self.holes.index(by, index))

    def _join(self, index: int) -> None:
        """Make one of a lost hole and the lost ones that touch it."""
        low = high = index
        while low and self._touch(low - 1):
            low -= 1
        while high + 1 < len(self.holes) and self._touch(high):
            high += 1
        if low < high:
            first = self.holes[low]
            self.holes[low : high + 1] = [Hole(first.first, self.holes[high].last, first.found, lost=True)]

    def _touch(self, index: int) -> bool:
        one, two = self.holes[index], self.holes[index + 1]
        return one.lost and two.lost and one.last + 1 == two.first

    def _count(self, hole: Hole, sign: int) -> None:
        if hole.lost:
            self.lost += sign * hole.size
        else:
            self.open += sign * hole.size


def _first(hole: Hole) -> int:
    return hole.first


def _last(hole: Hole) -> int:
    return hole.last
