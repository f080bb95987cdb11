"""A made-up market for the chart: bars as /v1/bars gives them with numbers=string, from a seed."""

from __future__ import annotations

import random
from collections.abc import Collection
from decimal import Decimal
from typing import Any

STEPS = {"1s": 1_000, "5s": 5_000, "1m": 60_000, "5m": 300_000, "1h": 3_600_000}
#: The end of the last bar: 2026-11-22 15:00:00 UTC.
END = 1_795_359_600_000
TICK = Decimal("0.01")
LOT = Decimal("0.00001")


def bars(
    interval: str = "1m",
    count: int = 300,
    *,
    seed: int = 1,
    end: int = END,
    without: Collection[int] = (),
    is_open: bool = True,
    price: Decimal = Decimal(60_000),
) -> list[dict[str, Any]]:
    """`count` intervals up to `end`; those at the places `without` have no trade. The last is still open."""
    step = STEPS[interval]
    chance = random.Random(seed)
    cvd = cvd_quote = Decimal(0)
    first_id = 1_000_000
    out = []
    for place in range(count):
        start = end - (count - place) * step
        walk = [price]
        for _ in range(12):
            walk.append(walk[-1] + TICK * chance.randint(-900, 900))
        price = walk[-1]
        if place in without:
            continue
        buy, sell = (LOT * chance.randint(1, 3_000_000) for _ in range(2))
        trades = chance.randint(2, 400)
        delta = buy - sell
        cvd += delta
        cvd_quote += delta * price
        out.append(
            {
                "start": start,
                "end": start + step,
                "open": f"{walk[0]:.8f}",
                "high": f"{max(walk):.8f}",
                "low": f"{min(walk):.8f}",
                "close": f"{price:.8f}",
                "taker_buy_base": f"{buy:.8f}",
                "taker_sell_base": f"{sell:.8f}",
                "taker_buy_quote": f"{buy * price:.16f}",
                "taker_sell_quote": f"{sell * price:.16f}",
                "delta_base": f"{delta:.8f}",
                "delta_quote": f"{delta * price:.16f}",
                "cvd_base": f"{cvd:.8f}",
                "cvd_quote": f"{cvd_quote:.16f}",
                "buy_trades": trades // 2,
                "sell_trades": trades - trades // 2,
                "first_id": first_id,
                "last_id": first_id + trades - 1,
                "closed": not (is_open and place == count - 1),
                "complete": True,
            }
        )
        first_id += trades
    return out


def traded(bar: dict[str, Any], move: int, base: str = "0.5") -> dict[str, Any]:
    """The open bar after one more trade: `move` ticks up or down, bought where it rose."""
    close = Decimal(bar["close"]) + TICK * move
    delta = Decimal(base) * (1 if move >= 0 else -1)
    return {
        **bar,
        "close": f"{close:.8f}",
        "high": f"{max(close, Decimal(bar['high'])):.8f}",
        "low": f"{min(close, Decimal(bar['low'])):.8f}",
        "delta_base": f"{Decimal(bar['delta_base']) + delta:.8f}",
        "cvd_base": f"{Decimal(bar['cvd_base']) + delta:.8f}",
        "buy_trades": bar["buy_trades"] + 1,
        "last_id": bar["last_id"] + 1,
    }


def following(bar: dict[str, Any], skipped: int = 0) -> dict[str, Any]:
    """The bar that opens after this one (and after so many intervals without a trade)."""
    step = bar["end"] - bar["start"]
    start = bar["end"] + skipped * step
    fresh = dict.fromkeys(("open", "high", "low", "close"), bar["close"])
    return {
        **bar,
        **fresh,
        "start": start,
        "end": start + step,
        "delta_base": "0.00000000",
        "first_id": bar["last_id"] + 1,
        "last_id": bar["last_id"] + 2,
        "closed": False,
    }


def prints(of: list[dict[str, Any]], count: int, *, seed: int = 2) -> list[dict[str, Any]]:
    """Large prints somewhere in these bars, of very different sizes."""
    chance = random.Random(seed)
    out = []
    for number in range(count):
        bar = chance.choice(of)
        notional = Decimal(25_000) * Decimal(10) ** Decimal(chance.random() * 1.6)
        out.append(
            {
                "id": bar["first_id"] + number,
                "qty": "1.00000000",
                "side": chance.choice(["buy", "sell"]),
                "time": chance.randrange(bar["start"], bar["end"]),
                "price": chance.choice([bar["high"], bar["low"], bar["close"]]),
                "notional_usd": f"{notional:.2f}",
            }
        )
    return out
