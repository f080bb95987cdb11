"""The liquidations that a venue told of, kept for a day: a sample, beside the tape and with no part in it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from orderflow_stream.core.book import Book
from orderflow_stream.core.events import Liquidation, LiquidationFeed

#: Kept this long (µs of venue time), and at most this many of an instrument.
SPAN: Final = 86_400_000_000
MOST: Final = 5_000

_when: Final = attrgetter("ts_event")


def keep(book: Book, found: Liquidation, now: int) -> tuple[Liquidation, ...] | None:
    """Put it where it belongs by time; None where it is known (another connection told of it) or too old.

    `now` is that of the engine. One that claims to be of the future ages no other.
    """
    ring = book.liquidations
    if found.ts_event <= book.now(now) - SPAN:
        return None
    for one in reversed(ring):
        if one.ts_event < found.ts_event:
            break
        if _same(one, found):
            return None
    insort(ring, found, key=_when)
    book.liquidation_count[found.side] += 1
    trim(book, now)
    return (found,)


def trim(book: Book, now: int) -> None:
    """Let go of what is older than a day at the engine's `now`, and of the oldest where there are too many."""
    ring = book.liquidations
    edge = book.now(now) - SPAN
    gone = max(0, len(ring) - MOST)
    while gone < len(ring) and ring[gone].ts_event <= edge:
        gone += 1
    del ring[:gone]


def load(book: Book, known: list[Liquidation], now: int) -> None:
    """Those that a journal kept, in any order, maybe twice."""
    counted = dict(book.liquidation_count)
    for one in known:
        keep(book, one, now)
    book.liquidation_count = counted  # those were told by another process


def _same(one: Liquidation, two: Liquidation) -> bool:
    """But for when they were received."""
    return replace(one, ts_recv=0) == replace(two, ts_recv=0)


class Listening:
    """Which connections of which venues bring liquidations, and since when without a break."""

    def __init__(self) -> None:
        self._up: dict[str, set[int]] = {}
        self._since: dict[str, int] = {}

    def saw(self, event: LiquidationFeed, books: Iterable[Book]) -> None:
        """A connection came or went: the venue's `books` are told since when it is listened to, if it is."""
        up = self._up.setdefault(event.venue, set())
        if event.up:
            if not up:
                self._since[event.venue] = event.ts
            up.add(event.connection)
        else:
            up.discard(event.connection)
        for book in books:
            if book.instrument.venue == event.venue and (not up or book.liquidations_since < 0):
                book.liquidations_since = self._since[event.venue] if up else -1

    def begin(self, book: Book, now: int) -> None:
        """A new book, at the engine's `now`: what came of it before was not kept."""
        venue = book.instrument.venue
        if self._up.get(venue):
            book.liquidations_since = max(self._since[venue], now + book.skew)
