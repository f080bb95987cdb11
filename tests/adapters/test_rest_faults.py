"""What each kind of failure is called and what it advises."""

import socket
import ssl
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from orderflow_stream.adapters.rest_faults import classify, refusal
from orderflow_stream.feed.errors import Blocked, UnknownSymbol, UpstreamFailed

KEY = ConnectionKey("api.binance.com", 443, True, True, None, None, None)
REFUSED = OSError(111, "Connection refused")
BASE = "https://api.binance.com"


@pytest.mark.parametrize(
    "error, label, words, hint",
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown")),
            "dns",
            "cannot resolve api.binance.com",
            "DNS",
        ),
        (aiohttp.ClientProxyConnectionError(KEY, REFUSED), "connect", "proxy", "HTTPS_PROXY"),
        (aiohttp.ClientConnectorError(KEY, REFUSED), "connect", "cannot connect", "network"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("self-signed")),
            "tls",
            "TLS",
            "clock",
        ),
        (aiohttp.ServerTimeoutError(), "timeout", "in time", ""),
        (TimeoutError(), "timeout", "in time", ""),
        (aiohttp.ServerDisconnectedError(), "broken", "broke off", ""),
        (aiohttp.ClientPayloadError("torn"), "broken", "broke off: torn", ""),
        (ConnectionResetError(104, "reset"), "broken", "broke off", ""),
        (aiohttp.ClientHttpProxyError(Mock(), (), status=407, message="auth"), "connect", "proxy", "HTTPS_PROXY"),
    ],
)
def test_broken_exchanges(error: Exception, label: str, words: str, hint: str) -> None:
    named, failure = classify(error, BASE)
    assert named == label
    assert words in failure.reason
    assert hint in failure.hint
    assert "\n" not in failure.line()
    assert failure.retry == "backoff"


def test_a_url_that_is_none_is_never_retried() -> None:
    label, failure = classify(aiohttp.InvalidURL("http://["), "http://venue")
    assert (label, failure.retry) == ("broken", "never")


@pytest.mark.parametrize(
    "status, code, kind, retry",
    [
        (400, -1121, UnknownSymbol, "never"),
        (400, -1100, UpstreamFailed, "never"),
        (401, None, UpstreamFailed, "never"),
        (403, None, Blocked, "backoff"),
        (451, 0, Blocked, "never"),
        (408, None, UpstreamFailed, "backoff"),
        (500, -1121, UpstreamFailed, "backoff"),
        (504, -1007, UpstreamFailed, "backoff"),
        (301, None, UpstreamFailed, "backoff"),
    ],
)
def test_refusals(status: int, code: int | None, kind: type[Exception], retry: str) -> None:
    error = refusal(status, code, "words", BASE, -1121)
    assert type(error) is kind
    assert error.retry == retry
