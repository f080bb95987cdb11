"""What the contract says of a futures market's answers: brute force over plain rows, exact fractions, one rounding.

Spot is the same without the members of futures. A row of an inverse contract holds contracts in `qty`: its notional is
contracts x size, its base volume that by the price, a fraction that mostly never ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from tests.reference.spans import FIAT, NIL, rounded, scan
from tests.reference.tapefile import EXACT, Row

#: Places of a base volume of an inverse contract, as a JSON number and as a string.
_BASE_PLACES: Final = {False: 8, True: 16}
_FINE: Final = 10**60
_ONE: Final = Decimal(1)


@dataclass(frozen=True)
class Contract:
    """One symbol of one market; `size`: what one contract is worth in the quote asset, 0 where `qty` is base."""

    venue: str
    market: str
    symbol: str
    base: str
    quote: str
    size: Decimal = NIL
    rpi: bool = False
    span_us: int = 0

    def worth(self, row: Row) -> int:
        """Its notional, in the quote asset, in units of 10^-60."""
        return _worth(row.qty, self.size or row.price)

    def volume(self, row: Row) -> int:
        """Its quantity of the base asset, in units of 10^-60: of an inverse contract that is rounded, far beyond what
        is ever shown (sums of fractions with a denominator each would take minutes)."""
        return _volume(row.qty, self.size, row.price)

    def quoted(self, value: Fraction, exact: bool) -> Decimal:
        """A quote value as answers carry it."""
        return rounded(value, 16 if exact else 2 if self.quote in FIAT else 8)

    def based(self, value: Fraction, exact: bool) -> Decimal:
        """A base volume as answers carry it."""
        return rounded(value, _BASE_PLACES[exact] if self.size else 8)

    @property
    def about(self) -> dict[str, Any]:
        return {"source": "Binance", "venue": self.venue, "market": self.market, "symbol": self.symbol}


# Each row is in hundreds of answers.
@lru_cache(maxsize=50_000)
def _worth(qty: Decimal, each: Decimal) -> int:
    return _fine(Fraction(qty) * Fraction(each))


@lru_cache(maxsize=50_000)
def _volume(qty: Decimal, size: Decimal, price: Decimal) -> int:
    return round(Fraction(_worth(qty, size)) / Fraction(price)) if size else _fine(Fraction(qty))


def _fine(value: Fraction) -> int:
    whole = value * _FINE
    assert whole.denominator == 1, value
    return whole.numerator


@dataclass(frozen=True)
class Sums:
    """Of rows, by the taker's side; exact."""

    buy_trades: int
    sell_trades: int
    buy_base: Fraction
    sell_base: Fraction
    buy_quote: Fraction
    sell_quote: Fraction

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def share(self) -> Decimal | None:
        both = self.buy_base + self.sell_base
        return rounded(self.buy_base / both, 4) if both else None

    @property
    def ratio(self) -> Decimal | None:
        return rounded(self.buy_base / self.sell_base, 4) if self.sell_base else None

    @property
    def pressure(self) -> str | None:
        both = self.buy_base + self.sell_base
        if not both:
            return None
        imbalance = (self.buy_base - self.sell_base) / both
        if abs(imbalance) < Fraction(1, 10):
            return "balanced"
        side = "buy" if imbalance > 0 else "sell"
        return side if abs(imbalance) < Fraction(3, 10) else f"strong_{side}"


NOTHING: Final = Sums(0, 0, Fraction(0), Fraction(0), Fraction(0), Fraction(0))


def sums(contract: Contract, rows: Sequence[Row]) -> Sums:
    bought = [row for row in rows if row.valid and row.side == "buy"]
    sold = [row for row in rows if row.valid and row.side == "sell"]
    return Sums(
        len(bought),
        len(sold),
        _total(map(contract.volume, bought)),
        _total(map(contract.volume, sold)),
        _total(map(contract.worth, bought)),
        _total(map(contract.worth, sold)),
    )


def _total(values: Iterable[int]) -> Fraction:
    return Fraction(sum(values), _FINE)


def flow(
    contract: Contract,
    rows: Sequence[Row],
    nq: Mapping[int, Decimal],
    *,
    trades: int | None = None,
    window: tuple[int, int] | None = None,
    exact: bool = False,
) -> dict[str, Any]:
    """The `data` of `/v1/flow` but for `note`, `coverage` and `window`."""
    chosen = scan(rows, trades=trades, window=window)
    total = sums(contract, chosen)
    delta = contract.quoted(total.buy_quote - total.sell_quote, exact)
    answer: dict[str, Any] = {
        **contract.about,
        "trades_scanned": len(chosen),
        "buy_trades": total.buy_trades,
        "sell_trades": total.sell_trades,
        "taker_buy_base": contract.based(total.buy_base, exact),
        "taker_sell_base": contract.based(total.sell_base, exact),
        "taker_buy_quote": contract.quoted(total.buy_quote, exact),
        "taker_sell_quote": contract.quoted(total.sell_quote, exact),
        "delta_base": contract.based(total.buy_base - total.sell_base, exact),
        "delta_quote": delta,
        "cvd_quote": delta,
        "buy_sell_ratio": total.ratio,
        "buy_volume_share": total.share,
        "pressure": total.pressure,
        "window_seconds": _seconds(chosen),
        "first_time": chosen[0].ts_us // 1000 if chosen else None,
        "last_time": chosen[-1].ts_us // 1000 if chosen else None,
        "last_price": chosen[-1].price if chosen else None,
    }
    if contract.size:
        bought = rounded(total.buy_quote / Fraction(contract.size), 8)
        sold = rounded(total.sell_quote / Fraction(contract.size), 8)
        answer |= {
            "contract_size": contract.size,
            "taker_buy_contracts": bought,
            "taker_sell_contracts": sold,
            "delta_contracts": EXACT.subtract(bought, sold),
        }
    if contract.rpi:
        answer |= _without_rpi(contract, chosen, nq, exact)
    return answer


def _without_rpi(contract: Contract, rows: Sequence[Row], nq: Mapping[int, Decimal], exact: bool) -> dict[str, Any]:
    """The same sums without RPI trades; all null where one row does not tell."""
    names = [f"{what}_{of}_nq" for of in ("base", "quote") for what in ("taker_buy", "taker_sell", "delta")]
    if any(row.id not in nq for row in rows):
        return dict.fromkeys(names)
    base, quote = {}, {}
    for side in ("buy", "sell"):
        some = [(nq[row.id], row.price) for row in rows if row.side == side]
        base[side] = _total(_worth(qty, _ONE) for qty, _ in some)
        quote[side] = _total(_worth(qty, price) for qty, price in some)
    values = [contract.based(each, exact) for each in (base["buy"], base["sell"], base["buy"] - base["sell"])]
    values += [contract.quoted(each, exact) for each in (quote["buy"], quote["sell"], quote["buy"] - quote["sell"])]
    return dict(zip(names, values, strict=True))


def window_summary(contract: Contract, rows: Sequence[Row], window: tuple[int, int]) -> dict[str, Any]:
    """One entry of `windows` in the stream's `flow` events."""
    total = sums(contract, scan(rows, window=window))
    return {
        "delta_base": contract.based(total.buy_base - total.sell_base, False),
        "delta_quote": contract.quoted(total.buy_quote - total.sell_quote, False),
        "taker_buy_quote": contract.quoted(total.buy_quote, False),
        "taker_sell_quote": contract.quoted(total.sell_quote, False),
        "buy_volume_share": total.share,
        "trades": total.buy_trades + total.sell_trades,
    }


def _seconds(rows: Sequence[Row]) -> Decimal:
    return rounded(Fraction(rows[-1].ts_us - rows[0].ts_us, 10**6), 1) if rows else NIL


# -- large prints -----------------------------------------------------------------------------------------------------


def orders(contract: Contract, rows: Sequence[Row]) -> list[list[Row]]:
    """Rows grouped as `group=order` does. Futures: next id, same side, within the span after the group's first row;
    spot: one microsecond, one side, chained fills."""
    found: list[list[Row]] = []
    for row in rows:
        if not row.valid:
            continue
        if found and _goes_on(contract, found[-1], row):
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _goes_on(contract: Contract, group: Sequence[Row], row: Row) -> bool:
    last = group[-1]
    if row.id != last.id + 1 or row.side != last.side:
        return False
    if contract.span_us:
        return 0 <= row.ts_us - group[0].ts_us < contract.span_us and last.ts_us - row.ts_us < contract.span_us
    chained = last.last is not None and row.first == last.last + 1
    return row.ts_us == last.ts_us and (chained or (last.last is None and row.first is None))


def orders_among(contract: Contract, rows: Sequence[Row], chosen: Sequence[Row]) -> list[list[Row]]:
    """Of the orders of all `rows`, what lies among the newest that are `chosen`: where one is cut, those after it are
    the ones that they are, not others."""
    if not chosen:
        return []
    first = chosen[0].id
    begin = next((at for at, row in enumerate(rows) if row.id == first), 0)
    # Back to where an order begins for certain: a pause, or the other side.
    while begin and _touch(contract, rows[begin - 1], rows[begin]):
        begin -= 1
    cut = ([row for row in group if row.id >= first] for group in orders(contract, rows[begin:]))
    return [group for group in cut if group]


def _touch(contract: Contract, one: Row, two: Row) -> bool:
    if not (one.valid and two.valid):
        return True
    return two.id == one.id + 1 and two.side == one.side and abs(two.ts_us - one.ts_us) <= contract.span_us


def notional(contract: Contract, group: Sequence[Row]) -> Fraction:
    return _total(map(contract.worth, group))


def units(contract: Contract, group: Sequence[Row]) -> int:
    """The same in units of 10^-60, which compare much faster."""
    return sum(map(contract.worth, group))


def value(fine: int) -> Fraction:
    """Of so many of those units."""
    return Fraction(fine, _FINE)


def large(
    contract: Contract,
    rows: Sequence[Row],
    least: Decimal,
    *,
    group: str,
    trades: int = 5000,
    limit: int = 100,
    since_id: int | None = None,
    exact: bool = False,
) -> dict[str, Any]:
    """The `data` of `/v1/large` but for `note` and `coverage`."""
    chosen = scan(rows, trades=trades)
    groups = orders_among(contract, rows, chosen) if group == "order" else [[row] for row in chosen]
    floor = Fraction(least) * _FINE
    sized = [(units(contract, each), each[-1].id, each) for each in groups]
    big = [entry for entry in sized if entry[0] >= floor and (since_id is None or entry[1] > since_id)]
    big.sort(key=lambda entry: entry[:2], reverse=True)
    side = {name: [value for value, _, each in big if each[0].side == name] for name in ("buy", "sell")}
    bought, sold = (_total(side[name]) for name in ("buy", "sell"))
    return {
        **contract.about,
        "group": group,
        "min_notional": least,
        "trades_scanned": len(chosen),
        "window_seconds": _seconds(chosen),
        "count": len(big),
        "buy_count": len(side["buy"]),
        "sell_count": len(side["sell"]),
        "buy_notional": contract.quoted(bought, exact),
        "sell_notional": contract.quoted(sold, exact),
        "net_notional": contract.quoted(bought - sold, exact),
        "largest": [print_of(contract, each, group=group, exact=exact) for _, _, each in big[:limit]],
    }


def print_of(contract: Contract, group_of: Sequence[Row], *, group: str, exact: bool = False) -> dict[str, Any]:
    """One entry of `largest`."""
    last = group_of[-1]
    volume = _total(map(contract.volume, group_of))
    worth = notional(contract, group_of)
    entry: dict[str, Any] = {
        "id": last.id,
        "side": last.side,
        "time": last.ts_us // 1000,
        "price": last.price,
        "qty": contract.based(volume, exact),
        "notional_usd": contract.quoted(worth, exact),
    }
    if contract.size:
        with localcontext(EXACT):
            entry["contracts"] = sum((row.qty for row in group_of), NIL)
    if group == "order":
        entry |= {
            "first_id": group_of[0].id,
            "last_id": last.id,
            "legs": len(group_of),
            "levels": len({row.price for row in group_of}),
            "vwap": rounded(worth / volume, 8),
        }
        if contract.span_us:
            chained = all(
                one.ts_us == two.ts_us and one.last is not None and two.first == one.last + 1
                for one, two in pairwise(group_of)
            )
            entry["confidence"] = "likely" if chained else "possible"
    return entry


# -- the tape ---------------------------------------------------------------------------------------------------------


def trade(contract: Contract, row: Row, nq: Mapping[int, Decimal], exact: bool = False) -> dict[str, Any]:
    """One entry of `/v1/trades`."""
    entry: dict[str, Any] = {
        "id": row.id,
        "price": row.price,
        "qty": contract.based(_total([contract.volume(row)]), exact),
        "side": row.side,
        "time": row.ts_us // 1000,
        "ts_event": row.ts_us,
        "first_fill": row.first,
        "last_fill": row.last,
    }
    if contract.size:
        entry["contracts"] = row.qty
    if contract.rpi:
        entry["nq"] = nq.get(row.id)
    return entry


def screener_row(contract: Contract, rows: Sequence[Row], window: tuple[int, int], exact: bool) -> dict[str, Any]:
    """One row of `/v1/screener` but for `state`, `missing`, `reaches_back`."""
    total = sums(contract, scan(rows, window=window))
    valid = [row for row in rows if row.valid]
    return {
        "symbol": contract.symbol,
        "venue": contract.venue,
        "market": contract.market,
        "base": contract.base,
        "quote": contract.quote,
        "last_price": valid[-1].price,
        "last_time": valid[-1].ts_us // 1000,
        "last_id": rows[-1].id,
        "trades": total.buy_trades + total.sell_trades,
        "delta_base": contract.based(total.buy_base - total.sell_base, exact),
        "delta_quote": contract.quoted(total.buy_quote - total.sell_quote, exact),
        "taker_buy_quote": contract.quoted(total.buy_quote, exact),
        "taker_sell_quote": contract.quoted(total.sell_quote, exact),
        "quote_volume": contract.quoted(total.buy_quote + total.sell_quote, exact),
        "buy_volume_share": total.share,
        "pressure": total.pressure,
    }


# -- several venues ---------------------------------------------------------------------------------------------------


def usd(total: Sums, venues: Sequence[str], exact: bool) -> dict[str, Any]:
    """The sums of several parts in USD, but for `complete`, `state`, `as_of` and `overlap`."""
    places = 16 if exact else 2
    delta = rounded(total.buy_quote - total.sell_quote, places)
    return {
        "venues": list(venues),
        "taker_buy_usd": rounded(total.buy_quote, places),
        "taker_sell_usd": rounded(total.sell_quote, places),
        "delta_usd": delta,
        "cvd_usd": delta,
        "buy_volume_share": total.share,
        "buy_trades": total.buy_trades,
        "sell_trades": total.sell_trades,
    }


# -- liquidations -----------------------------------------------------------------------------------------------------


def liquidation(contract: Contract, order: Mapping[str, Any], exact: bool = False) -> dict[str, Any]:
    """One entry of `/v1/liquidations`, from the order as the exchange tells it."""
    price, average = Decimal(order["p"]), Decimal(order["ap"])
    qty, filled = Decimal(order["q"]), Decimal(order["z"])
    worth = Fraction(filled) * Fraction(contract.size or average)
    entry: dict[str, Any] = {
        "symbol": contract.symbol,
        "venue": contract.venue,
        "side": order["S"].lower(),
        "position": "long" if order["S"] == "SELL" else "short",
        "price": price,
        "avg_price": average,
        "qty": qty,
        "filled": filled,
        "notional": contract.quoted(worth, exact),
        "time": order["T"],
        "status": order["X"],
    }
    if contract.size:
        size = Fraction(contract.size)
        entry |= {
            "qty": contract.based(Fraction(qty) * size / Fraction(average), exact),
            "filled": contract.based(Fraction(filled) * size / Fraction(average), exact),
            "contracts": qty,
            "filled_contracts": filled,
        }
    return entry
