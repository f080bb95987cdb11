"""Faults of the disk in words, and what tells of damage."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal.faults import JournalError, is_damage, of_sqlite, of_system, primary


def fault(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("words of SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "code,words,passing",
    [
        (sqlite3.SQLITE_FULL, "free space there", True),
        (sqlite3.SQLITE_IOERR | 4 << 8, "look at the disk", True),
        (sqlite3.SQLITE_READONLY, "make the directory and its files writable", True),
        (sqlite3.SQLITE_BUSY, "another program", True),
        (sqlite3.SQLITE_CANTOPEN, "make the directory writable", False),
        (sqlite3.SQLITE_NOMEM, "", False),
    ],
)
def test_of_sqlite(code: int, words: str, passing: bool) -> None:
    told = of_sqlite(fault(code), Path("/x/y"))
    assert str(told).startswith("/x/y: words of SQLite")
    assert words in told.hint
    assert told.passing is passing
    assert not is_damage(fault(code))


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT | 1 << 8, sqlite3.SQLITE_ERROR]
)
def test_damage(code: int) -> None:
    assert is_damage(fault(code))


def test_a_disk_without_any_room_is_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        f_bavail, f_frsize = 3, 4_096

    monkeypatch.setattr("os.statvfs", lambda path: Full)
    assert "free space there" in str(of_sqlite(fault(sqlite3.SQLITE_IOERR | 19 << 8), tmp_path / "x"))


def test_an_error_without_a_code_is_one_of_the_module() -> None:
    assert primary(sqlite3.ProgrammingError("closed")) == sqlite3.SQLITE_ERROR


@pytest.mark.parametrize(
    "code,passing",
    [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EIO, True), (errno.EACCES, False), (errno.ENOTDIR, False)],
)
def test_of_the_system(code: int, passing: bool) -> None:
    told = of_system(OSError(code, "words"), Path("/x"))
    assert told.passing is passing
    assert str(told).startswith("/x: words (")
    assert "\n" not in str(told)


def test_one_line() -> None:
    assert str(JournalError("reason")) == "reason"
    assert str(JournalError("reason", "hint")) == "reason (hint)"
