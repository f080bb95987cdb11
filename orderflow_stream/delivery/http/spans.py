"""What `/v1/flow` is asked over: the last N trades, or a configured window of venue time."""

from __future__ import annotations

from typing import Final, NamedTuple

from orderflow_stream.analytics.flow import Flow, over_trades, over_window
from orderflow_stream.core.book import Book
from orderflow_stream.delivery.http.common import FEWEST_TRADES, MOST_TRADES, window_of
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import conflicting
from orderflow_stream.delivery.http.params import Param, Query

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
WAIT: Final = Param(
    "wait", "seconds", "with after: seconds to wait at most; 5 where it is left out", low=0, high=30, example="5"
)


class Span(NamedTuple):
    """Either `trades`, or the window of that name and `span` (µs)."""

    trades: int | None
    window: str | None
    span: int | None

    def read(self, book: Book, now: int) -> Flow:
        """The flow of that book over it."""
        if self.span is not None:
            return over_window(book, self.span, now)
        return over_trades(book, self.trades or DEFAULT_TRADES, now)


def span_of(context: Context, query: Query) -> Span:
    """The span that is asked for."""
    window = window_of(context, query, WINDOW)
    if window is None:
        return Span(query.integer(TRADES), None, None)
    if query.has(TRADES):
        raise conflicting("window", "trades and window were both given; write one of them")
    return Span(None, window, context.options.windows[window])
