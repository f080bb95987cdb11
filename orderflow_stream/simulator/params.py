"""The REST interface's parameter rules and errors, as the exchange words them (binance-spot-api-docs `errors.md`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

_SYMBOL: Final = re.compile(r"[\w\-.]{1,50}")
_SYMBOL_RANGE: Final = r"^[\w\-._&&[^a-z]]{1,50}$"
_NUMBER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)

#: Times below are milliseconds, from here on microseconds: both are accepted, told by magnitude.
_FIRST_US: Final = 10**14


class ApiError(Exception):
    """An answer other than 200: `{"code", "msg"}` with an HTTP status and maybe `Retry-After` seconds."""

    def __init__(self, code: int, msg: str, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.retry_after = retry_after

    def body(self) -> bytes:
        return orjson.dumps({"code": self.code, "msg": self.msg})


def missing(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def bad_combination() -> ApiError:
    return ApiError(-1128, "Combination of optional parameters invalid.")


def timed_out() -> ApiError:
    return ApiError(-1007, "Timeout waiting for response from backend server. Send status unknown; execution status "
                           "unknown.", 408)  # fmt: skip


def too_long(span: int) -> ApiError:
    """A window longer than `span` (µs)."""
    return ApiError(-1127, f"More than {span // 3_600_000_000} hours between startTime and endTime.")


def bad_value(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def illegal(name: str, legal: str) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def bad_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


class Params:
    """The query of one request, checked against the names its endpoint reads."""

    def __init__(self, items: Iterable[tuple[str, str]], known: Iterable[str]) -> None:
        names = tuple(known)
        pairs = list(items)
        self._values: Mapping[str, str] = dict(pairs)
        if len(self._values) < len(pairs):
            raise ApiError(-1101, "Duplicate values for a parameter detected.")
        if len(pairs) > len(names):
            raise ApiError(-1101, f"Too many parameters; expected '{len(names)}' and received '{len(pairs)}'.")
        read = sum(name in names for name in self._values)
        if read < len(pairs):
            raise ApiError(
                -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(pairs)}'."
            )

    def text(self, name: str) -> str | None:
        """The value, None where it was not sent; sent empty is -1105."""
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def symbol(self, name: str = "symbol") -> str | None:
        value = self.text(name)
        return None if value is None else check_symbol(name, value)

    def number(self, name: str, lowest: int = 0, highest: int = 2**63 - 1) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise illegal(name, "^[0-9]{1,20}$")
        number = int(value)
        if not lowest <= number <= highest:
            raise bad_value(name)
        return number

    def time_us(self, name: str, *, end: bool = False) -> int | None:
        """A time in µs. An `end` sent in milliseconds includes that whole millisecond."""
        number = self.number(name)
        if number is None or number >= _FIRST_US:
            return number
        return number * 1000 + (999 if end else 0)

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in {"true", "false"}:
            raise illegal(name, "^(true|false)$")
        return value.lower() == "true"

    def words(self, name: str) -> list[str] | None:
        """`["A","B"]`, or one bare word; -1100 where it is neither."""
        value = self.text(name)
        if value is None:
            return None
        if not value.startswith("["):
            return [value]
        try:
            words = orjson.loads(value)
        except orjson.JSONDecodeError:
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise illegal(name, r'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$')
        if not words:
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return words


def check_symbol(name: str, value: str) -> str:
    """Symbols may be of any script but have no lower-case Latin letters."""
    if not _SYMBOL.fullmatch(value) or re.search("[a-z]", value):
        raise illegal(name, _SYMBOL_RANGE)
    return value
