"""The oracle on examples worked by hand; the sums are in the comments."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.reference.oracle import (
    FIAT,
    bars,
    flow,
    orders,
    orders_large,
    rounded,
    rows_large,
    sums,
    synthetic,
    window_summary,
)
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


# 10 x 0.5 = 5 bought; 10.01 x 0.2 = 2.002 sold; 9.99 x 0.1 = 0.999 bought
THREE = [
    row(1, "10", "0.5", "buy", 999),
    row(2, "10.01", "0.2", "sell", 400_000),
    row(3, "9.99", "0.1", "buy", 1_250_999),
]


def test_every_field_of_flow() -> None:
    assert flow_of(THREE) == {
        "source": "Binance",
        "venue": "binance",
        "market": "spot",
        "symbol": "AUSDT",
        "trades_scanned": 3,
        "buy_trades": 2,
        "sell_trades": 1,
        "taker_buy_base": Decimal("0.6"),
        "taker_sell_base": Decimal("0.2"),
        "taker_buy_quote": Decimal("6.00"),  # 5.999
        "taker_sell_quote": Decimal("2.00"),  # 2.002
        "delta_base": Decimal("0.4"),
        "delta_quote": Decimal("4.00"),  # 3.997, rounded by itself
        "cvd_quote": Decimal("4.00"),
        "buy_sell_ratio": Decimal("3.0000"),  # 0.6 / 0.2
        "buy_volume_share": Decimal("0.7500"),  # 0.6 / 0.8
        "pressure": "strong_buy",  # 0.4 / 0.8 = 0.5
        "window_seconds": Decimal("1.2"),  # 1.250999 - 0.000999 = 1.25 exactly: the tie goes to the even digit
        "first_time": T0 // 1000,  # 0.999 ms is cut, not rounded
        "last_time": T0 // 1000 + 1250,
        "last_price": Decimal("9.99"),
    }


def test_quote_values_of_other_quotes_carry_eight_decimals() -> None:
    assert flow_of(THREE, "ETH")["delta_quote"] == Decimal("3.997")
    # 0.12345678 x 0.1 = 0.012345678: nine decimals, the last one drops
    assert flow_of([row(1, "0.12345678", "0.1")], "BTC")["taker_buy_quote"] == Decimal("0.01234568")
    assert {"USDT", "USDC", "FDUSD", "TUSD", "DAI", "USD1", "U", "USD", "EUR", "TRY", "BRL"} <= FIAT
    custom = flow(THREE, symbol="AETH", quote="ETH", trades=3, fiat={"ETH"})
    assert custom["delta_quote"] == Decimal("4.00")


def test_exact_answers_round_no_quote_value() -> None:
    rows = [row(1, "0.12345678", "0.00000001"), row(2, "0.00000001", "0.00000003", "sell")]
    answer = flow(rows, symbol="AUSDT", quote="USDT", trades=2, exact=True)
    assert answer["taker_buy_quote"] == Decimal("0.0000000012345678")
    assert answer["delta_quote"] == Decimal("0.0000000012345675")  # less 3 units of 10^-16
    assert answer["buy_sell_ratio"] == Decimal("0.3333")
    summary = window_summary(rows, window=(T0, 1), quote="USDT", exact=True)
    assert summary["delta_quote"] == Decimal("0.0000000012345675")
    for large in (rows_large, orders_large):
        print_ = large(rows, 0, symbol="AUSDT", quote="USDT", exact=True)
        assert print_["net_notional"] == Decimal("0.0000000012345675")
        assert [entry["notional_usd"] for entry in print_["largest"]][1] == Decimal("0.0000000000000003")


def test_the_delta_is_rounded_once_from_exact_sums() -> None:
    # 0.014 - 0.006 = 0.008 -> 0.01, though the rounded sides, 0.01 and 0.01, would give 0
    answer = flow_of([row(1, "0.014", "1"), row(2, "0.006", "1", "sell")])
    assert (answer["taker_buy_quote"], answer["taker_sell_quote"]) == (Decimal("0.01"), Decimal("0.01"))
    assert answer["delta_quote"] == Decimal("0.01")


@pytest.mark.parametrize(
    "bought, sold, ratio",
    [
        ("1.00005", "1", "1.0000"),  # a tie, 0 is even
        ("1.00015", "1", "1.0002"),  # a tie, 1 is odd
        ("1", "3", "0.3333"),
        ("2", "3", "0.6667"),
        ("0.00000001", "1", "0.0000"),
    ],
)
def test_ratios_round_half_to_even(bought: str, sold: str, ratio: str) -> None:
    answer = flow_of([row(1, "1", bought), row(2, "1", sold, "sell")])
    assert answer["buy_sell_ratio"] == Decimal(ratio)


def test_the_ratio_is_of_base_quantities_as_in_the_original_example() -> None:
    # The published example: 37.98445 bought, 38.66305 sold. 37.98445 / 38.66305 = 0.982448… -> 0.9824. By quote, with
    # the buys 0.70 dearer, 2406493.63… / 2449435.28… = 0.982459… -> 0.9825: another number.
    rows = [row(1, "63354.70", "37.98445"), row(2, "63354.00", "38.66305", "sell")]
    by_quote = Fraction(rows[0].notional) / Fraction(rows[1].notional)
    assert rounded(by_quote, 4) == Decimal("0.9825")
    answer = flow_of(rows)
    assert answer["buy_sell_ratio"] == Decimal("0.9824")
    assert answer["buy_volume_share"] == Decimal("0.4956")  # 37.98445 / 76.6475 = 0.49557…
    assert answer["delta_base"] == Decimal("-0.6786")
    assert answer["pressure"] == "balanced"


def test_one_sided_and_empty_spans() -> None:
    only_buys = flow_of([row(1, "2", "3")])
    assert (only_buys["buy_sell_ratio"], only_buys["buy_volume_share"]) == (None, Decimal(1))
    only_sells = flow_of([row(1, "2", "3", "sell")])
    assert (only_sells["buy_sell_ratio"], only_sells["buy_volume_share"]) == (Decimal(0), Decimal(0))
    assert (only_buys["pressure"], only_sells["pressure"]) == ("strong_buy", "strong_sell")
    for nothing in (flow_of([]), flow_of([invalid(1)]), flow_of(THREE, window=(T0 + 9 * SECOND, SECOND))):
        null = {"buy_sell_ratio", "buy_volume_share", "pressure", "first_time", "last_time", "last_price"}
        assert {key for key, value in nothing.items() if value is None} == null
        zero = set(nothing) - null - {"source", "venue", "market", "symbol"}
        assert all(nothing[key] == 0 for key in zero)


@pytest.mark.parametrize(
    "bought, sold, word",
    [
        ("1", "1", "balanced"),
        ("1.09999998", "0.90000002", "balanced"),  # 0.09999998
        ("1.1", "0.9", "buy"),  # 0.2 / 2 = 0.10 exactly
        ("1.29999999", "0.70000001", "buy"),  # 0.29999999
        ("1.3", "0.7", "strong_buy"),  # 0.6 / 2 = 0.30 exactly
        ("0.90000002", "1.09999998", "balanced"),
        ("0.9", "1.1", "sell"),
        ("0.70000001", "1.29999999", "sell"),
        ("0.7", "1.3", "strong_sell"),
    ],
)
def test_pressure_at_its_bounds(bought: str, sold: str, word: str) -> None:
    # The dear buy shows that the quote side has no say.
    assert flow_of([row(1, "1000", bought), row(2, "1", sold, "sell")])["pressure"] == word


def test_a_span_is_by_count_or_by_time() -> None:
    for wrong in ({}, {"trades": 1, "window": (T0, 1)}):
        with pytest.raises(ValueError, match="one of them"):
            flow(THREE, symbol="A", quote="USDT", **wrong)  # type: ignore[arg-type]


def test_a_window_summary() -> None:
    assert window_summary(THREE, window=(T0 + SECOND, SECOND), quote="USDT") == {
        "delta_base": Decimal("0.3"),  # the third trade is not yet
        "delta_quote": Decimal("3.00"),  # 5 - 2.002 = 2.998
        "taker_buy_quote": Decimal("5.00"),
        "taker_sell_quote": Decimal("2.00"),
        "buy_volume_share": Decimal("0.7143"),  # 5 / 7 = 0.714285…
        "trades": 2,
    }
    assert window_summary(THREE, window=(T0, 1), quote="USDT")["buy_volume_share"] is None


# Two legs of one buy, then everything that ends an order.
SWEEP = [
    row(1, "100", "1", "buy", 5, (11, 12)),
    row(2, "101", "2", "buy", 5, (13, 13)),  # same time and side, fill 13 follows 12: leg of the same order
    row(3, "101", "3", "sell", 5, (14, 14)),  # other side
    row(4, "101", "1", "sell", 6, (15, 15)),  # a microsecond later
    row(5, "100", "1", "sell", 6, (17, 17)),  # fill 16 is somebody else's
    row(7, "100", "1", "sell", 6, (18, 18)),  # id 6 is missing
]


def _ids(rows: list[Row]) -> list[list[int]]:
    return [[leg.id for leg in order.legs] for order in orders(rows)]


def test_what_makes_and_ends_an_order() -> None:
    assert _ids(SWEEP) == [[1, 2], [3], [4], [5], [7]]


def test_unknown_fills_leave_it_to_the_ids() -> None:
    assert _ids([row(1, "1", "1"), row(2, "2", "1"), row(4, "3", "1")]) == [[1, 2], [4]]
    half = [row(1, "1", "1", fills=(5, 5)), row(2, "2", "1"), row(3, "2", "1", fills=(6, 6))]
    assert _ids(half) == [[1], [2], [3]]  # one side tells and the other does not: nothing shows that they belong


def test_an_invalid_row_is_no_leg_and_ends_the_order() -> None:
    rows = [row(1, "1", "1", fills=(1, 1)), invalid(2), row(3, "2", "1", fills=(2, 2))]
    assert _ids(rows) == [[1], [3]]


def test_one_order_in_figures() -> None:
    rows = [
        row(8, "3", "1", "sell", 1_999, (1, 4)),
        row(9, "2", "1", "sell", 1_999, (5, 5)),
        row(10, "3", "1", "sell", 1_999, (6, 6)),  # back at 3: levels are distinct prices
    ]
    answer = orders_large(rows, 8, symbol="AUSDT", quote="USDT")
    assert answer == {
        "source": "Binance",
        "venue": "binance",
        "market": "spot",
        "symbol": "AUSDT",
        "min_notional": Decimal(8),  # 3 + 2 + 3: at the threshold is large
        "trades_scanned": 3,
        "window_seconds": Decimal(0),
        "count": 1,
        "buy_count": 0,
        "sell_count": 1,
        "buy_notional": Decimal(0),
        "sell_notional": Decimal(8),
        "net_notional": Decimal(-8),
        "largest": [
            {
                "id": 10,
                "side": "sell",
                "time": T0 // 1000 + 1,
                "price": Decimal(3),
                "qty": Decimal(3),
                "notional_usd": Decimal(8),
                "first_id": 8,
                "last_id": 10,
                "legs": 3,
                "levels": 2,
                "vwap": Decimal("2.66666667"),  # 8 / 3
            }
        ],
    }
    assert orders_large(rows, Decimal("8.0000000000000001"), symbol="A", quote="USDT")["count"] == 0


def test_vwap_rounds_half_to_even() -> None:
    def vwap(second: str) -> Decimal:
        legs = [row(1, "0.00000001", "1"), row(2, second, "1")]
        found = orders_large(legs, 0, symbol="A", quote="BTC")["largest"][0]["vwap"]
        assert isinstance(found, Decimal)
        return found

    assert vwap("0.00000002") == Decimal("0.00000002")  # 1.5 units: up to 2
    assert vwap("0.00000004") == Decimal("0.00000002")  # 2.5 units: down to 2


def test_rows_are_listed_by_exact_notional_then_id() -> None:
    rows = [
        row(1, "10", "10"),  # 100
        row(2, "100.001", "1", "sell"),  # 100.001, the same as 100 once rounded
        row(3, "20", "5"),  # 100
        row(4, "99.999", "1"),  # below
        row(5, "200", "1", "sell"),
    ]
    answer = rows_large(rows, 100, symbol="AUSDT", quote="USDT", limit=3)
    assert [entry["id"] for entry in answer["largest"]] == [5, 2, 3]
    assert [entry["notional_usd"] for entry in answer["largest"]] == [200, 100, 100]
    assert set(answer["largest"][0]) == {"id", "side", "time", "price", "qty", "notional_usd"}
    assert (answer["count"], answer["buy_count"], answer["sell_count"]) == (4, 2, 2)  # all, not the three listed
    assert (answer["buy_notional"], answer["sell_notional"]) == (200, 300)  # 300.001
    assert answer["net_notional"] == -100  # -100.001
    assert rows_large(rows, 100, symbol="AETH", quote="ETH")["net_notional"] == Decimal("-100.001")


def test_since_id_leaves_out_what_is_already_known() -> None:
    rows = [row(n, "1", "1", us=n) for n in range(1, 6)]
    answer = rows_large(rows, 1, symbol="A", quote="USDT", since_id=3)
    assert [entry["id"] for entry in answer["largest"]] == [5, 4]
    assert (answer["count"], answer["trades_scanned"]) == (2, 5)
    # An order is known by its last row: 1 and 2 are one order with id 2.
    assert orders_large(SWEEP, 0, symbol="A", quote="USDT", since_id=1)["count"] == 5
    assert orders_large(SWEEP, 0, symbol="A", quote="USDT", since_id=2)["count"] == 4


def test_the_scan_comes_before_the_grouping() -> None:
    whole = orders_large(SWEEP, 300, symbol="A", quote="USDT", trades=6)
    assert [(entry["id"], entry["legs"], entry["notional_usd"], entry["price"]) for entry in whole["largest"]] == [
        (3, 1, 303, 101),  # 101 x 3
        (2, 2, 302, 101),  # 100 x 1 + 101 x 2, and 101 is where it ended
    ]
    cut = orders_large(SWEEP, 0, symbol="A", quote="USDT", trades=5)
    assert [(entry["first_id"], entry["legs"]) for entry in cut["largest"] if entry["id"] == 2] == [(2, 1)]
    assert cut["trades_scanned"] == 5


def test_bars_are_aligned_and_only_where_something_traded() -> None:
    start = T0 - T0 % (60 * SECOND)
    base = start - T0
    rows = [
        row(1, "10", "1", "buy", base),
        row(2, "12", "2", "sell", base + 30 * SECOND),
        invalid(3, base + 31 * SECOND),
        row(4, "9", "1", "buy", base + 60 * SECOND - 1),
        row(5, "11", "3", "sell", base + 120 * SECOND),
    ]
    assert bars(rows, 60 * SECOND) == [
        {
            "start": start,
            "open": Decimal(10),
            "high": Decimal(12),
            "low": Decimal(9),
            "close": Decimal(9),
            "buy_trades": 2,
            "sell_trades": 1,
            "buy_base": Decimal(2),
            "sell_base": Decimal(2),
            "buy_quote": Decimal(19),  # 10 + 9
            "sell_quote": Decimal(24),  # 12 x 2
            "first_id": 1,
            "last_id": 4,
        },
        {
            "start": start + 120 * SECOND,  # nothing in the minute before: no bar
            "open": Decimal(11),
            "high": Decimal(11),
            "low": Decimal(11),
            "close": Decimal(11),
            "buy_trades": 0,
            "sell_trades": 1,
            "buy_base": Decimal(0),
            "sell_base": Decimal(3),
            "buy_quote": Decimal(0),
            "sell_quote": Decimal(33),
            "first_id": 5,
            "last_id": 5,
        },
    ]


def _groups_hold(rows: list[Row]) -> None:
    """Rows, orders and bars are three cuts of the same tape."""
    found, seconds, total = orders(rows), bars(rows, SECOND), sums(rows)
    assert [leg for order in found for leg in order.legs] == [one for one in rows if one.valid]
    for name in ("buy_trades", "sell_trades", "buy_base", "sell_base", "buy_quote", "sell_quote"):
        assert sum(bar[name] for bar in seconds) == getattr(total, name)
    both = total.buy_quote + total.sell_quote
    assert sum(order.notional for order in found) == both
    minutes = bars(rows, 60 * SECOND)
    assert sum(bar["buy_quote"] + bar["sell_quote"] for bar in minutes) == both
    assert all(bar["start"] % (60 * SECOND) == 0 for bar in minutes)


@pytest.mark.parametrize("make", [dict, lambda: {"unknown_fills": True, "milliseconds": True}, lambda: {"holes": 9}])
def test_the_cuts_of_a_made_up_tape_hold_together(make: Callable[[], dict[str, Any]]) -> None:
    _groups_hold(synthetic(8, 6000, invalid=4, **make()))


@needs_tapes
def test_the_cuts_of_a_recorded_tape_hold_together() -> None:
    _groups_hold(tape("BTCUSDC").rows()[-20_000:])


@needs_tapes
def test_the_large_orders_of_a_recorded_day() -> None:
    """187 orders of at least $100k, 42 of which no single row gives away, the largest $1.28M in 91 rows."""
    big = [order for order in orders(tape("BTCUSDC").rows()) if order.notional >= 100_000]
    assert len(big) == 187
    assert sum(all(leg.notional < 100_000 for leg in order.legs) for order in big) == 42
    largest = max(big, key=lambda order: order.notional)
    assert (len(largest.legs), rounded(largest.notional, 2)) == (91, Decimal("1282625.09"))
