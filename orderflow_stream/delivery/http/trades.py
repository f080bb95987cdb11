"""`GET /v1/trades`: the tape itself; `GET /v1/gaps`: what of it was missing, and what became of that."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from orderflow_stream.core.units import MAX_SCALED
from orderflow_stream.delivery.encode import gaps_data, trades_data
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.common import MOST_TRADES, NUMBERS, book_of, exact
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.params import Param, Query

DEFAULT_LIMIT: Final = 500

FROM_ID: Final = Param(
    "from_id",
    "integer",
    "first trade id wanted; where it is left out, the newest trades are listed. Ids older than memory are passed over",
    low=0,
    high=MAX_SCALED,
    example="662670386",
)
LIMIT: Final = Param("limit", "integer", "trades listed at most", default=DEFAULT_LIMIT, low=1, high=MOST_TRADES)

_WHO: Final = (resolve.SYMBOL, resolve.COIN, resolve.QUOTE, resolve.VENUE)
TRADES_PARAMS: Final = (*_WHO, FROM_ID, LIMIT, NUMBERS)
GAPS_PARAMS: Final = _WHO


async def trades(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    instrument = resolve.one(context, query)
    from_id, limit = query.integer(FROM_ID), query.integer(LIMIT) or DEFAULT_LIMIT
    strings = exact(query)
    book = await book_of(context, instrument, trades=MOST_TRADES)
    tape = book.tape
    rows = list(tape.last_rows(limit)) if from_id is None else tape.rows(from_id, limit)
    first, newest = book.sequence.first, book.sequence.newest
    held = (first, newest) if first is not None and newest is not None else None
    missing: list[tuple[int, int]] = []
    if held is not None:
        low = max(held[0], from_id if from_id is not None else rows[0].id if rows else held[1] + 1)
        high = rows[-1].id if len(rows) == limit else held[1]
        if low <= high:
            missing = [(hole.first, hole.last) for hole in book.sequence.missing(low, high)]
    data = trades_data(
        book.instrument,
        rows,
        held=held,
        missing=missing,
        next_from_id=rows[-1].id + 1 if rows else from_id,
        position=context.hub.position(),
        state=book.state,
        generation=book.generation,
        exact=strings,
    )
    return success(request, context.now(), data, "Trades retrieved successfully")


async def gaps(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    instrument = resolve.one(context, query)
    book = await book_of(context, instrument, trades=MOST_TRADES)
    missing = sum(hole.size for hole in book.sequence.holes)
    demand = context.venue(instrument.venue).demand
    asked, ready_in = partial(demand.attempts, instrument.key), demand.ready_in(instrument.key)
    data = gaps_data(book.instrument, list(book.gap_log), missing, context.hub.position(), asked, ready_in)
    return success(request, context.now(), data, "Gaps retrieved successfully")
