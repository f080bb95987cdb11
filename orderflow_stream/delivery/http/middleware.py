"""Around every route: request id, guard, parameters' errors, one envelope for every failure, counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from orderflow_stream.delivery.http import liquidations
from orderflow_stream.delivery.http.auth import FIELDS, SET_COOKIE
from orderflow_stream.delivery.http.context import CONTEXT, Context
from orderflow_stream.delivery.http.envelope import REQUEST_ID, X_REQUEST_ID, failure, request_id
from orderflow_stream.delivery.http.errors import CODE_OF, ApiError, clean, redact
from orderflow_stream.delivery.http.guard import Guard
from orderflow_stream.delivery.http.leases import LEASE
from orderflow_stream.delivery.http.peer import is_https, limited_address
from orderflow_stream.delivery.http.route import route_of
from orderflow_stream.delivery.http.tickets import COOKIE, COOKIE_PATH
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamBusy, UpstreamError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GUARD: Final = web.AppKey("guard", Guard)
_log = logging.getLogger("orderflow_stream.http")

_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"})


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the handler; whatever goes wrong becomes the envelope."""
    context = request.app[CONTEXT]
    request[REQUEST_ID] = request_id(request.headers.get(X_REQUEST_ID))
    began = time.perf_counter()
    try:
        response = await _answer(request, handler)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = failure(context.now(), request[REQUEST_ID], _http(error, request.path))
    except Exception as error:  # the last resort: a fault of ours is one 500 and one line, never a trace
        if isinstance(error, ConnectionError):
            raise  # the client went away; aiohttp closes quietly
        known = _known(error)
        if known is None:
            _tell(request, error)
            known = ApiError(500, "internal_error", "the daemon failed to answer this; its log says why")
        if request.writer.output_size > 0:
            raise ConnectionAbortedError("an answer was already on its way") from error
        response = failure(context.now(), request[REQUEST_ID], known)
    _count(context, request, response, time.perf_counter() - began)
    return response


def _known(error: Exception) -> ApiError | None:
    """The failures that have a place in the contract."""
    if isinstance(error, ApiError):
        return error
    return _upstream(error) if isinstance(error, UpstreamError) else None


def _tell(request: web.Request, error: Exception) -> None:
    """One line about a fault of ours; the trace only where somebody asked for debug."""
    _log.error(
        "request failed: %s %s: %s (request id %s)",
        request.method,
        clean(request.path),
        redact(f"{type(error).__name__}: {error}").replace("\n", " ")[:200],
        request[REQUEST_ID],
        exc_info=error if _log.isEnabledFor(logging.DEBUG) else None,
    )


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    guard, context, route = request.app[GUARD], request.app[CONTEXT], route_of(handler)
    scope = "any" if route is None else route.scope
    guard.check(request, any_host=scope == "open")
    if request.method == "OPTIONS":
        refused = request.match_info.http_exception
        if not isinstance(refused, web.HTTPMethodNotAllowed):
            raise refused or web.HTTPNotFound()
        return guard.preflight(request, {*refused.allowed_methods, "OPTIONS"})
    instead = context.auth.admit(request, scope, limited_address(request, context))
    if instead is not None:
        return instead
    try:
        return await handler(request)
    finally:
        lease = request.get(LEASE)
        if lease is not None:
            lease.release()


def _upstream(error: UpstreamError) -> ApiError:
    if isinstance(error, UnknownSymbol):
        return ApiError(404, "unknown_symbol", f"the venue does not know the symbol: {error.line()}", param="symbol")
    if isinstance(error, UpstreamBusy):
        message = f"the venue's request limit is used up: {error.line()}"
        return ApiError(503, "upstream_busy", message, retry_after=error.retry_after)
    retry_after = error.retry_after or (None if error.retry == "never" else 1)
    return ApiError(502, "upstream_failed", f"the venue did not answer: {error.line()}", retry_after=retry_after)


def _http(error: web.HTTPException, path: str) -> ApiError:
    """aiohttp's own refusals in our words."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = {*error.allowed_methods, "OPTIONS"}
        use = "GET" if "GET" in allowed else "POST"
        told = f"{clean(error.method)} is not allowed here; use {use}"
        return ApiError(405, "method_not_allowed", told, allow=allowed)
    if error.status == 404 and path == liquidations.PATH:
        return ApiError(404, "not_found", liquidations.ABSENT)
    if error.status == 404:
        return ApiError(404, "not_found", "no such route; GET /docs lists them")
    return ApiError(error.status, CODE_OF.get(error.status, "bad_parameter"), f"refused: {error.reason}")


def _count(context: Context, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unmatched"
    method = request.method if request.method in _KNOWN_METHODS else "other"
    context.stats.count(method, route, response.status)
    if isinstance(response, web.Response):
        context.stats.time(method, route, seconds)


async def finish(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: the headers that every answer has, streams too."""
    request.app[GUARD].finish(request, response)
    fields = request.get(FIELDS)
    if fields is not None:
        response.headers["RateLimit-Policy"], response.headers["RateLimit"] = fields
    cookie = request.get(SET_COOKIE)
    if cookie is not None:
        value, age = cookie
        secure = "; Secure" if is_https(request, request.app[CONTEXT]) else ""
        # By hand: where this is called, aiohttp has written its own cookies already.
        response.headers.add(
            "Set-Cookie", f"{COOKIE}={value}; HttpOnly; Max-Age={age}; Path={COOKIE_PATH}; SameSite=Strict{secure}"
        )
    ident = request.get(REQUEST_ID)
    if ident is not None:
        response.headers[X_REQUEST_ID] = ident
