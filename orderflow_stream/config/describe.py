"""The keys as documentation: for the README's table, `config.example.toml` and the names of the variables."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from pydantic import BaseModel

from orderflow_stream.config.settings import Settings
from orderflow_stream.config.venues import DEFAULT, TABLES

#: Above the table of a venue that is off by default.
_FURTHER: Final = "This table, even an empty one, turns its venue on; these are its defaults."


@dataclass(frozen=True, slots=True)
class KeyDoc:
    """One key: its dotted name, type in words, default as a TOML literal, unit ("" if none), meaning and variable."""

    key: str
    type: str
    default: str
    unit: str
    meaning: str
    env: str
    is_list: bool
    is_table: bool


@cache
def describe() -> tuple[KeyDoc, ...]:
    """Every key that always has a value, in the order of the file."""
    return tuple(_keys(Settings, (), more=False))


@cache
def everything() -> tuple[KeyDoc, ...]:
    """The same, and those of the tables that need not be there: of the further venues."""
    return tuple(_keys(Settings, (), more=True))


def _keys(model: type[BaseModel], at: tuple[str, ...], *, more: bool) -> Iterator[KeyDoc]:
    for name, field in model.model_fields.items():
        path = (*at, name)
        if at == ("venues",):
            if more or name == DEFAULT:
                yield from _keys(TABLES[name], path, more=more)
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, path, more=more)
            continue
        extra = field.json_schema_extra
        if not isinstance(extra, dict):  # a key that was not made by kinds.key() has no words for people
            raise TypeError(f"{'.'.join(path)} is not documented")
        yield KeyDoc(
            key=".".join(path),
            type=str(extra["type"]),
            default=literal(field.default),
            unit=str(extra["unit"]),
            meaning=field.description or "",
            env="ORDERFLOW_" + variable("__".join(path)),
            is_list=isinstance(field.default, list),
            is_table=isinstance(field.default, dict),
        )


def variable(name: str) -> str:
    """A name as a part of that of a variable: a shell has no dash there."""
    return name.upper().replace("-", "_")


def literal(value: object) -> str:
    """A default as it stands in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(literal(each) for each in value)}]"
        case Mapping() if not value:
            return "{}"
        case int() | Decimal():
            return str(value)
    raise TypeError(f"no TOML literal for {value!r}")


def markdown() -> str:
    """The table of the README."""
    lines = ["| key | default | unit | type | meaning |", "|---|---|---|---|---|"]
    for each in describe():
        cells = (f"`{each.key}`", f"`{each.default}`", each.unit, each.type, each.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def example() -> str:
    """The text of config.example.toml: every key with its default, its unit and its variable."""
    lines = textwrap.wrap(
        "orderflow_stream: every key with its default. All of it is optional: copy what you want to change to "
        "config.toml, or name a file by --config or ORDERFLOW_CONFIG. The variable above a key sets it too (lists "
        "comma-separated, tables one variable a key) and wins over the file; a flag wins over both.",
        width=110,
        initial_indent="# ",
        subsequent_indent="# ",
    )
    table = ""
    kept = {each.key for each in describe()}
    for each in everything():
        at, _, name = each.key.rpartition(".")
        off = "" if each.key in kept else "#"
        if at != table:
            lines += ["", *([f"# {_FURTHER}"] if off else []), f"{off}[{at}]"]
            table = at
        unit = f", in {each.unit}" if each.unit else ""
        suffix = "__<NAME>" if each.is_table else ""
        lines += ["", f"# {each.meaning}", f"# {each.type}{unit}; {each.env}{suffix}", f"{off}{name} = {each.default}"]
    return "\n".join(lines) + "\n"
