"""`GET /v1/liquidations`: forced orders as the venue tells of them, which is a sample of those there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice, takewhile
from typing import Final

from aiohttp import web

from orderflow_stream.core.book import Book
from orderflow_stream.core.events import Instrument, Liquidation
from orderflow_stream.core.units import US_PER_MS
from orderflow_stream.delivery.encode_liquidations import liquidations_data
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.common import NUMBERS, exact
from orderflow_stream.delivery.http.context import Context, VenueContext
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.errors import ApiError, bad, conflicting, missing
from orderflow_stream.delivery.http.params import Param, Query

PATH: Final = "/v1/liquidations"
#: What it says where no venue that is on tells of any: then it is no route.
ABSENT: Final = (
    "no venue that is on tells of liquidations; a table [venues.NAME] of the configuration switches a futures venue on"
)
MESSAGE: Final = "Liquidations retrieved successfully"
DEFAULT_LIMIT: Final = 100
#: Liquidations that the counts and sums of one answer are of: adding them up must not hold up the trades.
MOST: Final = 10_000
#: The last millisecond that a client may name: the year 9999.
_LAST_MS: Final = 253_402_300_799_999

LIMIT: Final = Param(
    "limit", "integer", "liquidations listed; counts and sums are of all", default=DEFAULT_LIMIT, low=1, high=5_000
)
SINCE: Final = Param(
    "since",
    "integer",
    f"only what happened from this time on (ms since the epoch); at most 24 h and the newest {MOST} are counted",
    low=0,
    high=_LAST_MS,
    example="1795360081295",
)
SYMBOLS: Final = resolve.SYMBOLS._replace(description="several at once: a list, or patterns such as *USDT; * for all")

PARAMS: Final = (
    *(resolve.SYMBOL, resolve.COIN, resolve.QUOTE, SYMBOLS, resolve.VENUE),
    *(LIMIT, SINCE, NUMBERS),
)


def check(context: Context, where: VenueContext, param: str) -> None:
    """400 where the venue tells of no liquidations."""
    if where.liquidations:
        return
    having = [name for name in context.venue_names if context.venue(name).liquidations]
    if not having:
        remedy = ABSENT
    else:
        remedy = f"write venue={having[0]}" + (f" (or {', '.join(having[1:])})" if having[1:] else "")
    raise bad(param, f"{param}: {where.name} tells of no liquidations; {remedy}")


async def liquidations(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """The newest first, of one symbol or of several."""
    where = resolve.venue(context, query)
    check(context, where, "venue")
    limit, since = query.integer(LIMIT) or DEFAULT_LIMIT, query.integer(SINCE)
    strings = exact(query)
    instruments, symbol = _instruments(context, where, query)
    books = [_book(context, one, "symbols" if symbol is None else "symbol") for one in instruments]
    heard = [book.liquidations_since for book in books]
    data = liquidations_data(
        context.options.rules,
        _newest(books, 0 if since is None else since * US_PER_MS),
        venue=where.name,
        market=where.market,
        symbol=symbol,
        limit=limit,
        since=max(heard) if min(heard) >= 0 else None,
        position=context.hub.position(),
        exact=strings,
    )
    return success(request, context.now(), data, MESSAGE)


def _instruments(context: Context, where: VenueContext, query: Query) -> tuple[Sequence[Instrument], str | None]:
    """Those asked for, and the symbol where it is one."""
    symbols = query.text(SYMBOLS)
    if symbols is None:
        if not query.has(resolve.SYMBOL) and not query.has(resolve.COIN):
            raise missing("symbol", "symbol is missing; write symbol=BTCUSDT, or symbols=* for all that are streamed")
        instrument = resolve.one(context, query)
        return (instrument,), instrument.symbol
    for other in (resolve.SYMBOL, resolve.COIN, resolve.QUOTE):
        if query.has(other):
            raise conflicting(other.name, f"symbols and {other.name} were both given; write one of them")
    return resolve.many(context, where, symbols), None


def _book(context: Context, instrument: Instrument, param: str) -> Book:
    book = context.engine.book(instrument.key)
    if book is None:
        message = (
            f"no liquidations are kept of {instrument.symbol}, which is not streamed; configure it, "
            f"or ask /v1/flow for it, and it is listened to from then on"
        )
        raise ApiError(404, "unknown_symbol", message, param=param)
    return book


def _newest(books: Sequence[Book], since: int) -> list[tuple[Instrument, Liquidation]]:
    """The newest `MOST` of these books from `since` (µs) on, oldest first."""
    newest = list(islice(merge(*(_back(book, since) for book in books), key=_time, reverse=True), MOST))
    newest.reverse()
    return newest


def _back(book: Book, since: int) -> Iterator[tuple[Instrument, Liquidation]]:
    """Those of one book, the newest first."""
    instrument = book.instrument
    return ((instrument, one) for one in takewhile(lambda one: one.ts_event >= since, reversed(book.liquidations)))


def _time(told: tuple[Instrument, Liquidation]) -> int:
    return told[1].ts_event
