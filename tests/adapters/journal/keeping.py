"""A journal in a directory, with something in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from orderflow_stream.adapters.journal.rows import Snapshot
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog

FRAMES = 60


def frame(n: int) -> bytes:
    """Some are longer than a page."""
    return b"frame %d " % n * (5 if n % 7 else 1_500)


def snapshot(n: int) -> Snapshot:
    return Snapshot(f"binance:S{n}USDT", 10 * n, n, b"snapshot %d " % n * 400)


def fill(log: SqliteLog, frames: int = FRAMES) -> None:
    """Frames 1 to `frames`, three snapshots and a value."""
    with log.batch():
        for n in range(1, frames + 1):
            log.append(frame(n), n * 1_000_000)
        for n in range(3):
            log.put_snapshot(snapshot(n))
        log.put_meta("epoch", b"abcdefgh")


def kept(directory: Path, frames: int = FRAMES) -> Path:
    """A filled journal, closed; its file."""
    log = SqliteLog.open(directory, max_mb=16)
    fill(log, frames)
    log.close()
    assert log.findings == []
    return directory / NAME


def whole(log: SqliteLog) -> bool:
    """Whether all that it gives out is as it was written, and says how much that is."""
    for seq, body in log.read():
        assert body == frame(seq)
    for one in log.snapshots():
        assert one == snapshot(one.seq // 10)
    assert log.metas().get("epoch", b"abcdefgh") == b"abcdefgh"
    return len(list(log.read())) == FRAMES and len(list(log.snapshots())) == 3 and bool(log.metas())


def change(path: Path, statement: str, *values: object) -> list[Any]:
    """With another hand in the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def names(directory: Path) -> set[str]:
    """The files in it, SQLite's own left out."""
    with suppress(FileNotFoundError):
        return {one.name for one in directory.iterdir() if not one.name.endswith(("-wal", "-shm"))}
    return set()
