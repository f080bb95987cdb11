"""What is encoded comes back as it was, and nothing else ever comes back."""

from __future__ import annotations

import contextlib
import zlib
from array import array

import msgspec
import pytest
from hypothesis import given, settings
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
from tests.adapters.journal.making import columns, frames, market, pieces


@given(frames())
def test_every_frame_comes_back(frame: FrameData) -> None:
    again = decode(encode(frame))
    assert again == frame
    assert type(again.ids) is array
    again.add(0, 1, 1, 1, 1, 1, 1)  # it grows like any other


@pytest.mark.parametrize("trades", [1, 2, 60, 1_000])
def test_a_market_comes_back_small(trades: int) -> None:
    frame = market(trades, trades)
    data = encode(frame)
    assert decode(data) == frame
    if trades >= 60:
        assert len(data) < trades * 14 + 60


@given(frames())
def test_rows_of_one_instrument_come_back(frame: FrameData) -> None:
    rows = columns(frame)
    assert decode_rows(encode_rows(rows)) == rows


def test_nothing_comes_back_as_nothing() -> None:
    empty = FrameData(5, 6, ())
    assert decode(encode(empty)) == empty
    assert len(decode_rows(encode_rows(columns(empty))).ids) == 0


@pytest.mark.parametrize("trades", [0, 3, 200])
def test_a_damaged_or_torn_frame_is_an_error(trades: int) -> None:
    frame = market(1, trades)
    frame.entries.append((7, "gap", b"some words"))
    data = encode(frame)
    for piece in pieces(data):
        with pytest.raises(FrameError):
            decode(piece)
    with pytest.raises(FrameError):
        decode(data + b"\x00")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error(data: bytes) -> None:
    with pytest.raises(FrameError):
        decode(data)
    with pytest.raises(FrameError):
        decode_rows(data)


LENGTH = st.integers(0, 2**32 - 1) | st.integers(0, 90)
HEADER = st.tuples(st.sampled_from([codec.VERSION, 2, 255]), st.sampled_from([1, 0]), LENGTH, LENGTH, LENGTH)


@settings(max_examples=300)
@given(HEADER, st.binary(max_size=120), st.booleans())
def test_bytes_that_someone_made_up_are_an_error_or_a_frame(
    header: tuple[int, int, int, int, int], inside: bytes, fits: bool
) -> None:
    """With a right checksum, so that what lies behind it is met."""
    version, packing, size, words, rows = header
    data = _sealed(version, packing, len(inside) if fits else size, words, rows, zlib.compress(inside))
    for read in (decode, decode_rows):
        with contextlib.suppress(FrameError):  # the only error there may be
            read(data)


@given(st.binary(max_size=200), st.integers(0, 40))
def test_columns_that_someone_made_up_are_an_error_or_a_frame(inside: bytes, rows: int) -> None:
    words = msgspec.msgpack.encode((1, 2, 3, 4, ["a", "b"], []))
    data = _sealed(codec.VERSION, 1, len(words + inside), len(words), rows, zlib.compress(words + inside))
    try:
        frame = decode(data)
    except FrameError:
        return
    assert len(frame) == rows
    assert all(0 <= one < 2 for one in frame.which)


def _sealed(version: int, packing: int, size: int, words: int, rows: int, body: bytes) -> bytes:
    head = codec._HEADER.pack(codec.MAGIC, version, packing, 0, size, words, rows)
    check = zlib.crc32(body, zlib.crc32(head[8:], zlib.crc32(head[:4])))
    return head[:4] + check.to_bytes(4, "little") + head[8:] + body


def test_a_version_to_come_is_named() -> None:
    with pytest.raises(FrameError, match=r"version 9\.1 of the frame is not known here \(1\.1 is\)"):
        decode(_sealed(9, 1, 0, 0, 0, b""))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(b"\x00" * 50_000_000)
    for size in (10, 2**31):
        with pytest.raises(FrameError):
            decode(_sealed(codec.VERSION, 1, size, 0, 1, bomb))
    with pytest.raises(FrameError, match="lengths"):
        decode(_sealed(codec.VERSION, 1, 10, 0, 2**31, zlib.compress(b"x" * 10)))


def test_a_frame_is_not_taken_for_a_tape_nor_the_other_way() -> None:
    with pytest.raises(FrameError, match="a frame, not a tape"):
        decode_rows(encode(market(1, 3)))
    with pytest.raises(FrameError, match="words"):
        decode(encode_rows(columns(market(1, 3))))


def test_columns_that_do_not_fit_together_are_refused() -> None:
    frame = market(1, 3)
    frame.seq.pop()
    with pytest.raises(ValueError, match="differ in length"):
        encode(frame)
    for which in (-1, 5):
        frame = market(1, 3)
        frame.which[1] = which
        with pytest.raises(ValueError, match="does not name"):
            encode(frame)
    with pytest.raises(ValueError, match="differ in length"):
        encode_rows(Rows(*(array("q", range(n)) for n in range(6))))


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_ROWS", 10)
    encode(market(1, 10))
    with pytest.raises(ValueError, match="too large: 11 rows"):
        encode(market(1, 11))
