"""The narrow profile of an event stream, byte by byte: what is written so that every client reads it alike.

Wider than that is legal for a server and read differently by the clients there are: a byte order mark, CR, several
`data` lines, events without an id, blocks without data, a `retry` of its own, a comment with a blank line behind it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson

MOST_BYTES: Final = 65_536
TOPICS: Final = frozenset(
    {"hello", "flow", "bar", "watch", "large", "trade", "gap", "corrected", "state", "heartbeat", "slow", "bye", "busy"}
)
#: After one of these comes nothing.
LAST: Final = frozenset({"slow", "bye", "busy"})

_ID: Final = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
_BLOCK: Final = re.compile(rb"event: ([a-z]+)\nid: ([^\n]*)\n(?:retry: ([0-9]{1,9})\n)?data: ([^\n]+)")


class Block(NamedTuple):
    """One event as it stands in the stream."""

    event: str
    id: str
    retry: int | None
    data: Any
    raw: bytes


class NotWellFormed(AssertionError):
    """A chunked body that is none."""


def dechunk(body: bytes) -> tuple[bytes, bool]:
    """The payload of a chunked body so far, and whether its end has come. A chunk that is cut off is left out."""
    out: list[bytes] = []
    rest = body
    while rest:
        line, found, after = rest.partition(b"\r\n")
        if not found:
            break
        if not re.fullmatch(rb"[0-9a-f]{1,8}", line):
            raise NotWellFormed(f"no chunk begins like this: {line[:40]!r}")
        size = int(line, 16)
        if not size:
            if after not in {b"\r\n", b"", b"\r"}:
                raise NotWellFormed(f"behind the last chunk: {after[:40]!r}")
            return b"".join(out), after == b"\r\n"
        if len(after) < size + 2:
            break
        if after[size : size + 2] != b"\r\n":
            raise NotWellFormed(f"a chunk of {size} does not end where it says")
        out.append(after[:size])
        rest = after[size + 2 :]
    return b"".join(out), False


def lint(stream: bytes, *, whole: bool = True) -> tuple[list[Block], list[str]]:
    """The events of a stream (the bytes after the head, not chunked) and everything that is wrong with them.

    `whole`: the stream has ended, so nothing may be left over behind the last event.
    """
    faults: list[str] = []
    try:
        (stream if whole else stream[: stream.rfind(b"\n\n") + 1]).decode()
    except UnicodeDecodeError as error:
        faults.append(f"not UTF-8: {error}")
    for what, found in (("CR", b"\r"), ("a byte order mark", b"\xef\xbb\xbf"), ("NUL", b"\0")):
        if found in stream:
            faults.append(f"{what} at byte {stream.index(found)}")
    *blocks, rest = stream.split(b"\n\n")
    if whole and rest:
        faults.append(f"cut off: {rest[-60:]!r}")
    events = [block for raw in blocks if (block := _block(raw, faults)) is not None]
    _in_order(events, faults)
    return events, faults


def _block(raw: bytes, faults: list[str]) -> Block | None:
    if len(raw) + 2 > MOST_BYTES:
        faults.append(f"an event of {len(raw) + 2} bytes: {raw[:60]!r}")
    match = _BLOCK.fullmatch(raw)
    if match is None:
        faults.append(f"not event, id, data (and retry between them): {raw[:120]!r}")
        return None
    event, id_, retry, data = match.groups()
    if event.decode() not in TOPICS:
        faults.append(f"no such event: {event!r}")
    if not _ID.fullmatch(id_):
        faults.append(f"an id that not every client can send back: {id_!r}")
    try:
        value = orjson.loads(data)
    except ValueError as error:
        faults.append(f"no JSON: {error} in {data[:60]!r}")
        return None
    if value in (None, "", [], {}):
        faults.append(f"an event that says nothing: {raw[:120]!r}")
    return Block(event.decode(), id_.decode("latin-1"), int(retry) if retry else None, value, raw)


def _in_order(events: list[Block], faults: list[str]) -> None:
    if not events:
        faults.append("no events at all")
        return
    if events[0].event not in {"hello", "busy"}:
        faults.append(f"it begins with {events[0].event}, not with hello")
    if events[0].retry is None:
        faults.append("the first event has no retry: everybody would come back after the same 3 seconds")
    for before, after in pairwise(events):
        if before.event in LAST:
            faults.append(f"{after.event} behind {before.event}")
        if after.event in {"hello", "busy"}:
            faults.append(f"{after.event} in the middle")
        (epoch, seq), (next_epoch, next_seq) = _place(before.id), _place(after.id)
        if epoch != next_epoch or seq > next_seq:
            faults.append(f"from id {before.id} back to {after.id}")


def _place(id_: str) -> tuple[str, int]:
    epoch, _, seq = id_.rpartition("-")
    return epoch, int(seq) if seq.isascii() and seq.isdecimal() else -1
