"""What several routes share: parameters, the way to an instrument's book, and conditional answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from aiohttp import hdrs, web

from orderflow_stream.core.book import Book
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.http.context import Context, Demand
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.errors import bad, shown
from orderflow_stream.delivery.http.params import Param, Query

FEWEST_TRADES: Final = 100
MOST_TRADES: Final = 5_000
#: Symbols that one answer may read by REST: each costs request weight that others wait for.
MOST_READS: Final = 20

NUMBERS: Final = Param(
    "numbers",
    "choice",
    "number: decimals are JSON numbers, rounded as /v1/meta says; string: every decimal exactly, as a JSON string",
    default="number",
    choices=("number", "string"),
)
FRESH: Final = Param(
    "fresh",
    "flag",
    "ask the venue's REST for what is newer than memory first (costs request weight, so it is limited)",
    default=False,
)


def exact(query: Query) -> bool:
    """Whether decimals are asked for as exact strings."""
    return query.choice(NUMBERS) == "string"


def window_of(context: Context, query: Query, param: Param) -> str | None:
    """The name of the configured window that is asked for."""
    name = query.text(param)
    if name is not None and name not in context.options.windows:
        raise bad(param.name, f"no window {shown(name)}; configured are {', '.join(context.options.windows)}")
    return name


async def book_of(
    context: Context,
    instrument: Instrument,
    *,
    trades: int | None = None,
    window: int | None = None,
    fresh: bool = False,
) -> Book:
    """The instrument's book: from memory where a stream feeds it, else (or where `fresh`) after a REST read."""
    book = context.engine.book(instrument.key)
    if book is not None and not fresh and _in_memory(context, book):
        _demand(context, instrument).touch(instrument.key)
        return book
    return await _demand(context, instrument).read(instrument, trades, window, fresh, context.options.read_deadline)


def _demand(context: Context, instrument: Instrument) -> Demand:
    return context.venue(instrument.venue).demand


def _in_memory(context: Context, book: Book) -> bool:
    """Whether memory is to answer: a configured instrument always, one on demand once its stream has warmed up. (Until
    then REST reads more of it than the stream has brought.)"""
    if book.demand:
        return False
    return book.warm or not _demand(context, book.instrument).fleeting(book.instrument.key)


async def books_of(
    context: Context, instruments: Sequence[Instrument], *, trades: int | None, window: int | None, fresh: bool
) -> list[Book]:
    """The same for several, those that need REST read side by side; one that fails fails the answer."""
    kept = {instrument.key: context.engine.book(instrument.key) for instrument in instruments}
    to_read = [one for one in instruments if fresh or (book := kept[one.key]) is None or not _in_memory(context, book)]
    for one in instruments:
        _demand(context, one).touch(one.key)
    if len(to_read) > MOST_READS:
        raise bad(
            "symbols",
            f"{len(to_read)} of the symbols would be read from the venue for this; at most {MOST_READS} in one answer",
        )
    reads = (book_of(context, one, trades=trades, window=window, fresh=fresh) for one in to_read)
    for found in await asyncio.gather(*reads, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found
        kept[found.instrument.key] = found
    return [book for book in kept.values() if book is not None]


def tag(context: Context, *parts: object) -> str:
    """An entity tag over whatever an answer stands on. Weak: ages and positions in the answer move on meanwhile."""
    text = repr((context.version, *parts))
    return f'W/"{blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()}"'


def stands_on(instrument: Instrument, coverage: Coverage) -> tuple[object, ...]:
    """What names exactly the trades behind an answer: two answers with the same of these have the same numbers."""
    c = coverage
    return (
        *(instrument.key, c.generation, c.first_id, c.last_id, c.received, c.invalid, c.missing),
        *(c.reaches_back, c.complete, c.state, c.source),
    )


def unchanged(request: web.Request, etag: str) -> bool:
    """Whether the client has that very answer already."""
    asked = request.headers.get(hdrs.IF_NONE_MATCH)
    if asked is None:
        return False
    bare = etag.removeprefix("W/")
    return any(part.strip() == "*" or part.strip().removeprefix("W/") == bare for part in asked.split(","))


def answer(
    request: web.Request, context: Context, data: Iterable[bytes] | bytes, message: str, etag: str
) -> web.Response:
    """`data` under `etag`, or 304 where the client has it."""
    if unchanged(request, etag):
        return web.Response(status=304, headers={hdrs.ETAG: etag, hdrs.CACHE_CONTROL: "no-cache"})
    body = data if isinstance(data, bytes) else b"[" + b",".join(data) + b"]"
    return success(request, context.now(), body, message, etag=etag)
