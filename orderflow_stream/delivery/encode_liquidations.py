"""`/v1/liquidations` and the `liquidation` event: what a venue tells of forced orders, which is a sample of them.

The venue tells at most one order per symbol and second; sums of what it tells are sums of that, and less than what was
liquidated. So there is no coverage here, and no answer is ever complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderflow_stream.core.events import BUY, SELL, Instrument, Liquidation, side_name
from orderflow_stream.core.sums import inverse_base
from orderflow_stream.delivery.encode_numbers import Rules, base, millis, name, quote, volume, word

#: The venue's change log of 2026-04-10 says the largest, its SDK still the latest; nothing else is promised.
SAMPLE: Final = "at most the largest order per symbol and 1000 ms"
LIQUIDATIONS_NOTE: Final = (
    "liquidation orders as the venue tells of them, newest first: a sample, not a tape. Per symbol it sends at most "
    "one order in 1000 ms (the largest, by its change log of 2026-04-10; other of its documents say the latest), so "
    "counts and notionals here understate what was liquidated, and silence is normal. side is that of the order: sell "
    "closes a long."
)

#: A liquidation order and what it is of.
Told = tuple[Instrument, Liquidation]


def notional(instrument: Instrument, one: Liquidation) -> int:
    """What was traded of the order so far, at its average price; 10^-16, exact. 0 where nothing was."""
    return instrument.worth(one.avg_price or one.price, one.filled)


def _fields(rules: Rules, instrument: Instrument, one: Liquidation, exact: bool) -> str:
    places = rules.places(instrument.quote)
    qty, filled, contracts = base(one.qty, exact), base(one.filled, exact), ""
    if instrument.contract:
        contracts = f',"contracts":{qty},"filled_contracts":{filled}'
        qty, filled = (_in_base(instrument, one, count, exact) for count in (one.qty, one.filled))
    position = "long" if one.side < 0 else "short"
    return (
        f'"symbol":{name(instrument.symbol)},"venue":{name(instrument.venue)},"side":"{side_name(one.side)}",'
        f'"position":"{position}","price":{base(one.price, exact)},"avg_price":{base(one.avg_price, exact)},'
        f'"qty":{qty},"filled":{filled}{contracts},"notional":{quote(notional(instrument, one), places, exact)},'
        f'"time":{millis(one.ts_event)},"status":{word(one.status)}'
    )


def _in_base(instrument: Instrument, one: Liquidation, count: int, exact: bool) -> str:
    """Contracts in the base asset, at the average price; null where the order has no price at all."""
    price = one.avg_price or one.price
    if not price:
        return "null"
    return volume(inverse_base(count * instrument.contract, price), instrument.base_decimals, exact)


def liquidation_event(rules: Rules, instrument: Instrument, one: Liquidation, *, exact: bool = False) -> bytes:
    """`liquidation` of the stream: one row of `/v1/liquidations`."""
    return f"{{{_fields(rules, instrument, one, exact)}}}".encode()


def liquidations_data(
    rules: Rules,
    told: Sequence[Told],
    *,
    venue: str,
    market: str,
    symbol: str | None,
    limit: int,
    since: int | None,
    position: str | None,
    exact: bool = False,
) -> bytes:
    """`data` of `/v1/liquidations`: `told` (oldest first) newest first, at most `limit` of them; counts are of all.

    `symbol` is None where all of the venue are meant. `since` (µs) is since when they are listened to without a break,
    None where they are not. A notional is of one quote asset: where there are several, the two sums are null, and
    `by_quote` has them.
    """
    by_quote: dict[str, dict[int, list[int]]] = {}
    for instrument, one in told:
        by_quote.setdefault(instrument.quote, {BUY: [], SELL: []})[one.side].append(notional(instrument, one))
    assets = sorted(by_quote)
    asset = assets[0] if len(assets) == 1 else None
    if len(assets) > 1:
        sums = '"buy_notional":null,"sell_notional":null'
    else:
        sums = _sums(rules.places(asset or ""), by_quote.get(asset or "", {BUY: [], SELL: []}), exact)
    quotes = ",".join(
        f'{name(each)}:{{"buy_count":{len(sides[BUY])},"sell_count":{len(sides[SELL])},'
        f"{_sums(rules.places(each), sides, exact)}}}"
        for each, sides in ((each, by_quote[each]) for each in assets)
    )
    newest = sorted(told, key=_time, reverse=True)[:limit]
    rows = ",".join([f"{{{_fields(rules, instrument, one, exact)}}}" for instrument, one in newest])
    bought = sum(len(sides[BUY]) for sides in by_quote.values())
    return (
        f'{{"note":{name(LIQUIDATIONS_NOTE)},"source":"Binance","venue":{name(venue)},"market":{name(market)},'
        f'"symbol":{word(symbol)},"quote":{word(asset)},"sample":{name(SAMPLE)},"complete":false,'
        f'"listening_since":{millis(since)},"count":{len(told)},"buy_count":{bought},'
        f'"sell_count":{len(told) - bought},{sums},"by_quote":{{{quotes}}},"position":{word(position)},'
        f'"liquidations":[{rows}]}}'
    ).encode()


def _sums(places: int, sides: dict[int, list[int]], exact: bool) -> str:
    return (
        f'"buy_notional":{quote(sum(sides[BUY]), places, exact)},'
        f'"sell_notional":{quote(sum(sides[SELL]), places, exact)}'
    )


def _time(told: Told) -> int:
    return told[1].ts_event
