"""One row of the route table, and how it becomes an aiohttp handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple

from aiohttp import web

from orderflow_stream.delivery.http.context import CONTEXT, Context
from orderflow_stream.delivery.http.keys import Scope
from orderflow_stream.delivery.http.params import Param, Query
from orderflow_stream.shapes.answers import Failure

Endpoint = Callable[[web.Request, Context, Query], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """A route: where, what answers, and what OpenAPI says of it.

    `params` are its query parameters; None: whatever is in the query does not matter (pages). `data` is the type of
    the envelope's `data`; None where the answer is no envelope, then `media` says what it is. `also` are further
    shapes of `data` (of other venues, of other parameters), `failure` is that of a refusal. `errors` are the
    statuses beside 400, 403 and 500 that every route may give. `page` leaves it out of OpenAPI. `method` is GET (which
    is HEAD too) or POST. `scope` is what a key must have to ask it; `page`: no key is needed; `open`: neither a key nor
    a Host that we know, and no limit counts it. `deep`: its last part may hold slashes. `about` is what the document
    says beyond the summary, in Markdown.
    """

    path: str
    endpoint: Endpoint
    summary: str
    params: tuple[Param, ...] | None = ()
    data: object = None
    media: str = "application/json"
    errors: tuple[int, ...] = ()
    tag: str = "data"
    page: bool = False
    method: str = "GET"
    also: tuple[object, ...] = ()
    failure: object = Failure
    scope: Scope | Literal["page", "open"] = "read"
    deep: bool = False
    about: str = ""

    @property
    def pattern(self) -> str:
        """The path as aiohttp's router wants it."""
        return f"{self.path[:-1]}:.+}}" if self.deep else self.path


ROUTES: Final = web.AppKey("routes", tuple[Route, ...])


def handler_of(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The route's endpoint with its context and its parsed parameters; `route_of` tells its route."""
    known = route.params
    endpoint = route.endpoint

    async def handle(request: web.Request) -> web.StreamResponse:
        query = Query(request, known) if known is not None else Query.none()
        return await endpoint(request, request.app[CONTEXT], query)

    handle.__dict__["route"] = route
    return handle


def route_of(handler: object) -> Route | None:
    """The route of a handler that `handler_of` made; None where nothing of ours answers."""
    found = getattr(handler, "route", None)
    return found if isinstance(found, Route) else None
