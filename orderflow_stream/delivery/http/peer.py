"""Who is asking: the address a limit is counted for."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from orderflow_stream.delivery.http.context import Context


def client_address(request: web.Request, context: Context) -> str:
    """The client's IP address; `X-Forwarded-For` is believed only as far as trusted proxies wrote it.

    The header is read from the right: each entry was written by the proxy on its right, so the first address that is
    not a trusted proxy's is the client. An IPv6 client counts as its /64, which is what one customer is given.
    """
    peername = request.transport.get_extra_info("peername") if request.transport is not None else None
    address = str(peername[0]) if isinstance(peername, tuple) and peername else "unknown"
    forwarded = [part.strip() for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
    while forwarded and _trusted(address, context):
        candidate = forwarded.pop()
        if _parsed(candidate) is None:
            break
        address = candidate
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
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
