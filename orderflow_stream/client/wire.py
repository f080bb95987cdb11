"""Questions and answers without a socket: a call becomes an address, an answer's bytes its data or an exception."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from orderflow_stream.client.errors import BY_STATUS, BadAnswer, Failed

T = TypeVar("T")

#: The most that a server may ask us to wait: what is beyond a day is a mistake.
_LONGEST: Final = 86_400.0

Value = str | int | float | Decimal | bool | None
Query = dict[str, str]


class Call(Struct, Generic[T], frozen=True):
    """One question. `type` is what the answer's `data` is read as, `extra` how many seconds more than usual it may
    take, `answers` the statuses beside 200 at which `data` is an answer."""

    path: str
    query: Query
    type: Any  # type[T], which msgspec takes for a field of such a type
    extra: float = 0.0
    answers: frozenset[int] = frozenset()


class _Answer(Struct, Generic[T]):
    data: T


class _Meta(Struct):
    request_id: str | None = None


class _Fault(Struct):
    code: str = "failed"
    param: str | None = None


class _Failure(Struct):
    message: str
    error: _Fault
    meta: _Meta = msgspec.field(default_factory=_Meta)


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_Answer[type_])


_FAILURE: Final = msgspec.json.Decoder(_Failure)


def query(**values: Value | Iterable[str]) -> Query:
    """Parameters as text: what is None is left out, a list is joined by commas, a number is a plain decimal."""
    out: Query = {}
    for name, value in values.items():
        if value is None or value is False:  # every flag of the daemon is off by default
            continue
        if value is True:
            out[name] = "true"
        elif isinstance(value, str):
            out[name] = value
        elif isinstance(value, int | float | Decimal):
            out[name] = plain(value)
        else:
            out[name] = ",".join(value)
    return out


def plain(value: float | Decimal) -> str:
    """A number without exponent. Raises `ValueError` for what is no number."""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{value} is no number that can be asked for")
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def base_url(url: str) -> str:
    """The address of a daemon: scheme and host, no slash at the end. Raises `ValueError`."""
    full = url if "://" in url else f"http://{url}"
    parts = urlsplit(full)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address of a daemon; write http://host:port")
    if parts.username is not None:
        raise ValueError("the address has a name or a password in it; a key goes into key=")
    return full.rstrip("/")


def answer(call: Call[T], status: int, retry_after: str | None, body: bytes, url: str) -> T:
    """The data of an answer. Raises `Failed` (by status) and `BadAnswer`."""
    if status == 200 or status in call.answers:
        try:
            return _decoder(call.type).decode(body).data  # type: ignore[no-any-return]
        except msgspec.DecodeError as error:
            if status == 200:
                raise BadAnswer(
                    f"{url}{call.path} answers what cannot be read ({error}); is it an orderflow-stream daemon, and no "
                    "older one than this client?"
                ) from error
    raise failure(status, retry_after, body, f"{url}{call.path}")


def failure(status: int, retry_after: str | None, body: bytes, url: str) -> Failed | BadAnswer:
    """The exception that an answer without data is."""
    try:
        told = _FAILURE.decode(body)
    except msgspec.DecodeError:
        if status not in BY_STATUS or status == 404:  # what no proxy before a daemon says
            return BadAnswer(f"{url} answers {status} and nothing to read; is it an orderflow-stream daemon?")
        told = _Failure(f"{url} answers {status}", _Fault())
    return BY_STATUS.get(status, Failed)(
        status,
        told.error.code,
        told.message,
        param=told.error.param,
        retry_after=seconds(retry_after),
        request_id=told.meta.request_id,
    )


def seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds; None where it is none (dates are not taken: no clock here is the server's)."""
    text = (header or "").strip()
    if not text.isascii() or not text.isdecimal():
        return None
    return min(float(text), _LONGEST)


def wanted(key: str | None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Headers of a request. Raises `ValueError` for a key that no header can carry."""
    if key is not None and (not key or not key.isascii() or not key.isprintable() or " " in key):
        raise ValueError("the key is no key: it is empty, or has blanks or other characters that no key has")
    return {**({"X-API-Key": key} if key else {}), **(more or {})}
