"""The watchlist of `top`: sorted, cut to its screen, and never wider or higher than that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text

from orderflow_stream.cli.show import BUY, SELL
from orderflow_stream.cli.watchlist import COLUMNS, SORTS, Watchlist, arrow, short, spark
from orderflow_stream.client.listings import ScreenerRow

HEAD = Text("head")


def row(symbol: str, delta: str = "0", **more: Any) -> ScreenerRow:
    values: dict[str, Any] = {
        "symbol": symbol, "venue": "binance", "market": "spot", "base": "B", "quote": "USDT",
        "last_price": Decimal("1.5"), "last_time": 1, "last_id": 1, "trades": 5, "delta_base": Decimal(delta),
        "delta_quote": Decimal(delta), "taker_buy_quote": Decimal(10), "taker_sell_quote": Decimal(20),
        "quote_volume": Decimal(30), "buy_volume_share": Decimal("0.25"), "pressure": "strong_sell", "state": "live",
        "missing": 0, "reaches_back": True,
    }  # fmt: skip
    return ScreenerRow(**{**values, **more})


def listed(list_: Watchlist) -> list[str]:
    return [each.symbol for each in list_.rows()]


def test_numbers_from_the_largest_names_from_a_and_nothing_last() -> None:
    list_ = Watchlist()
    list_.take([row("B", "5"), row("A", "5"), row("D", "-7"), row("C", "90", last_price=None)])
    assert listed(list_) == ["C", "A", "B", "D"]
    list_.reverse = True
    assert listed(list_) == ["D", "A", "B", "C"]
    list_.sort, list_.reverse = "symbol", False
    assert listed(list_) == ["A", "B", "C", "D"]
    list_.sort = "last"
    assert listed(list_)[-1] == "C"
    list_.filter = "D"
    assert listed(list_) == ["D"]


def test_every_sort_works_and_they_come_round() -> None:
    list_ = Watchlist()
    list_.take([row("A", "1"), row("B", "2", buy_volume_share=None, last_price=None, pressure=None, last_time=None)])
    seen = []
    for _ in SORTS:
        seen.append(list_.sort)
        assert len(listed(list_)) == 2
        list_.turn(1)
    assert sorted(seen) == sorted(SORTS)
    assert list_.sort == seen[0]
    list_.turn(-1)
    assert list_.sort == seen[-1]


def test_frozen_it_keeps_what_it_shows_and_then_has_the_newest() -> None:
    list_ = Watchlist()
    list_.take([row("A", "1")])
    list_.freeze()
    list_.take([row("A", "2"), row("B")])
    assert [each.delta_quote for each in list_.rows()] == [1]
    list_.freeze()
    assert [each.delta_quote for each in list_.rows()] == [2, 0]


@pytest.mark.parametrize("width,height", [(80, 24), (120, 8), (200, 50), (40, 10), (79, 4), (80, 3)])
def test_it_fits_its_screen_exactly(width: int, height: int) -> None:
    list_ = Watchlist()
    list_.take(row(f"1000000BOB{n}USDT_261225" if n % 2 else f"币安人生{n}USDT", str(n * 10**9)) for n in range(30))
    list_.sparks = {each.symbol: [Decimal(n) for n in range(40)] for each in list_.rows()}
    lines = list_.draw(width, height, HEAD)
    assert len(lines) == height
    assert all(cell_len(line.plain) <= width for line in lines)
    assert sum("BOB" in line.plain or "币" in line.plain for line in lines) == min(30, max(1, height - 3))
    assert ("of 30" in lines[0].plain) == (height < 33)


def test_at_80_columns_everything_that_matters_is_whole() -> None:
    list_ = Watchlist()
    list_.take([row("BTCUSDT", "-123456.789", last_price=Decimal("63930.51"), state="gap", missing=12)])
    list_.sparks = {"BTCUSDT": [Decimal(n) for n in (1, 5, 3)]}
    head, titles, line, *_, keys = [each.plain for each in list_.draw(80, 24, HEAD)]
    assert head.startswith("head")
    assert head.rstrip().endswith(" 1 symbol")
    assert titles.split() == ["symbol", "last", "delta▼", "buy", "pressure", "CVD", "1m", "state"]
    assert line.split() == ["BTCUSDT", "63930.51", "▼", "-123k", "25%", "▼▼", "sell", "▁█▄", "gap", "12"]
    assert keys.startswith("q quit")
    wide = list_.draw(130, 24, HEAD)[1].plain.split()
    assert wide == [
        "symbol",
        "last",
        "delta▼",
        "buy",
        "pressure",
        "CVD",
        "1m",
        "volume",
        "trades",
        "bought",
        "sold",
        "state",
    ]


def test_columns_stand_still_and_what_is_too_long_is_cut() -> None:
    list_ = Watchlist()
    list_.take([row("A", "1"), row("1000000BOBUSDT_261225", "2"), row("币安人生USDT币安", "3")])
    _, titles, *lines = list_.draw(80, 6, HEAD)[:5]
    at = titles.plain.index("state")
    assert [cell_len(line.plain[: line.plain.index("live")]) for line in lines] == [at] * 3
    assert "1000000BOBU…" in lines[1].plain


def test_it_scrolls_no_further_than_there_is_something() -> None:
    list_ = Watchlist(sort="symbol")
    list_.take(row(f"S{n:02}") for n in range(30))
    list_.offset = 1 << 30
    assert [each.symbol for each in list_.visible(13)] == [f"S{n:02}" for n in range(20, 30)]
    list_.offset = -5
    assert list_.visible(13)[0].symbol == "S00"


def test_old_numbers_are_not_shown_as_live() -> None:
    list_ = Watchlist(sort="symbol")
    list_.take([row("A"), row("B", state="stale")])

    def dim(stale: bool) -> list[bool]:
        lines = list_.draw(80, 24, HEAD, stale=stale)[2:4]
        return [any("dim" in str(span.style) for span in line.spans) for line in lines]

    assert dim(False) == [False, True]
    assert dim(True) == [True, True]


def test_nothing_is_said_to_be_nothing() -> None:
    list_ = Watchlist()
    assert "waiting for the first numbers" in list_.draw(80, 24, HEAD)[2].plain
    list_.take([row("A")])
    list_.filter = "Z"
    assert "no symbol matches" in list_.draw(80, 24, HEAD)[2].plain
    list_.clear()
    assert listed(list_) == []


@pytest.mark.parametrize(
    "value,text",
    [
        *(("0", "0"), ("0.1234", "0.12"), ("9.876", "9.88"), ("42", "42"), ("999.5", "1000"), ("1000", "1k")),
        *(("12345", "12.3k"), ("-7250000", "7.25M"), ("3e9", "3B"), ("1e13", "10T")),
    ],
)
def test_short_numbers(value: str, text: str) -> None:
    assert short(Decimal(value)) == text


def test_arrows_and_sparks() -> None:
    assert (arrow(Decimal(-5)).plain, arrow(Decimal(-5)).style) == ("▼ -5", SELL)
    assert arrow(Decimal(0)).plain == "0"
    line = spark([Decimal(n) for n in (9, 1, 2, 8)], 3)
    assert (line.plain, line.style) == ("▁▂█", BUY)
    assert spark([Decimal(4)], 3).plain == "  ▄"
    assert spark([], 3).plain == "   "


def test_headings_are_no_wider_than_their_columns() -> None:
    assert all(
        len(column.title) + (column.key is not None) <= column.width for column in COLUMNS if column.title != "pressure"
    )
