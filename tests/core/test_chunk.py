"""Columns of rows: what goes in comes out, with a seventh one where it is kept."""

from __future__ import annotations

import pytest

from orderflow_stream.core.chunk import Chunk, Row
from orderflow_stream.core.events import UNTOLD
from orderflow_stream.core.sums import NqSums, Sums

ROWS = [Row(1, 300, 7, 10, 1, 2, 5), Row(2, 301, -9, 11, 3, 3, 0), Row(4, 299, 2, 12, 4, 9)]


@pytest.mark.parametrize("told", [False, True])
def test_rows_come_back(told: bool) -> None:
    chunk = Chunk(Sums(), nq_before=NqSums() if told else None)
    chunk.extend(ROWS)
    expected = ROWS if told else [row._replace(nq=UNTOLD) for row in ROWS]
    assert list(chunk.rows()) == [chunk.row(i) for i in range(3)] == expected
    assert list(chunk.rows(1, 2)) == expected[1:2]
    assert len(chunk.columns()) == (7 if told else 6)
    assert chunk.sums(1) == Sums(1, 1, 2, 9, 598, 2_709)


def test_sums_of_contracts_and_without_rpi_trades() -> None:
    chunk = Chunk(Sums(), contract=10**8, nq_before=NqSums())
    chunk.extend(ROWS)
    assert chunk.sums(0, 1) == Sums(1, 0, 7 * 10**24 // 300, 0, 7 * 10**8, 0)
    assert chunk.nq_sums(0, 2).told == Sums(1, 0, (5 * 10**24 + 150) // 300, 0, 5 * 10**8, 0)
    assert chunk.nq_sums(0, 3) == NqSums(chunk.nq_sums(0, 2).sums, 1)


def test_it_counts_on_from_what_was_before() -> None:
    assert Chunk(Sums(3, 4)).rank == 7
