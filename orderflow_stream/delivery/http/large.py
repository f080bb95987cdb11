"""`GET /v1/large`: the large prints among the last trades, by row or by taker order."""

from __future__ import annotations

from typing import Final, Literal, cast

from aiohttp import web

from orderflow_stream.analytics.large import scan
from orderflow_stream.core.units import MAX_SCALED
from orderflow_stream.delivery.encode import large_data
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.common import (
    FEWEST_TRADES,
    FRESH,
    MOST_TRADES,
    NUMBERS,
    answer,
    book_of,
    exact,
    stands_on,
    tag,
)
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import conflicting
from orderflow_stream.delivery.http.params import Param, Query

MESSAGE: Final = "Large trades retrieved successfully"
DEFAULT_LIMIT: Final = 100

MIN_NOTIONAL: Final = Param(
    "min_notional",
    "notional",
    "least notional in the quote asset; where it is left out, the symbol's configured threshold (100000 by default)",
    example="100000",
)
PERCENTILE: Final = Param(
    "percentile",
    "number",
    "instead of min_notional: that percentile (nearest rank) of the notionals of all rows, or orders, that are "
    "scanned; at most 3 decimals",
    low=50_000,
    high=99_999,
    example="99",
)
TRADES: Final = Param(
    "trades",
    "integer",
    "how many of the last trades are scanned",
    default=MOST_TRADES,
    low=FEWEST_TRADES,
    high=MOST_TRADES,
)
LIMIT: Final = Param(
    "limit", "integer", "prints listed; counts and totals are of all", default=DEFAULT_LIMIT, low=1, high=5_000
)
GROUP: Final = Param(
    "group",
    "choice",
    "row: single rows of the tape; order: whole taker orders, which may walk several price levels",
    default="row",
    choices=("row", "order"),
)
SINCE_ID: Final = Param(
    "since_id",
    "integer",
    "only prints with an id above this, in counts and totals too",
    low=0,
    high=MAX_SCALED,
    example="662670386",
)

PARAMS: Final = (
    *(resolve.SYMBOL, resolve.COIN, resolve.QUOTE, resolve.VENUE),
    *(MIN_NOTIONAL, PERCENTILE, TRADES, LIMIT, GROUP, SINCE_ID, FRESH, NUMBERS),
)


async def large(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    instrument = resolve.one(context, query)
    percentile = query.thousandths(PERCENTILE)
    if percentile is not None and query.has(MIN_NOTIONAL):
        raise conflicting("percentile", "min_notional and percentile were both given; write one of them")
    least = query.notional(MIN_NOTIONAL) or context.options.threshold(instrument)
    trades = query.integer(TRADES) or MOST_TRADES
    limit = query.integer(LIMIT) or DEFAULT_LIMIT
    group = cast(Literal["row", "order"], query.choice(GROUP))
    since_id = query.integer(SINCE_ID)
    strings = exact(query)
    book = await book_of(context, instrument, trades=trades, fresh=query.flag(FRESH))
    view = scan(
        book,
        min_notional=least,
        now=context.now(),
        trades=trades,
        limit=limit,
        group=group,
        since_id=since_id,
        percentile=percentile,
    )
    etag = tag(
        context,
        *("large", least, percentile, trades, limit, group, since_id, strings),
        stands_on(book.instrument, view.coverage),
    )
    position = context.hub.position()
    data = large_data(
        context.options.rules, book.instrument, view, position, group=group, exact=strings, percentile=percentile
    )
    return answer(request, context, data, MESSAGE, etag)
