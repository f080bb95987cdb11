"""What a failed HTTP exchange means: a label for the metric, and an error that says what to do."""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from orderflow_stream.feed.errors import Blocked, UnknownSymbol, UpstreamError, UpstreamFailed


def classify(error: BaseException, base: str) -> tuple[str, UpstreamFailed]:
    """The metric's label and the error for an exchange that brought no whole answer."""
    host = URL(base).host or base
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns", UpstreamFailed(
                f"cannot resolve {host}", hint="check the network and its DNS; behind a proxy set HTTPS_PROXY"
            )
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "connect", UpstreamFailed(
                f"the proxy does not let us reach {host}: {_words(error)}",
                hint="HTTPS_PROXY, HTTP_PROXY and NO_PROXY say which proxy is used",
            )
        case aiohttp.ClientSSLError():
            return "tls", UpstreamFailed(
                f"no trusted TLS connection to {host}: {_words(error)}",
                hint="a proxy that re-signs, missing CA certificates, or a wrong clock on this machine",
            )
        case aiohttp.ClientConnectorError():
            return "connect", UpstreamFailed(
                f"cannot connect to {host}: {_words(error)}", hint="check the network and rest_url"
            )
        case TimeoutError() | asyncio.TimeoutError():
            return "timeout", UpstreamFailed(f"{host} did not answer in time")
        case aiohttp.InvalidURL():
            return "broken", UpstreamFailed(f"{base} is no usable URL", hint="correct rest_url", retry="never")
        case _:
            return "broken", UpstreamFailed(f"{host} broke off: {_words(error)}")


def refusal(status: int, code: int | None, message: str, base: str, symbol_code: int) -> UpstreamError:
    """The error for an answer that is whole and is not a 200."""
    host = URL(base).host or base
    if status == 451:
        return Blocked(
            f"{host} refuses this country (451): {message}",
            hint="run it where the venue serves, or set rest_url to a public market-data host",
            retry="never",
        )
    if status == 403:
        return Blocked(
            f"{host} refuses this address (403): {message}",
            hint="its firewall: too fast, a bad proxy, or an unusual request; it usually passes",
        )
    if 400 <= status < 500 and code == symbol_code:
        return UnknownSymbol(f"{host} does not know the symbol: {message}")
    if status >= 500 or status in {408, 425}:
        return UpstreamFailed(f"{host} answered {status}: {message}")
    if 300 <= status < 400:
        return UpstreamFailed(f"{host} redirected us ({status})", hint="a portal in between, or a wrong rest_url")
    return UpstreamFailed(
        f"{host} refused the request ({status}, code {code}): {message}", hint="is rest_url right?", retry="never"
    )


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__).split("\n", 1)[0][:200]
