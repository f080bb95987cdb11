"""Quantities without RPI trades: back as they were, and free for those who tell none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.adapters.journal.planes import Ints
from orderflow_stream.adapters.journal.told import UNTOLD, pack, unpack

EDGES = st.sampled_from([-1, 0, 1, 10**8, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(st.integers(0, 20), EDGES, EDGES), max_size=40)


def columns(rows: list[tuple[int, int, int]]) -> tuple[Ints, ...]:
    return tuple(np.array([row[i] for row in rows], np.int64) for i in range(3))


@given(ROWS)
def test_all_of_64_bits_comes_back(rows: list[tuple[int, int, int]]) -> None:
    which, qty, nq = columns(rows)
    assert unpack(memoryview(pack(nq, qty, which)), qty, which).tolist() == nq.tolist()


def test_who_tells_nothing_costs_a_bit() -> None:
    which = np.arange(900, dtype=np.int64) % 9
    qty = (which + 1) * 10**8
    assert len(pack(np.full(900, UNTOLD, np.int64), qty, which)) == 2
    nq = np.where(which == 3, qty, UNTOLD)  # one tells, and no RPI trade was among its rows
    assert len(pack(nq, qty, which)) <= 2 + 2 + 1
    nq = np.where((which == 3) & (np.arange(900) < 100), qty - 5 * 10**6, nq)
    assert len(pack(nq, qty, which)) <= 2 + 2 + 1 + 100 + 8


@given(ROWS, st.binary(max_size=60))
def test_bytes_that_someone_made_up_are_a_value_error(rows: list[tuple[int, int, int]], data: bytes) -> None:
    which, qty, _ = columns(rows)
    try:
        assert len(unpack(memoryview(data), qty, which)) == len(rows)
    except ValueError:
        return


def test_what_does_not_fit_is_an_error() -> None:
    which, qty, nq = columns([(0, 5, 4), (1, -7, 6), (0, 9, -1)])
    data = pack(nq, qty, which)
    for wrong in (data[:-1], data + b"\x00", b""):
        with pytest.raises(ValueError):  # noqa: PT011 - any of them; the frame makes one error of it
            unpack(memoryview(wrong), qty, which)
    with pytest.raises(ValueError, match="no rows"):
        unpack(memoryview(b"x"), qty[:0], which[:0])
