"""A row of the table as a handler: the endpoint gets its context and its parameters, checked."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from orderflow_stream.delivery.http.app import build_app
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.params import Param, Query
from orderflow_stream.delivery.http.route import Route, handler_of
from tests.delivery.http.world import Daemon

LIMIT = Param("limit", "integer", "how many", 10, 1, 100)


class Endpoint:
    """Remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[web.Request, Context, Query]] = []

    async def __call__(self, request: web.Request, context: Context, query: Query) -> web.StreamResponse:
        self.calls.append((request, context, query))
        return web.Response(text="x")


def request(daemon: Daemon, query: str) -> web.Request:
    return make_mocked_request("GET", f"/x{query}", app=build_app(daemon.context))


@pytest.mark.parametrize("query,expected", [("", 10), ("?limit=7", 7)])
async def test_the_endpoint_gets_context_and_parameters(daemon: Daemon, query: str, expected: int) -> None:
    endpoint = Endpoint()
    asked = request(daemon, query)
    response = await handler_of(Route("/x", endpoint, "", (LIMIT,)))(asked)
    assert isinstance(response, web.Response)
    assert response.text == "x"
    ((given, context, parsed),) = endpoint.calls
    assert given is asked
    assert context is daemon.context
    assert parsed.integer(LIMIT) == expected


@pytest.mark.parametrize("params", [(), (LIMIT,)])
async def test_what_the_route_does_not_know_does_not_reach_it(daemon: Daemon, params: Any) -> None:
    endpoint = Endpoint()
    with pytest.raises(ApiError) as raised:
        await handler_of(Route("/x", endpoint, "", params))(request(daemon, "?limits=7"))
    assert (raised.value.status, raised.value.code, raised.value.param) == (400, "unknown_parameter", "limits")
    assert endpoint.calls == []


async def test_the_query_of_a_page_is_its_own_business(daemon: Daemon) -> None:
    endpoint = Endpoint()
    await handler_of(Route("/x", endpoint, "", None))(request(daemon, "?anything=1&anything=2"))
    ((_, _, parsed),) = endpoint.calls
    assert not parsed.has(LIMIT)


def test_a_route_takes_no_parameters_and_is_data_unless_told_otherwise() -> None:
    route = Route("/x", Endpoint(), "")
    assert (route.params, route.data, route.media, route.errors, route.tag, route.page) == (
        (),
        None,
        "application/json",
        (),
        "data",
        False,
    )
