"""What the contract says the answers are, brute force over plain rows, in exact decimals, rounded once at the end.

Written from the contract alone (fields, rounding, windows, orders, coverage); slow and obvious on purpose. Rows are in
id order, each id once, as a tape without anything late would hold them; rows the venue marked invalid may be among
them. Values in the answers: `Decimal` for any number that may have decimals, `int` for counts, ids and times (ms),
`str`, None.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property, reduce
from typing import Any

from tests.reference.compare import assert_same, load_json
from tests.reference.spans import FIAT, NIL, Sums, coverage, kept, missing, rounded, scan, sums, to_units
from tests.reference.synthetic import synthetic
from tests.reference.tapefile import EXACT, Row, SideName

__all__ = [
    "FIAT",
    "Order",
    "Sums",
    "assert_same",
    "bars",
    "coverage",
    "flow",
    "load_json",
    "missing",
    "orders",
    "orders_large",
    "rounded",
    "rows_large",
    "scan",
    "sums",
    "synthetic",
    "to_units",
    "window_summary",
]

# Flow


def flow(
    rows: Sequence[Row],
    *,
    symbol: str,
    quote: str,
    trades: int | None = None,
    window: tuple[int, int] | None = None,
    fiat: Collection[str] = FIAT,
    exact: bool = False,
    market: str = "spot",
    venue: str = "binance",
) -> dict[str, Any]:
    """The `data` of `/v1/flow` but for `note` (prose) and `coverage` (see `coverage`).

    `exact`: as with `numbers=string`, quote values with every digit; ratio, share and seconds stay rounded."""
    scanned = scan(rows, trades=trades, window=window)
    total = sums(scanned)
    places = _places(quote, fiat, exact)
    with localcontext(EXACT):
        delta_base = total.buy_base - total.sell_base
        delta_quote = rounded(total.buy_quote - total.sell_quote, places)
    return {
        "source": "Binance",
        "venue": venue,
        "market": market,
        "symbol": symbol,
        "trades_scanned": len(scanned),
        "buy_trades": total.buy_trades,
        "sell_trades": total.sell_trades,
        "taker_buy_base": total.buy_base,
        "taker_sell_base": total.sell_base,
        "taker_buy_quote": rounded(total.buy_quote, places),
        "taker_sell_quote": rounded(total.sell_quote, places),
        "delta_base": delta_base,
        "delta_quote": delta_quote,
        "cvd_quote": delta_quote,
        "buy_sell_ratio": _ratio(total.buy_base, total.sell_base),
        "buy_volume_share": _share(total),
        "pressure": _pressure(total),
        "window_seconds": _seconds(scanned),
        "first_time": scanned[0].ts_us // 1000 if scanned else None,
        "last_time": scanned[-1].ts_us // 1000 if scanned else None,
        "last_price": scanned[-1].price if scanned else None,
    }


def window_summary(
    rows: Sequence[Row], *, window: tuple[int, int], quote: str, fiat: Collection[str] = FIAT, exact: bool = False
) -> dict[str, Any]:
    """One entry of `windows` in the stream's `flow` events."""
    total = sums(scan(rows, window=window))
    places = _places(quote, fiat, exact)
    with localcontext(EXACT):
        return {
            "delta_base": total.buy_base - total.sell_base,
            "delta_quote": rounded(total.buy_quote - total.sell_quote, places),
            "taker_buy_quote": rounded(total.buy_quote, places),
            "taker_sell_quote": rounded(total.sell_quote, places),
            "buy_volume_share": _share(total),
            "trades": total.buy_trades + total.sell_trades,
        }


def _places(quote: str, fiat: Collection[str], exact: bool) -> int:
    if exact:
        return 16  # eight decimals times eight: no notional has more, so nothing is cut
    return 2 if quote in fiat else 8


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """Null where there is nothing to divide by: neither infinity nor an error."""
    return rounded(Fraction(part) / Fraction(whole), 4) if whole else None


def _share(total: Sums) -> Decimal | None:
    return _ratio(total.buy_base, EXACT.add(total.buy_base, total.sell_base))


def _pressure(total: Sums) -> str | None:
    """By the exact base imbalance (B-S)/(B+S): at 0.10 a side presses, at 0.30 strongly; the bounds belong to it."""
    both = Fraction(total.buy_base) + Fraction(total.sell_base)
    if not both:
        return None
    imbalance = (Fraction(total.buy_base) - Fraction(total.sell_base)) / both
    if abs(imbalance) < Fraction(1, 10):
        return "balanced"
    side = "buy" if imbalance > 0 else "sell"
    return side if abs(imbalance) < Fraction(3, 10) else f"strong_{side}"


def _seconds(scanned: Sequence[Row]) -> Decimal:
    """Last T minus first T; nothing spans nothing."""
    return rounded(Fraction(scanned[-1].ts_us - scanned[0].ts_us, 10**6), 1) if scanned else NIL


# Large prints


@dataclass(frozen=True)
class Order:
    """One taker order as the tape shows it: the rows it became, oldest first. Asked for a sum, it has all of them."""

    legs: list[Row]

    @property
    def id(self) -> int:
        return self.legs[-1].id

    @property
    def side(self) -> SideName:
        return self.legs[0].side

    @cached_property
    def qty(self) -> Decimal:
        return reduce(EXACT.add, (leg.qty for leg in self.legs), NIL)

    @cached_property
    def notional(self) -> Decimal:
        return reduce(EXACT.add, (leg.notional for leg in self.legs), NIL)

    @property
    def vwap(self) -> Decimal:
        """notional / qty at 8 decimals."""
        return rounded(Fraction(self.notional) / Fraction(self.qty), 8)


@kept
def orders(rows: Sequence[Row]) -> list[Order]:
    """`rows` grouped into taker orders, oldest first: each valid row belongs to exactly one."""
    found: list[Order] = []
    for row in rows:
        if not row.valid:
            continue
        if found and _continues(found[-1].legs[-1], row):
            found[-1].legs.append(row)
        else:
            found.append(Order([row]))
    return found


def _continues(before: Row, row: Row) -> bool:
    """Next id, same microsecond, same side, fills that follow on. Where neither row tells its fills, the ids alone
    must do; where one of them tells, it cannot be shown to follow."""
    untold = before.last is None and row.first is None
    chained = before.last is not None and row.first == before.last + 1
    return row.id == before.id + 1 and row.ts_us == before.ts_us and row.side == before.side and (untold or chained)


def rows_large(
    rows: Sequence[Row],
    min_notional: Decimal | int,
    *,
    symbol: str,
    quote: str,
    trades: int = 5000,
    limit: int = 100,
    since_id: int | None = None,
    fiat: Collection[str] = FIAT,
    exact: bool = False,
    market: str = "spot",
    venue: str = "binance",
) -> dict[str, Any]:
    """The `data` of `/v1/large?group=row` but for `note` and `coverage`: single rows at or above `min_notional`.

    `since_id` leaves out prints whose id is not above it, from the totals too; `limit` only shortens the list."""
    scanned = scan(rows, trades=trades)
    head = {"source": "Binance", "venue": venue, "market": market, "symbol": symbol}
    prints = _each(scanned)
    return head | _large(scanned, prints, Decimal(min_notional), limit, since_id, _places(quote, fiat, exact), False)


@kept
def _each(rows: Sequence[Row]) -> list[Order]:
    return [Order([row]) for row in rows]


def orders_large(
    rows: Sequence[Row],
    min_notional: Decimal | int,
    *,
    symbol: str,
    quote: str,
    trades: int = 5000,
    limit: int = 100,
    since_id: int | None = None,
    fiat: Collection[str] = FIAT,
    exact: bool = False,
    market: str = "spot",
    venue: str = "binance",
) -> dict[str, Any]:
    """As `rows_large` with `group=order`: the newest `trades` rows are taken first and grouped then, so an order that
    the scan cuts counts with what is inside."""
    scanned = scan(rows, trades=trades)
    head = {"source": "Binance", "venue": venue, "market": market, "symbol": symbol}
    prints = orders(scanned)
    return head | _large(scanned, prints, Decimal(min_notional), limit, since_id, _places(quote, fiat, exact), True)


def _large(
    scanned: Sequence[Row],
    prints: Sequence[Order],
    min_notional: Decimal,
    limit: int,
    since_id: int | None,
    places: int,
    grouped: bool,
) -> dict[str, Any]:
    big = [order for order in prints if order.notional >= min_notional and (since_id is None or order.id > since_id)]
    big.sort(key=lambda order: (order.notional, order.id), reverse=True)
    buys = [order for order in big if order.side == "buy"]
    sells = [order for order in big if order.side == "sell"]
    with localcontext(EXACT):
        bought = sum((order.notional for order in buys), NIL)
        sold = sum((order.notional for order in sells), NIL)
        net = bought - sold
    return {
        "min_notional": min_notional,
        "trades_scanned": len(scanned),
        "window_seconds": _seconds(scanned),
        "count": len(big),
        "buy_count": len(buys),
        "sell_count": len(sells),
        "buy_notional": rounded(bought, places),
        "sell_notional": rounded(sold, places),
        "net_notional": rounded(net, places),
        "largest": [_print(order, places, grouped) for order in big[:limit]],
    }


def _print(order: Order, places: int, grouped: bool) -> dict[str, Any]:
    last = order.legs[-1]
    entry: dict[str, Any] = {
        "id": order.id,
        "side": order.side,
        "time": last.ts_us // 1000,
        "price": last.price,
        "qty": order.qty,
        "notional_usd": rounded(order.notional, places),
    }
    if grouped:
        entry |= {
            "first_id": order.legs[0].id,
            "last_id": last.id,
            "legs": len(order.legs),
            "levels": len({leg.price for leg in order.legs}),
            "vwap": order.vwap,
        }
    return entry


# Bars


def bars(rows: Sequence[Row], width_us: int) -> list[dict[str, Any]]:
    """Aligned bars of `width_us` in which something traded, oldest first; `start` in µs, a multiple of the width, all
    values exact. Open and close go by id order."""
    spans: dict[int, list[Row]] = {}
    for row in rows:
        if row.valid:
            spans.setdefault(row.ts_us - row.ts_us % width_us, []).append(row)
    out: list[dict[str, Any]] = []
    for start, inside in sorted(spans.items()):
        prices = [row.price for row in inside]
        out.append(
            {
                "start": start,
                "open": prices[0],
                "high": max(prices),
                "low": min(prices),
                "close": prices[-1],
                **sums(inside)._asdict(),
                "first_id": inside[0].id,
                "last_id": inside[-1].id,
            }
        )
    return out
