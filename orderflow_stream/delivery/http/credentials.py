"""The key that a request brings along: where it may stand, and where it must not."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote

from aiohttp import hdrs, web

from orderflow_stream.delivery.http.errors import ApiError, Code, clean

_HEADERS: Final = ("X-API-Key", "X-Oanor-Key")
_HOW: Final = "send it as x-api-key, x-oanor-key or Authorization: Bearer"
_IN_URL: Final = re.compile(r"ofd_[a-z2-7]{8}_", re.ASCII)
#: Parameters by which other services take a key.
_NAMES: Final = frozenset(
    {"key", "api_key", "apikey", "api-key", "x-api-key", "x-oanor-key", "token", "access_token", "authorization"}
)


class Refused(ApiError):
    """An `ApiError` that is counted: `reason` is one of a closed set."""

    def __init__(
        self,
        reason: str,
        status: int,
        code: Code,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        challenge: str = "",
    ) -> None:
        super().__init__(status, code, message, param=param, retry_after=retry_after)
        self.reason: Final = reason
        if challenge:
            self.headers = {hdrs.WWW_AUTHENTICATE: challenge}


def unauthorized(reason: str, message: str, *, invalid: bool = False) -> Refused:
    """401; `invalid` where a key was sent and is none (RFC 6750)."""
    challenge = 'Bearer realm="orderflow_stream"' + (', error="invalid_token"' if invalid else "")
    return Refused(reason, 401, "unauthorized", message, challenge=challenge)


def refuse_in_url(request: web.Request) -> None:
    """Raise 400 where the URL has a key in it: what is in a URL ends up in logs and histories."""
    raw = request.raw_path
    if "%" in raw:
        raw = unquote(raw)
    if "ofd_" in raw and _IN_URL.search(raw):
        raise Refused(
            "in_url",
            400,
            "bad_parameter",
            f"a key does not belong in a URL, where logs keep it (take this one out of use); {_HOW}",
        )


def presented(request: web.Request) -> str | None:
    """The key that was sent, of whatever form; None where there is none. 401 for several, or for another scheme."""
    headers = request.headers
    offered = [value.strip() for name in _HEADERS for value in headers.getall(name, ())]
    offered = [value for value in offered if value]
    for value in headers.getall(hdrs.AUTHORIZATION, ()):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            offered.append(rest.strip())
        elif scheme and not offered:
            raise unauthorized("scheme", f"the scheme of Authorization must be Bearer; {_HOW}")
    if not offered:
        return None
    if offered.count(offered[0]) != len(offered):
        raise unauthorized("several", "several different keys were sent; send one")
    return offered[0]


def missing(request: web.Request) -> Refused:
    """What to raise where none was sent. A parameter by the name of a key is the better explanation."""
    for name, _ in parse_qsl(request.query_string, max_num_fields=1_000):
        if name.lower() in _NAMES:
            return Refused("in_url", 400, "bad_parameter", f"a key does not belong in a URL; {_HOW}", param=clean(name))
    return unauthorized("missing", f"a key is needed; {_HOW}")
