"""A further column for those instruments of a frame whose venue tells it: quantities without RPI trades.

It is kept as what is missing from the quantity, which most often is nothing; rows of all other instruments cost no
byte. A bit a group of rows says whose rows are there. As in `planes`, all arithmetic is that of 64 bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from orderflow_stream.adapters.journal.planes import TENS, Ints, by_group, scaled, shuffle, unshuffle

#: A row that does not tell, as in `core.events`.
UNTOLD: Final = -1


def pack(nq: Ints, qty: Ints, which: Ints) -> bytes:
    """The column as bytes, not yet compressed; `qty` (signed) and `which` as in `FrameData`."""
    if not len(nq):
        return b""
    order, starts, sizes = by_group(which)
    ours = np.logical_or.reduceat(nq[order] != UNTOLD, starts)
    mask = np.packbits(ours).tobytes()
    if not ours.any():
        return mask
    rows = order[np.repeat(ours, sizes)]
    some = sizes[ours]
    values, tens = scaled(np.abs(qty[rows]) - nq[rows], np.cumsum(some) - some, some)
    return mask + shuffle(tens[None, :]) + shuffle(values[None, :])


def unpack(data: memoryview, qty: Ints, which: Ints) -> Ints:
    """What `pack` was given. Raises `ValueError` where it cannot have been that."""
    nq = np.full(len(qty), UNTOLD, np.int64)
    if not len(qty):
        if len(data):
            raise ValueError("bytes where no rows are")
        return nq
    order, starts, sizes = by_group(which)
    at = -(-len(starts) // 8)
    ours = np.unpackbits(np.frombuffer(data, np.uint8, at))[: len(starts)].astype(np.bool_)
    if ours.any():
        rows = order[np.repeat(ours, sizes)]
        tens, at = unshuffle(data, at, 1, int(ours.sum()))
        values, at = unshuffle(data, at, 1, len(rows))
        if tens.min() < 0 or tens.max() >= len(TENS):
            raise ValueError("no power of ten")
        nq[rows] = np.abs(qty[rows]) - values[0] * np.repeat(TENS[tens[0]], sizes[ours])
    if at != len(data):
        raise ValueError("bytes left over")
    return nq
