"""The table: every route of the contract once, described, and answering HEAD as it answers GET."""

from collections import Counter

import pytest

from orderflow_stream.delivery.http import stream
from orderflow_stream.delivery.http.route import Route
from orderflow_stream.delivery.http.routes import DATA_ROUTES, METRICS_ROUTE, PAGE_ROUTES, routes
from tests.delivery.http.world import Daemon

TABLE = routes(metrics=True)
CONTRACT = [
    *(
        "/v1/flow",
        "/v1/large",
        "/v1/bars",
        "/v1/trades",
        "/v1/gaps",
        "/v1/screener",
        "/v1/symbols",
        "/v1/meta",
        "/v1/stream",
    ),
    *("/healthz", "/readyz", "/metrics", "/openapi.json", "/llms.txt", "/docs", "/", "/v1/ticket", "/admin/reload"),
]
#: Parameters of the contract, by route.
PARAMS = {
    "/v1/flow": "symbol coin quote symbols trades window after wait fresh numbers venue",
    "/v1/large": "symbol coin quote min_notional percentile trades limit group since_id fresh numbers venue",
    "/v1/bars": "symbol coin quote interval limit anchor numbers venue",
    "/v1/trades": "symbol from_id limit numbers venue",
    "/v1/gaps": "symbol venue",
    "/v1/screener": "window sort limit numbers venue",
    "/v1/symbols": "quote venue",
    "/v1/meta": "venue",
    "/v1/stream": "symbols topics window trades min_notional group interval anchor last_event_id ticket numbers venue",
    "/readyz": "strict",
}
#: A query with which each answers 200 (or, for the stream, begins).
ASKED = {
    "/v1/flow": "?symbol=BTCUSDT",
    "/v1/large": "?symbol=BTCUSDT",
    "/v1/bars": "?symbol=BTCUSDT",
    "/v1/trades": "?symbol=BTCUSDT",
    "/v1/gaps": "?symbol=BTCUSDT",
}


def test_every_route_of_the_contract_is_there_once() -> None:
    counts = Counter(route.path for route in TABLE)
    assert set(counts.values()) == {1}
    assert set(CONTRACT) <= set(counts)
    assert set(counts) - set(CONTRACT) == {"/favicon.ico", "/static/{name}"}  # what the pages need


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.path)
def test_each_is_described(route: Route) -> None:
    assert route.summary.endswith(".")
    assert route.summary.count("\n") == 0
    params = route.params or ()
    assert set(PARAMS.get(route.path, "").split()) <= {param.name for param in params}
    assert max(Counter(param.name for param in params).values(), default=1) == 1
    assert all(param.description for param in params)
    for param in params:
        if param.kind == "choice":
            assert param.default is None or param.default in param.choices
        if param.kind == "integer" and param.default is not None:
            assert param.low <= int(param.default) <= param.high


def test_every_data_route_takes_a_venue() -> None:
    for route in DATA_ROUTES:
        assert "venue" in {param.name for param in route.params or ()}, route.path


def test_metrics_may_be_elsewhere() -> None:
    assert set(TABLE) - set(routes(metrics=False)) == {METRICS_ROUTE}


def test_only_pages_are_left_out_of_the_document() -> None:
    assert {route.path for route in TABLE if route.page} == {"/", "/favicon.ico", "/static/{name}"}
    assert all(route.params is None for route in PAGE_ROUTES)


@pytest.mark.parametrize(
    "route",
    [one for one in TABLE if one.endpoint is not stream.stream and one.method == "GET"],
    ids=lambda one: one.path,
)
async def test_head_is_get_without_the_body(daemon: Daemon, route: Route) -> None:
    """(The stream's HEAD is tested with the stream: it needs the real hub.)"""
    path = route.path.format(name="style.css") + ASKED.get(route.path, "")
    status, body, got = await daemon.get(path)
    assert status == 200
    assert body
    assert got.content_type == ("text/css" if route.path.startswith("/static") else route.media)
    async with daemon.session.head(daemon.url + path) as head:
        assert (head.status, await head.read()) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers.get("ETag") == got.headers.get("ETag")
