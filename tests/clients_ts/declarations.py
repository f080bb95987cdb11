"""What `orderflow.d.ts` declares, read as text: interfaces with one member a line, and aliases on one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parents[2] / "clients" / "typescript"

_INTERFACE: Final = re.compile(
    r"^(?:export )?interface (?P<name>\w+)(?:<[^{]*?>)?(?: extends (?P<base>\w+)(?:<\w+>)?)? \{\n(?P<body>.*?)^\}",
    re.MULTILINE | re.DOTALL,
)
_MEMBER: Final = re.compile(r"^    (?P<name>\w+)(?P<optional>\?)?: (?P<type>.+?);$", re.MULTILINE)
_ALIAS: Final = re.compile(r"^export type (\w+) = (.+);$", re.MULTILINE)


class Member(NamedTuple):
    """One member; its type as text without aliases and type parameters, the parts of a union sorted."""

    type: str
    optional: bool


def declarations() -> dict[str, dict[str, Member]]:
    """Members of every interface, those it inherits among them."""
    text = (FOLDER / "orderflow.d.ts").read_text()
    aliases = dict(_ALIAS.findall(text))
    found: dict[str, dict[str, Member]] = {}
    for match in _INTERFACE.finditer(text):
        inherited = found[match["base"]] if match["base"] else {}
        own = {
            one["name"]: Member(plain(one["type"], aliases), bool(one["optional"]))
            for one in _MEMBER.finditer(match["body"])
        }
        found[match["name"]] = {**inherited, **own}
    return found


def plain(type_: str, aliases: dict[str, str]) -> str:
    """A type without aliases and type parameters, the parts of each union sorted."""
    text = re.sub(r"<M>", "", type_)
    text = re.sub(r"Partial<(Record<.*?>)>", r"\1", text)
    while (again := re.sub(r"\b\w+\b(?!\")", lambda name: _in_place(aliases, name[0]), text)) != text:
        text = again
    return union(text)


def _in_place(aliases: dict[str, str], name: str) -> str:
    text = aliases.get(name, name)
    return f"({text})" if " | " in text else text


def union(text: str) -> str:
    """The parts of a union, each once and sorted; of those inside of something too."""
    parts: list[str] = []
    depth, part = 0, ""
    for char in text:
        depth += (char in "<([{") - (char in ">)]}")
        if char == "|" and not depth:
            parts.append(part)
            part = ""
        else:
            part += char
    parts.append(part)
    flat = [one.strip() for one in parts]
    while any(_bracketed(one) for one in flat):
        flat = [
            inner.strip() for one in flat for inner in (union(one[1:-1]).split(" | ") if _bracketed(one) else [one])
        ]
    return " | ".join(sorted({_inside(one) for one in flat}))


def _bracketed(text: str) -> bool:
    """Whether one pair of parentheses is around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if not depth:
            return at == len(text) - 1
    return False


def _inside(text: str) -> str:
    if text.startswith("Record<"):
        key, value = text[7:-1].split(", ", 1)
        return f"Record<{union(key)}, {union(value)}>"
    if text.endswith("[]"):
        inner = union(text[:-2])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    return text
