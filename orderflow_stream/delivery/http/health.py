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
from orderflow_stream.feed.repair import Outlook

STRICT: Final = Param("strict", "flag", "every instrument must be warm and complete", default=False)

READY_PARAMS: Final = (STRICT,)

Line = dict[str, object]

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
    not_ready: list[Line] = []
    venues: dict[str, Line] = {}
    outlooks: dict[str, Outlook] = {}
    several = len(context.venue_names) > 1
    for name in context.venue_names:  # each by itself: a large venue must not outvote a small one that is down
        own = [book for book in books if book.instrument.venue == name]
        down = [_line(book, book.state_reason, 0) for book in own if book.state in DOWN]
        of = f"{name}: " if several else ""
        if len(down) > len(own) // TOLERATED:
            reasons.append(f"{of}{len(down)} of {len(own)} instruments have no live feed")
        if strict:
            limited = context.venue(name).stated.get("lookback_s") is not None
            down = await _incomplete(context, own, now, limited=limited)
            if down:
                reasons.append(f"{of}{len(down)} of {len(own)} instruments are not warm and complete")
        venues[name] = {"instruments": len(own), "states": _states(own), "not_ready_total": len(down)}
        if (left := context.venue(name).demand.outlook()).calls:
            outlooks[name] = left
            venues[name]["repair"] = _repair([left])
        not_ready += [{"venue": name, **line} for line in down] if several else down
    body: Line = {
        "ready": not reasons,
        "strict": strict,
        "reasons": reasons,
        "instruments": len(books),
        "states": _states(books),
        "journal": context.journal(),
        "not_ready_total": len(not_ready),
        "not_ready": not_ready[:_MOST_LISTED],
    }
    if outlooks:
        body["repair"] = _repair(list(outlooks.values()))
    data = orjson.dumps({**body, "venues": venues} if several else body)
    if reasons:
        error = ApiError(503, "not_ready", "not ready: " + "; ".join(reasons), retry_after=1)
        return failure(now, request[REQUEST_ID], error, data)
    return success(request, now, data, "Ready")


def _repair(outlooks: list[Outlook]) -> Line:
    """What is left to be read of what is missing. Venues work beside each other: the last one to be done counts."""
    seconds = [left.seconds for left in outlooks]
    known = [each for each in seconds if each is not None]
    return {
        "symbols": sum(left.symbols for left in outlooks),
        "calls": sum(left.calls for left in outlooks),
        "trades": sum(left.trades for left in outlooks),
        "seconds_left": round(max(known), 1) if len(known) == len(seconds) else None,
    }


def _states(books: list[Book]) -> dict[str, int]:
    return dict(Counter(book.state for book in books))


def _line(book: Book, reason: str, missing: int) -> Line:
    return {
        "symbol": book.instrument.symbol,
        "state": book.state,
        "since": book.state_since // 1000,
        "reason": reason,
        "missing_total": missing,
    }


async def _incomplete(context: Context, books: list[Book], now: int, *, limited: bool) -> list[Line]:
    """The instruments whose 5,000 trades or longest window would not be answered as complete. `limited`: the venue does
    not tell of its whole past, so that what it had to tell is as far back as one can wait for."""
    longest = max(context.options.windows.values(), default=None)
    out: list[Line] = []
    for number, book in enumerate(books):
        if number % 50 == 49:
            await asyncio.sleep(0)  # a long list must not hold up the trades
        by_count = over_trades(book, MOST_TRADES, now).coverage
        by_time = over_window(book, longest, now).coverage if longest is not None else by_count
        if by_count.complete and by_time.complete:
            continue
        if limited and book.warm and not by_count.missing_total and by_count.state in {"live", "quiet"}:
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
