"""What a failed attempt to open a websocket means: a word for the metric, whether to try again, and what a person could
do about it, in one line."""

from __future__ import annotations

import socket
import ssl
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from websockets.exceptions import (
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
    SecurityError,
)

Retry = Literal["never", "seldom", "backoff"]
DialFault = Literal["dns", "refused", "tls", "blocked", "rate_limited", "timeout", "proxy", "url", "http", "network"]

#: Seconds to hold still where the venue limits us and does not say for how long (418 is a ban, of two minutes or more).
_HOLD: Final = {429: 60.0, 418: 120.0}


class DialError(Exception):
    """No connection came about. `fault` is a word for a metric, `hint` what a person could do about it; `retry` says
    whether it helps to try again (`never` means: not without a change; `seldom`: it may, once or twice, and then it
    is as good as never), `retry_after` how many seconds we were told."""

    def __init__(
        self, fault: DialFault, retry: Retry, reason: str, hint: str, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.fault: DialFault = fault
        self.retry: Retry = retry
        self.reason = reason
        self.hint = hint
        self.retry_after = retry_after

    def line(self) -> str:
        """Reason and hint on one line."""
        return f"{self.reason} ({self.hint})" if self.hint else self.reason


_NETWORK_HINT: Final = "check the network; behind a proxy set HTTPS_PROXY"


def classify(error: BaseException, host: str, proxy: str | None = None) -> DialError:
    """What an exception of the library or the socket means, for a person and for the retry policy. With a `proxy` every
    fault of the network is one between us and it, as far as we can see."""
    if proxy is not None and isinstance(error, OSError) and not isinstance(error, (ssl.SSLError, TimeoutError)):
        return DialError(
            "proxy",
            "backoff",
            f"no connection to the proxy {proxy}: {error}",
            "check HTTPS_PROXY / ALL_PROXY / NO_PROXY",
        )
    match error:
        case InvalidURI():
            return DialError("url", "never", f"not a websocket URL: {error}", "correct stream_url (wss://host:port)")
        case InvalidProxy() | ProxyError() | ImportError():
            return DialError(
                "proxy", "backoff", f"the proxy did not connect us: {error}", "check HTTPS_PROXY / ALL_PROXY / NO_PROXY"
            )
        case InvalidStatus():
            return _status(error, host)
        case SecurityError():
            return DialError("http", "seldom", f"{host} redirects: {error}", "correct stream_url")
        case TimeoutError():
            return DialError("timeout", "backoff", f"{host} did not answer in time", _NETWORK_HINT)
        case socket.gaierror():
            return DialError(
                "dns", "backoff", f"cannot resolve {host}", "check the network and DNS; behind a proxy set HTTPS_PROXY"
            )
        case ssl.SSLCertVerificationError():
            return DialError(
                "tls",
                "never",
                f"the certificate of {host} is not trusted: {error.verify_message}",
                "a proxy that inspects TLS, missing CA certificates, or this machine's clock",
            )
        case ssl.SSLError():
            return DialError(
                "tls", "backoff", f"no TLS with {host}: {error.reason or error}", "is stream_url a wss port?"
            )
        case ConnectionRefusedError():
            return _refused(host)
        case OSError() if "Multiple exceptions" in str(error) and "Connect call failed" in str(error):
            return _refused(host)  # several addresses, every one of them refused
        case OSError() | EOFError():
            return DialError("network", "backoff", f"no connection to {host}: {error}", _NETWORK_HINT)
        case InvalidHandshake():
            return DialError(
                "http",
                "backoff",
                f"{host} does not speak websocket: {error}",
                "is stream_url right, or a portal in between?",
            )
        case _:
            return DialError("url", "never", f"cannot connect to {host}: {error}", "correct stream_url")


def _refused(host: str) -> DialError:
    return DialError("refused", "backoff", f"{host} refuses connections", "is stream_url's port right, is it up?")


def _status(error: InvalidStatus, host: str) -> DialError:
    status = error.response.status_code
    if status == 451:
        hint = "run it where the venue serves, or set stream_url to a public market-data host"
        return DialError("blocked", "never", f"{host} refuses this country (451)", hint)
    if status == 403:
        hint = "its firewall: too many connections, or a proxy; it usually passes"
        return DialError("blocked", "seldom", f"{host} refuses this address (403)", hint)
    if status in {418, 429}:
        headers = error.response.headers
        after = wait_told(headers.get("Retry-After", ""), headers.get("Date", "")) or _HOLD[status]
        hint = "this address opens too many connections; we wait as told"
        return DialError("rate_limited", "backoff", f"{host} limits this address ({status})", hint, after)
    if status >= 500 or status == 408:
        return DialError("http", "backoff", f"{host} answers {status}", "the venue is in trouble; we go on trying")
    return DialError("http", "seldom", f"{host} answers {status} instead of a websocket", "correct stream_url")


def wait_told(retry_after: str, date: str) -> float | None:
    """Seconds, as a number or up to a date (by the clock of whoever answered); None where it says nothing usable."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return float(text)
    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(date)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: one of them has no time zone
        return None
