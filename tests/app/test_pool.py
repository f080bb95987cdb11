"""What venues of one pool share: a clock and a budget."""

from __future__ import annotations

from orderflow_stream.app.pool import Pool, borrow, pools_of
from orderflow_stream.venues.catalogue import VENUES, spec

USDM = spec("binance-usdm")


def test_each_pool_has_one_clock_and_one_budget() -> None:
    pools = pools_of(VENUES)
    assert list(pools) == list(dict.fromkeys(each.pool for each in VENUES))
    for each in VENUES:
        assert pools[each.pool].budget.limit == each.weight_limit
    assert len({id(pool.clock) for pool in pools.values()}) == len(pools)


def test_alone_a_venue_states_its_own_limit() -> None:
    pool = Pool([VENUES[0]])
    pool.budget.set_limit(12_000, 60, by=VENUES[0].name)
    assert pool.budget.limit == 12_000


def test_of_two_that_share_a_count_the_tightest_statement_holds() -> None:
    other = "the-other"
    pool = Pool([USDM, USDM])
    pool.budget.set_limit(6_000, 60, by=other)
    assert pool.budget.limit == USDM.weight_limit  # one of them may state what does not hold for both
    pool.budget.set_limit(1_200, 60, by=USDM.name)
    assert pool.budget.limit == 1_200
    pool.budget.set_limit(2_000, 60, by=other)
    assert pool.budget.limit == 1_200
    pool.budget.set_limit(2_400, 60, by=USDM.name)
    assert pool.budget.limit == 2_000


def test_a_ban_of_one_is_a_ban_of_its_pool_and_of_no_other() -> None:
    spot, futures = pools_of([VENUES[0], USDM]).values()
    futures.budget.block(418, "120", 1_000_000)
    assert futures.budget.blocked_until == 121_000_000
    assert spot.budget.blocked_until == 0


def test_a_clock_that_nobody_measured_goes_by_one_that_was() -> None:
    spot, futures = pools_of([VENUES[0], USDM]).values()
    spot.clock.set_offset(5_000_000)
    spot.clock.measured_at = spot.clock.now()
    borrow((spot, futures), spot)
    assert futures.clock.offset == 5_000_000
    assert futures.clock.measured_at is None
    futures.clock.set_offset(4_000_000)
    futures.clock.measured_at = futures.clock.now()
    borrow((spot, futures), spot)
    assert (spot.clock.offset, futures.clock.offset) == (5_000_000, 4_000_000)
