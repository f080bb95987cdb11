"""Parsers of single values: what TOML, an environment variable or a flag gives, to what the program works with.

Each takes any object, returns the typed value, and raises the error of `faults.wrong`. A variable is always text, so
every parser accepts text; none accepts a type that merely converts (true is not the port 1).
"""

import contextlib
import ipaddress
import itertools
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from orderflow_stream.config.faults import shown, wrong

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

# Notionals are integers at 10^-16 inside: what has more decimals could not be compared exactly.
NOTIONAL_DECIMALS: Final = 16
LARGEST_NOTIONAL: Final = Decimal(10) ** 15
LONGEST_NAME: Final = 64
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


class Window(NamedTuple):
    """A span of venue time: its name as configured (`5m`) and its length in seconds."""

    name: str
    seconds: int


class Address(NamedTuple):
    """Where a listener binds; `str()` gives `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def text(value: object) -> str:
    """Text without blanks at its ends or control characters."""
    if not isinstance(value, str):
        raise wrong(f"expected text in quotes, got {shown(value)}")
    stripped = value.strip()
    if not stripped.isprintable():
        raise wrong(f"contains control characters: {shown(value)}")
    return stripped


def whole(value: object) -> int:
    """A whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # int() would also take "1_000" and " ٣ ", and 4,300 digits cost a quadratic conversion.
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
        return int(value.strip())  # what strip() takes for blank, int() may not
    raise wrong(f"expected a whole number, got {shown(value)}")


def decimal(value: object) -> Decimal:
    """A finite decimal number, exactly as written."""
    if isinstance(value, Decimal | str) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            pass
        else:
            if number.is_finite() and abs(number.adjusted()) <= 30:
                return number
    raise wrong(f"expected a decimal number, got {shown(value)}")


def seconds(value: object) -> float:
    """A length of time in seconds; fractions are welcome, it only feeds timers."""
    return value if isinstance(value, float) and math.isfinite(value) else float(decimal(value))


def notional(value: object) -> Decimal:
    """An amount of the quote asset, more than nothing and exact at 10^-16."""
    number = decimal(value)
    if not 0 < number <= LARGEST_NOTIONAL:
        raise wrong(f"must be more than 0 and at most 10^15, got {shown(value)}")
    # Digit by digit: round() would stumble over the 28 digits of the decimal context.
    _, digits, exponent = number.as_tuple()
    beyond = -NOTIONAL_DECIMALS - int(exponent)
    if beyond > 0 and any(digits[-beyond:]):
        raise wrong(f"has more than {NOTIONAL_DECIMALS} decimals: {shown(value)}")
    return number


def switch(value: object) -> bool:
    """true or false; in a variable also 1/0, yes/no, on/off."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in {"true", "1", "yes", "on"}:
            return True
        if word in {"false", "0", "no", "off"}:
            return False
    raise wrong(f"expected true or false, got {shown(value)}")


def word(value: object) -> str:
    """One of a few words, in any case."""
    return text(value).lower()


def redundancy(value: object) -> Literal["auto", 1, 2]:
    """`auto`, 1 or 2 (never a truth value, which Python takes for a 1)."""
    word_or_number = value.strip().lower() if isinstance(value, str) else value
    if word_or_number == "auto":
        return "auto"
    if not isinstance(value, bool) and word_or_number in (1, "1"):  # no set: the value may be a list
        return 1
    if word_or_number in (2, "2"):
        return 2
    raise wrong(f"expected auto, 1 or 2, got {shown(value)}")


def symbol(value: object) -> str:
    """A symbol or a pattern (`BTCUSDT`, `*USDT`, `*`, `top:100`), upper-cased; symbols may be non-ASCII."""
    name = text(value)
    if not name:
        raise wrong("is empty", "give a symbol such as BTCUSDT, or a pattern such as *USDT, * or top:100")
    head, colon, count = name.partition(":")
    if colon:
        if head.lower() != "top" or not re.fullmatch(r"[1-9][0-9]{0,3}", count):
            raise wrong(
                f"is not a symbol or pattern: {shown(value)}", "the only form with a colon is top:N, N from 1 to 9999"
            )
        return f"top:{count}"
    if len(name) > LONGEST_NAME or not all(c.isalnum() or c in "*-_." for c in name):
        raise wrong(
            f"is not a symbol or pattern: {shown(value)}",
            f"letters, digits, - _ . and * only, at most {LONGEST_NAME} of them",
        )
    return name.upper()


def asset(value: object) -> str:
    """The name of one asset or symbol (a table's key), upper-cased; no pattern."""
    name = symbol(value)
    if "*" in name or ":" in name:
        raise wrong(f"is a pattern: {shown(value)}", "name one asset or symbol a key")
    return name


def window(value: object) -> Window:
    """A duration such as 30s, 1m or 4h, from 1 s to 24 h."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([smh])", text(value).lower())
    if found is None:
        raise wrong(f"is not a duration: {shown(value)}", "write a whole number and s, m or h, such as 30s, 1m or 4h")
    length = int(found[1]) * _UNITS[found[2]]
    if length > 24 * 3600:
        raise wrong(f"is longer than 24h: {shown(value)}")
    return Window(found[0], length)


def distinct_windows(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Sorted by length; two of one length are one too many, whatever their names."""
    ordered = sorted(windows, key=lambda each: each.seconds)
    for shorter, longer in itertools.pairwise(ordered):
        if shorter.seconds == longer.seconds:
            raise wrong(f"{shorter.name} and {longer.name} are the same window", "give each length once")
    return tuple(ordered)


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """The same, in order, each once."""
    return tuple(dict.fromkeys(values))


def host(value: object) -> str:
    """A host to bind: an IP address or a name, lower-case, IPv6 without brackets."""
    name = text(value).lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if not _is_host(name):
        raise wrong(
            f"is not an IP address or host name: {shown(value)}",
            "no scheme, port or path; 0.0.0.0 is every IPv4 address",
        )
    return name


def is_loopback(name: str) -> bool:
    """Whether a bound host can be reached from this machine alone. A name other than localhost may be anything."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        # Four numbers with dots are a mistyped address, never a name.
        labels = name.split(".")
        return not labels[-1].isdigit() and all(
            re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", each) for each in labels
        )
    return True


def address(value: object) -> Address | None:
    """`host:port` (`[host]:port` for IPv6); empty text is None."""
    raw = text(value)
    if not raw:
        return None
    name, colon, port = raw.rpartition(":")
    if (
        not colon
        or not name
        or not re.fullmatch(r"[0-9]{1,5}", port)
        or int(port) > 65535
        or (":" in name and "[" not in name)
    ):
        raise wrong(f"is not host:port: {shown(value)}", "such as 127.0.0.1:9090 or [::1]:9090")
    return Address(host(name), int(port))


def origin(value: object) -> str:
    """An origin exactly as a browser sends it: `https://example.org` or `http://localhost:3000`, lower-case."""
    raw = text(value).lower()
    parts = urlsplit(raw)
    if raw in {"*", "null"} or "*" in raw:
        raise wrong(
            f"is not one exact origin: {shown(value)}", "list every origin by itself, such as https://example.org"
        )
    if parts.scheme not in {"http", "https"} or raw != f"{parts.scheme}://{parts.netloc}" or not _has_host(raw):
        raise wrong(f"is not an origin: {shown(value)}", "scheme, host and port only, such as https://example.org")
    return raw


def network(value: object) -> Network:
    """An IP address or a network in CIDR form."""
    raw = text(value)
    try:
        return ipaddress.ip_network(raw)
    except ValueError:
        hint = "such as 10.0.0.7 or 10.0.0.0/8"
        with contextlib.suppress(ValueError):
            hint = f'did you mean "{ipaddress.ip_network(raw, strict=False)}"?'
        raise wrong(f"is not an IP address or network: {shown(value)}", hint) from None


def websocket_url(value: object) -> str:
    """A ws:// or wss:// URL without a slash at its end."""
    return _url(value, "ws", "wss")


def http_url(value: object) -> str:
    """An http:// or https:// URL without a slash at its end."""
    return _url(value, "http", "https")


def _url(value: object, *schemes: str) -> str:
    raw = text(value)
    if not raw.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise wrong(f"must begin with {schemes[1]}:// or {schemes[0]}://, got {shown(value)}")
    parts = urlsplit(raw)
    if not _has_host(raw) or parts.query or parts.fragment or " " in raw:
        raise wrong(f"is not a URL of scheme, host, port and path: {shown(value)}")
    return raw.rstrip("/")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and _is_host(parts.hostname or "") and "@" not in parts.netloc
        return named and parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:  # urlsplit's word for a bad port or bracket
        return False


def one_key_each(value: object) -> object:
    """Refuse two keys that differ only in case, before they silently become one."""
    if isinstance(value, Mapping):
        seen: dict[str, str] = {}
        for key in value:
            other = seen.setdefault(str(key).upper(), str(key))
            if other != key:
                raise wrong(f"{other} and {key} are the same key", "give each once")
    return value


def read_only(value: Mapping[str, T]) -> Mapping[str, T]:
    """The same table, which nobody can change any more."""
    return MappingProxyType(dict(value))
