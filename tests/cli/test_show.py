"""Answers for people: exact digits, aligned, and nothing that breaks a line."""

from __future__ import annotations

import pytest

from orderflow_stream.cli.show import exact, show_replay
from orderflow_stream.core.book import Book
from orderflow_stream.core.events import Instrument


def test_numbers_are_their_own_text() -> None:
    assert exact('{"a": 12345678901.12345678, "b": 7, "c": null}') == {"a": "12345678901.12345678", "b": "7", "c": None}


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
