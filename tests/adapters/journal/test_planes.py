"""Columns as differences and planes of bytes: the same numbers again, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from orderflow_stream.adapters.journal.planes import Columns, pack, unpack

INT64 = np.iinfo(np.int64)


@given(st.integers(0, 40).flatmap(lambda n: arrays.arrays(np.int64, (8, n))), st.integers(1, 5))
def test_all_of_64_bits_comes_back(values: np.ndarray[tuple[int, int], np.dtype[np.int64]], groups: int) -> None:
    columns = Columns(np.abs(values[0] // 2) % groups, *values[1:])
    back = unpack(memoryview(pack(columns)), values.shape[1])
    assert all(np.array_equal(one, two) for one, two in zip(columns, back, strict=True))


@pytest.mark.parametrize("value", [INT64.min, INT64.max, 0, -1, 10**15, -(10**18)])
def test_the_ends_of_the_range(value: int) -> None:
    for other in (value, 0, INT64.max, INT64.min):
        column = np.array([value, other, value], np.int64)
        columns = Columns(np.array([0, 1, 0]), *([column] * 7))
        back = unpack(memoryview(pack(columns)), 3)
        assert all(np.array_equal(one, two) for one, two in zip(columns, back, strict=True))


def test_what_all_share_costs_nothing() -> None:
    """Ids in turn, chained fills, one price, round quantities: no plane but the lowest of the quantities is left."""
    n = np.arange(256, dtype=np.int64)
    none = np.zeros(256, np.int64)
    tape = Columns(
        none, 10**9 + n, none + 10**13, (n % 7 + 1) * 10**8, none + 10**15, 5 * 10**9 + n, 5 * 10**9 + n, none
    )
    assert len(pack(tape)) < 256 * 2 + 100


def test_what_does_not_fit_is_an_error() -> None:
    columns = Columns(*([np.arange(4, dtype=np.int64)] * 8))
    data = pack(columns)
    for wrong in (data[:-1], data + b"\x00", b"\x05" + data[1:], b"\x00" * len(data), data[:3]):
        with pytest.raises(ValueError):  # noqa: PT011 - any of them; the frame makes one error of it
            unpack(memoryview(wrong), 4)
    with pytest.raises(ValueError, match="where no rows are"):
        unpack(memoryview(b"x"), 0)
    unpack(memoryview(data), 4)
