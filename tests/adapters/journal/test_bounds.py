"""How much must go, a slice at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal import bounds, rows


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "x", isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(rows.SCHEMA[1])
    connection.execute("BEGIN")
    for seq in range(1, 2_001):
        connection.execute("INSERT INTO frame VALUES (?, ?, 0, ?)", (seq, seq * 10, os.urandom(4_000)))
    connection.execute("COMMIT")
    yield connection
    connection.close()


def test_size(file: sqlite3.Connection) -> None:
    pages = file.execute("PRAGMA page_count").fetchone()[0]
    assert bounds.surplus(file, 2_000, pages * 2) == 0
    assert bounds.surplus(file, 2_000, pages + pages // 31) == 0
    some = bounds.surplus(file, 2_000, pages)  # a thirty-second is to be free
    assert 2_000 // 33 <= some <= 2_000 // 31
    assert bounds.surplus(file, 2_000, pages // 2) == bounds.SLICE
    assert bounds.surplus(file, 3, pages // 2) == 2
    assert bounds.surplus(file, 0, 10) == 0
    file.execute("DELETE FROM frame WHERE seq <= 1500")  # free pages are room
    assert bounds.surplus(file, 500, pages) == 0


def test_age(file: sqlite3.Connection) -> None:
    assert bounds.older(file, 1, 10) == 0
    assert bounds.older(file, 1, 11) == 1
    assert bounds.older(file, 101, 1_501) == 50
    assert bounds.older(file, 1, 10**9) == bounds.SLICE


def test_what_is_free_is_given_back_little_by_little(file: sqlite3.Connection) -> None:
    pages = file.execute("PRAGMA page_count").fetchone()[0]
    bounds.give_back(file, pages)
    assert file.execute("PRAGMA page_count").fetchone()[0] == pages
    file.execute("DELETE FROM frame WHERE seq <= 1500")
    bounds.give_back(file, pages)
    assert 200 < pages - file.execute("PRAGMA page_count").fetchone()[0] <= 300
    for _ in range(30):
        bounds.give_back(file, pages)
    assert file.execute("PRAGMA freelist_count").fetchone()[0] <= 256
    for _ in range(30):
        bounds.give_back(file, 10)  # more than allowed: all that is free
    assert file.execute("PRAGMA freelist_count").fetchone()[0] == 0


def test_our_limit_is_told_from_that_of_the_disk(file: sqlite3.Connection, tmp_path: Path) -> None:
    pages = file.execute("PRAGMA page_count").fetchone()[0]
    file.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full") as caught:
        file.execute("INSERT INTO frame VALUES (9999, 0, 0, ?)", (os.urandom(100_000),))
    assert bounds.used_up(file, caught.value, pages, tmp_path)
    assert not bounds.used_up(file, caught.value, pages * 3, tmp_path)
    with pytest.raises(sqlite3.OperationalError) as other:
        file.execute("NONSENSE")
    assert not bounds.used_up(file, other.value, pages, tmp_path)
