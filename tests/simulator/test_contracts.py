"""Futures contracts: dates that turn a status, and the quarters that follow one another."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.units import parse_scaled
from orderflow_stream.simulator.contracts import (
    Contract,
    coinm_contracts,
    dated,
    many_contracts,
    quarter_ends,
    usdm_contracts,
)
from tests.simulator.kit import NOON

HOUR = 3_600_000_000


def us(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    "now, names",
    [
        (us(2026, 8, 1), ["BTCUSD_260925", "BTCUSD_261225"]),
        (us(2026, 9, 25, 7, 59), ["BTCUSD_260925", "BTCUSD_261225"]),
        (us(2026, 9, 25, 8), ["BTCUSD_261225", "BTCUSD_270326"]),
        (us(2026, 12, 31), ["BTCUSD_270326", "BTCUSD_270625"]),
    ],
)
def test_quarters_end_on_the_last_friday_at_eight(now: int, names: list[str]) -> None:
    assert [dated("BTCUSD", end) for end in quarter_ends(now)] == names


@given(st.integers(us(2020, 1, 1), us(2060, 1, 1)))
def test_quarters_follow_one_another(now: int) -> None:
    ends = quarter_ends(now, 5)
    assert now < ends[0] <= now + 98 * 24 * HOUR
    for end, after in itertools.pairwise(ends):
        assert 84 <= (after - end) / (24 * HOUR) <= 98
    assert all(datetime.fromtimestamp(end / 1e6, UTC).strftime("%a %H:%M") == "Fri 08:00" for end in ends)


def test_a_contract_goes_its_way_to_its_delivery() -> None:
    one = Contract("X_1", "X", "USD", kind="DELIVERY", onboard=NOON, delivery=NOON + HOUR)
    way = [(-1, "PENDING_TRADING", False), (0, "TRADING", True), (HOUR - 1, "PRE_DELIVERING", True),
           (HOUR, "DELIVERING", False), (HOUR + HOUR // 2, "DELIVERED", False)]  # fmt: skip
    assert [(after, one.at(NOON + after), one.trades(NOON + after)) for after, *_ in way] == way
    assert one.listed(NOON + HOUR + HOUR // 2)
    assert not one.listed(NOON + 2 * HOUR)


def test_a_status_that_was_set_stands() -> None:
    assert Contract("X", "X", "USD", status="SETTLING", delivery=NOON).at(NOON) == "SETTLING"
    assert Contract("X", "X", "USD").at(2**60) == "TRADING"


@pytest.mark.parametrize("make", [usdm_contracts, coinm_contracts])
def test_default_markets_are_consistent(make: object) -> None:
    listed = make(NOON)  # type: ignore[operator]
    assert len({each.symbol for each in listed}) == len(listed)
    for each in listed:
        assert parse_scaled(each.price) % parse_scaled(each.tick) == 0
        assert (each.kind == "DELIVERY") == (each.delivery > NOON) == each.symbol[-6:].isdecimal()
        assert each.margin == (each.base if each.contract_size else each.quote)
        assert each.symbol.startswith(each.pair)
    assert {each.contract_size for each in listed} == ({100, 10} if make is coinm_contracts else {0})


def test_many() -> None:
    listed = many_contracts(300)
    assert len({each.symbol for each in listed}) == 300
    assert [each.weight for each in listed[:3]] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert len(many_contracts(3)) == 3
    with pytest.raises(ValueError, match="at least 1"):
        many_contracts(0)
