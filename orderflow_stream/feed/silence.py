"""Which symbols are silent for longer than their own rhythm explains. Pure: the shell asks REST, this only suspects.

A symbol that trades ten times a second and then not for three seconds is out of rhythm; one that pauses for a minute
every now and then is not. The measure is the longest of the last hundred pauses: trades come in clusters, so a mean or
a median would suspect every lull, and each suspicion costs a question to REST (over recorded days of 60,000 to 160,000
trades: 60-320 suspicions by twice the longest pause, 600-4,800 by twenty medians). What is heard of counts by receipt,
so an exchange that is seconds behind is late, not silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from msgspec import Struct

from orderflow_stream.core.book import Book
from orderflow_stream.core.units import US_PER_S

#: A silence shorter than `FLOOR` is never judged; one longer than `CEILING` always is (µs).
FLOOR: Final = 3 * US_PER_S
CEILING: Final = 30 * US_PER_S
#: A symbol is silent after twice the longest of so many pauses between its trades.
PAUSES: Final = 100
FACTOR: Final = 2
#: Rows looked at for them (an order of many rows is one moment), and pauses needed for a rhythm.
_ROWS: Final = 300
_LEAST: Final = 10
#: A symbol whose rhythm allows no more than this is busy: its silence is urgent.
BUSY: Final = 6 * US_PER_S
#: ... the first so many times that it is asked about.
_URGENT: Final = 3
#: Waits (µs) until a silence that REST has explained, or has not, is put to it again; the last one repeats. Twice soon:
#: REST is served from a database, which may lag.
AGAIN: Final = tuple(seconds * US_PER_S for seconds in (2, 10, 30, 60, 120, 300))
#: Where a symbol that is not busy begins in `AGAIN`: its market is calm as a rule.
_THIN: Final = 2


class Suspect(Struct, frozen=True):
    """A symbol whose silence is to be put to REST now; `urgent` where it was busy."""

    book: Book
    urgent: bool


class _Silence(Struct):
    """One silence: since when, when it is out of rhythm or to be asked about again, and how often it was."""

    since: int
    due: int
    urgent: bool
    asked: int = 0


class Silence:
    """Watches the books that are streamed. `look` a few times a second: it costs a comparison a book. `cold`: also
    those whose past is still being read, once they hold something: where that takes long."""

    def __init__(self, *, cold: bool = False) -> None:
        self._cold = cold
        self._silent: dict[str, _Silence] = {}

    def look(self, books: Iterable[Book], now: int) -> list[Suspect]:
        """Those to ask about now; each counts as asked."""
        found: list[Suspect] = []
        for book in books:
            if now - book.last_recv >= FLOOR and book.connections and book.silence(now) >= FLOOR:
                suspect = self._judge(book, now)
                if suspect is not None:
                    found.append(suspect)
        return found

    def silent(self, books: Iterable[Book], now: int) -> list[Book]:
        """All that have said nothing for `FLOOR`."""
        return [book for book in books if book.connections and self._judged(book) and book.silence(now) >= FLOOR]

    def _judged(self, book: Book) -> bool:
        return book.warm or (self._cold and len(book.tape) > 0)

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all others."""
        kept = set(keys)
        for key in [key for key in self._silent if key not in kept]:
            del self._silent[key]

    def _judge(self, book: Book, now: int) -> Suspect | None:
        if not self._judged(book) or book.demand:
            return None  # its past is being read: that asks REST anyhow
        key = book.instrument.key
        since = now - book.silence(now)
        silence = self._silent.get(key)
        if silence is None or silence.since != since:
            limit = rhythm(book)
            # A halted symbol is silent for good reason; it is looked after like the thinnest.
            urgent = limit <= BUSY and book.instrument.trading
            silence = self._silent[key] = _Silence(since, since + limit, urgent, 0 if urgent else _THIN)
        if now < silence.due:
            return None
        silence.due = now + AGAIN[min(silence.asked, len(AGAIN) - 1)]
        silence.asked += 1
        return Suspect(book, silence.urgent and silence.asked <= _URGENT)


def rhythm(book: Book) -> int:
    """The silence (µs) that is out of rhythm for this symbol, from `FLOOR` to `CEILING`."""
    times = sorted({row.ts_event for row in book.tape.last_rows(_ROWS)})[-PAUSES - 1 :]
    if len(times) <= _LEAST:
        return CEILING
    longest = max(later - earlier for earlier, later in pairwise(times))
    return max(FLOOR, min(CEILING, FACTOR * longest))
