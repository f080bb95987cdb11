"""The keys as documentation: for the README's table, `config.example.toml` and the names of the variables."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from pydantic import BaseModel

from orderflow_stream.config.settings import Settings


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
    """Every key, in the order of the file."""
    return tuple(_keys(Settings, ()))


def _keys(model: type[BaseModel], at: tuple[str, ...]) -> Iterator[KeyDoc]:
    for name, field in model.model_fields.items():
        path = (*at, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, path)
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
            env="ORDERFLOW_" + "__".join(path).upper(),
            is_list=isinstance(field.default, list),
            is_table=isinstance(field.default, dict),
        )


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
    for each in describe():
        at, _, name = each.key.rpartition(".")
        if at != table:
            lines += ["", f"[{at}]"]
            table = at
        unit = f", in {each.unit}" if each.unit else ""
        suffix = "__<NAME>" if each.is_table else ""
        lines += ["", f"# {each.meaning}", f"# {each.type}{unit}; {each.env}{suffix}", f"{name} = {each.default}"]
    return "\n".join(lines) + "\n"
