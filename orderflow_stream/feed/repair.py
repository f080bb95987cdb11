"""When to ask REST for which missing ids. Pure: the shell asks, this keeps the account.

A hole is asked for a moment after it was found (a late frame often fills it), then ever less often, for as long as the
tape has room for it. Holes of one instrument that one page can answer go together, and one instrument has one fetch at
a time. A hole is lost only when REST returned an id beyond it and not the hole; lost ones are asked for again, rarely:
venues have been seen to recover trades after the fact. So are holes that REST refuses to tell of.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from operator import itemgetter
from typing import Final

from msgspec import Struct

from orderflow_stream.core.events import GapFound, Range
from orderflow_stream.feed.upstream import PAGE

_SECOND: Final = 1_000_000
#: How long late frames may fill a hole before REST is asked.
DELAY: Final = 150_000
#: Waits after an answer that did not reach the hole, and after a failure; the last one repeats for ever.
WAITS: Final = tuple(int(s * _SECOND) for s in (0.25, 0.5, 1, 2, 5, 10, 20, 30, 60))
#: Waits for a hole that REST does not have, or refuses to tell of (a restricted country, a firewall): a minute, five,
#: then every hour while the tape has room for it.
LOST_WAITS: Final = tuple(s * _SECOND for s in (60, 300, 3600))
#: When nobody will be asked again: the venue tells nothing that old, and has been asked.
NEVER: Final = 2**62
#: Holes found within so long of each other are of the same outage.
_OUTAGE: Final = 60 * _SECOND
#: Holes kept an instrument; beyond, the oldest lost ones are given up, then the oldest.
MOST_HOLES: Final = 5_000


class Hole(Struct):
    """Missing ids `first`..`last`, to be asked for at `due` (µs). `tries` counts the waits of its present kind, `asked`
    all questions so far; `found` is when (µs) it was found."""

    first: int
    last: int
    due: int
    tries: int = 0
    lost: bool = False
    refused: bool = False
    asked: int = 0
    found: int = 0


class Fetch(Struct, frozen=True):
    """Ask for ids from `first` on, up to `last` and one beyond: `limit` rows."""

    instrument: str
    first: int
    last: int
    limit: int


class Outlook(Struct, frozen=True):
    """What is still to be read to fill every open hole: `calls` of REST for the `trades` that `symbols` lack, and the
    `seconds` until that will have been done (None: nobody can tell, since REST does not answer)."""

    symbols: int = 0
    calls: int = 0
    trades: int = 0
    seconds: float | None = 0.0


#: The less, the sooner; compared as tuples.
Rank = Callable[[str], tuple[int, ...]]


class Repair:
    """The holes of all instruments."""

    def __init__(self, *, delay: int = DELAY, lookback: int | None = None) -> None:
        """`delay` in µs, 0 to 10 s. `lookback`: how far back (µs) the venue tells of trades; a hole that is older by
        the time it was asked for is not asked for again."""
        if not 0 <= delay <= 10 * _SECOND:
            raise ValueError(f"delay: {delay} µs is not within 0 and 10 s")
        self._delay = delay
        self._lookback = lookback
        self._holes: dict[str, list[Hole]] = {}
        self._busy: set[str] = set()
        self.given_up = 0

    def found(self, gap: GapFound, now: int | None = None) -> None:
        """A hole was found at `now` (its own time where that is not given: but a trade may claim any time); parts that
        are known stay as they are."""
        due = (gap.ts if now is None else now) + self._delay
        holes = self._holes.setdefault(gap.instrument, [])
        for first, last in _without(gap.first, gap.last, holes[_overlap(holes, gap.first, gap.last)]):
            found = gap.ts if now is None else min(gap.ts, now)  # one that a journal tells of may be days old
            holes.insert(bisect_left(holes, first, key=_first), Hole(first, last, due, found=found))
        while len(holes) > MOST_HOLES:
            holes.remove(next((hole for hole in holes if hole.lost), holes[0]))
            self.given_up += 1

    def filled(self, instrument: str, ranges: Iterable[Range]) -> None:
        """These ids came in by another way (late frames, another connection)."""
        holes = self._holes.get(instrument)
        if not holes:
            return
        for first, last in ranges:
            touched = _overlap(holes, first, last)
            holes[touched] = [part for hole in holes[touched] for part in _cut(hole, first, last)]
        self._tidy(instrument)

    def forget(self, instrument: str, before: int | None = None) -> None:
        """Ids below `before` (None: all) are no longer answered for."""
        if before is None:
            self._holes.pop(instrument, None)
        elif before > 0:
            self.filled(instrument, ((0, before - 1),))

    def attempts(self, instrument: str, first: int, last: int) -> tuple[int, int | None]:
        """How often ids `first`..`last` were asked for, and when (µs) they will be again (None: never, or now)."""
        holes = self._holes.get(instrument, [])
        touched = holes[_overlap(holes, first, last)]
        due = None if instrument in self._busy else min((hole.due for hole in touched), default=NEVER)
        due = None if due == NEVER else due
        return max((hole.asked for hole in touched), default=0), due

    def open(self, instrument: str) -> int:
        """Ids missing and not lost."""
        return sum(hole.last - hole.first + 1 for hole in self._holes.get(instrument, ()) if not hole.lost)

    def instruments(self) -> list[str]:
        """Those that have holes."""
        return list(self._holes)

    def next_due(self) -> int | None:
        """The earliest time (µs) at which `due` may give something; None: nothing is waiting."""
        due = min(
            (hole.due for key, holes in self._holes.items() if key not in self._busy for hole in holes), default=NEVER
        )
        return None if due == NEVER else due

    def due(self, now: int, most: int | None = None, rank: Rank | None = None) -> list[Fetch]:
        """What to ask now, at most one fetch an instrument; each must come back through `answered` or `failed`. With
        `most`, only the first so many: the others wait, and may be overtaken.

        Freshly found holes before lost ones; then by `rank`, where there is one: of the same rank those instruments
        that are whole again after the fewest calls, then what the latest outage left.
        """
        found: list[tuple[tuple[int, ...], str, Hole]] = []
        for key, holes in self._holes.items():
            if key in self._busy:
                continue
            start = min((hole for hole in holes if hole.due <= now), key=_urgency, default=None)
            if start is not None:
                order = (*rank(key), self.calls(key), -(start.found // _OUTAGE)) if rank is not None else ()
                found.append(((start.lost, *order), key, start))
        chosen = sorted(found, key=_order) if most is None else nsmallest(most, found, key=_order)
        self._busy.update(key for _, key, _ in chosen)
        return [self._fetch(key, start, now) for _, key, start in chosen]

    def calls(self, instrument: str) -> int:
        """Calls that it takes to fill what may still be filled of it."""
        calls, reach = 0, -1
        for hole in self._holes.get(instrument, ()):
            if hole.lost or hole.refused or hole.last <= reach:
                continue
            pages = -(-(hole.last - hole.first + 1) // PAGE)
            calls += pages
            reach = max(hole.last, hole.first + pages * PAGE - 2)
        return calls

    def _fetch(self, key: str, start: Hole, now: int) -> Fetch:
        """From `start` on, with every later hole that the same page can reach."""
        holes = self._holes[key]
        last = start.last
        for hole in holes[bisect_left(holes, start.first, key=_first) + 1 :]:
            if hole.last - start.first + 2 > PAGE:
                break
            last = hole.last
        return Fetch(key, start.first, last, min(PAGE, last - start.first + 2))

    def answered(self, fetch: Fetch, ids: Sequence[int], now: int) -> tuple[Range, ...]:
        """REST answered with `ids`, ascending, all that it has from `fetch.first` on (at most `fetch.limit`).

        Returns the ranges that this proves lost. What was returned is filled; what REST has not reached is asked
        again: at once if the page was full, later if not.
        """
        self._busy.discard(fetch.instrument)
        holes = self._holes.get(fetch.instrument)
        if not holes:
            return ()
        reached = ids[-1] if ids else fetch.first - 1
        full = len(ids) >= fetch.limit
        given = _ranges(ids)
        lost: list[Range] = []
        kept: list[Hole] = []
        touched = _overlap(holes, fetch.first, fetch.last)
        for hole in holes[touched]:
            for part in _cut_all(hole, given):
                _judge(part, fetch, reached, full, now, kept, lost)
        for part in kept:
            if part.lost and self._is_past(part, now):
                part.due = NEVER
        holes[touched] = kept
        self._tidy(fetch.instrument)
        return tuple(lost)

    def failed(self, fetch: Fetch, now: int, at_least: int = 0, *, refused: bool = False) -> None:
        """REST gave no answer: the holes of the fetch wait, at least `at_least` µs; `refused`: and said that asking
        again will not help, so they wait like lost ones."""
        self._busy.discard(fetch.instrument)
        holes = self._holes.get(fetch.instrument, [])
        for hole in holes[_overlap(holes, fetch.first, fetch.last)]:
            if refused != hole.refused and not hole.lost:
                hole.tries = 0
            hole.refused = refused
            past = self._is_past(hole, now)
            waits = LOST_WAITS if hole.lost or refused or past else WAITS
            hole.due = now + max(_wait(waits, hole.tries), at_least)
            if past and (refused or hole.tries >= len(LOST_WAITS)):
                hole.due = NEVER
            hole.tries += 1
            hole.asked += 1

    def _is_past(self, hole: Hole, now: int) -> bool:
        """Whether the venue tells nothing that old any more."""
        return self._lookback is not None and hole.found < now - self._lookback

    def _tidy(self, key: str) -> None:
        if not self._holes.get(key):
            self._holes.pop(key, None)


def _judge(part: Hole, fetch: Fetch, reached: int, full: bool, now: int, kept: list[Hole], lost: list[Range]) -> None:
    """A part of a hole that the answer did not bring."""
    low, high = max(part.first, fetch.first), min(part.last, reached)
    if part.first < low:
        kept.append(_part(part, part.first, low - 1))
    asked = part.asked + 1
    if low <= high:
        tries = part.tries if part.lost else 0
        if not part.lost:
            lost.append((low, high))
        due = now + _wait(LOST_WAITS, tries)
        kept.append(Hole(low, high, due, tries + 1, lost=True, asked=asked, found=part.found))
    rest = max(low, high + 1, reached + 1)
    if rest <= part.last:
        if full:
            kept.append(Hole(rest, part.last, now, 0, part.lost, asked=asked, found=part.found))
        else:
            waits = LOST_WAITS if part.lost else WAITS
            tries = 0 if part.refused else part.tries
            due = now + _wait(waits, tries)
            kept.append(Hole(rest, part.last, due, tries + 1, part.lost, asked=asked, found=part.found))


def _wait(waits: Sequence[int], tries: int) -> int:
    return waits[min(tries, len(waits) - 1)]


def _first(hole: Hole) -> int:
    return hole.first


def _last(hole: Hole) -> int:
    return hole.last


def _overlap(holes: Sequence[Hole], first: int, last: int) -> slice:
    """Which of the ascending holes have an id within `first`..`last`."""
    return slice(bisect_left(holes, first, key=_last), bisect_right(holes, last, key=_first))


def _urgency(hole: Hole) -> tuple[bool, int]:
    return hole.lost, hole.first


def _order(found: tuple[tuple[int, ...], str, Hole]) -> tuple[int, ...]:
    return found[0]


def _cut(hole: Hole, first: int, last: int) -> list[Hole]:
    """The hole without ids `first`..`last`."""
    if last < hole.first or first > hole.last:
        return [hole]
    parts = []
    if hole.first < first:
        parts.append(_part(hole, hole.first, first - 1))
    if hole.last > last:
        parts.append(_part(hole, last + 1, hole.last))
    return parts


def _part(hole: Hole, first: int, last: int) -> Hole:
    return Hole(first, last, hole.due, hole.tries, hole.lost, hole.refused, hole.asked, hole.found)


def _cut_all(hole: Hole, ranges: Sequence[Range]) -> list[Hole]:
    """The hole without ascending, disjoint ranges."""
    parts: list[Hole] = []
    rest = hole
    for first, last in ranges[bisect_left(ranges, hole.first, key=itemgetter(1)) :]:
        if first > hole.last:
            break
        pieces = _cut(rest, first, last)
        if not pieces:
            return parts
        parts += pieces[:-1]
        rest = pieces[-1]
        if rest.last < first:  # the range reached to the hole's end
            break
    return [*parts, rest]


def _without(first: int, last: int, holes: Sequence[Hole]) -> list[Range]:
    """Ids `first`..`last` less those in `holes`, as ranges."""
    rest = [Hole(first, last, 0)]
    for hole in holes:
        rest = [part for whole in rest for part in _cut(whole, hole.first, hole.last)]
    return [(part.first, part.last) for part in rest]


def _ranges(ids: Iterable[int]) -> list[Range]:
    """Ascending ids as inclusive ranges."""
    ranges: list[list[int]] = []
    for id_ in ids:
        if ranges and ranges[-1][1] + 1 == id_:
            ranges[-1][1] = id_
        else:
            ranges.append([id_, id_])
    return [(first, last) for first, last in ranges]
