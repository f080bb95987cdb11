"""The envelope around every JSON answer, exactly as the contract has it."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Final

import orjson
from aiohttp import hdrs, web

from orderflow_stream.delivery.http.errors import ApiError

REQUEST_ID: Final = web.RequestKey("request_id", str)
X_REQUEST_ID: Final = "X-Request-Id"
JSON: Final = "application/json"

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def request_id(offered: str | None) -> str:
    """The client's own id where it is harmless in a log line, else a new one."""
    if offered is not None and _CLIENT_ID.fullmatch(offered):
        return offered
    return str(uuid.uuid4())


def timestamp(now: int) -> str:
    """Microseconds as ISO 8601 with milliseconds: `2026-06-12T01:41:13.615Z`."""
    seconds, micros = divmod(now, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros // 1000:03d}Z"


def _meta(now: int, ident: str) -> bytes:
    return f'"meta":{{"timestamp":"{timestamp(now)}","request_id":"{ident}"}}'.encode()


def success(
    request: web.Request, now: int, data: bytes, message: str, *, etag: str | None = None, status: int = 200
) -> web.Response:
    """200 with `data` (JSON) in the envelope. With `etag` the answer may be kept but must be asked about again."""
    body = b'{"data":%b,%b,"status":"ok","message":%b,"success":true}' % (
        data,
        _meta(now, request[REQUEST_ID]),
        orjson.dumps(message),
    )
    headers = {hdrs.CONTENT_TYPE: JSON}
    if etag is not None:
        headers[hdrs.ETAG] = etag
        headers[hdrs.CACHE_CONTROL] = "no-cache"
    return web.Response(body=body, status=status, headers=headers)


def failure_body(now: int, ident: str, error: ApiError, data: bytes = b"null") -> bytes:
    """The envelope of a failure; `data` is null except for `/readyz`, which says what is not ready."""
    return b'{"data":%b,%b,"status":"error","message":%b,"error":%b,"success":false}' % (
        data,
        _meta(now, ident),
        orjson.dumps(error.message),
        orjson.dumps({"code": error.code, "param": error.param}),
    )


def failure(now: int, ident: str, error: ApiError, data: bytes = b"null") -> web.Response:
    """The answer to a request that failed."""
    headers = {hdrs.CONTENT_TYPE: JSON, hdrs.CACHE_CONTROL: "no-store", **error.headers}
    if error.retry_after is not None:
        headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    if error.allow:
        headers[hdrs.ALLOW] = ",".join(error.allow)
    return web.Response(body=failure_body(now, ident, error, data), status=error.status, headers=headers)
