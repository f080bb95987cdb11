"""Query parameters: described once, for the parser and for OpenAPI alike, and read strictly.

Nothing is guessed: an unknown, repeated or empty parameter is an error that names it, a number is plain ASCII digits.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final, Literal, NamedTuple

from aiohttp import web

from orderflow_stream.core.units import parse_notional
from orderflow_stream.delivery.http.errors import ApiError, bad, clean, shown, suggest

Kind = Literal["text", "integer", "notional", "seconds", "number", "choice", "flag"]

_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?", re.ASCII)
_NUMBER: Final = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_MOST_PARAMS: Final = 32
#: Characters of a list: as long as a request line can be.
LIST: Final = 8190


class Param(NamedTuple):
    """One query parameter. `low`/`high` bound numbers (inclusive; of kind number they are at 10^-3), `choices` are the
    words of a choice; `default` is what is used where it is left out (None: nothing). A value has at most `most`
    characters: 256, but for lists, which the length of the request line bounds."""

    name: str
    kind: Kind
    description: str
    default: str | int | bool | None = None
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    example: str | None = None
    required: bool = False
    most: int = 256


class Query:
    """The parameters of one request, checked against those its route knows."""

    __slots__ = ("_values",)

    def __init__(self, request: web.Request, known: tuple[Param, ...]) -> None:
        query = request.query
        if len(query) > _MOST_PARAMS:
            raise ApiError(400, "bad_parameter", f"more than {_MOST_PARAMS} parameters")
        params = {param.name: param for param in known}
        values: dict[str, str] = {}
        for name, value in query.items():
            if name not in params:
                raise _unknown(name, list(params))
            if name in values:
                raise bad(name, f"{name} is given more than once")
            if len(value) > params[name].most:
                raise bad(name, f"{name} is longer than {params[name].most} characters")
            values[name] = value
        self._values = values

    @classmethod
    def none(cls) -> Query:
        """No parameters: for pages, whose query is their own business."""
        query = cls.__new__(cls)
        query._values = {}
        return query

    def has(self, param: Param) -> bool:
        return param.name in self._values

    def text(self, param: Param) -> str | None:
        """Its value, not empty; None where it is left out and has no default."""
        value = self._values.get(param.name)
        if value is None:
            return param.default if isinstance(param.default, str) else None
        if not value.strip():
            raise bad(param.name, f"{param.name} is empty{_for_example(param)}")
        return value

    def integer(self, param: Param) -> int | None:
        """A whole number within its bounds, in plain digits."""
        value = self._values.get(param.name)
        if value is None:
            return param.default if isinstance(param.default, int) else None
        if not _DIGITS.fullmatch(value) or not param.low <= int(value) <= param.high:
            raise bad(
                param.name, f"{param.name} must be a whole number from {param.low} to {param.high}, not {shown(value)}"
            )
        return int(value)

    def notional(self, param: Param) -> int | None:
        """A plain decimal above zero, as an integer at 10^-16."""
        value = self._values.get(param.name)
        if value is None:
            return None
        try:
            number = parse_notional(value)
        except ValueError:
            number = 0
        if number <= 0:
            raise bad(
                param.name,
                f"{param.name} must be a plain decimal above 0 with at most 16 decimals, such as 100000 or 0.5, "
                f"not {shown(value)}",
            )
        return number

    def seconds(self, param: Param) -> float | None:
        """A span in seconds within its bounds; up to six decimals."""
        value = self._values.get(param.name)
        if value is None:
            return None
        if not _SECONDS.fullmatch(value) or not param.low <= float(value) <= param.high:
            raise bad(param.name, f"{param.name} must be seconds from {param.low} to {param.high}, not {shown(value)}")
        return float(value)

    def thousandths(self, param: Param) -> int | None:
        """A number within its bounds with at most three decimals, as an integer at 10^-3."""
        value = self._values.get(param.name)
        if value is None:
            return None
        match = _NUMBER.fullmatch(value)
        number = int(match[1]) * 1_000 + int((match[2] or "0").ljust(3, "0")) if match else -1
        if not param.low <= number <= param.high:
            bounds = f"{param.low / 1_000:g} to {param.high / 1_000:g}"
            message = f"{param.name} must be a number from {bounds} with at most 3 decimals, not {shown(value)}"
            raise bad(param.name, message)
        return number

    def choice(self, param: Param) -> str:
        """One of its words."""
        value = self._values.get(param.name)
        if value is None:
            return str(param.default)
        if value not in param.choices:
            raise bad(param.name, f"{param.name} must be one of {', '.join(param.choices)}, not {shown(value)}")
        return value

    def flag(self, param: Param) -> bool:
        """`true` or `false` (`1` and `0` are the same)."""
        value = self._values.get(param.name)
        if value is None:
            return bool(param.default)
        known = {**_FLAGS, "1": True, "0": False}
        if value not in known:
            raise bad(param.name, f"{param.name} must be true or false, not {shown(value)}")
        return known[value]


def _for_example(param: Param) -> str:
    return f"; write for example {param.name}={param.example}" if param.example else ""


def _unknown(name: str, names: list[str]) -> ApiError:
    near = get_close_matches(name[:40].lower(), names, n=3, cutoff=0.6)
    listed = ", ".join(names) if names else "none"
    return ApiError(
        400,
        "unknown_parameter",
        f"unknown parameter {shown(name)}{suggest(near)} (this route knows: {listed})",
        param=clean(name),
    )
