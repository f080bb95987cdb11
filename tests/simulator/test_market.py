"""The synthetic market: repeatable, on its grids, and with the habits of a real one."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from orderflow_stream.core.units import NOTIONAL_SCALE, parse_scaled
from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, Listing, many_listings
from orderflow_stream.simulator.market import Order, SyntheticMarket, scaled_text
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import NOON

LARGE = 100_000 * NOTIONAL_SCALE
HOUR = 3_600_000_000


def notional(row: ArchiveRow) -> int:
    return parse_scaled(row.price) * parse_scaled(row.qty)


def until(market: SyntheticMarket, end: int, history_until: int = 0) -> list[Order]:
    return list(itertools.takewhile(lambda order: order.ts <= end, market.orders(NOON, history_until)))


@pytest.fixture(scope="module")
def hour() -> list[Order]:
    return until(SyntheticMarket(seed=5, invalid_every=5000), NOON + HOUR, NOON + HOUR // 2)


def valid(orders: Sequence[Order]) -> list[Order]:
    return [order for order in orders if order.rows[0].qty != "0"]


def test_the_same_seed_is_the_same_market_and_another_is_not() -> None:
    first = list(itertools.islice(SyntheticMarket(seed=1).orders(NOON), 2000))
    assert first == list(itertools.islice(SyntheticMarket(seed=1).orders(NOON), 2000))
    assert first != list(itertools.islice(SyntheticMarket(seed=2).orders(NOON), 2000))


def test_ids_and_fills_chain_and_time_never_steps_back(hour: list[Order]) -> None:
    rows: defaultdict[str, list[ArchiveRow]] = defaultdict(list)
    assert all(before.ts <= after.ts for before, after in itertools.pairwise(hour))
    for order in hour:
        assert order.ts > NOON
        assert {row.ts for row in order.rows} == {order.ts}
        rows[order.symbol].extend(order.rows)
    assert set(rows) == {listing.symbol for listing in DEFAULT_LISTINGS}
    for each in rows.values():
        assert [row.id for row in each] == list(range(each[0].id, each[0].id + len(each)))
        fills = [row for row in each if row.first >= 0]
        assert all(after.first == before.last + 1 <= after.last for before, after in itertools.pairwise(fills))


def test_two_orders_of_a_symbol_never_share_a_time(hour: list[Order]) -> None:
    counts = Counter((order.symbol, order.ts) for order in valid(hour))
    assert set(counts.values()) == {1}


def test_prices_and_quantities_are_on_their_grids(hour: list[Order]) -> None:
    grids = {each.symbol: (parse_scaled(each.tick), parse_scaled(each.step)) for each in DEFAULT_LISTINGS}
    for order in valid(hour):
        tick, step = grids[order.symbol]
        for row in order.rows:
            price, qty = parse_scaled(row.price), parse_scaled(row.qty)
            assert price > 0
            assert qty > 0
            assert price % tick == 0
            assert qty % step == 0
            assert scaled_text(price) == row.price


def test_a_sweep_walks_away_from_the_taker(hour: list[Order]) -> None:
    sweeps = [order for order in valid(hour) if len(order.rows) > 1]
    assert 0.1 < len(sweeps) / len(hour) < 0.25
    assert max(len(order.rows) for order in sweeps) > 20
    for order in sweeps:
        assert len({row.buyer_is_maker for row in order.rows}) == 1
        prices = [parse_scaled(row.price) for row in order.rows]
        down = order.rows[0].buyer_is_maker
        assert all(a >= b if down else a <= b for a, b in itertools.pairwise(prices))
        assert prices[0] != prices[-1]


def test_rate_sides_and_bursts(hour: list[Order]) -> None:
    rows = [row for order in hour for row in order.rows]
    assert 40 < len(rows) / 3600 < 85
    assert 0.4 < sum(row.buyer_is_maker for row in rows) / len(rows) < 0.6
    seconds = Counter(row.ts // 1_000_000 for row in rows)
    mean = len(rows) / 3600
    variance = sum((seconds[NOON // 1_000_000 + s] - mean) ** 2 for s in range(3600)) / 3600
    assert variance > 4 * mean  # a Poisson stream would have 1
    assert max(seconds.values()) > 200
    busiest = Counter(order.symbol for order in hour).most_common(2)
    assert [symbol for symbol, _ in busiest] == ["BTCUSDT", "ETHUSDT"]
    assert all(count > 5000 for _, count in busiest)


def test_large_orders_in_one_row_and_only_as_a_sum(hour: list[Order]) -> None:
    dollars = [order for order in valid(hour) if order.symbol.endswith("USDT")]
    large = [order for order in dollars if sum(map(notional, order.rows)) >= LARGE]
    one_row = [order for order in large if max(map(notional, order.rows)) >= LARGE]
    assert len(one_row) > 30
    assert len(large) - len(one_row) > 30
    assert all(len(order.rows) == 1 for order in one_row)


def test_a_notional_needs_nine_decimals(hour: list[Order]) -> None:
    for symbol in ("1000SATSUSDT", "ETHBTC"):
        assert any(notional(row) % 10**8 for order in hour if order.symbol == symbol for row in order.rows[:1])


def test_invalid_rows_only_in_history(hour: list[Order]) -> None:
    invalid = [order for order in hour if order.rows[0].qty == "0"]
    assert 3 < len(invalid) < 60
    assert all(order.ts < NOON + HOUR // 2 for order in invalid)
    assert all((row.price, row.first, row.last) == ("0", -1, -1) for order in invalid for row in order.rows)


def test_thirteen_hundred_symbols_at_a_high_rate() -> None:
    orders = list(itertools.islice(SyntheticMarket(3, many_listings(1370), rate=5000).orders(NOON), 20_000))
    rows = sum(len(order.rows) for order in orders)
    assert 2500 < rows / ((orders[-1].ts - orders[0].ts) / 1e6) < 8000
    symbols = Counter(order.symbol for order in orders)
    assert len(symbols) > 800
    assert symbols["BTCUSDT"] > 20 * symbols["SIM0200USDT"]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_bad_rate_is_named(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be above 0"):
        SyntheticMarket(rate=rate)


def test_bad_listings_are_named() -> None:
    with pytest.raises(ValueError, match="at least one symbol"):
        SyntheticMarket(listings=())
    with pytest.raises(ValueError, match="tick and step"):
        next(SyntheticMarket(listings=[Listing("AB", "A", "B", tick="0")]).orders(NOON))
