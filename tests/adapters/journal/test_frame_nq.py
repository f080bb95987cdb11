"""Frames with quantities without RPI trades, and those of before, which have none."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.adapters.journal import frame as codec
from orderflow_stream.adapters.journal.frame import (
    FrameData,
    FrameError,
    Rows,
    decode,
    decode_rows,
    encode,
    encode_rows,
)
from tests.adapters.journal.kept_before import FRAME
from tests.adapters.journal.making import VALUE, columns, frames, market, pieces


def version(data: bytes) -> int:
    return data[2]


def with_nq(frame: FrameData, seed: int, share: int) -> FrameData:
    """The same where one instrument in `share` tells; one in ten of its rows has RPI trades in it."""
    for n, (which, qty) in enumerate(zip(frame.which, frame.qty, strict=True)):
        told = abs(qty) - (abs(qty) // 4 if (n + seed) % 10 == 0 else 0)
        frame.nq.append(told if which % share == 0 else -1)
    return frame


@given(frames(), st.data())
def test_every_frame_comes_back(frame: FrameData, data: st.DataObject) -> None:
    frame.nq = array("q", data.draw(st.lists(VALUE, min_size=len(frame), max_size=len(frame))))
    coded = encode(frame)
    assert decode(coded) == frame
    assert version(coded) == (2 if len(frame) else 1)
    rows = columns(frame)._replace(nq=frame.nq if len(frame) else None)
    assert decode_rows(encode_rows(rows)) == rows


@pytest.mark.parametrize("trades", [1, 60, 1_000])
def test_what_the_version_before_wrote_is_what_is_written_of_spot(trades: int) -> None:
    """Not a byte more where nobody tells, and nothing for spot's rows where somebody else does."""
    plain = encode(market(trades, trades))
    assert version(plain) == codec.VERSION
    mixed = encode(with_nq(market(trades, trades), 1, 5))
    tellers = sum(which % 5 == 0 for which in market(trades, trades).which)
    assert len(mixed) - len(plain) <= 20 + tellers  # a byte or so for a row that tells, none for the others
    assert decode(mixed) == with_nq(market(trades, trades), 1, 5)


def test_a_frame_of_before_is_read_and_written_the_same() -> None:
    frame = decode(FRAME)
    assert encode(frame) == FRAME
    assert (list(frame.ids), list(frame.qty), list(frame.nq)) == ([500, 70, 501], [84_000, -25 * 10**8, -(10**8)], [])
    assert frame.instruments == ("binance:BTCUSDT", "binance:ETHUSDT")


def test_a_damaged_or_torn_frame_is_an_error() -> None:
    data = encode(with_nq(market(1, 200), 3, 2))
    for piece in pieces(data):
        with pytest.raises(FrameError):
            decode(piece)


def test_rows_are_added_with_or_without_it() -> None:
    frame = FrameData(1, 2, ("a", "b"))
    frame.add(0, 1, 10, 5, 100, -1, -1)
    frame.add(0, 2, 10, 5, 100, -1, -1)
    assert list(frame.nq) == []
    frame.add(1, 7, 10, -5, 100, -1, -1, nq=0)
    frame.add(0, 3, 10, 5, 100, -1, -1)
    assert list(frame.nq) == [-1, -1, 0, -1]
    assert decode(encode(frame)) == frame


def test_columns_that_do_not_fit_together_are_refused() -> None:
    frame = with_nq(market(1, 3), 1, 1)
    frame.nq.pop()
    with pytest.raises(ValueError, match="differ in length"):
        encode(frame)
    ids = array("q", [1, 2])
    with pytest.raises(ValueError, match="differ in length"):
        encode_rows(Rows(ids, ids, ids, ids, ids, ids, ids[:1]))
