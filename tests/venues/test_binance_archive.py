"""The archive reader: every form of the real files, and every way a file can be wrong."""

from __future__ import annotations

import gzip
import io
import itertools
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.venues.binance_archive import ArchiveError, ArchiveRow, read_archive, symbol_of

TAPES = Path(__file__).resolve().parents[3] / "shared" / "tapes"

SPOT = (
    "184359103,122335.79000000,0.00084000,243254795,243254804,1759536000061015,False,True\n"
    "184359104,122336.26000000,0.00005000,243254805,243254805,1759536000061015,True,True\n"
)
SPOT_ROWS = [
    ArchiveRow(184359103, "122335.79000000", "0.00084000", 243254795, 243254804, 1759536000061015, "us", False),
    ArchiveRow(184359104, "122336.26000000", "0.00005000", 243254805, 243254805, 1759536000061015, "us", True),
]
FUTURES = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    "1206419187,1666.8,26.062,,,1675329600138,false\n"
    "1206419188,1666.79,0.152,7,9,1675329600214,true\n"
)
FUTURES_ROWS = [
    ArchiveRow(1206419187, "1666.8", "26.062", -1, -1, 1675329600138000, "ms", False),
    ArchiveRow(1206419188, "1666.79", "0.152", 7, 9, 1675329600214000, "ms", True),
]


def zipped(data: bytes, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("BTCUSDT-aggTrades-2025-01-01.csv",):
            archive.writestr(name, data)
    return buffer.getvalue()


def _words_only(value: object) -> str:
    """Test ids that do not change: packed bytes carry the time of packing."""
    return value if isinstance(value, str) else "data"


def plain(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("pack", [plain, gzip.compress, zipped])
@pytest.mark.parametrize("text, rows", [(SPOT, SPOT_ROWS), (FUTURES, FUTURES_ROWS)])
def test_forms(tmp_path: Path, pack: Callable[[bytes], bytes], text: str, rows: list[ArchiveRow]) -> None:
    path = tmp_path / "file"  # told by content, not by name
    path.write_bytes(pack(text.encode()))
    assert list(read_archive(path)) == rows


@pytest.mark.parametrize(
    "text",
    [
        SPOT.replace("\n", "\r\n"),
        "\ufeff" + SPOT,
        SPOT.rstrip("\n"),
        "\n" + SPOT + "\n\n",
        SPOT.replace("True", "true").replace("False", "FALSE"),
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match\n" + SPOT,
        SPOT.replace(",True\n", "\n"),
    ],
)
def test_tolerated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "BTCUSDT-aggTrades.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert list(read_archive(str(path))) == SPOT_ROWS


@pytest.mark.parametrize("pack", [plain, gzip.compress])
def test_json_rows(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    rows = [
        {"M": True, "T": 1577977823305, "a": 202790190, "f": 5, "l": 6, "m": False, "p": "7139.89", "q": "0.067"},
        {"T": 1577977823306123, "a": 202790191, "m": True, "p": "7139.90", "q": "1"},
    ]
    path = tmp_path / "BTCUSDT-rest.json"
    path.write_bytes(pack(b"\n " + orjson.dumps(rows, option=orjson.OPT_INDENT_2)))
    assert list(read_archive(path)) == [
        ArchiveRow(202790190, "7139.89", "0.067", 5, 6, 1577977823305000, "ms", False),
        ArchiveRow(202790191, "7139.90", "1", -1, -1, 1577977823306123, "us", True),
    ]


def test_an_invalid_row_of_the_exchange_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-x.csv"
    path.write_text("5,0,0,-1,-1,1577977823305,False,True\n")
    assert list(read_archive(path)) == [ArchiveRow(5, "0", "0", -1, -1, 1577977823305000, "ms", False)]


FIRST = "1,2.5,3,4,5,1577977823305,True\n"


@pytest.mark.parametrize(
    "line, says",
    [
        ("1,2.5,3,4,5,1577977823305", "6 columns"),
        ("1,2.5,3,4,5,1577977823305,True,True,True", "9 columns"),
        ("x,2.5,3,4,5,1577977823305,True", "agg_trade_id is 'x'"),
        ("-1,2.5,3,4,5,1577977823305,True", "agg_trade_id is '-1'"),
        ("9223372036854775808,2.5,3,4,5,1577977823305,True", "agg_trade_id"),
        ("٣,2.5,3,4,5,1577977823305,True", "agg_trade_id"),
        ("1,2.5e3,3,4,5,1577977823305,True", "'2.5e3'"),
        ("1,NaN,3,4,5,1577977823305,True", "'NaN'"),
        ("1,-2.5,3,4,5,1577977823305,True", "'-2.5'"),
        ("1,2.5,,4,5,1577977823305,True", "plain decimal"),
        ("1,2.,3,4,5,1577977823305,True", "plain decimal"),
        ("1,2.5,3,4,,1577977823305,True", "first_trade_id/last_trade_id is ''"),
        ("1,2.5,3,6,5,1577977823305,True", "beyond last_trade_id"),
        ("1,2.5,3,4,5,1577977823,True", "neither milliseconds nor microseconds"),
        ("1,2.5,3,4,5,1577977823305000000,True", "neither milliseconds nor microseconds"),
        ("1,2.5,3,4,5,,True", "transact_time is ''"),
        ("1,2.5,3,4,5,1577977823305,1", "is_buyer_maker is '1'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "BTCUSDT-x.csv"
    path.write_text(FIRST + line + "\n" + FIRST, encoding="utf-8")
    rows = read_archive(path)
    assert next(rows).id == 1
    with pytest.raises(ArchiveError) as caught:
        next(rows)
    assert caught.value.line == 2
    assert caught.value.path == path
    assert says in caught.value.message
    assert caught.value.hint
    assert str(caught.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "empty"),
        (b"\n\n", "no rows"),
        (gzip.compress(b""), "no rows"),
        (b"[]", "no rows"),
        (gzip.compress(SPOT.encode() * 500)[:-400], "torn"),
        (gzip.compress(SPOT.encode())[:-2], "torn"),
        (b"\x1f\x8bnonsense", "gzip"),
        (zipped(SPOT.encode())[:80], "zip"),
        (zipped(SPOT.encode(), "a.csv", "b.csv"), "2 files"),
        (b"\xff\xfe\xfa\x00,1", "not text"),
        (b"[1,2]", "not a JSON array of aggTrades"),
        (b'[{"id":1,"price":"1","qty":"1","time":1679280337591,"isBuyerMaker":true}]', "not a JSON array"),
        (b'[{"a":1,"p":"x","q":"1","T":1679280337591,"m":true}]', "unreadable"),
        (b"trade_id,price,quantity,time,is_buyer_maker\n45,0.1718,57.8,1760054401717502,true\n", "header"),
        (b"id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n1,2,3,6,1760054401717502,true,true\n", "header"),
        (b"1,2,3,6,1760054401717502,true,true\n", "transact_time"),
    ],
    ids=_words_only,
)
def test_a_bad_file_is_told(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "BTCUSDT-x"
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=says):
        list(read_archive(path))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        list(read_archive(tmp_path / "none.csv"))
    with pytest.raises(ArchiveError, match="cannot be read"):
        list(read_archive(tmp_path))


@pytest.mark.parametrize(
    "name, symbol",
    [
        ("BTCUSDT-aggTrades-2025-10-04.zip", "BTCUSDT"),
        ("/a-b/1000SATSUSDT-aggTrades-2025-10.csv.gz", "1000SATSUSDT"),
        ("币安人生USDT-aggTrades-2025-10.zip", "币安人生USDT"),
    ],
)
def test_symbol_of(name: str, symbol: str) -> None:
    assert symbol_of(name) == symbol


@pytest.mark.parametrize("name", ["trades.csv", "-x.csv"])
def test_symbol_of_a_silent_name(name: str) -> None:
    with pytest.raises(ArchiveError, match="SYMBOL-"):
        symbol_of(name)


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_an_archive_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(data)
    try:
        rows = list(read_archive(path))
    except ArchiveError:
        return
    assert rows


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**62),
            st.decimals(0, 10**9, places=8),
            st.integers(-1, 10**12),
            st.integers(10**14, 10**16),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[tuple[int, Decimal, int, int, bool]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip"
    path.write_text("".join(f"{i},{p:f},{p:f},{f},{f},{t},{m}\n" for i, p, f, t, m in given_rows))
    rows = list(read_archive(path))
    assert [(r.id, Decimal(r.price), r.first, r.ts, r.buyer_is_maker) for r in rows] == given_rows
    assert all(row.price == row.qty and row.first == row.last for row in rows)


# Rows, taker buy and taker sell base, from the provenance of the recorded tapes.
@pytest.mark.parametrize(
    "name, count, bought, sold, unit",
    [
        ("BTCUSDC-spot-aggtrades-2025-10-04.csv.gz", 140_489, "985.50626", "1002.0242", "us"),
        ("LTCUSDT-spot-aggtrades-2025-06-21.csv.gz", 53_325, "111776.466", "125098.926", "ms"),
        ("XRPETH-spot-aggtrades-rest-2019-10-11_13.json.gz", 12_477, None, None, "ms"),
    ],
)
@pytest.mark.skipif(not TAPES.is_dir(), reason="no recorded tapes beside the checkout; the synthetic forms above stand")
def test_recorded_tapes(name: str, count: int, bought: str | None, sold: str | None, unit: str) -> None:
    rows = list(read_archive(TAPES / name))
    assert len(rows) == count
    assert {row.ts_unit for row in rows} == {unit}
    assert all(a.id < b.id and a.ts <= b.ts for a, b in itertools.pairwise(rows))
    if bought is not None:
        assert sum(Decimal(row.qty) for row in rows if not row.buyer_is_maker) == Decimal(bought)
    if sold is not None:
        assert sum(Decimal(row.qty) for row in rows if row.buyer_is_maker) == Decimal(sold)
