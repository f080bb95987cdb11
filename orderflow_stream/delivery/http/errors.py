"""The one exception a route raises on purpose, and short names for the usual cases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from orderflow_stream.shapes.units import Code

__all__ = [
    "CODE_OF",
    "ApiError",
    "Code",
    "bad",
    "clean",
    "conflicting",
    "missing",
    "redact",
    "shown",
    "suggest",
]

#: What a status means where nobody raised an `ApiError` (aiohttp's own refusals).
CODE_OF: Final[Mapping[int, Code]] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    429: "rate_limited",
    500: "internal_error",
    502: "upstream_failed",
    503: "over_capacity",
}

#: Longest piece of a client's input that is repeated to it.
_SHOWN: Final = 40
_SECRET: Final = re.compile(r"(ofd_[a-z2-7]{8}_)[A-Za-z0-9_-]+", re.ASCII)


class ApiError(Exception):
    """A failure with its place in the contract. `message` is for a person: what is wrong and what would be right.

    `retry_after` (seconds) becomes `Retry-After`; `allow` (methods) becomes `Allow`.
    """

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        allow: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code: Code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.allow = tuple(sorted(allow))
        self.headers: Mapping[str, str] = {}


def redact(text: str) -> str:
    """The same without what is secret of a key."""
    return _SECRET.sub(r"\1…", text) if "ofd_" in text else text


def clean(text: str) -> str:
    """A client's input, cut, and without control characters, lone surrogates or what is secret of a key."""
    text = redact(text)
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return "".join([c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut])


def shown(text: str) -> str:
    """The same in quotes."""
    return f'"{clean(text)}"'


def bad(param: str, message: str) -> ApiError:
    return ApiError(400, "bad_parameter", message, param=param)


def missing(param: str, message: str) -> ApiError:
    return ApiError(400, "missing_parameter", message, param=param)


def conflicting(param: str, message: str) -> ApiError:
    return ApiError(400, "conflicting_parameters", message, param=param)


def suggest(near: Iterable[str]) -> str:
    """`; did you mean A, B?` or nothing."""
    names = ", ".join(near)
    return f"; did you mean {names}?" if names else ""
