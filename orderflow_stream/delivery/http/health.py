"""`/healthz` (the process answers), `/readyz` (its feeds do), `/metrics`."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

import orjson
from aiohttp import hdrs, web

from orderflow_stream.analytics.flow import over_trades, over_window
from orderflow_stream.core.book import Book
from orderflow_stream.delivery.http.common import MOST_TRADES
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.envelope import REQUEST_ID, failure, success
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.params import Param, Query

STRICT: Final = Param("strict", "flag", "every instrument must be warm and complete", default=False)

READY_PARAMS: Final = (STRICT,)

#: States of an instrument whose feed does not deliver.
DOWN: Final = frozenset({"connecting", "stale"})
#: One instrument in this many may be without a feed: one stalled symbol of hundreds must not take the others away.
TOLERATED: Final = 100
_MOST_LISTED: Final = 100
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


async def healthz(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """200 as long as the loop turns."""
    data = {"status": "closing" if context.closing() else "ok", "version": context.version}
    return success(request, context.now(), orjson.dumps(data), "Alive")


async def readyz(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """200 when start-up is over and the feeds are live, else 503 with the reasons."""
    strict = query.flag(STRICT)
    books = [book for book in context.engine.books.values() if not book.demand]
    reasons: list[str] = []
    if not context.started():
        reasons.append("start-up is not over")
    if context.closing():
        reasons.append("the daemon is closing")
    now = context.now()
    down = [_line(book, book.state_reason, 0) for book in books if book.state in DOWN]
    not_ready = down
    if len(down) > len(books) // TOLERATED:
        reasons.append(f"{len(down)} of {len(books)} instruments have no live feed")
    if strict:
        not_ready = await _incomplete(context, books, now)
        if not_ready:
            reasons.append(f"{len(not_ready)} of {len(books)} instruments are not warm and complete")
    data = orjson.dumps(
        {
            "ready": not reasons,
            "strict": strict,
            "reasons": reasons,
            "instruments": len(books),
            "states": dict(Counter(book.state for book in books)),
            "journal": context.journal(),
            "not_ready_total": len(not_ready),
            "not_ready": not_ready[:_MOST_LISTED],
        }
    )
    if reasons:
        error = ApiError(503, "not_ready", "not ready: " + "; ".join(reasons), retry_after=1)
        return failure(now, request[REQUEST_ID], error, data)
    return success(request, now, data, "Ready")


def _line(book: Book, reason: str, missing: int) -> dict[str, object]:
    return {
        "symbol": book.instrument.symbol,
        "state": book.state,
        "since": book.state_since // 1000,
        "reason": reason,
        "missing_total": missing,
    }


async def _incomplete(context: Context, books: list[Book], now: int) -> list[dict[str, object]]:
    """The instruments whose 5,000 trades or longest window would not be answered as complete."""
    longest = max(context.options.windows.values(), default=None)
    out: list[dict[str, object]] = []
    for number, book in enumerate(books):
        if number % 50 == 49:
            await asyncio.sleep(0)  # a long list must not hold up the trades
        by_count = over_trades(book, MOST_TRADES, now).coverage
        by_time = over_window(book, longest, now).coverage if longest is not None else by_count
        if by_count.complete and by_time.complete:
            continue
        if by_count.missing_total:
            reason = f"{by_count.missing_total} trades missing"
        elif not (by_count.reaches_back and by_time.reaches_back):
            reason = "does not reach back as far as it should yet"
        else:
            reason = book.state_reason
        out.append(_line(book, reason, by_count.missing_total))
    return out


async def metrics(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """The scrape, in Prometheus' text format."""
    if context.metrics is None:
        raise ApiError(404, "not_found", "metrics are served by a listener of their own")
    body = await context.metrics()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: METRICS_TYPE})
