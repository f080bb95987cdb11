"""The synthetic futures market: merged rows that leave in batches, RPI, contracts, forced orders, a leader."""

from __future__ import annotations

import itertools
from collections import defaultdict
from decimal import Decimal

import pytest

from orderflow_stream.simulator.contracts import coinm_contracts, usdm_contracts
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.futures_market import BATCH_US, ContractWalk, FuturesMarket, SpotLeader, grid_text
from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, Listing
from orderflow_stream.simulator.market import Order
from orderflow_stream.simulator.player import MarketPlayer, SyntheticPlayer
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import BTC, NOON, row

_SPAN = 60_000_000


def drawn(listings: tuple[Listing, ...], seed: int = 7, rate: float = 300.0) -> list[Order]:
    market = FuturesMarket(seed, listings, rate=rate)
    return list(itertools.takewhile(lambda order: order.ts <= NOON + _SPAN, market.orders(NOON)))


@pytest.fixture(scope="module")
def usdm() -> list[Order]:
    return drawn(usdm_contracts(NOON))


def by_symbol(orders: list[Order]) -> dict[str, list[ArchiveRow]]:
    tapes: dict[str, list[ArchiveRow]] = defaultdict(list)
    for order in orders:
        tapes[order.symbol] += order.rows
    return tapes


@pytest.mark.parametrize(
    "value, decimals, text", [(2_814_510_000_000, 2, "28145.10"), (5_000_000, 3, "0.050"), (1_200_000_000, 0, "12")]
)
def test_text_has_the_decimals_of_the_grid(value: int, decimals: int, text: str) -> None:
    assert grid_text(value, decimals) == text


def test_everything_of_100_ms_leaves_together(usdm: list[Order]) -> None:
    assert [order.ts for order in usdm] == sorted(order.ts for order in usdm)
    assert len({(order.ts, order.symbol) for order in usdm}) == len(usdm)
    for order in usdm:
        assert order.ts % BATCH_US == 0
        assert order.rows
        assert all(order.ts - BATCH_US <= each.ts < order.ts and each.ts % 1000 == 0 for each in order.rows)


def test_neighbours_of_one_price_and_side_are_one_row(usdm: list[Order]) -> None:
    for order in usdm:
        pairs = list(itertools.pairwise(order.rows))
        assert all((a.price, a.buyer_is_maker) != (b.price, b.buyer_is_maker) for a, b in pairs)


def test_merging_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    legs = ContractWalk.legs
    fills: dict[str, list[tuple[Decimal, Decimal, bool]]] = defaultdict(list)

    def watched(self: ContractWalk, ts: int) -> list[tuple[int, int, int, int]]:
        levels = legs(self, ts)
        for ticks, lots, _, _ in levels:
            grid = Decimal(self.listing.tick), Decimal(self.listing.step)
            fills[self.listing.symbol].append((ticks * grid[0], lots * grid[1], self.side < 0))
        return levels

    monkeypatch.setattr(ContractWalk, "legs", watched)
    market = FuturesMarket(3, usdm_contracts(NOON), rate=300.0)
    tapes = by_symbol(list(itertools.takewhile(lambda order: order.ts <= NOON + _SPAN, market.orders(NOON))))
    merged = 0
    for symbol, rows in tapes.items():
        told = fills[symbol]
        for each in rows:
            qty = Decimal(0)
            while qty < Decimal(each.qty):
                price, more, sells = told.pop(0)
                assert (price, sells) == (Decimal(each.price), each.buyer_is_maker)
                qty += more
                merged += 1
            assert qty == Decimal(each.qty)
    assert merged > sum(map(len, tapes.values())) + 500


def test_ids_have_no_holes_and_fills_have(usdm: list[Order]) -> None:
    holes = 0
    for rows in by_symbol(usdm).values():
        for before, after in itertools.pairwise(rows):
            assert after.id == before.id + 1
            assert after.first > before.last
            assert after.ts >= before.ts
            holes += after.first > before.last + 1
    assert holes > 5


def test_quantities_without_rpi(usdm: list[Order]) -> None:
    rows = [each for order in usdm for each in order.rows]
    shares = [Decimal(each.nq) / Decimal(each.qty) for each in rows]
    assert all(0 <= share <= 1 for share in shares)
    assert {0, 1} < set(shares)  # all of it, none of it, and something between
    assert 0.03 < sum(share < 1 for share in shares) / len(shares) < 0.3
    assert all(len(each.nq.partition(".")[2]) == len(each.qty.partition(".")[2]) for each in rows)


def test_the_same_seed_is_the_same_market(usdm: list[Order]) -> None:
    assert drawn(usdm_contracts(NOON)) == usdm
    assert drawn(usdm_contracts(NOON), seed=8) != usdm


def test_contracts_are_whole_and_worth_their_size() -> None:
    tapes = by_symbol(drawn(coinm_contracts(NOON)))
    assert set(tapes) == {each.symbol for each in coinm_contracts(NOON)}
    for rows in tapes.values():
        assert all(each.qty.isdecimal() and int(each.qty) >= 1 and not each.nq for each in rows)
    mean = {symbol: sum(int(each.qty) for each in rows) / len(rows) for symbol, rows in tapes.items()}
    assert mean["ETHUSD_PERP"] > 3 * mean["BTCUSD_PERP"]  # 10 USD each against 100


def test_forced_orders_push_the_way_the_price_went(usdm: list[Order]) -> None:
    forced = [each for order in drawn(usdm_contracts(NOON), rate=1500.0) for each in order.forced]
    assert {each.side for each in forced} == {1, -1}
    for each in forced:
        assert (Decimal(each.price) - Decimal(each.avg_price)) * each.side > 0  # the limit is beyond what it got
        assert Decimal(each.qty) > 0
    assert len(forced) < sum(len(order.rows) for order in usdm)


def test_a_leader_is_followed_with_a_basis() -> None:
    prices = {"BTC": 50_000.0, "ETH": 2_000.0}
    listings = usdm_contracts(NOON)
    market = FuturesMarket(1, listings, rate=200.0, leader=lambda base, quote, ts: prices.get(base))
    tapes = by_symbol(list(itertools.islice(market.orders(NOON), 400)))
    for symbol, base in (("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")):
        assert all(abs(float(each.price) / prices[base] - 1) < 0.002 for each in tapes[symbol])
    quarterly = next(each.symbol for each in reversed(listings))
    assert all(1.01 < float(each.price) / prices["BTC"] < 1.06 for each in tapes[quarterly])  # it carries half a year
    assert all(0.4 < float(each.price) < 0.8 for each in tapes["XRPUSDT"])  # nobody leads it


def test_a_spot_exchange_leads() -> None:
    exchange = Exchange()
    exchange.add(BTC)
    exchange.add(DEFAULT_LISTINGS[5])  # ETHBTC
    exchange.add_history("BTCUSDT", [row(1, NOON, "100.0"), row(2, NOON + 10, "101.5"),
                                     ArchiveRow(3, "0", "0", -1, -1, NOON + 20, "us", False)])  # fmt: skip
    lead = SpotLeader(exchange)
    assert [lead("BTC", "USDT", NOON + after) for after in (-1, 0, 9, 10, 25)] == [None, 100.0, 100.0, 101.5, 101.5]
    assert lead("BTC", "USD", NOON) == lead("BTC", "USDC", NOON) == 100.0
    assert lead("ETH", "BTC", NOON) is None
    assert lead("DOGE", "USDT", NOON) is None


def test_players_play_it() -> None:
    listings = usdm_contracts(NOON)
    player = MarketPlayer(FuturesMarket(2, listings, rate=500.0), 4000, history=1000)
    history = list(player.history(NOON))
    live = list(player.live())
    assert sum(len(rows) for _, rows in history) + sum(len(batch.rows) for batch in live) == len(player.rows) >= 4000
    assert all(each.nq for batch in live for each in batch.rows)
    endless = SyntheticPlayer(FuturesMarket(2, listings, rate=500.0), history_s=5)
    assert all(each.ts <= NOON for _, rows in endless.history(NOON) for each in rows)
    batch = next(endless.live())
    assert batch.due is not None
    assert 0 < batch.due - NOON <= 1_000_000
