"""Single prints: `/v1/large` and the `large` event, `/v1/trades` and the `trade` event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orderflow_stream.core.events import BUY, SELL, UNTOLD, Instrument, LargePrint, Range, State, Trade, side_name
from orderflow_stream.core.sums import inverse_base
from orderflow_stream.core.tape import Row
from orderflow_stream.core.units import ratio
from orderflow_stream.delivery.encode_coverage import MOST_RANGES, coverage_text, ranges
from orderflow_stream.delivery.encode_numbers import (
    VWAP_PLACES,
    Rules,
    base,
    flag,
    millis,
    name,
    quote,
    rounded,
    seconds,
    volume,
    whole,
    word,
)

if TYPE_CHECKING:
    from orderflow_stream.analytics.large import LargeView

LARGE_NOTES: Final = {
    "row": "single aggressive aggregated trades at or above min_notional (default $100,000); side is the aggressor.",
    "order": (
        "taker orders (consecutive rows of one time and side with chained fills) at or above min_notional in all; "
        "side is the aggressor, price and time are those of the last row."
    ),
}
#: Of a venue whose rows merge the fills of several orders.
MERGED_NOTES: Final = {
    "row": (
        "single rows at or above min_notional; the venue merges the fills of one price and side over {span} ms into a "
        "row, so several taker orders may share one; side is the aggressor."
    ),
    "order": (
        "consecutive rows of one side within {span} ms of the first, at or above min_notional in all; the venue merges "
        "rows, so an order cannot be rebuilt: confidence is likely where all rows have one time and chained fills, "
        "else possible; side is the aggressor, price and time are those of the last row."
    ),
}
TRADES_NOTE: Final = "the tape, ascending by id; side is the aggressor. Ids without a trade are not listed."


def _large_fields(rules: Rules, instrument: Instrument, row: LargePrint, exact: bool) -> str:
    places = rules.places(instrument.quote)
    qty, contracts = base(row.qty, exact), ""
    if instrument.contract:
        qty, contracts = volume(row.base, instrument.base_decimals, exact), f',"contracts":{qty}'
    fields = (
        f'"id":{row.id},"qty":{qty},"side":"{side_name(row.side)}","time":{millis(row.ts_event)},'
        f'"price":{base(row.price, exact)},"notional_usd":{quote(row.notional, places, exact)}{contracts}'
    )
    if row.group == "row":
        return fields
    # notional is at 10^-16 and quantity at 10^-8: their quotient is at 10^-8 already
    vwap = ratio(row.notional, row.base, 16) if instrument.contract else ratio(row.notional, row.qty, 0)
    confidence = f',"confidence":"{row.confidence}"' if row.confidence else ""
    return (
        f'{fields},"first_id":{row.first_id},"last_id":{row.last_id},"legs":{row.legs},'
        f'"vwap":{rounded(vwap, VWAP_PLACES, exact)},"levels":{row.levels}{confidence}'
    )


def large_note(instrument: Instrument, group: str) -> str:
    """What a large print of this instrument is, for a person."""
    if not instrument.row_span:
        return LARGE_NOTES[group]
    return MERGED_NOTES[group].format(span=instrument.row_span // 1_000)


def large_data(
    rules: Rules,
    instrument: Instrument,
    view: LargeView,
    position: str | None,
    *,
    group: str = "row",
    exact: bool = False,
    percentile: int | None = None,
) -> bytes:
    """`data` of `/v1/large`; counts and totals are over all prints of the span, `largest` is what `limit` left.

    `percentile` (thousandths of one per cent) is that by which `min_notional` was found, where it was."""
    least = "null" if view.min_notional is None else quote(view.min_notional, 16, exact)
    found = "" if percentile is None else f'"percentile":{rounded(percentile, 3, exact)},'
    places = rules.places(instrument.quote)
    largest = ",".join([f"{{{_large_fields(rules, instrument, row, exact)}}}" for row in view.prints])
    return (
        f'{{"note":{name(large_note(instrument, group))},"source":"Binance","symbol":{name(instrument.symbol)},'
        f'"venue":{name(instrument.venue)},"market":"{instrument.market}","group":"{group}",'
        f'"min_notional":{least},{found}"trades_scanned":{view.trades_scanned},'
        f'"window_seconds":{seconds(view.first_time, view.last_time, exact)},"count":{view.count},'
        f'"buy_count":{view.buy_count},"sell_count":{view.sell_count},'
        f'"buy_notional":{quote(view.buy_notional, places, exact)},'
        f'"sell_notional":{quote(view.sell_notional, places, exact)},'
        f'"net_notional":{quote(view.buy_notional - view.sell_notional, places, exact)},'
        f'"largest":[{largest}],"coverage":{coverage_text(view.coverage, position)}}}'
    ).encode()


def large_event(rules: Rules, instrument: Instrument, row: LargePrint, *, exact: bool = False) -> bytes:
    """`large` of the stream: one row of `/v1/large`, plus `symbol`, `group` and `late`."""
    fields = _large_fields(rules, instrument, row, exact)
    return (f'{{"symbol":{name(instrument.symbol)},"group":"{row.group}",{fields},"late":{flag(row.late)}}}').encode()


def _trade_fields(instrument: Instrument, trade: Trade | Row, qty: int, side: int, exact: bool) -> str:
    t = trade
    if t.first_id >= 0:
        more = f'"first_fill":{t.first_id},"last_fill":{t.last_id}'
    else:
        more = '"first_fill":null,"last_fill":null'
    if instrument.rpi:
        more += f',"nq":{_in_base(instrument, t.price, t.nq, exact) if t.nq != UNTOLD else "null"}'
    if instrument.contract:
        more += f',"contracts":{base(qty, exact)}'
    return (
        f'"id":{t.id},"price":{base(t.price, exact)},"qty":{_in_base(instrument, t.price, qty, exact)},'
        f'"side":"{side_name(side)}","time":{millis(t.ts_event)},"ts_event":{t.ts_event},{more}'
    )


def _in_base(instrument: Instrument, price: int, qty: int, exact: bool) -> str:
    """A quantity of one trade (10^-8) in the base asset."""
    if not instrument.contract:
        return base(qty, exact)
    return volume(inverse_base(qty * instrument.contract, price), instrument.base_decimals, exact)


def trade_event(instrument: Instrument, trade: Trade, *, late: bool = False, exact: bool = False) -> bytes:
    """`trade` of the stream. `time` is ms, `ts_event` the same in µs; fills are null where the source has none.

    `nq` is there where the venue tells it, and `contracts` of inverse contracts, whose `qty` is in the base asset.
    """
    fields = _trade_fields(instrument, trade, trade.qty, trade.side, exact)
    return f'{{"symbol":{name(instrument.symbol)},{fields},"late":{flag(late)}}}'.encode()


def trades_data(
    instrument: Instrument,
    rows: Sequence[Row],
    *,
    held: Range | None,
    missing: Sequence[Range],
    next_from_id: int | None,
    position: str | None,
    state: State,
    generation: int,
    exact: bool = False,
) -> bytes:
    """`data` of `/v1/trades`.

    `held` are the first and last id that the tape answers for, `missing` the ranges that lack on this page,
    `next_from_id` where the next page begins (None where nothing was ever held).
    """
    listed = ",".join(
        ["{" + _trade_fields(instrument, r, abs(r.qty), BUY if r.qty > 0 else SELL, exact) + "}" for r in rows]
    )
    first, last = held or (None, None)
    return (
        f'{{"note":{name(TRADES_NOTE)},"source":"Binance","symbol":{name(instrument.symbol)},'
        f'"venue":{name(instrument.venue)},"market":"{instrument.market}","count":{len(rows)},'
        f'"first_id":{whole(first)},"last_id":{whole(last)},"missing":{ranges(missing[:MOST_RANGES])},'
        f'"missing_total":{sum(b - a + 1 for a, b in missing)},"next_from_id":{whole(next_from_id)},'
        f'"state":"{state}","generation":{generation},"position":{word(position)},"trades":[{listed}]}}'
    ).encode()
