"""Lines of the tape: exact digits, columns that stay where they are, sums that are right to the last digit."""

from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from orderflow_stream.cli.show import BUY, SELL
from orderflow_stream.cli.tape import Board, Columns, TradeLines, money, parse_signed, signed, size_bar

ONE = 10**16
TRADE = {"symbol": "BTCUSDT", "price": 63930.5, "qty": 0.1, "side": "buy", "time": 1795328693382, "late": False}


def printed(capsys: pytest.CaptureFixture[str], trade: dict[str, object], least: int | None = None) -> str:
    TradeLines(least, as_json=False).trade(json.dumps(trade))
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "price,qty,notional",
    [
        (63930.5, 0.1, "6,393.05"),
        (100, 2, "200.00"),
        (1.005, 1, "1.00"),  # half to even
        (1.015, 1, "1.02"),
        (0.03, 0.1, "0.003"),  # in BTC that is money
        (2500, 1000, "2,500,000.00"),
    ],
)
def test_notional(price: float, qty: float, notional: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, {**TRADE, "price": price, "qty": qty}).split()[-1] == notional


def test_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, TRADE) == "06:24:53.382 BTCUSDT    ▲ buy       63930.5 x 0.1                6,393.05\n"
    assert " ▼ sell " in printed(capsys, {**TRADE, "side": "sell"})
    assert printed(capsys, {**TRADE, "late": True}).endswith(" late\n")
    assert printed(capsys, {**TRADE, "symbol": "币安人生USDT", "qty": 12345678.12345678}).count("\n") == 1


def test_the_threshold_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, {**TRADE, "price": 0.1, "qty": 3}, least=3 * ONE // 10) != ""
    assert printed(capsys, {**TRADE, "price": 0.1, "qty": 2.99999999}, least=3 * ONE // 10) == ""


def test_columns_stand_still_whatever_comes(capsys: pytest.CaptureFixture[str]) -> None:
    symbols = ["BTCUSDT", "1000000BOBUSDT_261225", "币安人生USDT"]
    lines = TradeLines(None, as_json=False, symbols=symbols)
    trades = [
        {**TRADE, "symbol": symbols[0]},
        {**TRADE, "symbol": symbols[1], "side": "sell"},
        {**TRADE, "symbol": symbols[2], "price": 0.00000001},
    ]
    for trade in trades:
        lines.trade(json.dumps(trade).replace("1e-08", "0.00000001"))
    told = capsys.readouterr().out.splitlines()
    assert len({cell_len(line.partition(" x ")[0]) for line in told}) == 1
    assert len({cell_len(line) for line in told}) == 1


def test_a_column_that_is_too_narrow_grows_once() -> None:
    columns = Columns(["*USDT", "A*"])
    widths = [sum(map(cell_len, columns.line("BTCUSDT", "1", qty, "1"))) for qty in ("1", "12345678.12345678", "1")]
    assert widths[0] < widths[1] == widths[2]


def test_lines_that_are_held_come_together(capsys: pytest.CaptureFixture[str]) -> None:
    lines = TradeLines(None, as_json=False)
    lines.hold()
    for _ in range(3):
        lines.trade(json.dumps(TRADE))
    assert capsys.readouterr().out == ""
    lines.release()
    assert capsys.readouterr().out.count("BTCUSDT") == 3
    lines.release()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "dollars,bar",
    [(0, "     "), (100, "     "), (1_000, "█▎   "), (10_000, "██▌  "), (1_000_000, "█████"), (10**9, "█████")],
)
def test_bars_are_by_the_logarithm(dollars: int, bar: str) -> None:
    assert size_bar(dollars * ONE) == bar


def test_cvd_is_the_exact_sum_of_what_was_told() -> None:
    board = Board("1m")
    assert board.lines() == []
    for number in range(1, 1001):
        side = "sell" if number % 3 else "buy"
        board.trade(json.dumps({**TRADE, "price": 0.1, "qty": number / 1000, "side": side, "time": TRADE["time"]}))
    expected = sum(-n if n % 3 else n for n in range(1, 1001)) * ONE // 10_000
    (line,) = board.lines()
    assert money(-expected) == "16.68"
    assert line.plain == "BTCUSDT    Δ 1m               -  CVD        ▼ -16.68 since 06:24:53"
    board.restart()
    assert board.lines() == []


def test_the_busiest_are_shown_where_there_is_no_room_for_all() -> None:
    board = Board("1m")
    for symbol in "ABCD":
        board.trade(json.dumps({**TRADE, "symbol": symbol}))
    board.rows(
        json.dumps([{"symbol": each, "delta_quote": 0, "trades": n, "state": "live"} for n, each in enumerate("DBCA")])
    )
    assert [line.plain[0] for line in board.lines(2)] == ["A", "C"]
    assert len(board.lines()) == 4


@pytest.mark.parametrize("text,value", [("0", 0), ("-1.5", -15 * ONE // 10), ("12.1234567891", 1212345678 * 10**8)])
def test_signed_numbers(text: str, value: int) -> None:
    assert parse_signed(text) == value


def test_sums_have_an_arrow_a_sign_and_a_colour() -> None:
    up, down, even = signed(5 * ONE, 10), signed(-5 * ONE, 10), signed(0, 10)
    assert (up.plain, up.style) == ("   ▲ +5.00", BUY)
    assert (down.plain, down.style) == ("   ▼ -5.00", SELL)
    assert even.plain == "         0"
