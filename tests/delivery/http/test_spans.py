"""Over what `/v1/flow` is asked: trades or a window, and the flow of that."""

import pytest
from aiohttp.test_utils import make_mocked_request

from orderflow_stream.analytics.flow import over_trades, over_window
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.params import Query
from orderflow_stream.delivery.http.spans import TRADES, WINDOW, Span, span_of
from tests.delivery.http.world import BTC, NOW, Daemon


@pytest.mark.parametrize(
    "query,expected",
    [
        ("", Span(1000, None, None)),
        ("?trades=250", Span(250, None, None)),
        ("?window=5m", Span(None, "5m", 300_000_000)),
    ],
)
async def test_what_is_asked(daemon: Daemon, query: str, expected: Span) -> None:
    asked = Query(make_mocked_request("GET", f"/v1/flow{query}"), (TRADES, WINDOW))
    assert span_of(daemon.context, asked) == expected


async def test_not_both(daemon: Daemon) -> None:
    asked = Query(make_mocked_request("GET", "/v1/flow?window=5m&trades=100"), (TRADES, WINDOW))
    with pytest.raises(ApiError, match="one of them"):
        span_of(daemon.context, asked)


async def test_the_flow_of_it(daemon: Daemon) -> None:
    book = daemon.context.engine.books[BTC.key]
    assert Span(None, "1m", 60_000_000).read(book, NOW) == over_window(book, 60_000_000, NOW)
    assert Span(3, None, None).read(book, NOW) == over_trades(book, 3, NOW)
    assert Span(3, None, None).read(book, NOW) != over_trades(book, 4, NOW)
