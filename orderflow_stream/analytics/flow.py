"""Order flow of one span: taker buy and sell volume, delta, and what it stands on.

delta = B - S, with B and S the sums of quantity (or of price x quantity) by aggressor over the span; CVD over the
span is the same number. All integers, base at 10^-8, quote at 10^-16; ratio, share and pressure are formed from them
where they are shown.
"""

from __future__ import annotations

from msgspec import Struct

from orderflow_stream.core.book import Book
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.sums import Sums


class Flow(Struct, frozen=True):
    """The flow over a span. Times in microseconds, None where the span is empty, as is `last_price`."""

    sums: Sums
    first_time: int | None
    last_time: int | None
    last_price: int | None
    coverage: Coverage

    @property
    def trades(self) -> int:
        return self.sums.trades


def over_trades(book: Book, trades: int, now: int) -> Flow:
    """The last `trades` valid trades held, across holes (the coverage tells of those)."""
    sums, oldest = book.tape.last_sums(trades)
    newest = book.tape.newest() if oldest is not None else None
    coverage = book.coverage(oldest.id if oldest is not None else None, now, trades=trades)
    if oldest is None or newest is None:
        return Flow(sums, None, None, None, coverage)
    return Flow(sums, oldest.ts_event, newest.ts_event, newest.price, coverage)


def over_window(book: Book, window: int, now: int) -> Flow:
    """The configured window of `window` microseconds, half-open `(now - window, now]` in venue time."""
    now = book.now(now)
    held = book.windows[window]
    sums = held.sums(now)
    first, last = held.edges(now)
    coverage = book.coverage(first.id if first is not None else None, now, since=now - window, until=now)
    if first is None or last is None:
        return Flow(sums, None, None, None, coverage)
    return Flow(sums, first.ts_event, last.ts_event, last.price, coverage)


def window_sums(book: Book, window: int, now: int) -> Sums:
    """Only the sums of a configured window: for rows of many symbols."""
    return book.window_sums(window, now)
