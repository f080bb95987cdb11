"""Rows are read whole or not at all; around a damaged place, what can be read is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.adapters.journal import rows
from orderflow_stream.adapters.journal.faults import DamageError

PART = st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=4), st.binary(max_size=4))


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in rows.SCHEMA:
        connection.execute(statement)
    for seq in range(1, 1_001):
        put(connection, seq)
    yield connection
    connection.close()


def put(connection: sqlite3.Connection, seq: int) -> None:
    body = b"frame %d" % seq
    connection.execute("INSERT INTO frame VALUES (?, ?, ?, ?)", (seq, seq * 7, rows.check(seq, seq * 7, body), body))


class Torn:
    """A connection in front of places that cannot be read: whoever comes upon one is told so, as SQLite does."""

    def __init__(self, connection: sqlite3.Connection, *bad: range) -> None:
        self._connection = connection
        self._bad = bad
        self.queries = 0

    def execute(self, statement: str, values: tuple[int, int]) -> sqlite3.Cursor:
        self.queries += 1
        after, limit = values
        met = self._connection.execute("SELECT seq FROM frame WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        if any(seq in bad for (seq,) in met for bad in self._bad):
            raise sqlite3.DatabaseError("database disk image is malformed")
        return self._connection.execute(statement, values)


@given(st.lists(PART, max_size=4), st.lists(PART, max_size=4))
def test_different_rows_have_different_checksums(one: list[int | str | bytes], two: list[int | str | bytes]) -> None:
    as_bytes = [
        [p.encode() if isinstance(p, str) else b"%d" % p if isinstance(p, int) else p for p in each]
        for each in (one, two)
    ]
    if as_bytes[0] == as_bytes[1]:
        assert rows.check(*one) == rows.check(*two)
    elif sum(map(len, as_bytes[0])) + sum(map(len, as_bytes[1])) < 4:
        assert rows.check(*one) != rows.check(*two)


def test_a_checksum_is_of_the_parts_and_not_of_their_sum() -> None:
    assert len({rows.check(1, 23, b""), rows.check(12, 3, b""), rows.check(12, b"3"), rows.check(1, 2, b"3")}) == 4


def test_all_are_read_in_order(file: sqlite3.Connection) -> None:
    found = list(rows.read(file, rows.FRAMES, 400))
    assert [one.seq for one in found] == list(range(401, 1_001))
    assert found[0] == rows.Frame(401, 401 * 7, b"frame 401")


@pytest.mark.parametrize(
    "column,value", [("body", b"frame 501"), ("body", "text"), ("ts", "text"), ("ts", 1), ("crc", 0)]
)
def test_a_row_that_is_not_what_was_written_is_never_given_out(
    column: str, value: object, file: sqlite3.Connection
) -> None:
    file.execute(f"UPDATE frame SET {column} = ? WHERE seq = 500", (value,))
    with pytest.raises(DamageError, match="frame 500 is damaged"):
        list(rows.read(file, rows.FRAMES))
    skipped: list[str] = []
    found = list(rows.salvage(file, rows.FRAMES, skipped))
    assert [one.seq for one in found] == [seq for seq in range(1, 1_001) if seq != 500]
    assert skipped == ["frame 500 is damaged"]


def test_a_row_in_the_wrong_place_is_damage(file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM frame WHERE seq = 7")
    file.execute("UPDATE frame SET seq = 7 WHERE seq = 8")
    with pytest.raises(DamageError, match="frame 7 is damaged"):
        list(rows.read(file, rows.FRAMES))


def test_snapshots_and_values_that_are_damaged(file: sqlite3.Connection) -> None:
    for name in ("a", "b"):
        file.execute("INSERT INTO meta VALUES (?, ?, ?)", (name, b"v", rows.check(name, b"v")))
        file.execute("INSERT INTO snapshot VALUES (?, 1, 2, ?, ?)", (name, rows.check(name, 1, 2, b"v"), b"v"))
    file.execute("UPDATE meta SET name = 'c' WHERE name = 'b'")
    file.execute("UPDATE snapshot SET seq = 2 WHERE key = 'b'")
    skipped: list[str] = []
    assert list(rows.salvage(file, rows.METAS, skipped)) == [rows.Meta("a", b"v")]
    assert list(rows.salvage(file, rows.SNAPSHOTS, skipped)) == [rows.Snapshot("a", 1, 2, b"v")]
    assert skipped == ["the value c is damaged", "the snapshot of b is damaged"]


@pytest.mark.parametrize(
    "bad",
    [(), (range(1, 2),), (range(1, 40),), (range(300, 301),), (range(300, 560),), (range(990, 1_001),),
     (range(5, 6), range(7, 8), range(400, 700)), (range(1, 1_001),)],
)  # fmt: skip
def test_around_places_that_cannot_be_read(bad: tuple[range, ...], file: sqlite3.Connection) -> None:
    torn = Torn(file, *bad)
    skipped: list[str] = []
    found = [one.seq for one in rows.salvage(torn, rows.FRAMES, skipped)]  # type: ignore[arg-type]
    lost = {seq for each in bad for seq in each}
    assert set(found) == set(range(1, 1_001)) - lost
    assert found == sorted(found)
    assert bool(skipped) == bool(bad)
    assert torn.queries < 1_000


def test_sparse_rows_are_found_too(file: sqlite3.Connection) -> None:
    for seq in (10**6, 10**9, 10**9 + 1):
        put(file, seq)
    skipped: list[str] = []
    found = [one.seq for one in rows.salvage(Torn(file, range(999, 1_001)), rows.FRAMES, skipped)]  # type: ignore[arg-type]
    assert found[-3:] == [10**6, 10**9, 10**9 + 1]
    assert len(found) == 998 + 3
