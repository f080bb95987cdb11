"""Order flow of one span: taker buy and sell volume, delta, and what it stands on.

delta = B - S, with B and S the sums of quantity (or of price x quantity) by aggressor over the span; CVD over the
span is the same number. All integers, base at 10^-8 (inverse contracts: see `Instrument.base_decimals`), quote at
10^-16; ratio, share and pressure are formed from them where they are shown.
"""

from __future__ import annotations

from msgspec import Struct

from orderflow_stream.core.book import Book
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.sums import Sums


class Flow(Struct, frozen=True):
    """The flow over a span. Times in microseconds, None where the span is empty, as is `last_price`.

    `nq` are the same sums without RPI trades; None where the venue does not tell of all trades of the span.
    """

    sums: Sums
    first_time: int | None
    last_time: int | None
    last_price: int | None
    coverage: Coverage
    nq: Sums | None = None

    @property
    def trades(self) -> int:
        return self.sums.trades


def over_trades(book: Book, trades: int, now: int) -> Flow:
    """The last `trades` valid trades held, across holes (the coverage tells of those)."""
    sums, oldest = book.tape.last_sums(trades)
    newest = book.tape.newest() if oldest is not None else None
    coverage = book.coverage(oldest.id if oldest is not None else None, now, trades=trades)
    nq = book.tape.last_nq(trades)
    if oldest is None or newest is None:
        return Flow(sums, None, None, None, coverage, nq)
    return Flow(sums, oldest.ts_event, newest.ts_event, newest.price, coverage, nq)


def over_window(book: Book, window: int, now: int) -> Flow:
    """The configured window of `window` microseconds, half-open `(now - window, now]` in venue time."""
    end = book.now(now)
    held = book.windows[window]
    sums = held.sums(end)
    first, last = held.edges(end)
    coverage = book.coverage(first.id if first is not None else None, now, since=end - window, until=end)
    nq = held.nq(end)
    if first is None or last is None:
        return Flow(sums, None, None, None, coverage, nq)
    return Flow(sums, first.ts_event, last.ts_event, last.price, coverage, nq)


def window_sums(book: Book, window: int, now: int) -> Sums:
    """Only the sums of a configured window: for rows of many symbols."""
    return book.window_sums(window, now)
