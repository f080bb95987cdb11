"""Answers for people: exact digits, aligned, and nothing that breaks a line."""

from __future__ import annotations

import json

import pytest

from orderflow_stream.cli.show import TradeLines, exact, show_replay
from orderflow_stream.core.book import Book
from orderflow_stream.core.events import Instrument

ONE = 10**16
TRADE = {"symbol": "BTCUSDT", "price": 63930.5, "qty": 0.1, "side": "buy", "time": 1795328693382, "late": False}


def printed(capsys: pytest.CaptureFixture[str], trade: dict[str, object], least: int | None = None) -> str:
    TradeLines(least, as_json=False).trade(json.dumps(trade))
    return capsys.readouterr().out


def test_numbers_are_their_own_text() -> None:
    assert exact('{"a": 12345678901.12345678, "b": 7, "c": null}') == {"a": "12345678901.12345678", "b": "7", "c": None}


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


def test_an_answer_without_trades(capsys: pytest.CaptureFixture[str]) -> None:
    flow = {
        "symbol": "BTCUSDT", "trades_scanned": "0", "window_seconds": "0", "buy_trades": "0", "sell_trades": "0",
        **{f"{name}_{unit}": "0" for name in ("taker_buy", "taker_sell", "delta") for unit in ("base", "quote")},
        "last_price": None, "buy_sell_ratio": None, "buy_volume_share": None, "pressure": None,
        "coverage": {"first_id": None, "last_id": None, "missing_total": "0"},
    }  # fmt: skip
    large = {"count": "0", "largest": [], "min_notional": "100000", "trades_scanned": "0"}
    show_replay(flow, large, Book(Instrument("binance", "BTCUSDT", "BTC", "USDT"), ()))
    told = capsys.readouterr().out
    assert "last price -, buy/sell ratio -, buy share -: -" in told
    assert "no print of at least 100000" in told
