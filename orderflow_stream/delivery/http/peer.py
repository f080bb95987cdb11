"""Who is asking: the address a limit is counted for."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from aiohttp import web

from orderflow_stream.delivery.http.context import Context

#: What ::1 is folded to.
_LOOPBACK_6: Final = "::/64"
#: Of an address in a header; a zone could be as long as the header is.
_LONGEST: Final = 64


def client_address(request: web.Request, context: Context) -> str:
    """The client's IP address; `X-Forwarded-For` is believed only as far as trusted proxies wrote it.

    The header is read from the right: each entry was written by the proxy on its right, so the first address that is
    not a trusted proxy's is the client. An IPv6 client counts as its /64, which is what one customer is given.
    """
    return folded(_client(request, context))


def limited_address(request: web.Request, context: Context) -> str | None:
    """The same; None for this machine itself, whose user's programs no limit by address is meant for."""
    address = folded(_client(request, context))
    return None if is_local(address) else address


def is_https(request: web.Request, context: Context) -> bool:
    """Whether the client came by TLS, which a trusted proxy has taken off for us."""
    forwarded = request.headers.get("X-Forwarded-Proto", "")
    return request.secure or (forwarded.lower() == "https" and _trusted(_peer(request), context))


@lru_cache(maxsize=4096)
def folded(address: str) -> str:
    """An address as limits count it: IPv6 by its /64, IPv4 inside IPv6 as IPv4; other text as it is."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return address


@lru_cache(maxsize=4096)
def is_local(address: str) -> bool:
    """Whether a folded address is this machine's loopback."""
    return address.startswith("127.") or address == _LOOPBACK_6


def _peer(request: web.Request) -> str:
    peername = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(peername[0]) if isinstance(peername, tuple) and peername else "unknown"


def _client(request: web.Request, context: Context) -> str:
    address = _peer(request)
    if not context.options.trusted_proxies or "X-Forwarded-For" not in request.headers:
        return address
    forwarded = [part.strip() for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
    while forwarded and _trusted(address, context):
        candidate = forwarded.pop()
        if len(candidate) > _LONGEST or _parsed(candidate) is None:
            break
        address = candidate
    return address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None


def _trusted(address: str, context: Context) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(
        parsed.version == network.version and parsed in network for network in context.options.trusted_proxies
    )
