from collections.abc import Sequence

import pytest
from hypothesis import given

from orderflow_stream.analytics import orders
from orderflow_stream.core.events import BUY, SELL, Trade
from orderflow_stream.core.tape import Row
from tests.core.making import as_row, from_reference, law, tapes, to_reference
from tests.reference import oracle, tapefile

FIRST = Row(10, 100, 5, 1_000, 50, 52)
NEXT = Row(11, 101, 7, 1_000, 53, 53)


def test_a_row_continues_an_order() -> None:
    assert orders.continues(FIRST, NEXT)
    assert orders.continues(FIRST._replace(qty=-5), NEXT._replace(qty=-7))
    assert orders.continues(FIRST._replace(first_id=-1, last_id=-1), NEXT._replace(first_id=-1, last_id=-1))


@pytest.mark.parametrize(
    "change",
    [
        {"id": 12},  # a hole or an invalid row between
        {"ts_event": 1_001},
        {"qty": -7},
        {"first_id": 54},
        {"first_id": 52},
        {"first_id": -1, "last_id": -1},  # one tells its fills and the other does not
    ],
)
def test_and_what_breaks_it(change: dict[str, int]) -> None:
    assert not orders.continues(FIRST, NEXT._replace(**change))


def test_the_very_first_fill_does_not_follow_an_unknown_one() -> None:
    assert not orders.continues(FIRST._replace(first_id=-1, last_id=-1), NEXT._replace(first_id=0, last_id=0))
    assert orders.next_fill(-1) == -1
    assert orders.next_fill(0) == 1


def test_a_print_stands_under_its_last_row() -> None:
    rows = [FIRST, NEXT, Row(12, 101, 1, 1_000, 54, 54)]
    found = orders.print_of("k", rows, late=True)
    assert (found.id, found.price, found.ts_event, found.first_id, found.last_id) == (12, 101, 1_000, 10, 12)
    assert (found.qty, found.notional, found.legs, found.levels) == (13, 500 + 707 + 101, 3, 2)
    assert (found.group, found.side, found.late) == ("order", BUY, True)
    sold = orders.print_of("k", [FIRST._replace(qty=-5)], "row")
    assert (sold.side, sold.qty, sold.notional, sold.group) == (SELL, 5, 500, "row")


def same(trades: Sequence[Trade]) -> None:
    mine = orders.group(as_row(one) for one in trades if one.qty)
    told = oracle.orders([to_reference(one) for one in trades])
    assert [[row.id for row in order] for order in mine] == [[leg.id for leg in order.legs] for order in told]
    assert [orders.notional(order) for order in mine] == [oracle.to_units(order.notional, 16) for order in told]


@law(100)
@given(trades=tapes())
def test_grouping_is_the_references(trades: list[Trade]) -> None:
    same(trades)


def test_grouping_a_made_up_market_is_the_references() -> None:
    same([from_reference(row) for row in oracle.synthetic(1, 4_000, holes=20, invalid=50)])
    same([from_reference(row) for row in oracle.synthetic(2, 2_000, unknown_fills=True, milliseconds=True)])


@pytest.mark.skipif(tapefile.tapes_dir() is None, reason="the recorded tapes are not beside this checkout")
def test_the_large_orders_of_a_recorded_day_are_those_that_were_counted() -> None:
    """187 of at least $100,000 on this day, 42 of them without a single row of that size; the largest has 91 rows."""
    rows = [from_reference(row) for row in tapefile.tape("BTCUSDC").rows()]
    least = 100_000 * 10**16
    large = [order for order in orders.group(as_row(one) for one in rows) if orders.notional(order) >= least]
    assert len(large) == 187
    assert sum(all(row.price * abs(row.qty) < least for row in order) for order in large) == 42
    assert len(max(large, key=orders.notional)) == 91
