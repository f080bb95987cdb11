"""What is wrong with a configuration, said so that a person can put it right."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic_core import ErrorDetails, PydanticCustomError

LONGEST_SHOWN: Final = 60
#: Of a key, a message or a hint: names of files and variables may be as long as somebody likes.
LONGEST_PART: Final = 400
#: A key of a client, which somebody has written where its line belongs, or somewhere else.
_SECRET: Final = re.compile(r"(ofd_[a-z2-7]{8}_)[A-Za-z0-9_-]+", re.ASCII)

# pydantic's error types that our own value parsers leave to it, in our words.
_MESSAGES: Final[Mapping[str, str]] = {
    "extra_forbidden": "unknown key",
    "model_type": "expected a table, got {input}",
    "dict_type": "expected a table, got {input}",
    "mapping_type": "expected a table, got {input}",
    "tuple_type": "expected a list, got {input}",
    "string_type": "expected text in quotes, got {input}",
    "greater_than": "must be more than {gt}, got {input}",
    "greater_than_equal": "must be at least {ge}, got {input}",
    "less_than": "must be less than {lt}, got {input}",
    "less_than_equal": "must be at most {le}, got {input}",
    "literal_error": "must be one of {expected}, got {input}",
    "too_short": "needs at least {min_length} entry",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    `key` is the dotted key (`venues.binance.symbols[2]`) or the name of an unknown variable; `where` says who set it
    (`config.toml:4`, a variable's name, `command line`), empty for a default.
    """

    key: str
    message: str
    hint: str = ""
    where: str = ""

    def __str__(self) -> str:
        """One line, whatever the values contain."""
        where = f"{self.where}: " if self.where and self.where != self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        line = _SECRET.sub(r"\1…", f"{_cut(where)}{_cut(self.key)}: {_cut(self.message)}{_cut(hint)}")
        return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_PART else f"{text[: LONGEST_PART - 1]}…"


class ConfigError(Exception):
    """The configuration cannot be used; `faults` holds every reason, never none."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: list[Fault] = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def wrong(message: str, hint: str = "", *, instead_of: str = "") -> PydanticCustomError:
    """The error a value parser raises. `instead_of` names the sibling key that carries the blame, if not this one."""
    # The text goes through the context because pydantic treats the template's braces as its own.
    return PydanticCustomError("orderflow", "{message}", {"message": message, "hint": hint, "sibling": instead_of})


def shown(value: object) -> str:
    """A value as the user wrote it, in at most about `LONGEST_SHOWN` characters."""
    match value:
        case str():
            text = json.dumps(value, ensure_ascii=False)
        case bool():
            text = str(value).lower()
        case Decimal() | int() | float():
            text = str(value)
        case list() | tuple():
            text = "a list"
        case Mapping():
            text = "a table"
        case _:
            text = f"{value} ({type(value).__name__})"
    text = _SECRET.sub(r"\1…", text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


def describe_error(error: ErrorDetails) -> tuple[str, str, str]:
    """(message, hint, sibling) of one pydantic error."""
    context = error.get("ctx", {})
    if error["type"] == "orderflow":
        return str(context["message"]), str(context["hint"]), str(context["sibling"])
    template = _MESSAGES.get(error["type"])
    if template is None:
        return f"{error['msg']}, got {shown(error['input'])}", "", ""
    message = template.format_map({**context, "input": shown(error["input"])})
    hint = ""
    if error["type"] == "literal_error":
        hint = did_you_mean(
            str(error["input"]), str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        )
    elif error["type"] == "tuple_type":
        hint = "put it in brackets: [ … ]"
    return message, hint, ""


def dotted(path: Iterable[str | int]) -> str:
    """`("venues", "binance", "symbols", 2)` as `venues.binance.symbols[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":  # pydantic's mark for "the key itself", not a part of the path
            text += f".{part}" if text else part
    return text
