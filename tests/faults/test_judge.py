"""The judge can say no: each way in which an answer can be wrong is noticed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.faults.judge import Source, Verdict, judge_flow, judge_large, judge_tape

NOON = 1_760_011_200_000_000
ROWS = [
    ArchiveRow(
        100 + n, f"{10 + n % 3}.50000000", "2.00000000" if n != 15 else "0", n * 2, n * 2 + 1, NOON + n * 1000, "us",
        n % 2 == 0,
    )
    for n in range(40)
]  # fmt: skip
SOURCE = Source("AAAUSDT", [row for row in ROWS if row.id != 120], [row.ts + 100 for row in ROWS if row.id != 120])


def answer(first: int, last: int, missing: list[list[int]] | None = None, **more: Any) -> dict[str, Any]:
    """A right answer over the ids `first`..`last`."""
    sums = SOURCE.sums(first, last)
    for a, b in missing or []:
        for name, value in SOURCE.sums(a, b).items():
            sums[name] -= value
    count = sum(b - a + 1 for a, b in missing or [])
    trades = sums["buy_trades"] + sums["sell_trades"]
    data: dict[str, Any] = {
        "symbol": "AAAUSDT",
        "trades_scanned": trades,
        **{name: value if name.endswith("trades") else str(value / 1) for name, value in sums.items()},
        "coverage": {
            "first_id": first, "last_id": last, "expected": last - first + 1, "received": last - first + 1 - count,
            "missing": missing or [], "missing_total": count, "requested": {"trades": trades}, "reaches_back": True,
            "complete": not count, "state": "gap" if count else "live", "clock_offset_ms": 0,
            "as_of": (NOON + (last - 100) * 1000) // 1000,
        },
    }  # fmt: skip
    for name, value in sums.items():
        if not name.endswith("trades"):
            places = 8 if name.endswith("base") else 16
            text = str(value).rjust(places + 1, "0")
            data[name] = f"{text[:-places]}.{text[-places:]}"
    data["coverage"] |= more
    return data


def problems(data: dict[str, Any], **more: Any) -> list[str]:
    verdict = Verdict()
    judge_flow(SOURCE, data, verdict, **more)
    return verdict.problems


def test_right_answers() -> None:
    assert problems(answer(100, 119)) == []
    assert problems(answer(105, 117)) == []
    assert problems(answer(100, 139, [[120, 120]])) == []
    assert problems(answer(100, 139, [[103, 104], [120, 120]])) == []


@pytest.mark.parametrize("name", ["buy_trades", "taker_buy_base", "taker_sell_quote"])
def test_a_wrong_sum(name: str) -> None:
    data = answer(100, 119)
    data[name] = data[name] + 1 if isinstance(data[name], int) else data[name][:-1] + "1"
    assert problems(data)


def test_a_hole_that_is_not_declared() -> None:
    data = answer(100, 139, [[120, 120]])
    data["coverage"] |= {"missing": [], "missing_total": 0, "received": 40}
    assert problems(data)


def test_complete_with_a_hole() -> None:
    assert problems(answer(100, 139, [[120, 120]], complete=True))
    assert problems(answer(100, 119, state="stale"))
    assert problems(answer(100, 119, reaches_back=False))


def test_complete_beyond_what_it_has() -> None:
    assert problems(answer(100, 110, as_of=(NOON + 20_000) // 1000))
    assert problems(answer(100, 110, as_of=(NOON + 20_000) // 1000), lag=30_000) == []
    assert problems(answer(100, 110, as_of=(NOON + 20_000) // 1000, complete=False, state="stale")) == []


def test_how_long_it_was_blind() -> None:
    verdict = Verdict()
    judge_flow(SOURCE, answer(100, 110), verdict, asked=NOON + 2_011_100)
    assert verdict.problems == []
    assert verdict.blind["AAAUSDT"] == pytest.approx(2.0)


def test_tapes() -> None:
    told = [
        {"id": row.id, "price": row.price, "qty": row.qty, "side": "sell" if row.buyer_is_maker else "buy",
         "ts_event": row.ts}
        for row in SOURCE.rows if row.qty != "0"
    ]  # fmt: skip

    def judged(rows: list[dict[str, Any]]) -> tuple[int, int, int]:
        verdict = Verdict()
        return *judge_tape(SOURCE, rows, 100, verdict), len(verdict.problems)

    assert judged(told) == (0, 0, 0)
    assert judged(told[:7] + told[8:]) == (1, 0, 1)
    assert judged([*told, told[3]]) == (0, 1, 1)
    changed = copy.deepcopy(told)
    changed[4]["side"] = "sell" if changed[4]["side"] == "buy" else "buy"
    assert judged(changed) == (0, 0, 1)
    assert judged([*told, told[3] | {"id": 120}]) == (0, 0, 1)


def test_large_orders() -> None:
    orders = SOURCE.orders(24 * 10**16, 101, 118)
    listed = [{"id": order.id, "qty": "2"} for order in orders]
    assert len(orders) > 3

    def judged(rows: list[dict[str, Any]]) -> list[str]:
        verdict = Verdict()
        judge_large(SOURCE, {"largest": rows, "coverage": answer(101, 118)["coverage"]}, 24 * 10**16, verdict)
        return verdict.problems

    assert judged(listed) == []
    assert judged(listed[:2] + listed[3:])
    assert judged([*listed, {"id": 101 if orders[0].id != 101 else 102, "qty": "2"}])
    assert judged([listed[0] | {"qty": "3"}, *listed[1:]])
