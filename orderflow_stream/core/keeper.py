"""What is kept: enough trades, enough time, and never more than the budget.

Per instrument at least `trades` trades *and* the longest window. Where all instruments together weigh more than the
budget, the one with the most to spare gives its oldest chunk: time windows shorten (their coverage says so), the last
`trades` of every instrument never go.
"""

from __future__ import annotations

from orderflow_stream.core.book import Book


class Keeper:
    """Trims tapes. `span` is the longest window in microseconds, `budget` the bytes for all instruments."""

    def __init__(self, books: dict[str, Book], trades: int, span: int, budget: int) -> None:
        self.trades = trades
        self.span = span
        self.budget = budget
        self.total = 0  # bytes, as last weighed
        self.cut = 0  # chunks that went because of the budget
        self._books = books
        self._bytes: dict[str, int] = {}

    def keep(self, book: Book, now: int) -> None:
        """Let go of what is older than both keeps, then of what the budget does not allow."""
        tape = book.tape
        here = book.now(now)
        cutoff = here - self.span
        before = tape.evicted
        # The oldest trade left must still be at or behind the window's edge: that is what proves it whole.
        while tape.spare(self.trades) >= 0 and tape.chunks[1].ts[0] <= cutoff and max(tape.chunks[0].ts) <= cutoff:
            tape.drop_oldest()
        if tape.evicted > before:
            book.follow(here)
        self.weigh(book)
        while self.total > self.budget:
            victim = max(self._books.values(), key=self._spare)
            if victim.tape.spare(self.trades) < 0:
                break  # only the last trades of every instrument are left
            victim.tape.drop_oldest()
            victim.follow(victim.now(now))
            self.cut += 1
            self.weigh(victim)

    def weigh(self, book: Book) -> None:
        """Count the bytes of this book anew."""
        key = book.instrument.key
        weight = book.nbytes
        self.total += weight - self._bytes.get(key, 0)
        self._bytes[key] = weight

    def forget(self, key: str) -> None:
        """The instrument is gone."""
        self.total -= self._bytes.pop(key, 0)

    def _spare(self, book: Book) -> int:
        return book.tape.spare(self.trades)
