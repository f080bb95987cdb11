"""Rows, coverage and rounding on examples worked by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.reference.oracle import coverage, flow, missing, rounded, scan, synthetic, to_units
from tests.reference.tapefile import Row, SideName, tape, tapes_dir

needs_tapes = pytest.mark.skipif(tapes_dir() is None, reason="the recorded tapes are not beside this checkout")

T0 = 1_700_000_000_000_000
SECOND = 1_000_000


def row(
    id: int,
    price: str,
    qty: str,
    side: SideName = "buy",
    us: int = 0,
    fills: tuple[int | None, int | None] = (None, None),
) -> Row:
    return Row(id, Decimal(price), Decimal(qty), *fills, T0 + us, side)


def invalid(id: int, us: int = 0) -> Row:
    return row(id, "0", "0", "sell", us, (-1, -1))


def flow_of(rows: list[Row], quote: str = "USDT", **span: Any) -> dict[str, Any]:
    return flow(rows, symbol="A" + quote, quote=quote, **(span or {"trades": 5000}))


@pytest.mark.parametrize(
    "value, places, result",
    [
        ("0.005", 2, "0.00"),
        ("0.015", 2, "0.02"),
        ("0.025", 2, "0.02"),
        ("-0.015", 2, "-0.02"),
        ("0.0250000000000000000000000000000000000001", 2, "0.03"),
        ("123456789012345678901234567890.125", 2, "123456789012345678901234567890.12"),
        ("7", 4, "7"),
    ],
)
def test_half_goes_to_even_at_any_size(value: str, places: int, result: str) -> None:
    assert rounded(Decimal(value), places) == Decimal(result)


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert str(rounded(Decimal("-0.001"), 2)) == "0.00"
    assert rounded(Fraction(-2, 3), 4) == Decimal("-0.6667")


def test_the_last_trades_go_across_holes_and_skip_invalid_rows() -> None:
    rows = [row(1, "1", "1"), row(2, "1", "2"), invalid(3), row(7, "1", "4"), invalid(8)]
    assert [one.id for one in scan(rows, trades=2)] == [2, 7]
    assert [one.id for one in scan(rows, trades=99)] == [1, 2, 7]
    assert flow_of(rows, trades=2)["taker_buy_base"] == 6
    assert flow_of(rows, trades=2)["trades_scanned"] == 2


def test_a_time_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    rows = [row(n, "1", "1", us=us) for n, us in enumerate((0, 1, 60 * SECOND, 60 * SECOND + 1), 1)]
    now = T0 + 60 * SECOND
    assert [one.id for one in scan(rows, window=(now, 60 * SECOND))] == [2, 3]  # T0 is just out, now is just in
    assert flow_of(rows, window=(now, 60 * SECOND))["trades_scanned"] == 2
    assert flow_of(rows, window=(now, 60 * SECOND))["window_seconds"] == Decimal("60.0")  # 59.999999 from first to last


def test_missing_ranges() -> None:
    rows = [row(1, "1", "1"), row(2, "1", "1"), invalid(3), row(5, "1", "1"), row(9, "1", "1")]
    assert missing(rows) == [[4, 4], [6, 8]]
    assert missing([]) == []


def test_coverage_by_count() -> None:
    rows = [invalid(1), row(2, "1", "1"), row(4, "1", "1"), invalid(5), row(6, "1", "1"), row(9, "1", "1"), invalid(10)]
    # 6, 9 and the invalid newest id: 6..10 are five ids, three held
    assert coverage(rows, trades=2) == {
        "first_id": 6,
        "last_id": 10,
        "expected": 5,
        "received": 3,
        "invalid": 1,
        "missing": [[7, 8]],
        "missing_total": 2,
    }
    # 4, 6 and 9 are the last three held, whatever id 3 was
    assert (coverage(rows, trades=3)["first_id"], coverage(rows, trades=3)["missing"]) == (4, [[7, 8]])
    # more asked than held: from the oldest trade; that id 1 is held and carries none adds nothing
    assert coverage(rows, trades=100) == {
        "first_id": 2,
        "last_id": 10,
        "expected": 9,
        "received": 6,
        "invalid": 2,
        "missing": [[3, 3], [7, 8]],
        "missing_total": 3,
    }
    # but ids lost after id 1 could be trades among the last 100
    doubtful = coverage([rows[0], row(4, "1", "1")], trades=100)
    assert (doubtful["first_id"], doubtful["expected"], doubtful["missing"]) == (2, 3, [[2, 3]])
    assert coverage([invalid(1), invalid(2)], trades=100)["expected"] == 0
    empty = coverage([], trades=100)
    assert (empty["first_id"], empty["last_id"], empty["expected"], empty["missing"]) == (None, None, 0, [])


def test_coverage_by_time_includes_the_hole_at_its_edge() -> None:
    rows = [row(1, "1", "1", us=0), row(4, "1", "1", us=10), row(5, "1", "1", us=20), row(8, "1", "1", us=30)]
    inside = coverage(rows, window=(T0 + 30, 25))  # 4, 5, 8; ids 2 and 3 may be older or not
    assert (inside["first_id"], inside["last_id"], inside["expected"], inside["received"]) == (2, 8, 7, 3)
    assert inside["missing"] == [[2, 3], [6, 7]]
    after = coverage(rows, window=(T0 + 30, 15))  # 5, 8: 4 is held and is older, so nothing before 5 is in doubt
    assert (after["first_id"], after["missing"]) == (5, [[6, 7]])
    whole = coverage(rows, window=(T0 + 30, 99))  # what came before the tape is not a hole
    assert (whole["first_id"], whole["missing_total"]) == (1, 4)
    assert coverage(rows, window=(T0 + 99, 5))["received"] == 0
    # Nothing traded in the window as far as anyone holds, but ids 9 and 10, before an invalid 11, are unknown.
    empty = coverage([*rows, invalid(11, 99)], window=(T0 + 99, 5))
    assert (empty["first_id"], empty["last_id"], empty["received"], empty["invalid"]) == (9, 11, 1, 1)
    early = coverage(rows, window=(T0 + 25, 99))  # what is newer than now is not part of the answer
    assert (early["last_id"], early["missing"]) == (5, [[2, 3]])


@pytest.mark.parametrize("span", [{"trades": 700}, {"trades": 5000}, {"window": 30 * SECOND}, {"window": 600 * SECOND}])
@pytest.mark.parametrize("seed", range(3))
def test_coverage_adds_up(seed: int, span: dict[str, int]) -> None:
    rows = synthetic(seed, 2500, holes=12, invalid=8)
    chosen: dict[str, Any] = {"window": (rows[-1].ts_us, span["window"])} if "window" in span else dict(span)
    answer = coverage(rows, **chosen)
    assert answer["expected"] == answer["received"] + answer["missing_total"]
    assert answer["expected"] == answer["last_id"] - answer["first_id"] + 1
    assert flow_of(rows, **chosen)["trades_scanned"] == answer["received"] - answer["invalid"]


def test_to_units() -> None:
    assert to_units(Decimal("122335.79")) == 12_233_579_000_000
    assert to_units(Decimal("-0.00000001")) == -1
    assert to_units(Decimal("0.12345678") * Decimal("0.1"), 16) == 123_456_780_000_000
    with pytest.raises(ValueError, match="finer"):
        to_units(Decimal("0.000000001"))


@needs_tapes
def test_a_recording_with_holes_declares_them() -> None:
    rows = tape("LTCUSDT").rows()
    answer = coverage(rows, trades=len(rows))
    assert (len(answer["missing"]), answer["missing_total"]) == (16, 168)
    assert answer["expected"] == 293571260 - 293517768 + 1 == answer["received"] + 168
