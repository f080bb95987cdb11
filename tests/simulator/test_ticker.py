"""The 24 h ticker equals a plain sum over the last day."""

from __future__ import annotations

from decimal import Decimal

from orderflow_stream.simulator.ticker import DayStats
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import NOON, row, rows

DAY = 86_400_000_000
FULL = {
    "symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", "prevClosePrice", "lastPrice", "lastQty",
    "bidPrice", "bidQty", "askPrice", "askQty", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume",
    "openTime", "closeTime", "firstId", "lastId", "count",
}  # fmt: skip


def stats_of(given_rows: list[ArchiveRow]) -> DayStats:
    stats = DayStats()
    for each in given_rows:
        stats.add(each)
    return stats


def test_sums_and_extremes() -> None:
    given_rows = rows(1, 500, step=900_000)
    got = stats_of(given_rows).render("BTCUSDT", NOON + DAY // 2, mini=False)
    prices = [Decimal(each.price) for each in given_rows]
    volume = sum((Decimal(each.qty) for each in given_rows), Decimal(0))
    quote = sum((Decimal(each.qty) * Decimal(each.price) for each in given_rows), Decimal(0))
    assert set(got) == FULL
    assert Decimal(got["volume"]) == volume
    assert abs(Decimal(got["quoteVolume"]) - quote) <= Decimal("5e-9")
    assert abs(Decimal(got["weightedAvgPrice"]) - quote / volume) <= Decimal("5e-9")
    assert (Decimal(got["highPrice"]), Decimal(got["lowPrice"])) == (max(prices), min(prices))
    assert (got["openPrice"], got["lastPrice"]) == (given_rows[0].price, given_rows[-1].price)
    assert got["count"] == 1000  # two fills a row
    assert (got["firstId"], got["lastId"]) == (10, 5001)
    assert got["closeTime"] - got["openTime"] == 86_400_000


def test_a_fall_is_negative() -> None:
    got = stats_of([row(1, price="200"), row(2, price="199.9")]).render("X", NOON, mini=False)
    assert (got["priceChange"], got["priceChangePercent"]) == ("-0.10000000", "-0.050")


def test_what_is_older_than_a_day_has_left() -> None:
    stats = stats_of([row(1, price="5"), row(2, NOON + DAY, price="7")])
    got = stats.render("X", NOON + DAY, mini=True)
    assert (got["openPrice"], got["highPrice"], got["lowPrice"], got["count"]) == ("7.00000000",) * 3 + (2,)
    assert set(got) == {"symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume",
                        "openTime", "closeTime", "firstId", "lastId", "count"}  # fmt: skip
    quiet = stats.render("X", NOON + 3 * DAY, mini=True)
    assert (quiet["volume"], quiet["lastPrice"], quiet["count"], quiet["firstId"]) == ("0.00000000",) * 2 + (0, -1)


def test_invalid_rows_are_not_in_it() -> None:
    stats = stats_of([row(1), ArchiveRow(2, "0", "0", -1, -1, NOON, "us", False), row(3, price="0.123456789")])
    assert stats.render("X", NOON, mini=True)["count"] == 2


def test_unknown_fills_count_as_one() -> None:
    stats = stats_of([ArchiveRow(7, "1", "1", -1, -1, NOON, "us", False)])
    got = stats.render("X", NOON, mini=True)
    assert (got["count"], got["firstId"], got["lastId"]) == (1, 7, 7)
