"""The contracts that are judged, and their tapes: recorded where there are recordings, made up for the rest."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.judge.oracle import Contract, orders
from tests.reference import tapefile
from tests.reference.synthetic import synthetic
from tests.reference.tapefile import Row, SideName

SPAN: Final = 100_000
NIL: Final = Decimal(0)

SPOT_BTC: Final = Contract("binance", "spot", "BTCUSDT", "BTC", "USDT")


def usdm(symbol: str, base: str, quote: str = "USDT") -> Contract:
    return Contract("binance-usdm", "usdm", symbol, base, quote, rpi=True, span_us=SPAN)


def coinm(symbol: str, base: str, size: int) -> Contract:
    return Contract("binance-coinm", "coinm", symbol, base, "USD", size=Decimal(size), span_us=SPAN)


UM_BTC: Final = usdm("BTCUSDT", "BTC")
UM_ETH: Final = usdm("ETHUSDT", "ETH")
UM_TINY: Final = usdm("1000SATSUSDT", "1000SATS")
UM_VAST: Final = usdm("VASTUSDC", "VAST", "USDC")
CM_BTC: Final = coinm("BTCUSD_PERP", "BTC", 100)
CM_ETH: Final = coinm("ETHUSD_PERP", "ETH", 10)
CM_VAST: Final = coinm("BTCUSD_261225", "BTC", 100)
CM_TINY: Final = coinm("1000SATSUSD_PERP", "1000SATS", 10)


@dataclass
class Tape:
    """Rows that end now, and what some of them tell of RPI trades."""

    contract: Contract
    rows: list[Row]
    nq: dict[int, Decimal]


def recorded(contract: Contract, part: str, count: int, *, seed: int) -> Tape:
    """The newest `count` rows of a recorded tape, brought to end now; a made-up one where nothing was recorded."""
    rows = _recorded(contract, part)
    if rows is None:
        ms = contract.market != "spot"
        rows = synthetic(seed, count, price=Decimal(60_000), tick=Decimal("0.1"), pause_us=60_000, milliseconds=ms)
    rows = _with_fills(rows[-count:])
    return Tape(contract, to_end_now(rows), without_rpi(contract, rows, seed))


def _recorded(contract: Contract, part: str) -> list[Row] | None:
    if tapefile.tapes_dir() is None:
        return None
    found = [each for each in tapefile.aggtrade_tapes() if part in each.path.name]
    assert len(found) == 1, f"which of {found}?"
    assert found[0].market == contract.market
    return found[0].rows()


def _with_fills(rows: Sequence[Row]) -> list[Row]:
    """Recordings without fills get some, one each: the exchange always tells them."""
    return [
        row if row.first is not None else row._replace(first=10**9 + 2 * row.id, last=10**9 + 2 * row.id)
        for row in rows
    ]


def jumbled(tape: Tape, seed: int) -> Tape:
    """The same ids and times, but some times are another's, up to a second or two away; the ends stay."""
    draw = random.Random(seed)
    times = [row.ts_us for row in tape.rows]
    for at in draw.sample(range(1, len(times) - 4), len(times) // 12):
        other = min(at + draw.randrange(1, 4), len(times) - 2)
        if abs(times[at] - times[other]) < 1_500_000:
            times[at], times[other] = times[other], times[at]
    rows = [row._replace(ts_us=ts) for row, ts in zip(tape.rows, times, strict=True)]
    return Tape(tape.contract, rows, tape.nq)


def to_end_now(rows: Sequence[Row], ago_ms: int = 50) -> list[Row]:
    """Moved by whole ms so that the last is `ago_ms` old."""
    shift = (time.time_ns() // 1_000_000 - ago_ms) * 1000 - rows[-1].ts_us // 1000 * 1000
    return [row._replace(ts_us=row.ts_us + shift) for row in rows]


def without_rpi(contract: Contract, rows: Sequence[Row], seed: int) -> dict[int, Decimal]:
    """Of some rows a part, of some nothing, of most all was no RPI trade; the oldest tenth does not tell."""
    if not contract.rpi:
        return {}
    draw = random.Random(seed)
    told = {}
    for row in rows[len(rows) // 10 :]:
        digits = -int(row.qty.as_tuple().exponent)
        units = int(row.qty.scaleb(digits))
        part = draw.choice((units, units, units, draw.randint(0, units), 0))
        told[row.id] = Decimal(part).scaleb(-digits)
    return told


def made_up(
    contract: Contract,
    count: int,
    *,
    seed: int,
    price: Decimal,
    tick: Decimal,
    lots: Sequence[Decimal],
    first_id: int = 7_000_001,
    pause_ms: int = 120,
    invalid: int = 0,
) -> Tape:
    """A futures tape as the exchange merges it: several rows in one ms or within 100 ms, ids without holes, fills with
    some. `lots`: quantities to draw from, times 1 to 9999 thousandths of it cut to whole units for contracts."""
    draw = random.Random(seed)
    rows: list[Row] = []
    now, fill, level, side = 0, 5_000_000, int(price / tick), "buy"
    withdrawn = set(draw.sample(range(1, count), invalid))
    for index in range(count):
        if draw.random() < 0.45:
            now += draw.choice((0, 0, 1, 30, 60, 99))
        else:
            now += draw.randrange(100, 2 * pause_ms + 100)
            side = draw.choice(("buy", "buy", "sell", "sell", "sell"))
        level = max(level + draw.choice((-3, -1, 0, 1, 1, 2)), 1)
        lot = draw.choice(lots)
        qty = lot if draw.random() < 0.2 else (lot * draw.randrange(1, 10_000) / 10_000)
        step = Decimal(1) if contract.size else Decimal("0.00000001")
        qty = max(qty // step * step, step)
        fill += draw.choice((1, 1, 1, 1, 3))
        fills = draw.choice((1, 1, 2, 7))
        towards: SideName = "buy" if side == "buy" else "sell"
        row = Row(first_id + index, level * tick, qty, fill, fill + fills - 1, now * 1000, towards)
        rows.append(row._replace(price=NIL, qty=NIL, first=-1, last=-1) if index in withdrawn else row)
        fill += fills - 1
    return Tape(contract, to_end_now(rows), without_rpi(contract, rows, seed))


def ugly(contract: Contract, count: int, *, seed: int, price: str, first_id: int = 7_000_001) -> Tape:
    """Prices with digits that divide nothing: base volumes that never end."""
    lots = [Decimal(1), Decimal(7), Decimal(133), Decimal(4321)]
    tick = Decimal("0.0007") if Decimal(price) < 1000 else Decimal("0.3")
    return made_up(contract, count, seed=seed, price=Decimal(price), tick=tick, lots=lots, first_id=first_id, invalid=3)


def vast(contract: Contract, count: int, *, seed: int) -> Tape:
    """A price of 10^5 with 10^9 in one row, many times: each product alone is beyond 64 bits."""
    lots = [Decimal(10**9), Decimal(10**9) - 1, Decimal(3)]
    return made_up(contract, count, seed=seed, price=Decimal(100_000), tick=Decimal("0.1"), lots=lots)


def tiny(contract: Contract, count: int, *, seed: int, first_id: int = 7_000_001) -> Tape:
    """A price of 10^-7 with 10^10 in one row."""
    lots = [Decimal(10**10), Decimal(10**10) - Decimal(1), Decimal(987_654_321)]
    return made_up(
        contract, count, seed=seed, price=Decimal("0.0000001"), tick=Decimal("0.00000001"), lots=lots, first_id=first_id
    )


def order_edge(tape: Tape, least: int) -> int:
    """The first position from `least` on at which one order ends and another begins."""
    at = least
    for group in orders(tape.contract, tape.rows[max(0, least - 200) :]):
        edge = tape.rows.index(group[0])
        if edge >= least:
            at = edge
            break
    return at
