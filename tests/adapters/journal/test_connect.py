"""What the file must look like, and how it is bounded."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal import connect
from orderflow_stream.adapters.journal.faults import DamageError
from tests.adapters.journal.keeping import change, kept


def test_a_file_is_made_with_its_bounds(tmp_path: Path) -> None:
    for synchronous, number in (("normal", 1), ("full", 2)):
        path = tmp_path / synchronous
        connection = connect.open_file(path)
        assert connect.prepare(connection, path, synchronous, 64 << 20) == connect.VERSION

        def told(name: str, connection: sqlite3.Connection = connection) -> object:
            return connection.execute(f"PRAGMA {name}").fetchone()[0]

        assert told("synchronous") == number
        assert told("journal_mode") == "wal"
        assert told("application_id") == connect.APPLICATION
        assert told("auto_vacuum") == 2
        assert told("max_page_count") == connect.pages(64 << 20) == (64 - 8 << 20) // 4096
        assert told("journal_size_limit") == 8 << 20
        assert connect.version(connection, path) == connect.VERSION
        connection.close()
        connect.examine(path)


def test_a_small_limit_leaves_a_smaller_log() -> None:
    assert connect.pages(16 << 20) == (12 << 20) // 4096


@pytest.mark.parametrize("size", [0, 1, 99, 4_096, -4_096])
def test_a_file_that_is_cut_off(size: int, tmp_path: Path) -> None:
    path = kept(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:size])
    if not size:
        connect.examine(path)  # as a kill at the very first opening leaves it
        path.with_name(f"{path.name}-wal").write_bytes(b"something")
    with pytest.raises(DamageError):
        connect.examine(path)


@pytest.mark.parametrize(
    "statement", ["PRAGMA application_id = 7", "PRAGMA user_version = 2", "PRAGMA user_version = 0", "DELETE FROM meta",
                  "UPDATE meta SET value = '2'"],
)  # fmt: skip
def test_a_header_that_the_table_does_not_confirm(statement: str, tmp_path: Path) -> None:
    """A bit of the header is enough for another version, and a header has no checksum."""
    path = kept(tmp_path)
    change(path, statement)
    connection = connect.open_file(path)
    with pytest.raises(DamageError):
        connect.prepare(connection, path, "normal", 64 << 20)
    connection.close()


def test_the_look_at_the_structure_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path, 3_000)
    monkeypatch.setattr(connect, "_LOOK", -1.0)
    connection = connect.open_file(path)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connect.prepare(connection, path, "normal", 64 << 20)
    connection.set_progress_handler(count, 20_000)
    connection.execute("SELECT count(*) FROM frame").fetchone()  # what looks at the time is gone again
    connection.close()
