"""`GET /v1/flow`: taker buys against taker sells over the last N trades, or over a window of venue time."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from orderflow_stream.analytics.flow import Flow, over_trades, over_window
from orderflow_stream.core.book import Book
from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.encode import flow_data
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.common import (
    FEWEST_TRADES,
    FRESH,
    MOST_TRADES,
    NUMBERS,
    answer,
    books_of,
    exact,
    stands_on,
    tag,
    window_of,
)
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import bad, conflicting, shown
from orderflow_stream.delivery.http.params import Param, Query
from orderflow_stream.delivery.sse import parse_position

MESSAGE: Final = "Flow retrieved successfully"
DEFAULT_TRADES: Final = 1_000

TRADES: Final = Param(
    "trades",
    "integer",
    "how many of the last trades; instead of window",
    default=DEFAULT_TRADES,
    low=FEWEST_TRADES,
    high=MOST_TRADES,
    example="2000",
)
WINDOW: Final = Param(
    "window", "text", "a configured window of venue time (see /v1/meta), instead of trades", example="5m"
)
AFTER: Final = Param(
    "after",
    "text",
    "a position (coverage.position): answer as soon as the symbol has traded beyond it, or after wait seconds",
    example="k3v9qd2m-1042",
)
WAIT: Final = Param("wait", "seconds", "with after: seconds to wait at most; 5 where it is left out", low=0, high=30)
DEFAULT_WAIT: Final = 5.0

PARAMS: Final = (
    *(resolve.SYMBOL, resolve.COIN, resolve.QUOTE, resolve.SYMBOLS, resolve.VENUE),
    *(TRADES, WINDOW, FRESH, AFTER, WAIT, NUMBERS),
)


async def flow(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """One symbol, or several at one instant."""
    window = window_of(context, query, WINDOW)
    if window is not None and query.has(TRADES):
        raise conflicting("window", "trades and window were both given; write one of them")
    trades = None if window is not None else query.integer(TRADES)
    span = None if window is None else context.options.windows[window]
    symbols = query.text(resolve.SYMBOLS)
    if symbols is not None:
        for other in (resolve.SYMBOL, resolve.COIN, resolve.QUOTE, AFTER, WAIT):
            if query.has(other):
                raise conflicting(other.name, f"symbols and {other.name} were both given; write one of them")
        resolve.venue(context, query)
        instruments = resolve.many(context, symbols)
    else:
        instruments = (resolve.one(context, query),)
        await _wait(context, query, instruments[0])
    fresh = query.flag(FRESH)
    strings = exact(query)
    books = await books_of(context, instruments, trades=trades, window=span, fresh=fresh)
    # From here to the last Flow nothing waits: all of them are of one instant.
    now, position = context.now(), context.hub.position()
    flows = [_read(book, trades, span, now) for book in books]
    etag = tag(
        context,
        *("flow", trades, window, strings),
        [stands_on(book.instrument, one.coverage) for book, one in zip(books, flows, strict=True)],
    )
    bodies: list[bytes] = []
    for number, (book, one) in enumerate(zip(books, flows, strict=True)):
        if number % 50 == 49:
            await asyncio.sleep(0)  # a long list must not hold up the trades
        bodies.append(flow_data(context.options.rules, book.instrument, one, position, window=window, exact=strings))
    return answer(request, context, bodies if symbols is not None else bodies[0], MESSAGE, etag)


def _read(book: Book, trades: int | None, span: int | None, now: int) -> Flow:
    if span is not None:
        return over_window(book, span, now)
    return over_trades(book, trades or DEFAULT_TRADES, now)


async def _wait(context: Context, query: Query, instrument: Instrument) -> None:
    """The long poll: return once the instrument has traded beyond `after`."""
    after, wait = query.text(AFTER), query.seconds(WAIT)
    if after is None:
        if wait is not None:
            raise bad("wait", "wait has no meaning without after=<coverage.position of an earlier answer>")
        return
    if parse_position(after) is None:
        raise bad("after", f"after must be a position as in coverage.position, not {shown(after)}")
    if not context.hub.traded_beyond(instrument.key, after):
        await context.hub.wait_trade(instrument.key, after, DEFAULT_WAIT if wait is None else wait)
