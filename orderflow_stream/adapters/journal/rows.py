"""The tables of the journal's file, and how their rows are read back: whole, or not at all.

Every row carries a checksum over all of it, its key too, so that neither a damaged row nor one in the wrong place is
ever taken for what was written.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

from orderflow_stream.adapters.journal.faults import DamageError

SCHEMA: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE frame (seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE snapshot (key TEXT PRIMARY KEY NOT NULL, seq INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, body BLOB NOT NULL)",
)

#: Rows a query: short reads leave no lasting mark that would keep SQLite from folding its log into the file.
_AT_ONCE: Final = 256
#: No row is beyond.
_HIGHEST: Final = 1 << 62

Query = tuple[str, Callable[[tuple[Any, ...]], Any]]


class Frame(NamedTuple):
    """One row of `frame`."""

    seq: int
    ts: int
    body: bytes


class Snapshot(NamedTuple):
    """Something whole as of frame `seq` (which it contains), at venue time `ts` (µs); the newest of its key."""

    key: str
    seq: int
    ts: int
    body: bytes


class Meta(NamedTuple):
    """A named value."""

    name: str
    value: bytes


def check(*parts: int | str | bytes) -> int:
    """The checksum of a row, each part set off from the next."""
    crc = 0
    for part in parts:
        data = part.encode() if isinstance(part, str) else b"%d" % part if isinstance(part, int) else part
        crc = zlib.crc32(b"%d:" % len(data), crc)
        crc = zlib.crc32(data, crc)
    return crc


def _frame(row: tuple[Any, ...]) -> Frame:
    seq, ts, crc, body = row
    if not (isinstance(body, bytes) and isinstance(ts, int)) or check(seq, ts, body) != crc:
        raise DamageError(f"frame {seq} is damaged")
    return Frame(seq, ts, body)


def _snapshot(row: tuple[Any, ...]) -> Snapshot:
    _, key, seq, ts, crc, body = row
    sound = isinstance(key, str) and isinstance(seq, int) and isinstance(ts, int) and isinstance(body, bytes)
    if not sound or check(key, seq, ts, body) != crc:
        raise DamageError(f"the snapshot of {key} is damaged")
    return Snapshot(key, seq, ts, body)


def _meta(row: tuple[Any, ...]) -> Meta:
    _, name, value, crc = row
    if not (isinstance(name, str) and isinstance(value, bytes)) or check(name, value) != crc:
        raise DamageError(f"the value {name} is damaged")
    return Meta(name, value)


FRAMES: Final[Query] = ("SELECT seq, ts, crc, body FROM frame WHERE seq > ? ORDER BY seq LIMIT ?", _frame)
SNAPSHOTS: Final[Query] = (
    "SELECT rowid, key, seq, ts, crc, body FROM snapshot WHERE rowid > ? ORDER BY rowid LIMIT ?",
    _snapshot,
)
METAS: Final[Query] = ("SELECT rowid, name, value, crc FROM meta WHERE rowid > ? ORDER BY rowid LIMIT ?", _meta)


def read(connection: sqlite3.Connection, query: Query, after: int = -1, at_once: int = _AT_ONCE) -> Iterator[Any]:
    """The rows with a rowid above `after`, ascending. Raises `DamageError` or `sqlite3.Error` at the first bad one."""
    statement, parse = query
    while rows := connection.execute(statement, (after, at_once)).fetchall():
        for row in rows:
            yield parse(row)
        after = rows[-1][0]


def salvage(connection: sqlite3.Connection, query: Query, skipped: list[str], after: int = -1) -> Iterator[Any]:
    """The rows that are whole, ascending, of a file that is not; one line a skipped place goes to `skipped`."""
    statement, parse = query
    many = _AT_ONCE
    while True:
        try:
            rows = connection.execute(statement, (after, many)).fetchall()
        except sqlite3.Error as error:
            if many > 1:
                many = 1
                continue
            beyond = _beyond(connection, statement, after)
            skipped.append(f"beyond row {after}: {error}" + ("" if beyond is None else f", until row {beyond + 1}"))
            if beyond is None:
                return
            after = beyond
            continue
        if not rows:
            return
        for row in rows:
            try:
                yield parse(row)
            except DamageError as error:
                skipped.append(str(error))
        after = rows[-1][0]
        many = min(_AT_ONCE, many * 2)


class _Place(Enum):
    ROW = "row"  # there is one after it, and it can be read
    END = "end"  # there is none
    TORN = "torn"


def _look(connection: sqlite3.Connection, statement: str, after: int) -> _Place:
    try:
        row = connection.execute(statement, (after, 1)).fetchone()
    except sqlite3.Error:
        return _Place.TORN
    return _Place.END if row is None else _Place.ROW


def _beyond(connection: sqlite3.Connection, statement: str, after: int) -> int | None:
    """A place above `after`, which is torn, from which rows can be read again; None: there is none, it seems.

    Steps that double find what follows, halves the beginning of it. Between two torn places a short stretch of whole
    rows may be missed.
    """
    torn, step = after, 1
    while after + step < _HIGHEST:
        place = _look(connection, statement, after + step)
        if place is not _Place.TORN:
            return _edge(connection, statement, torn, after + step, place)
        torn, step = after + step, step * 2
    return None


def _edge(connection: sqlite3.Connection, statement: str, torn: int, other: int, place: _Place) -> int | None:
    """Where between a torn place and one that is not rows can be read again."""
    while torn + 1 < other:
        middle = (torn + other) // 2
        found = _look(connection, statement, middle)
        if found is _Place.TORN:
            torn = middle
        else:
            other, place = middle, found
    return other if place is _Place.ROW else None
