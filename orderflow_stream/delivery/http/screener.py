"""`GET /v1/screener`: every streamed instrument over one window, in one answer and at one instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from orderflow_stream.analytics.flow import over_window
from orderflow_stream.core.book import Book
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery.encode import ScreenerRow, screener_data, screener_row
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.common import NUMBERS, exact, window_of
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.params import Param, Query

DEFAULT_LIMIT: Final = 50
DEFAULT_WINDOW: Final = "5m"

#: What a row may be ordered by; None (nothing to compare) always goes last.
SORTS: Final[dict[str, Callable[[Book, Sums], int | str | None]]] = {
    "delta_quote": lambda _, sums: sums.delta_quote,
    "delta_base": lambda _, sums: sums.delta_base,
    "buy_volume_share": lambda _, sums: _share(sums),
    "taker_buy_quote": lambda _, sums: sums.buy_quote,
    "taker_sell_quote": lambda _, sums: sums.sell_quote,
    "quote_volume": lambda _, sums: sums.buy_quote + sums.sell_quote,
    "trades": lambda _, sums: sums.trades,
    "last_price": lambda book, _: book.tape.last_price if len(book.tape) else None,
    "symbol": lambda book, _: book.instrument.symbol,
}

WINDOW: Final = Param(
    "window", "text", "a configured window (see /v1/meta); 5m, or the first, where it is left out", example="5m"
)
SORT: Final = Param("sort", "choice", "what to order by", default="delta_quote", choices=tuple(SORTS))
ORDER: Final = Param(
    "order",
    "choice",
    "direction; where it is left out, asc for symbol and desc for numbers",
    choices=("asc", "desc"),
)
LIMIT: Final = Param("limit", "integer", "rows listed at most", default=DEFAULT_LIMIT, low=1, high=5_000)
QUOTE: Final = Param(
    "quote", "text", "only instruments of this quote asset, whose quote values can be compared", example="USDT"
)

PARAMS: Final = (WINDOW, SORT, ORDER, LIMIT, QUOTE, resolve.VENUE, NUMBERS)


async def screener(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    venue = resolve.venue(context, query)
    windows = context.options.windows
    window = window_of(context, query, WINDOW) or (DEFAULT_WINDOW if DEFAULT_WINDOW in windows else next(iter(windows)))
    sort = query.choice(SORT)
    order = query.choice(ORDER) if query.has(ORDER) else "asc" if sort == "symbol" else "desc"
    limit = query.integer(LIMIT) or DEFAULT_LIMIT
    quote = query.text(QUOTE)
    strings = exact(query)
    # One pass without a pause: all rows are of one instant.
    now, position = context.now(), context.hub.position()
    span = windows[window]
    rows: list[tuple[Book, Sums]] = [
        (book, book.window_sums(span, now))
        for book in context.engine.books.values()
        if not book.demand
        and book.instrument.venue == venue.name
        and (quote is None or book.instrument.quote == quote.upper())
    ]
    chosen = [row_of(book, sums, span, now) for book, sums in _sorted(rows, sort, order == "desc")[:limit]]
    encoded: list[bytes] = []
    for number, row in enumerate(chosen):
        if number % 100 == 99:
            await asyncio.sleep(0)  # a long list must not hold up the trades
        encoded.append(screener_row(context.options.rules, row, exact=strings))
    data = screener_data(
        encoded,
        venue=venue.name,
        market=venue.market,
        window=window,
        sort=sort,
        order=order,
        instruments=len(rows),
        as_of=now + (rows[0][0].skew if rows else 0),  # the venue's own time, which the windows end at
        position=position,
    )
    return success(request, context.now(), data, "Screener retrieved successfully")


def row_of(book: Book, sums: Sums, span: int, now: int) -> ScreenerRow:
    """One instrument's row over the configured window of `span` µs."""
    tape = book.tape
    missing = 0
    if book.sequence.holes:
        coverage = over_window(book, span, now).coverage
        missing, reaches_back = coverage.missing_total, coverage.reaches_back
    else:  # the same without the full account, which would be most of the cost of a long list
        oldest = tape.first()
        begin = book.now(now) - span
        reaches_back = (book.origin and not tape.evicted) or (oldest is not None and oldest.ts_event <= begin)
    held = tape.newest_ts >= 0
    return ScreenerRow(
        instrument=book.instrument,
        sums=sums,
        last_price=tape.last_price if held else None,
        last_time=tape.newest_ts if held else None,
        last_id=book.sequence.newest,
        state=book.state,
        missing=missing,
        reaches_back=reaches_back,
    )


def _sorted(rows: list[tuple[Book, Sums]], sort: str, descending: bool) -> list[tuple[Book, Sums]]:
    key = SORTS[sort]
    keyed = [(key(book, sums), book, sums) for book, sums in rows]
    with_value = [(value, book, sums) for value, book, sums in keyed if value is not None]
    with_value.sort(key=lambda one: one[1].instrument.symbol)  # equals stay in the order of their names
    with_value.sort(key=lambda one: one[0], reverse=descending)
    empty = [(book, sums) for value, book, sums in keyed if value is None]
    empty.sort(key=lambda one: one[0].instrument.symbol)
    return [*((book, sums) for _, book, sums in with_value), *empty]


def _share(sums: Sums) -> int | None:
    """The buy volume share at 10^-18: finer than any two that differ visibly."""
    total = sums.buy_base + sums.sell_base
    return sums.buy_base * 10**18 // total if total else None
