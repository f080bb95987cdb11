"""What the configuration keeps of a key: one line each, in a list or in a file. None of it opens anything."""

import os
import re
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_core import PydanticCustomError

from orderflow_stream.config import values
from orderflow_stream.config.faults import wrong

SCOPES: Final = ("read", "stream", "metrics", "admin")
_KEY: Final = re.compile(r"ofd_[a-z2-7]{8}_[A-Za-z0-9_-]{20,}", re.ASCII)
_ID: Final = re.compile(r"ofd_([a-z2-7]{8})", re.ASCII)
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_FORM: Final = "write a line that `orderflow-stream key new` prints"
_LARGEST_FILE: Final = 1 << 20


class KeyLine(NamedTuple):
    """What is kept of a key: `sha256` is its hash, `stream` the end of the chain of its passes for browsers."""

    id: str
    sha256: bytes
    stream: bytes
    name: str = ""
    plan: str = ""
    scopes: frozenset[str] = frozenset({"read", "stream"})
    expires: date | None = None  # the last day it is accepted on, UTC

    def __str__(self) -> str:
        """As it stands in the configuration; no comma in it, since those part the list of a variable."""
        words = [f"ofd_{self.id}", f"sha256={_text(self.sha256)}", f"stream={_text(self.stream)}"]
        words += [f"name={self.name}"] * bool(self.name)
        words += [f"plan={self.plan}"] * bool(self.plan)
        words += [f"scopes={'+'.join(each for each in SCOPES if each in self.scopes)}"]
        words += [f"expires={self.expires}"] * (self.expires is not None)
        return " ".join(words)

    @property
    def until(self) -> float | None:
        """The first moment it is not accepted at, seconds since the epoch."""
        if self.expires is None:
            return None
        return datetime(self.expires.year, self.expires.month, self.expires.day, tzinfo=UTC).timestamp() + 86_400


class KeysFile(NamedTuple):
    """A file of key lines, as it was when it was read."""

    path: Path
    keys: tuple[KeyLine, ...]


def name(value: str) -> str:
    """A client's or a plan's name. ValueError where it is none."""
    if not _NAME.fullmatch(value):
        raise ValueError("letters, digits, . _ and - only, beginning with a letter or digit, at most 64 of them")
    return value


def scopes(value: str) -> frozenset[str]:
    """`read+stream`. ValueError where one is none."""
    parts = value.lower().replace(",", "+").split("+")
    unknown = [part for part in parts if part not in SCOPES]
    if unknown:
        raise ValueError(f"there are the scopes {', '.join(SCOPES)}; join several with +")
    return frozenset(parts)


def expiry(value: str, today: date | None = None) -> date:
    """`2027-12-31`, or with `today` also `90d`: the last day. ValueError for anything else."""
    days = re.fullmatch(r"([1-9][0-9]{0,4})d", value) if today is not None else None
    if days is not None and today is not None:
        return today + timedelta(days=int(days[1]))
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        raise ValueError(f"write a date such as 2027-12-31{' or a number of days such as 90d' if today else ''}")
    return date.fromisoformat(value)


def key_line(value: object) -> KeyLine:
    """One line. Its faults never repeat what was written: it may be a key, put here by mistake."""
    line = values.text(value) if isinstance(value, str) else ""
    if _KEY.search(line):
        raise wrong(
            "has a key itself in it, and not only what stands for it",
            "whoever can read this has it now: make another with `orderflow-stream key new`, write its line",
        )
    head, *rest = line.split() or [""]
    ident = _ID.fullmatch(head)
    if ident is None:
        raise wrong("is not the line of a key", _FORM)
    found: dict[str, Any] = {"id": ident[1]}
    for word in rest:
        field, equals, text = word.partition("=")
        if not equals or field in found or field not in KeyLine._fields:
            raise wrong(f"the line of ofd_{ident[1]} has a word that is unknown, or there twice", _FORM)
        try:
            found[field] = _WORDS[field](text)
        except ValueError as error:
            raise wrong(f"the line of ofd_{ident[1]} has a wrong {field}", str(error)) from None
    if not {"sha256", "stream"} <= set(found):
        raise wrong(f"the line of ofd_{ident[1]} is not whole", _FORM)
    return KeyLine(**found)


def _hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise ValueError("it is 43 characters long; copy the whole line")
    return urlsafe_b64decode(text + "=")


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


_WORDS: Final[Mapping[str, Any]] = {
    "sha256": _hash,
    "stream": _hash,
    "name": name,
    "plan": name,
    "scopes": scopes,
    "expires": expiry,
}


def keys_file(value: object) -> KeysFile | None:
    """Read a file of key lines: one a line, `#` begins a comment. Others must not even read it (`0640` at most)."""
    written = values.text(value)
    if not written:
        return None
    path = Path(written)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & 0o027:
                raise wrong(f"{path} can be read by others or written by its group", f"chmod 600 {path}")
            raw = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise wrong(f"cannot read {path}: {error.strerror or error}") from None
    if len(raw) > _LARGEST_FILE:
        raise wrong(f"{path} is larger than 1 MiB", "is this the right file?")
    try:
        lines = raw.decode().splitlines()
    except UnicodeDecodeError:
        raise wrong(f"{path} is not UTF-8") from None
    found: list[KeyLine] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip().strip("\"',")
        if not text:
            continue
        try:
            found.append(key_line(text))
        except PydanticCustomError as error:
            context = error.context or {}
            raise wrong(f"{path}:{number}: {context['message']}", context["hint"]) from None
    if not found:  # that a door is open must not come of a file that somebody emptied
        raise wrong(
            f"{path} has no key", "write a line of `orderflow-stream key new` into it, or leave keys_file empty"
        )
    return KeysFile(path, tuple(found))
