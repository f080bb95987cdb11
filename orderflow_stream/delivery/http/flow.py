"""`GET /v1/flow`: taker buys against taker sells over the last N trades, or over a window of venue time."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.encode import flow_data
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.combined import VENUES, combined
from orderflow_stream.delivery.http.common import FRESH, NUMBERS, answer, books_of, exact, stands_on, tag
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import bad, conflicting, shown
from orderflow_stream.delivery.http.params import Query
from orderflow_stream.delivery.http.spans import AFTER, TRADES, WAIT, WINDOW, span_of
from orderflow_stream.delivery.sse import parse_position

MESSAGE: Final = "Flow retrieved successfully"
DEFAULT_WAIT: Final = 5.0

PARAMS: Final = (
    *(resolve.SYMBOL, resolve.COIN, resolve.QUOTE, resolve.SYMBOLS, resolve.VENUE),
    *(TRADES, WINDOW, FRESH, AFTER, WAIT, NUMBERS, VENUES),
)


async def flow(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """One symbol, or several at one instant; or one coin on several venues."""
    span = span_of(context, query)
    if query.has(VENUES):
        return await combined(request, context, query, span)
    symbols = query.text(resolve.SYMBOLS)
    if symbols is not None:
        for other in (resolve.SYMBOL, resolve.COIN, resolve.QUOTE, AFTER, WAIT):
            if query.has(other):
                raise conflicting(other.name, f"symbols and {other.name} were both given; write one of them")
        instruments = resolve.many(context, resolve.venue(context, query), symbols)
    else:
        instruments = (resolve.one(context, query),)
        await _wait(context, query, instruments[0])
    fresh = query.flag(FRESH)
    strings = exact(query)
    books = await books_of(context, instruments, trades=span.trades, window=span.span, fresh=fresh)
    # From here to the last Flow nothing waits: all of them are of one instant.
    now, position = context.now(), context.hub.position()
    flows = [span.read(book, now) for book in books]
    etag = tag(
        context,
        *("flow", span.trades, span.window, strings),
        [stands_on(book.instrument, one.coverage) for book, one in zip(books, flows, strict=True)],
    )
    bodies: list[bytes] = []
    for number, (book, one) in enumerate(zip(books, flows, strict=True)):
        if number % 50 == 49:
            await asyncio.sleep(0)  # a long list must not hold up the trades
        rules = context.options.rules
        bodies.append(flow_data(rules, book.instrument, one, position, window=span.window, exact=strings))
    return answer(request, context, bodies if symbols is not None else bodies[0], MESSAGE, etag)


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
