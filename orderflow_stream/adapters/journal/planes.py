"""Whole numbers in few bytes: columns of trades as differences, and those as planes of bytes for the compressor.

A trade differs from the one before it *of its instrument* by little: its id by one, its first fill by one from the last
fill before, its price by a few ticks. So the rows are grouped by instrument, each group says where it begins, and the
rest are differences. All arithmetic is that of 64 bits and wraps around both ways: every value comes back exactly.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_POWERS: Final = np.array([10**e for e in range(1, 16)], dtype=np.int64)
TENS: Final = np.array([10**e for e in range(16)], dtype=np.int64)
_DELTAS: Final = 8
_BASES: Final = 4
_WIDTH: Final = 8
#: number of groups, time and seq of the first row
_HEAD: Final = Layout("<Iqq")


class Columns(NamedTuple):
    """The rows of a frame in order of arrival; `which` is an index from 0 on, the rest as in `FrameData`."""

    which: Ints
    ids: Ints
    price: Ints
    qty: Ints
    ts: Ints
    first: Ints
    last: Ints
    seq: Ints


def pack(columns: Columns) -> bytes:
    """The columns as bytes, not yet compressed. `which` must not be negative."""
    count = len(columns.which)
    if not count:
        return b""
    order, starts, sizes = by_group(columns.which)
    bases = np.zeros((_BASES, len(starts)), np.int64)
    deltas = np.empty((_DELTAS, count), np.int64)
    ids, last = columns.ids[order], columns.last[order]
    first = columns.first[order]
    price, price_tens = scaled(columns.price[order], starts, sizes)
    deltas[1], qty_tens = scaled(columns.qty[order], starts, sizes)
    bases[0] = price_tens << 8 | qty_tens
    bases[1], bases[2], bases[3] = price[starts], ids[starts], first[starts]
    deltas[0, 1:] = price[1:] - price[:-1]
    deltas[2, 1:] = ids[1:] - ids[:-1] - 1
    deltas[3, 1:] = first[1:] - last[:-1] - 1
    deltas[0, starts] = deltas[2, starts] = deltas[3, starts] = 0
    deltas[4] = last - first
    deltas[5] = columns.which
    deltas[6, 1:] = columns.ts[1:] - columns.ts[:-1]
    deltas[7, 1:] = columns.seq[1:] - columns.seq[:-1] - 1
    deltas[6, 0] = deltas[7, 0] = 0
    head = _HEAD.pack(len(starts), columns.ts[0], columns.seq[0])
    return head + shuffle(bases) + shuffle(deltas)


def unpack(data: memoryview, count: int) -> Columns:
    """What `pack` made of `count` rows. Raises `ValueError` where it cannot have been that."""
    if not count:
        if len(data):
            raise ValueError("bytes where no rows are")
        empty = np.empty(0, np.int64)
        return Columns(empty, empty, empty, empty, empty, empty, empty, empty)
    if len(data) < _HEAD.size:
        raise ValueError("too few bytes")
    groups, ts, seq = _HEAD.unpack_from(data)
    if not 0 < groups <= count:
        raise ValueError(f"{groups} groups of {count} rows")
    bases, at = unshuffle(data, _HEAD.size, _BASES, groups)
    deltas, at = unshuffle(data, at, _DELTAS, count)
    if at != len(data):
        raise ValueError("bytes left over")
    which = deltas[5]
    order, starts, sizes = by_group(which)
    if len(starts) != groups or which[order[0]] < 0:
        raise ValueError("the groups are not those of the rows")
    tens = bases[0]
    price_tens, qty_tens = tens >> 8, tens & 255
    if tens.min() < 0 or max(price_tens.max(), qty_tens.max()) >= len(TENS):
        raise ValueError("no power of ten")
    back = np.empty_like(order)
    back[order] = np.arange(count)
    price = _along(deltas[0], bases[1], starts, sizes, 0) * np.repeat(TENS[price_tens], sizes)
    qty = deltas[1] * np.repeat(TENS[qty_tens], sizes)
    ids = _along(deltas[2], bases[2], starts, sizes, 1)
    # first - 1 of a row is the last of the row before plus its difference: both columns at once, as one running sum.
    spans = deltas[4]
    before = np.zeros(count, np.int64)
    before[1:] = spans[:-1] + 1
    before[starts] = 0
    first = _along(deltas[3] + before, bases[3], starts, sizes, 0)
    last = first + spans
    deltas[7] += 1
    deltas[6, 0], deltas[7, 0] = ts, seq
    running = np.cumsum(deltas[6:8], axis=1)
    return Columns(which, ids[back], price[back], qty[back], running[0], first[back], last[back], running[1])


def by_group(which: Ints) -> tuple[Ints, Ints, Ints]:
    """The order that puts equal ones together (and keeps theirs), where each group begins, how many it has."""
    order = np.argsort(which, kind="stable")
    grouped = which[order]
    edge = np.empty(len(which), np.bool_)
    edge[0] = True
    np.not_equal(grouped[1:], grouped[:-1], out=edge[1:])
    starts = np.flatnonzero(edge)
    sizes = np.empty_like(starts)
    sizes[:-1] = starts[1:] - starts[:-1]
    sizes[-1] = len(which) - starts[-1]
    return order, starts, sizes


def scaled(values: Ints, starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The values without the zeros that all of a group end in, and how many zeros those are."""
    common = np.gcd.reduceat(values, starts)
    tens = (common[:, None] % _POWERS == 0).sum(axis=1)
    return values // np.repeat(TENS[tens], sizes), tens


def _along(deltas: Ints, bases: Ints, starts: Ints, sizes: Ints, step: int) -> Ints:
    """Running sums inside each group, from its base on; `step` is added to every difference but the first."""
    total = np.cumsum(deltas + step if step else deltas)
    return total + np.repeat(bases - total[starts], sizes)


def shuffle(matrix: Ints) -> bytes:
    """Small numbers of either sign to small positive ones, then byte by byte: all lowest bytes, all second ones ...

    Planes of nothing but zeros are left out; a mask in front says which.
    """
    rows, count = matrix.shape
    folded = ((matrix << 1) ^ (matrix >> 63)).astype("<i8", copy=False)
    planes = folded.view(np.uint8).reshape(rows, count, _WIDTH).transpose(0, 2, 1).reshape(rows * _WIDTH, count)
    used = planes.any(axis=1)
    return np.packbits(used).tobytes() + planes[used].tobytes()


def unshuffle(data: memoryview, at: int, rows: int, count: int) -> tuple[Ints, int]:
    """The matrix that begins at that byte, and where it ends."""
    used = np.unpackbits(np.frombuffer(data, np.uint8, rows, at)).astype(np.bool_)
    at += rows
    some = int(used.sum())
    planes = np.zeros((rows * _WIDTH, count), np.uint8)
    planes[used] = np.frombuffer(data, np.uint8, some * count, at).reshape(some, count)
    folded = np.ascontiguousarray(planes.reshape(rows, _WIDTH, count).transpose(0, 2, 1)).view("<u8")[:, :, 0]
    matrix = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
    return matrix, at + some * count
