"""Snapshots and entries as bytes: the same again, or a clear error."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.adapters import kept
from orderflow_stream.core.events import LargePrint, Trade
from orderflow_stream.core.restore import Rows, dump
from tests.core.making import BTC, KEY, ONE, T0, feed, law, make, tapes, tracker, trade


def snapshot(trades: list[Trade]) -> tuple[kept.Words, bytes, list[list[int]]]:
    engine, book = make(up=True)
    feed(engine, trades)
    taken = dump(book)
    ring, untold = tracker(book).dump()
    words = kept.Words(77, BTC, taken.facts, ring, untold)
    rows = [[value for chunk in taken.chunks for value in chunk[i]] for i in range(6)]
    return words, kept.encode_snapshot(words, taken), rows


@law(60)
@given(tapes(most=50))
def test_a_snapshot_comes_back(trades: list[Trade]) -> None:
    words, data, rows = snapshot(trades)
    again = kept.decode_snapshot(data)
    assert again.words == words
    assert [column.tolist() for column in again.base.rows] == rows
    assert isinstance(again.base.rows, Rows)
    _, book = make()
    book.bars.seconds.load(again.base.seconds)
    book.bars.minutes.load(again.base.minutes)


def test_nothing_but_its_own_error_escapes() -> None:
    _, data, _ = snapshot([trade(id_, 20 * ONE) for id_ in range(30)])
    for length in range(0, len(data), 7):
        with pytest.raises(kept.KeptError):
            kept.decode_snapshot(data[:length])
    for at in range(len(data)):
        spoilt = bytearray(data)
        spoilt[at] ^= 0x55
        with suppress(kept.KeptError):
            kept.decode_snapshot(bytes(spoilt))


@law(150)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_snapshot(data: bytes) -> None:
    with pytest.raises(kept.KeptError):
        kept.decode_snapshot(data)


def test_a_version_of_tomorrow_is_not_guessed_at() -> None:
    engine, book = make(up=True)
    feed(engine, [trade(1)])
    taken = dump(book)
    with pytest.raises(kept.KeptError, match="version 9 is not known"):
        kept.decode_snapshot(kept.encode_snapshot(kept.Words(1, BTC, taken.facts, [], version=9), taken))


def test_entries_come_back() -> None:
    found = LargePrint(KEY, "order", 5, 1, 2, 3, 10**40, T0, 1, 5, 5, 2, late=True)
    assert kept.large(kept.to_large(found)) == found
    assert kept.late(kept.to_late([3, 2**60])) == [3, 2**60]
    with pytest.raises(kept.KeptError):
        kept.late(b"123")
    note = kept.Note(KEY, "gap", b'{"\xc3\xa4":1}')
    assert kept.note(kept.to_pack(note)) == note
    with pytest.raises(msgspec.MsgspecError):
        kept.cut(kept.to_pack(np.pi))
