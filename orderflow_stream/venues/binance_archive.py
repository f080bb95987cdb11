"""Reader of Binance's aggTrades archives: the files of data.binance.vision and arrays of raw REST rows.

The text is plain, gzip or a zip of one member (told by content, not by name): CSV with or without a header, seven
columns (futures) or eight (spot: `is_best_match` is last and ignored), `True`/`true`, milliseconds or microseconds
(told by magnitude); or a JSON array of `{"a", "p", "q", "f", "l", "T", "m", "M"}` objects. Nothing is reordered,
de-duplicated or rounded: the rows are the file's.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Literal, cast

import msgspec

from orderflow_stream.core.events import UNKNOWN_FILL, Trade
from orderflow_stream.venues.binance_futures import ContractRow, contract_trade
from orderflow_stream.venues.values import RowFault

TimeUnit = Literal["ms", "us"]

#: Epoch times below are milliseconds (10^14 ms is the year 5138), from here on microseconds (10^14 us is 1973).
_FIRST_US: Final = 10**14
_FIRST_MS: Final = 10**11
_FIRST_NS: Final = 10**17

_MAX_ID: Final = 2**63 - 1
_TRUE: Final = frozenset({"True", "true", "TRUE"})
_FALSE: Final = frozenset({"False", "false", "FALSE"})
_COLUMNS: Final = (
    "agg_trade_id, price, quantity, first_trade_id, last_trade_id, transact_time, is_buyer_maker[, is_best_match]"
)
_TORN: Final = "the file is incomplete or damaged: download it again and compare its .CHECKSUM"
_NOT_AGG: Final = "raw `trades` files have other columns: download the symbol's aggTrades file instead"


class ArchiveRow(msgspec.Struct, frozen=True, gc=False):
    """One aggTrade as the archive has it.

    `price` and `qty` are the file's own decimal text; `ts` is microseconds whatever the file's unit (`ts_unit`);
    `first`/`last` are the fills it covers, -1 where the file leaves them empty; `nq` is the quantity without RPI
    trades, empty where the file does not tell it (no CSV does, REST rows of USD-M do).
    """

    id: int
    price: str
    qty: str
    first: int
    last: int
    ts: int
    ts_unit: TimeUnit
    buyer_is_maker: bool
    nq: str = ""


class ArchiveError(ValueError):
    """A file that is no readable archive. `line` is 1-based (for JSON the row's number), 0 where no line is meant."""

    def __init__(self, path: Path, line: int, message: str, hint: str) -> None:
        self.path = path
        self.line = line
        self.message = message
        self.hint = hint
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {message} ({hint})")


def archive_trade(key: str, row: ArchiveRow) -> Trade | RowFault:
    """The row as the live path has it, received when it happened; or the reason why it is no trade."""
    wire = ContractRow(
        a=row.id, p=row.price, q=row.qty, T=row.ts, m=row.buyer_is_maker, f=row.first, l=row.last, nq=row.nq or None
    )
    return contract_trade(key, wire, row.ts)


def symbol_of(path: str | Path) -> str:
    """The symbol an archive's file name begins with: `BTCUSDT-aggTrades-2025-10-04.zip` -> `BTCUSDT`.

    Raises `ArchiveError` where the name does not say.
    """
    name = Path(path).name
    symbol, dash, _ = name.partition("-")
    if not dash or not symbol:
        raise ArchiveError(
            Path(path), 0, f"the file name {name!r} does not begin with SYMBOL-", "rename it or name the symbol"
        )
    return symbol


def read_archive(path: str | Path) -> Iterator[ArchiveRow]:
    """The rows of one archive file, in the file's order, read as a stream (a JSON array is decoded at once).

    Raises `ArchiveError` at the first fault; what came before it has been yielded.
    """
    where = Path(path)
    rows = 0
    with _translated(where), _opened(where) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline=None)
        first = text.readline()
        while first and not first.strip():
            first = text.readline()
        if first.lstrip().startswith("["):
            source = _json_rows(where, first + text.read())
        else:
            source = _csv_rows(where, first, text)
        for row in source:
            rows += 1
            yield row
    if not rows:
        raise ArchiveError(where, 0, "the file has no rows", _TORN)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Every way a damaged file shows itself while it is read, as an `ArchiveError`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(path, 0, f"the gzip stream is torn: {error}", _TORN) from error
    except (zipfile.BadZipFile, lzma.LZMAError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(path, 0, f"the zip cannot be read: {error}", _TORN) from error
    except UnicodeDecodeError as error:
        raise ArchiveError(path, 0, f"not text: {error}", "expected CSV or JSON, plain, gzip or zip") from error
    except OSError as error:
        raise ArchiveError(path, 0, f"cannot be read: {error.strerror or error}", "check the path") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield cast(IO[bytes], unzipped)
        elif magic[:2] == b"PK":
            with zipfile.ZipFile(raw) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
                if len(members) != 1:
                    raise ArchiveError(path, 0, f"the zip has {len(members)} files", "an archive zip has exactly one")
                with archive.open(members[0]) as member:
                    yield member
        elif not magic:
            raise ArchiveError(path, 0, "the file is empty", _TORN)
        else:
            yield raw


def _csv_rows(path: Path, first: str, rest: IO[str]) -> Iterator[ArchiveRow]:
    line = 1
    fields = first.rstrip().split(",")
    if first.strip() and fields[0].strip('"')[:1].isalpha():
        if len(fields) not in {7, 8} or "quote" in fields[3].lower():
            raise ArchiveError(path, 1, f"not a header of aggTrades: {first.strip()[:120]!r}", f"expected {_COLUMNS}")
    elif first.strip():
        yield _csv_row(path, line, fields)
    for text in rest:
        line += 1
        stripped = text.rstrip()
        if stripped:
            yield _csv_row(path, line, stripped.split(","))


def _csv_row(path: Path, line: int, fields: list[str]) -> ArchiveRow:
    if len(fields) not in {7, 8}:
        raise ArchiveError(path, line, f"{len(fields)} columns instead of 7 or 8", f"expected {_COLUMNS}")
    id_, price, qty, first, last, time, maker = fields[:7]
    if maker in _TRUE:
        buyer_is_maker = True
    elif maker in _FALSE:
        buyer_is_maker = False
    else:
        raise ArchiveError(path, line, f"is_buyer_maker is {maker[:40]!r}, neither True nor False", _NOT_AGG)
    if not _is_decimal(price) or not _is_decimal(qty):
        raise ArchiveError(path, line, f"price {price[:40]!r} or quantity {qty[:40]!r} is no plain decimal", _TORN)
    if not first and not last:
        fills = (UNKNOWN_FILL, UNKNOWN_FILL)
    else:
        fills = (_fill(path, line, first), _fill(path, line, last))
    return _row(path, line, _integer(path, line, "agg_trade_id", id_), price, qty, fills,
                _integer(path, line, "transact_time", time), buyer_is_maker)  # fmt: skip


def _row(
    path: Path,
    line: int,
    id_: int,
    price: str,
    qty: str,
    fills: tuple[int, int],
    time: int,
    buyer_is_maker: bool,
    nq: str = "",
) -> ArchiveRow:
    if fills[0] > fills[1]:
        raise ArchiveError(path, line, f"first_trade_id {fills[0]} is beyond last_trade_id {fills[1]}", _TORN)
    unit: TimeUnit
    if _FIRST_US <= time < _FIRST_NS:
        unit, ts = "us", time
    elif _FIRST_MS <= time < _FIRST_US:
        unit, ts = "ms", time * 1000
    else:
        raise ArchiveError(path, line, f"transact_time {time} is neither milliseconds nor microseconds", _NOT_AGG)
    return ArchiveRow(id_, price, qty, fills[0], fills[1], ts, unit, buyer_is_maker, nq)


def _is_decimal(text: str) -> bool:
    whole, point, fraction = text.partition(".")
    return text.isascii() and whole.isdecimal() and (not point or fraction.isdecimal()) and len(text) <= 40


def _fill(path: Path, line: int, text: str) -> int:
    return UNKNOWN_FILL if text == "-1" else _integer(path, line, "first_trade_id/last_trade_id", text)


def _integer(path: Path, line: int, column: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= _MAX_ID):
        raise ArchiveError(path, line, f"{column} is {text[:40]!r}, not a whole number", f"expected {_COLUMNS}")
    return int(text)


class _RestRow(msgspec.Struct):
    a: int
    p: str
    q: str
    T: int
    m: bool
    f: int | None = None
    l: int | None = None  # noqa: E741 - the wire's own name
    nq: str = ""


_decode_rest = msgspec.json.Decoder(list[_RestRow]).decode


def _json_rows(path: Path, text: str) -> Iterator[ArchiveRow]:
    try:
        rows = _decode_rest(text)
    except msgspec.DecodeError as error:
        hint = "expected an array of aggTrades rows {a, p, q, f, l, T, m, M}; raw trades have other fields"
        raise ArchiveError(path, 0, f"not a JSON array of aggTrades: {error}", hint) from error
    for number, row in enumerate(rows, 1):
        if not _is_decimal(row.p) or not _is_decimal(row.q) or row.a < 0 or not (_is_decimal(row.nq) or not row.nq):
            raise ArchiveError(path, number, f"a {row.a}, p {row.p[:40]!r} or q {row.q[:40]!r} is unreadable", _TORN)
        fills = (UNKNOWN_FILL if row.f is None else row.f, UNKNOWN_FILL if row.l is None else row.l)
        yield _row(path, number, row.a, row.p, row.q, fills, row.T, row.m, row.nq)
