"""`GET /v1/bars`: fixed, aligned bars with their CVD, from the rings of seconds and minutes that the daemon keeps."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from aiohttp import web

from orderflow_stream.analytics.bars import ANCHORS, INTERVALS, AnchorRule, Interval, over_bars
from orderflow_stream.delivery.encode_bars import anchor_text, bar_text, bars_data
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.common import NUMBERS, answer, book_of, exact, stands_on, tag
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.params import Param, Query

MESSAGE: Final = "Bars retrieved successfully"
DEFAULT_LIMIT: Final = 500
MOST_BARS: Final = 5_000
#: Of a symbol that is not streamed, what is asked of the venue reaches back this far (µs) at most.
_MOST_READ: Final = 3_600_000_000
#: Bars that are written between two looks at what else there is to do.
_STRIDE: Final = 50

INTERVAL: Final = Param(
    "interval",
    "choice",
    "width of a bar; seconds are kept for an hour, minutes (and what is made of them) for a day",
    default="1m",
    choices=tuple(INTERVALS),
)
LIMIT: Final = Param(
    "limit", "integer", "bars listed at most, the newest", default=DEFAULT_LIMIT, low=1, high=MOST_BARS
)
ANCHOR: Final = Param(
    "anchor",
    "choice",
    "where the CVD is 0. session: 00:00 UTC of venue time, or the oldest trade held where that is later; oldest: the "
    "oldest trade held",
    default="session",
    choices=ANCHORS,
)

PARAMS: Final = (
    *(resolve.SYMBOL, resolve.COIN, resolve.QUOTE, resolve.VENUE),
    *(INTERVAL, LIMIT, ANCHOR, NUMBERS),
)


async def bars(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    instrument = resolve.one(context, query)
    interval, rule = interval_of(query), anchor_of(query)
    limit = query.integer(LIMIT) or DEFAULT_LIMIT
    strings = exact(query)
    book = await book_of(context, instrument, window=min(limit * INTERVALS[interval], _MOST_READ))
    view, coverage = over_bars(book, interval, rule, context.now(), limit)
    instrument, position = book.instrument, context.hub.position()
    written: list[str] = []
    for number, one in enumerate(view.bars):
        if number % _STRIDE == _STRIDE - 1:
            await asyncio.sleep(0)  # a long list must not hold up the trades
        written.append(bar_text(context.options.rules, instrument, one, strings))
    # Ids do not name these bars: they stay while the trades behind them leave the tape, and close as time passes.
    etag = tag(
        context,
        "bars",
        interval,
        rule,
        limit,
        anchor_text(view.anchor),
        view.state,
        *stands_on(instrument, coverage),
        written,
    )
    return answer(request, context, bars_data(instrument, view, coverage, position, written), MESSAGE, etag)


def interval_of(query: Query) -> Interval:
    """The width asked for."""
    return cast(Interval, query.choice(INTERVAL))


def anchor_of(query: Query) -> AnchorRule:
    """The anchor asked for."""
    return cast(AnchorRule, query.choice(ANCHOR))
