"""A frame: what happened in one tenth or two of a second, of all instruments, as columns; and its bytes.

A frame stands by itself: it can be read without any other. Its bytes begin with a header that says what they are, and
carry a checksum over everything; `decode` raises `FrameError`, and nothing else, for bytes that are no whole frame.
Whoever stores frames (`log`) never looks inside.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from struct import Struct as Layout
from typing import Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct, field

from orderflow_stream.adapters.journal import told
from orderflow_stream.adapters.journal.planes import Columns, Ints, pack, unpack
from orderflow_stream.adapters.journal.told import UNTOLD

#: What a frame's bytes begin with, and the version of what follows. A reader refuses versions it does not know.
MAGIC: Final = b"OF"
VERSION: Final = 1
#: The same with one more column, quantities without RPI trades, behind the others: only frames that have one.
VERSION_NQ: Final = 2

#: On real tapes level 6 makes frames 3 % smaller and takes half as long again.
LEVEL: Final = 1

#: In that version, the length of the columns there always are stands ahead of them.
_LENGTH: Final = Layout("<I")

#: No frame unpacks to more bytes, or holds more rows: what claims to is not ours.
MOST: Final = 1 << 28
MOST_ROWS: Final = 1 << 22

#: magic, version, how it is compressed (1: zlib), checksum, length unpacked, length of the words, number of rows
_HEADER: Final = Layout("<2sBBIIII")
_CHECKED: Final = 8  # the checksum covers all that comes after it, and starts from what came before
_ZLIB: Final = 1


class FrameError(ValueError):
    """These bytes are no frame: torn, damaged, or of a version that this program does not know."""


def _column() -> array[int]:
    return array("q")


class FrameData(Struct):
    """One frame. `ts` is the venue time (µs) at which it was sealed.

    `position` is the event log's seq after it and `since` that before it: where `since` is not the `position` of the
    frame before, what happened in between was never written. `lost` counts the frames that were dropped right before
    this one, which the writer fills in.

    The columns have one row a trade, in order of arrival: `which` is the index of its instrument in `instruments`,
    `qty` is signed (negative: taker sell) and 0 where the id carries no trade, `seq` is its place in the event log, 0
    where it has none. `entries` is everything else: (seq, kind, body), the body opaque here. `nq` is empty where no row
    tells how much of it is no RPI trade, else one a row (-1: not told).
    """

    ts: int
    position: int
    instruments: tuple[str, ...]
    since: int = 0
    lost: int = 0
    which: array[int] = field(default_factory=_column)
    ids: array[int] = field(default_factory=_column)
    price: array[int] = field(default_factory=_column)
    qty: array[int] = field(default_factory=_column)
    ts_event: array[int] = field(default_factory=_column)
    first: array[int] = field(default_factory=_column)
    last: array[int] = field(default_factory=_column)
    seq: array[int] = field(default_factory=_column)
    entries: list[tuple[int, str, bytes]] = field(default_factory=list)
    nq: array[int] = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.ids)

    def add(
        self,
        which: int,
        id_: int,
        price: int,
        qty: int,
        ts_event: int,
        first: int,
        last: int,
        seq: int = 0,
        nq: int = UNTOLD,
    ) -> None:
        """One more row."""
        if nq != UNTOLD or self.nq:
            self.nq.extend([UNTOLD] * (len(self.ids) - len(self.nq)))
            self.nq.append(nq)
        self.which.append(which)
        self.ids.append(id_)
        self.price.append(price)
        self.qty.append(qty)
        self.ts_event.append(ts_event)
        self.first.append(first)
        self.last.append(last)
        self.seq.append(seq)

    def columns(self) -> Columns:
        """The same columns for numpy, not copied: they must not grow while these are held."""
        rows = (self.which, self.ids, self.price, self.qty, self.ts_event, self.first, self.last, self.seq)
        return Columns(*(np.frombuffer(one, np.int64) for one in rows))


class Words(NamedTuple):
    """What of a frame is not columns."""

    ts: int
    position: int
    since: int
    lost: int
    instruments: tuple[str, ...]
    entries: list[tuple[int, str, bytes]]


_to_words: Final = msgspec.msgpack.Encoder().encode
_from_words: Final = msgspec.msgpack.Decoder(Words).decode


def encode(frame: FrameData) -> bytes:
    """The bytes of a frame. Raises `ValueError` where its columns do not fit together."""
    columns = frame.columns()
    nq = np.frombuffer(frame.nq, np.int64)
    if len({len(one) for one in columns}) != 1 or len(nq) not in {0, len(columns.which)}:
        raise ValueError("the columns differ in length")
    if len(columns.which) and not 0 <= columns.which.min() <= columns.which.max() < len(frame.instruments):
        raise ValueError("a row of an instrument that the frame does not name")
    words = _to_words(Words(frame.ts, frame.position, frame.since, frame.lost, frame.instruments, frame.entries))
    return _seal(words, columns, nq)


def decode(data: bytes) -> FrameData:
    """The frame again. Raises `FrameError`."""
    raw, columns, nq = _open(data)
    try:
        words = _from_words(raw)
    except msgspec.MsgspecError as error:
        raise FrameError(f"the words of the frame cannot be read: {error}") from None
    if len(columns.which) and int(columns.which.max()) >= len(words.instruments):
        raise FrameError("a row of an instrument that the frame does not name")
    which, ids, price, qty, ts, first, last, seq = (_array(one) for one in columns)
    return FrameData(
        words.ts, words.position, words.instruments, words.since, words.lost, which, ids, price, qty, ts, first, last,
        seq, words.entries, _array(nq),
    )  # fmt: skip


class Rows(NamedTuple):
    """The columns of one instrument's tape; `qty` is signed, `nq` None where no row tells it."""

    ids: array[int]
    price: array[int]
    qty: array[int]
    ts_event: array[int]
    first: array[int]
    last: array[int]
    nq: array[int] | None = None


def encode_rows(rows: Rows) -> bytes:
    """A whole tape in the bytes of a frame. Raises `ValueError` where the columns differ in length."""
    ids, price, qty, ts, first, last, *more = (np.frombuffer(one, np.int64) for one in rows if one is not None)
    if len({len(one) for one in rows if one is not None}) != 1:
        raise ValueError("the columns differ in length")
    none = np.zeros(len(ids), np.int64)
    nq = more[0] if more else none[:0]
    return _seal(b"", Columns(none, ids, price, qty, ts, first, last, none), nq)


def decode_rows(data: bytes) -> Rows:
    """The tape again. Raises `FrameError`."""
    words, columns, nq = _open(data)
    if words or columns.which.any():
        raise FrameError("this is a frame, not a tape")
    _, ids, price, qty, ts, first, last, _ = map(_array, columns)
    return Rows(ids, price, qty, ts, first, last, _array(nq) if len(nq) else None)


def _array(column: Ints) -> array[int]:
    out = array("q")
    out.frombytes(column.tobytes())
    return out


def _seal(words: bytes, columns: Columns, nq: Ints) -> bytes:
    planes = pack(columns)
    version = VERSION_NQ if len(nq) else VERSION
    if len(nq):
        planes = _LENGTH.pack(len(planes)) + planes + told.pack(nq, columns.qty, columns.which)
    raw = words + planes
    if len(raw) > MOST or len(columns.which) > MOST_ROWS:
        raise ValueError(f"the frame is too large: {len(columns.which):,} rows, {len(raw):,} bytes")
    body = zlib.compress(raw, LEVEL)
    head = _HEADER.pack(MAGIC, version, _ZLIB, 0, len(raw), len(words), len(columns.which))
    check = zlib.crc32(body, zlib.crc32(head[_CHECKED:], zlib.crc32(head[:4])))
    return head[:4] + check.to_bytes(4, "little") + head[_CHECKED:] + body


def _open(data: bytes) -> tuple[bytes, Columns, Ints]:
    """The words, the columns, and the one that is not always there."""
    if len(data) < _HEADER.size:
        raise FrameError(f"{len(data)} bytes are too few for a frame")
    magic, version, packing, check, size, words, rows = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FrameError("this does not begin like a frame")
    if zlib.crc32(memoryview(data)[_CHECKED:], zlib.crc32(data[:4])) != check:
        raise FrameError("the checksum is wrong: the frame is damaged")
    if version not in {VERSION, VERSION_NQ} or packing != _ZLIB:
        known = f"({VERSION}.{_ZLIB} is), nor beyond {VERSION_NQ}.{_ZLIB}"
        raise FrameError(f"version {version}.{packing} of the frame is not known here {known}")
    if size > MOST or words > size or rows > MOST_ROWS:
        raise FrameError("the lengths in its header cannot be")
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(memoryview(data)[_HEADER.size :], size or 1)
        if len(raw) != size or not unpacker.eof or unpacker.unused_data:
            raise FrameError("it unpacks to another length than its header says")
        return raw[:words], *_columns(memoryview(raw)[words:], rows, version)
    except (zlib.error, ValueError) as error:
        if isinstance(error, FrameError):
            raise
        raise FrameError(f"what it holds cannot be unpacked: {error}") from None


def _columns(data: memoryview, rows: int, version: int) -> tuple[Columns, Ints]:
    if version == VERSION:
        return unpack(data, rows), np.empty(0, np.int64)
    if len(data) < _LENGTH.size:
        raise ValueError("too few bytes")
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    columns = unpack(data[_LENGTH.size : end], rows)
    return columns, told.unpack(data[end:], columns.qty, columns.which)


if sys.byteorder != "little":  # the columns are written as they lie in memory
    raise ImportError("the journal's frames are only known on little-endian machines")
