"""The aiohttp applications: the API with or without its pages, and `/metrics` alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from orderflow_stream.delivery.http.context import CONTEXT, Context
from orderflow_stream.delivery.http.guard import Guard
from orderflow_stream.delivery.http.middleware import GUARD, around, finish
from orderflow_stream.delivery.http.route import ROUTES, Route, handler_of
from orderflow_stream.delivery.http.routes import METRICS_ROUTE, OPERATION_ROUTES, routes

#: No route takes a body; what comes anyway is small or refused.
_BODY: Final = 16 * 1024


def build_app(context: Context) -> web.Application:
    """The API: every route of the contract, and the dashboard and the documentation where they have no listener of
    their own."""
    options = context.options
    return _build_api(context, options.pages_here, options.bound_host)


def build_pages_app(context: Context, bound_host: str) -> web.Application:
    """The dashboard and the documentation for a listener of their own, with the data they show: a page may read only
    what comes from its own address (`connect-src 'self'`), and nothing has to be opened to other origins for it."""
    return _build_api(context, True, bound_host)


def build_metrics_app(context: Context, bound_host: str | None = None) -> web.Application:
    """`/metrics` (and the health routes) for a listener of its own, bound to `bound_host` (else to the API's)."""
    return _build(context, (METRICS_ROUTE, *OPERATION_ROUTES), bound_host or context.options.bound_host)


def _build_api(context: Context, pages: bool, bound_host: str) -> web.Application:
    told = any(context.venue(name).liquidations for name in context.venue_names)
    table = routes(metrics=context.options.metrics_here, pages=pages, liquidations=told)
    return _build(context, table, bound_host)


def _build(context: Context, table: Sequence[Route], bound_host: str) -> web.Application:
    app = web.Application(middlewares=[around], client_max_size=_BODY)
    app[CONTEXT] = context
    app[GUARD] = Guard(context, bound_host)
    app[ROUTES] = tuple(table)
    app.on_response_prepare.append(finish)
    for route in table:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, route.pattern, handler_of(route))
    return app
