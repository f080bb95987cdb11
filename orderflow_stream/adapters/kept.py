"""What a journal keeps beside trades, as bytes: the snapshot of an instrument, and the entries of a frame.

Words are JSON, since sums and notionals are wider than 64 bits; columns are bytes. Whoever stores them has put a
checksum around; what passes it and still makes no sense raises `KeptError`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from orderflow_stream.adapters.journal.frame import Rows as FrameRows
from orderflow_stream.adapters.journal.frame import decode_rows, encode_rows
from orderflow_stream.core.bars import columns_of
from orderflow_stream.core.events import Instrument, LargePrint, Liquidation
from orderflow_stream.core.restore import Account, Base, Dump, Facts, Rows

#: The versions of a snapshot's layout; one that is not known is not read, and made good by REST.
VERSION: Final = 1
#: The same with what spot markets have none of: `nq`, wider bars of inverse contracts, liquidations.
VERSION_WIDE: Final = 2
_KNOWN: Final = (VERSION, VERSION_WIDE)
_SIX: Final = 6
_PARTS: Final = struct.Struct("<4I")


class KeptError(ValueError):
    """These bytes are not what this program writes."""


class Words(Struct, omit_defaults=True):
    """What of a snapshot is not columns. `position` is the event log's seq that it stands for; `ring` are the large
    orders of 24 h, `untold` whether the newest order is large and still to be told."""

    position: int
    instrument: Instrument
    facts: Facts
    ring: list[LargePrint]
    untold: bool = False
    version: int = VERSION
    liquidations: list[Liquidation] = []


class Snapshot(Struct):
    """A snapshot read back."""

    words: Words
    base: Base


class Accounted(Struct):
    """The account of an instrument, as of the end of a frame."""

    key: str
    account: Account


class Cut(Struct):
    """Where a tape began anew: the venue's ids did (`before` None), or what is below `before` was given up."""

    key: str
    ts: int
    before: int | None = None


class Note(Struct):
    """A `gap`, a `corrected` or a `state` that was told."""

    instrument: str
    topic: Literal["gap", "corrected", "state"]
    body: bytes


class Resumed(Struct):
    """Where a process took up the event log of the one before: all that happened after `position` of the instruments
    in `keys` was told then, or is told by now. Of any other it is not known what the one before told last."""

    position: int
    keys: list[str]


#: The kinds of entry in a frame.
LARGE, NOTE, LATE, CUT, RESUMED = "large", "note", "late", "cut", "resumed"
ACCOUNT, INSTRUMENT, GENERATIONS = "account", "instrument", "generations"
LIQUIDATION = "liquidation"

_encode: Final = msgspec.json.Encoder().encode
to_pack: Final = msgspec.msgpack.Encoder().encode
_words: Final = msgspec.json.Decoder(Words)
large: Final = msgspec.json.Decoder(LargePrint).decode
note: Final = msgspec.msgpack.Decoder(Note).decode
cut: Final = msgspec.msgpack.Decoder(Cut).decode
resumed: Final = msgspec.msgpack.Decoder(Resumed).decode
accounted: Final = msgspec.msgpack.Decoder(Accounted).decode
instrument: Final = msgspec.msgpack.Decoder(Instrument).decode
liquidation: Final = msgspec.msgpack.Decoder(Liquidation).decode
generations: Final = msgspec.msgpack.Decoder(dict[str, int]).decode


def to_large(found: LargePrint) -> bytes:
    """A notional may be wider than 64 bits, so it is JSON."""
    return _encode(found)


def to_late(seqs: Sequence[int]) -> bytes:
    """Which of a frame's trades came by a repair."""
    return np.array(seqs, "<i8").tobytes()


def late(body: bytes) -> list[int]:
    if len(body) % 8:
        raise KeptError(f"{len(body)} bytes are no list of numbers")
    return [int(seq) for seq in np.frombuffer(body, "<i8")]


def encode_snapshot(words: Words, dump: Dump) -> bytes:
    """The bytes of a snapshot: some milliseconds, for the thread that writes."""
    chunks = [[np.frombuffer(column, np.int64) for column in chunk] for chunk in dump.chunks]
    columns = [np.concatenate(column) for column in zip(*chunks, strict=True)]
    inverse = words.instrument.inverse
    if words.version == VERSION and (inverse or len(columns) > _SIX or words.liquidations):
        words = replace(words, version=VERSION_WIDE)
    bars = columns_of(inverse)
    parts = (
        zlib.compress(_encode(words), 1),
        encode_rows(FrameRows(*columns)),  # type: ignore[arg-type]  # numpy's memory will do as well as an array's
        _pack_bars(dump.seconds, bars),
        _pack_bars(dump.minutes, bars),
    )
    return _PARTS.pack(*map(len, parts)) + b"".join(parts)


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot again. Raises `KeptError`."""
    try:
        sizes = _PARTS.unpack_from(data)
        if sum(sizes) + _PARTS.size != len(data):
            raise KeptError("its parts do not add up")
        at, parts = _PARTS.size, []
        for size in sizes:
            parts.append(data[at : at + size])
            at += size
        words = _words.decode(zlib.decompress(parts[0]))
        if words.version not in _KNOWN:
            raise KeptError(f"its version {words.version} is not known here ({' and '.join(map(str, _KNOWN))} are)")
        rows = Rows.of(column for column in decode_rows(parts[1]) if column is not None)
        bars = columns_of(words.instrument.inverse)
        return Snapshot(words, Base(words.facts, rows, _unpack_bars(parts[2], bars), _unpack_bars(parts[3], bars)))
    except KeptError:
        raise
    except (ValueError, struct.error, zlib.error, msgspec.MsgspecError) as error:  # a FrameError is a ValueError
        raise KeptError(str(error)) from None


def _pack_bars(data: bytes, count: int) -> bytes:
    """So many columns of bars as differences, byte by byte, so that they compress well and fast."""
    columns = np.frombuffer(data, np.int64).reshape(count, -1)
    deltas = np.diff(columns, axis=1, prepend=np.int64(0)) if columns.size else columns
    planes = deltas.view(np.uint8).reshape(count, -1, 8).transpose(0, 2, 1).tobytes()
    return zlib.compress(planes, 1)


def _unpack_bars(data: bytes, count: int) -> bytes:
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(count, 8, -1)
    deltas = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(np.int64).reshape(count, -1)
    return np.cumsum(deltas, axis=1, dtype=np.int64).tobytes()
