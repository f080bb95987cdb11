"""Who may call: Host against DNS rebinding, Origin against other people's pages, and the headers of every answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs, web

from orderflow_stream.delivery.http.context import Context, Options
from orderflow_stream.delivery.http.errors import ApiError, shown
from orderflow_stream.delivery.http.tickets import COOKIE_PATH

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to

API_CSP: Final = "default-src 'none'; frame-ancestors 'none'"
#: For the pages: everything from here, nothing inline.
PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": API_CSP,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}
_ASKABLE: Final = (
    "Accept, Authorization, Cache-Control, If-None-Match, Last-Event-ID, X-API-Key, X-Oanor-Key, X-Request-Id"
)
_EXPOSED: Final = "ETag, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
METHODS: Final = ("GET", "HEAD", "OPTIONS")


def split_host(host: str) -> tuple[str, str]:
    """A Host header as name (lower case, no brackets, no final dot) and port (empty where none is written)."""
    name, port = host, ""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
    elif host.count(":") == 1:
        name, _, port = host.partition(":")
    return name.lower().removesuffix("."), port


class Guard:
    """Decides for each request whether its Host and its Origin are ours."""

    def __init__(self, context: Context, bound_host: str) -> None:
        self._context = context
        self._bound_host = bound_host
        self._learn(context.options)

    def _learn(self, options: Options) -> None:
        bound_host = self._bound_host
        self._options = options
        self._names = _LOOPBACK_NAMES | {split_host(host)[0] for host in options.allowed_hosts}
        self._any = "*" in options.allowed_hosts
        # A page can make a name point here, never an address: bound to all of them, any address is fine.
        self._addresses = bound_host in _WILDCARDS
        if not self._addresses:
            self._names |= {split_host(bound_host)[0], bound_host.lower()}
        self._origins = frozenset(options.allowed_origins)

    def check(self, request: web.Request, *, any_host: bool = False) -> None:
        """Raise 403 for a Host or Origin that is not allowed. `any_host`: whatever the name (a load balancer's or an
        orchestrator's probe calls by an address of its own)."""
        if self._context.options is not self._options:  # the configuration was read anew
            self._learn(self._context.options)
        host = request.headers.get(hdrs.HOST, "")
        if not any_host and not self._host_allowed(host):
            raise ApiError(
                403,
                "forbidden",
                f"host {shown(host)} is not allowed; call the daemon by its own address, "
                "or add the name to server.allowed_hosts",
            )
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin not in self._origins and not _same_origin(origin, host):
            raise ApiError(
                403,
                "forbidden",
                f"pages of origin {shown(origin)} may not read this daemon; add the origin to server.allowed_origins",
            )

    def _host_allowed(self, host: str) -> bool:
        name, port = split_host(host)
        if not name or (port and not port.isdecimal()):
            return False
        if self._any or name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.endswith(".localhost")
        return self._addresses or address.is_loopback

    def allows_origin(self, origin: str | None) -> bool:
        """Whether pages of this other origin may read the answer."""
        return origin is not None and origin in self._origins

    def preflight(self, request: web.Request, methods: Iterable[str] = METHODS) -> web.Response:
        """The answer to OPTIONS, after `check`; `methods` are those of the route. A preflight carries no key."""
        allowed = ", ".join(sorted(methods))
        headers = {hdrs.ALLOW: allowed}
        if self.allows_origin(request.headers.get(hdrs.ORIGIN)):
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = allowed
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _ASKABLE
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
        return web.Response(status=204, headers=headers)

    def finish(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put on the headers that every answer has; what the route set itself is kept."""
        headers = response.headers
        for key, value in _HEADERS.items():
            headers.setdefault(key, value)
        headers[hdrs.SERVER] = "orderflow-stream"
        if self._origins:
            vary = headers.get(hdrs.VARY)
            headers[hdrs.VARY] = f"{vary}, Origin" if vary else "Origin"
            origin = request.headers.get(hdrs.ORIGIN)
            if origin is not None and origin in self._origins:
                headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
                headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
                if request.path == COOKIE_PATH:  # an EventSource of that page brings the stream's cookie
                    headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def _same_origin(origin: str, host: str) -> bool:
    return origin.lower() in _both_schemes(host.lower())


def _both_schemes(host: str) -> Iterable[str]:
    return (f"http://{host}", f"https://{host}")
