"""The loader against hand-written files and against the totals the recordings came with."""

from __future__ import annotations

import ast
import gzip
import json
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from tests.reference.oracle import missing, sums
from tests.reference.synthetic import synthetic
from tests.reference.tapefile import (
    EXACT,
    Row,
    Tape,
    aggtrade_tapes,
    capture_tapes,
    load,
    load_capture,
    load_head,
    tape,
    tapes_dir,
    write_csv,
)

needs_tapes = pytest.mark.skipif(tapes_dir() is None, reason="the recorded tapes are not beside this checkout")

SPOT_DAY = """\
184359103,122335.79000000,0.00084000,243254795,243254804,1759536000061015,False,True
184359104,122336.26000000,0.00005000,243254805,243254805,1759536000061015,True,True
"""
WITH_HEADER = """\
agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker
7,83.29,0.107,,,1750507467356,false
8,0,0,-1,-1,1750507467357,true
"""
REST = [
    {"a": 5, "p": "0.00141342", "q": "23.00000000", "f": 11, "l": 13, "T": 1570752011620, "m": True, "M": True},
    {"a": 6, "p": "0.00141266", "q": "54.00000000", "f": 14, "l": 14, "T": 1570752011620000, "m": False, "M": True},
]


def test_a_headerless_file_in_microseconds(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text(SPOT_DAY)
    assert load(path) == [
        Row(
            184359103, Decimal("122335.79"), Decimal("0.00084"), 243254795, 243254804, 1759536000061015, "buy"
        ),  # maker False
        Row(
            184359104, Decimal("122336.26"), Decimal("0.00005"), 243254805, 243254805, 1759536000061015, "sell"
        ),  # maker True: the taker sold
    ]


def test_a_gzip_file_with_header_empty_fills_milliseconds_and_an_invalid_row(tmp_path: Path) -> None:
    path = tmp_path / "A.csv.gz"
    path.write_bytes(gzip.compress(WITH_HEADER.encode()))
    first, second = load(path)
    assert first == Row(7, Decimal("83.29"), Decimal("0.107"), None, None, 1750507467356000, "buy")
    assert first.notional == Decimal("8.91203")  # 83.29 x 0.107
    assert (first.valid, second.valid) == (True, False)
    assert (second.first, second.last) == (-1, -1)


@pytest.mark.parametrize("name", ["A.json", "A.json.gz"])
def test_rest_rows_with_the_unit_of_each_time_by_its_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = json.dumps(REST).encode()
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert load(path) == [
        Row(5, Decimal("0.00141342"), Decimal(23), 11, 13, 1570752011620000, "sell"),
        Row(6, Decimal("0.00141266"), Decimal(54), 14, 14, 1570752011620000, "buy"),
    ]


def test_a_capture_keeps_only_its_aggtrades_by_symbol(tmp_path: Path) -> None:
    event = {"e": "aggTrade", "s": "AUSDT", "a": 5, "p": "2", "q": "3", "f": 1, "l": 2, "T": 1617566591314, "m": True}
    other = {"e": "bookTicker", "s": "AUSDT"}
    lines = [
        "configuration: wss://example",
        f"1617566591.5: {json.dumps({'stream': 'ausdt@aggTrade', 'data': event})}",
        f"1617566591.6: {json.dumps({'stream': 'ausdt@bookTicker', 'data': other})}",
        f"1617566591.7: {json.dumps({'stream': 'busdt@aggTrade', 'data': event | {'s': 'BUSDT', 'a': 9}})}",
    ]
    path = tmp_path / "capture.txt"
    path.write_text("\n".join(lines))
    row = Row(5, Decimal(2), Decimal(3), 1, 2, 1617566591314000, "sell")
    assert load_capture(path) == {"AUSDT": [row], "BUSDT": [row._replace(id=9)]}


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_written_rows_read_back(tmp_path: Path, header: bool, suffix: str) -> None:
    rows = synthetic(11, 500, holes=3, invalid=2) + synthetic(12, 5, unknown_fills=True, first_id=10**9)
    assert load(write_csv(rows, tmp_path / f"A{suffix}", header=header)) == rows


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_the_head_of_a_file_is_the_beginning_of_all_of_it(tmp_path: Path, header: bool, suffix: str) -> None:
    rows = synthetic(4, 300, holes=3, invalid=3)
    path = write_csv(rows, tmp_path / f"tape{suffix}", header=header)
    for count in (0, 1, 120, 300, 301):
        assert load_head(path, count) == load(path)[:count] == rows[:count]


def test_rows_written_in_milliseconds_lose_the_last_three_digits(tmp_path: Path) -> None:
    rows = synthetic(11, 200)
    back = load(write_csv(rows, tmp_path / "A.csv", unit="ms"))
    assert [row.ts_us for row in back] == [row.ts_us // 1000 * 1000 for row in rows]


def test_the_oracle_imports_nothing_of_the_product() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "orderflow_stream"], path.name


def _check(rows: list[Row], known: Tape) -> None:
    """Every figure of the manifest, from the rows."""
    stated, total, holes = known.totals, sums(rows), missing(rows)
    assert len(rows) == stated.rows
    assert (rows[0].id, rows[-1].id) == (stated.id_first, stated.id_last)
    assert len(holes) == stated.id_gaps
    assert sum(last - first + 1 for first, last in holes) == stated.ids_missing
    assert all(last >= first for first, last in holes), "an id twice, or backwards"
    assert (rows[0].ts_us // 1000, rows[-1].ts_us // 1000) == (stated.start_ms, stated.end_ms)
    assert (total.buy_trades, total.sell_trades) == (stated.buy_rows, stated.sell_rows)
    assert (total.buy_base, total.sell_base) == (stated.taker_buy_base, stated.taker_sell_base)
    assert (total.buy_quote, total.sell_quote) == (stated.taker_buy_quote, stated.taker_sell_quote)
    with localcontext(EXACT):
        assert total.buy_quote - total.sell_quote == stated.delta_quote
    prices = [row.price for row in rows]
    assert (prices[0], prices[-1]) == (stated.price_first, stated.price_last)
    assert (min(prices), max(prices)) == (stated.price_min, stated.price_max)
    assert max(row.notional for row in rows) == stated.max_row_notional


@needs_tapes
@pytest.mark.parametrize("known", aggtrade_tapes(), ids=lambda known: known.name)
def test_every_recorded_tape_gives_the_totals_it_came_with(known: Tape) -> None:
    _check(known.rows(), known)
    assert load_head(known.path, 500) == known.rows()[:500]


@needs_tapes
@pytest.mark.parametrize("known", capture_tapes(), ids=lambda known: f"{known.path.name.split('.')[0]}-{known.symbol}")
def test_every_capture_gives_the_totals_it_came_with(known: Tape) -> None:
    _check(load_capture(known.path)[known.symbol], known)


@needs_tapes
def test_the_registry_has_every_aggtrade_file() -> None:
    folder = tapes_dir()
    assert folder is not None
    assert {known.path for known in aggtrade_tapes()} == set(folder.glob("*aggtrades*"))
    assert {known.path for known in capture_tapes()} == set(folder.glob("cryptofeed-*"))
    # The genuine and the derived rows as the provenance states them.
    assert sum(known.totals.rows for known in aggtrade_tapes() if not known.derived) == 208_291
    assert sum(known.totals.rows for known in aggtrade_tapes() if known.derived) == 400_733
    assert {known.market for known in aggtrade_tapes()} == {"spot", "usdm"}
    assert (tape("XRPETH").base, tape("XRPETH").quote) == ("XRP", "ETH")
    with pytest.raises(LookupError, match="say more"):
        tape("BTCUSDT")
