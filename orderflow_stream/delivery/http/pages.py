"""`/` (the dashboard), `/docs`, `/openapi.json` and the static files behind them: all from the package."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
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

#: What is served, by suffix; "" is a LICENSE or a NOTICE. Any other file of the folder stays inside the package.
_MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
#: One packet: below it compression saves nothing.
_WORTH_PACKING: Final = 1_400
#: A vendored file under a name with its version never changes: a new version has a new name.
_VERSIONED: Final = re.compile(r"vendor/.*\d+\.\d+\.\d+")
_NO_GZIP: Final = re.compile(r"(?:gzip|\*)\s*;\s*q=0(?:\.0+)?$")


def _listed(folder: Traversable, above: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = PurePosixPath(above, entry.name)
        if entry.is_dir():
            yield from _listed(entry, str(name))
        elif name.suffix in _MEDIA and not entry.name.startswith("."):
            yield str(name), entry


#: The files there are, by the name under /static/; a name from a client never becomes a path.
FILES: Final = dict(sorted(_listed(files("orderflow_stream.delivery").joinpath("static"))))
#: Their media types.
TYPES: Final = {name: _MEDIA[PurePosixPath(name).suffix] for name in FILES}


class StaticFile(NamedTuple):
    """A file as it is sent: whole and, where that is smaller, compressed; each has an ETag of its own."""

    body: bytes
    etag: str
    packed: bytes | None
    packed_etag: str


def load(name: str) -> StaticFile:
    """The file, read and compressed: a large one takes a tenth of a second, so never on the event loop."""
    body = FILES[name].read_bytes()
    worth = len(body) > _WORTH_PACKING and not TYPES[name].startswith("image/png")
    digest = blake2b(body, digest_size=12).hexdigest()
    packed = gzip.compress(body, 9, mtime=0) if worth else None
    return StaticFile(body, f'"{digest}"', packed, f'"{digest}-gzip"')


_loaded: dict[str, StaticFile] = {}  # what was asked for once: at most FILES


def _takes_gzip(request: web.Request) -> bool:
    offers = [each.strip().lower() for each in request.headers.get(hdrs.ACCEPT_ENCODING, "").split(",")]
    return any(re.match(r"(?:gzip|\*)(?:\s*;|$)", each) and not _NO_GZIP.match(each) for each in offers)


async def _serve(request: web.Request, name: str) -> web.Response:
    if name not in _loaded:
        _loaded[name] = await asyncio.to_thread(load, name)
    found = _loaded[name]
    body, etag = found.body, found.etag
    headers = {
        hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable" if _VERSIONED.match(name) else "no-cache",
        "Content-Security-Policy": PAGE_CSP,
    }
    if found.packed is not None:
        headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if _takes_gzip(request):
            body, etag = found.packed, found.packed_etag
            headers[hdrs.CONTENT_ENCODING] = "gzip"
    headers[hdrs.ETAG] = etag
    if unchanged(request, etag):
        headers.pop(hdrs.CONTENT_ENCODING, None)
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = TYPES[name]
    return web.Response(body=body, headers=headers)


async def dashboard(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    return await _serve(request, "index.html")


async def docs(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    return await _serve(request, "docs.html")


async def favicon(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    return await _serve(request, "icon.svg")


async def static(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in FILES:
        raise ApiError(404, "not_found", "no such file")
    return await _serve(request, name)


async def openapi(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    body = await asyncio.to_thread(_document, request.app[ROUTES], context.version)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-cache"})


@lru_cache(maxsize=4)
def _document(routes: tuple[object, ...], version: str) -> bytes:
    return orjson.dumps(document(routes, version))  # type: ignore[arg-type]
