"""A made-up tape that has a market's habits: what a user without the recorded tapes tests with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from tests.reference.tapefile import EXACT, Row, SideName


def synthetic(
    seed: int,
    n: int,
    *,
    start_us: int = 1_760_000_000_000_000,
    first_id: int = 500_000,
    price: Decimal = Decimal(2500),
    tick: Decimal = Decimal("0.0001"),
    step: Decimal = Decimal("0.0000001"),
    pause_us: int = 80_000,
    holes: int = 0,
    invalid: int = 0,
    unknown_fills: bool = False,
    milliseconds: bool = False,
) -> list[Row]:
    """`n` rows in id order, the same for the same arguments.

    Taker orders come in bursts (many within a few µs) and lulls (up to 100 x `pause_us`), lean to one side for a while,
    and one in eight walks 2 to 12 price levels, rarely 90: consecutive ids, one time, chained fills. Defaults give
    notionals of up to 11 decimals, from dust to beyond a million. `holes`: that many jumps of 1 to 20 ids.
    `invalid`: that many rows with p=q=0, f=l=-1. `unknown_fills`: first and last are None, as in thin recordings.
    `milliseconds`: times cut to ms, so that neighbours share theirs."""
    if not 0 <= holes + invalid < max(n, 1):
        raise ValueError(f"holes + invalid must be below n = {n}, not {holes} + {invalid}")
    rng = random.Random(seed)
    marks = rng.sample(range(1, n), holes + invalid) if n > 1 else []
    jumps, withdrawn = set(marks[:holes]), set(marks[holes:])
    rows: list[Row] = []
    shift = fills_lost = 0
    for index, row in enumerate(islice(_market(rng, start_us, price, tick, step, pause_us), n)):
        if index in jumps:
            lost = rng.randrange(1, 21)
            shift += lost
            fills_lost += lost * rng.randrange(1, 4)
        number = first_id + index + shift
        time = row.ts_us - row.ts_us % 1000 if milliseconds else row.ts_us
        if index in withdrawn:
            rows.append(Row(number, Decimal(0), Decimal(0), -1, -1, time, row.side))
        elif unknown_fills or row.first is None or row.last is None:
            rows.append(row._replace(id=number, ts_us=time, first=None, last=None))
        else:
            fills = (row.first + fills_lost, row.last + fills_lost)
            rows.append(row._replace(id=number, ts_us=time, first=fills[0], last=fills[1]))
    return rows


def _market(
    rng: random.Random, start_us: int, price: Decimal, tick: Decimal, step: Decimal, pause_us: int
) -> Iterator[Row]:
    """Rows without end; ids are the caller's business (0 here)."""
    now, level, fill, lean = start_us, int(price / tick), 9_000_000, 0.5
    middle, burst = level, 0
    while True:
        if burst == 0:
            burst = rng.choice((1, 1, 1, 2, 5, 40))
            now += rng.randrange(1, pause_us * rng.choice((1, 1, 2, 10, 100)))
            lean = rng.choice((0.2, 0.45, 0.5, 0.55, 0.8))
        else:
            now += rng.choice((0, 0, 1, 7, 300, 2_000))  # 0: two orders, one microsecond
        burst -= 1
        side: SideName = "buy" if rng.random() < lean else "sell"
        legs = rng.choice((2, 3, 5, 8, 12)) if rng.random() < 0.125 else 1
        legs = 90 if rng.random() < 0.0005 else legs
        toward = 1 if side == "buy" else -1
        level += toward * rng.randrange(4)
        if rng.random() < 0.2:
            level += (middle - level) // 16  # pulled back to where it began, lest a long tape drift to nothing
        for leg in range(legs):
            level = max(level + toward * rng.randrange(1, 4), 1) if leg else max(level, 1)
            steps = rng.randrange(1, 10 ** rng.choice((3, 5, 6, 7, 7, 8))) * (60 if rng.random() < 0.002 else 1)
            fills = rng.choice((1, 1, 1, 2, 6))
            yield Row(0, EXACT.multiply(tick, level), EXACT.multiply(step, steps), fill, fill + fills - 1, now, side)
            fill += fills
        if rng.random() < 0.02:
            fill += rng.randrange(1, 4)  # fills of nobody: the next row does not chain, whatever its time and side
