"""The made-up market is repeatable, is what it says, and has every habit that the product must cope with."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.reference.oracle import missing, orders
from tests.reference.synthetic import synthetic


def test_the_same_seed_gives_the_same_tape_and_another_does_not() -> None:
    assert synthetic(3, 400, holes=4, invalid=2) == synthetic(3, 400, holes=4, invalid=2)
    assert synthetic(3, 400) != synthetic(4, 400)
    assert synthetic(3, 400) == synthetic(3, 900)[:400]


@pytest.mark.parametrize("seed", range(3))
def test_ids_times_and_fills_are_in_order(seed: int) -> None:
    rows = synthetic(seed, 3000, holes=7, invalid=5)
    assert len(rows) == 3000
    assert len(missing(rows)) == 7
    assert all(1 <= last - first + 1 <= 20 for first, last in missing(rows))
    assert sum(not row.valid for row in rows) == 5
    assert all(row.first == row.last == -1 for row in rows if not row.valid)
    assert all(before.id < after.id and before.ts_us <= after.ts_us for before, after in pairwise(rows))
    fills = [(row.first, row.last) for row in rows if row.valid]
    assert all(first is not None and last is not None and first <= last for first, last in fills)
    assert all((before[1] or 0) < (after[0] or 0) for before, after in pairwise(fills))


def test_it_has_the_habits_of_a_market() -> None:
    rows = synthetic(5, 20_000)
    found = orders(rows)
    notionals = [row.notional for row in rows]
    buys = sum(row.side == "buy" for row in rows)
    assert 0.3 < buys / len(rows) < 0.7
    assert max(len(order.legs) for order in found) >= 90
    assert sum(len({leg.price for leg in order.legs}) > 1 for order in found) > 500
    assert min(notionals) < 1
    assert max(notionals) > 100_000
    whole = [
        order for order in found if order.notional >= 100_000 and max(leg.notional for leg in order.legs) < 100_000
    ]
    assert whole, "no order that is large only as a whole"
    exponents = [row.notional.normalize().as_tuple().exponent for row in rows]
    assert any(isinstance(exponent, int) and exponent <= -9 for exponent in exponents)
    near = [(before, after) for before, after in pairwise(rows) if before.ts_us == after.ts_us]
    assert any(before.side != after.side for before, after in near)
    broken = [pair for pair in near if pair[0].side == pair[1].side and pair[0].last != (pair[1].first or 0) - 1]
    assert broken, "no neighbours of one time and side that only their fills tell apart"
    seconds = [row.ts_us // 10**6 for row in rows]
    assert max(seconds.count(second) for second in set(seconds[:2000])) > 40, "no burst"
    assert max(after.ts_us - before.ts_us for before, after in pairwise(rows)) > 2_000_000, "no lull"


def test_options() -> None:
    assert all(row.first is None and row.last is None for row in synthetic(1, 50, unknown_fills=True))
    assert all(row.ts_us % 1000 == 0 for row in synthetic(1, 50, milliseconds=True))
    assert synthetic(1, 0) == []
    assert synthetic(1, 1, first_id=9)[0].id == 9
    with pytest.raises(ValueError, match="holes"):
        synthetic(1, 5, holes=3, invalid=2)
