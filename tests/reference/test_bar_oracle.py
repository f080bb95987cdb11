"""The judge of bars, by hand."""

from decimal import Decimal

from tests.reference import bar_oracle
from tests.reference.tapefile import Row

T = 1_759_968_000_000_000  # midnight


def row(id_: int, ts: int, price: str, qty: str, side: str) -> Row:
    return Row(id_, Decimal(price), Decimal(qty), id_, id_, T + ts, side)  # type: ignore[arg-type]


ROWS = [
    row(1, -70_000_000, "10", "1", "buy"),
    row(2, -1, "12", "0.5", "sell"),
    row(3, 0, "11", "2", "buy"),
    row(4, 61_000_000, "9", "0.25", "sell"),
]


def test_by_hand() -> None:
    assert bar_oracle.anchor(ROWS, T + 1, "session") == {"rule": "session", "time": T}
    assert bar_oracle.anchor(ROWS[2:], T + 1, "session") == {"rule": "oldest", "time": T}
    assert bar_oracle.anchor(ROWS[3:], T + 1, "session", known_before=True) == {"rule": "session", "time": T}
    assert bar_oracle.anchor(ROWS, T + 1, "oldest") == {"rule": "oldest", "time": T - 120_000_000}
    found = bar_oracle.bars(ROWS, "1m", T)
    assert [(bar["start"] - T // 1000, bar["delta_base"], bar["cvd_base"]) for bar in found] == [
        (-120_000, "1", "0.5"),
        (-60_000, "-0.5", "0"),
        (0, "2", "2"),
        (60_000, "-0.25", "1.75"),
    ]
    assert found[2] == {
        "start": T // 1000,
        "end": T // 1000 + 60_000,
        **dict.fromkeys(("open", "high", "low", "close"), "11"),
        "taker_buy_base": "2",
        "taker_sell_base": "0",
        "taker_buy_quote": "22",
        "taker_sell_quote": "0",
        "delta_base": "2",
        "delta_quote": "22",
        "cvd_base": "2",
        "cvd_quote": "22",
        "buy_trades": 1,
        "sell_trades": 0,
        "first_id": 3,
        "last_id": 3,
    }
    hours = bar_oracle.bars(ROWS, "1h", T)
    assert [(bar["open"], bar["close"], bar["high"], bar["low"], bar["cvd_base"]) for bar in hours] == [
        ("10", "12", "12", "10", "0"),
        ("11", "9", "11", "9", "1.75"),
    ]


def test_what_is_let_go_of() -> None:
    rows = [row(n, n * 1_000_000, "1", "1", "buy") for n in range(3_700)]
    assert len(bar_oracle.bars(rows, "1s", T)) == 3_600
    assert bar_oracle.bars(rows, "5s", T)[0]["cvd_base"] == "105"
    assert bar_oracle.plain(Decimal("-0.00")) == "0"
    assert bar_oracle.plain(Decimal("1E+3")) == "1000"
