"""`/` (the dashboard), `/docs`, `/openapi.json` and the static files behind them: all from the package."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final, NamedTuple

import orjson
from aiohttp import hdrs, web

from orderflow_stream.delivery.http.common import unchanged
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.guard import PAGE_CSP
from orderflow_stream.delivery.http.openapi import document
from orderflow_stream.delivery.http.params import Query
from orderflow_stream.delivery.http.route import ROUTES

#: The files there are, by the name under /static/; a name from a client never becomes a path.
TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "docs.html": "text/html; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    body: bytes
    etag: str


@lru_cache(maxsize=len(TYPES))
def _file(name: str) -> StaticFile:
    body = files("orderflow_stream.delivery").joinpath("static", name).read_bytes()
    return StaticFile(body, f'"{blake2b(body, digest_size=12).hexdigest()}"')


def _serve(request: web.Request, name: str) -> web.Response:
    found = _file(name)
    headers = {
        hdrs.ETAG: found.etag,
        hdrs.CACHE_CONTROL: "no-cache",
        "Content-Security-Policy": PAGE_CSP,
    }
    if unchanged(request, found.etag):
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = TYPES[name]
    return web.Response(body=found.body, headers=headers)


async def dashboard(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    return _serve(request, "index.html")


async def docs(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    return _serve(request, "docs.html")


async def favicon(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    return _serve(request, "icon.svg")


async def static(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in TYPES:
        raise ApiError(404, "not_found", "no such file")
    return _serve(request, name)


async def openapi(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    body = _document(request.app[ROUTES], context.version)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-cache"})


@lru_cache(maxsize=4)
def _document(routes: tuple[object, ...], version: str) -> bytes:
    return orjson.dumps(document(routes, version))  # type: ignore[arg-type]
