"""Single prints: `/v1/large` and the `large` event, `/v1/trades` and the `trade` event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orderflow_stream.core.events import BUY, SELL, Instrument, LargePrint, Range, State, Trade, side_name
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
TRADES_NOTE: Final = "the tape, ascending by id; side is the aggressor. Ids without a trade are not listed."


def _large_fields(rules: Rules, instrument: Instrument, row: LargePrint, exact: bool) -> str:
    places = rules.places(instrument.quote)
    fields = (
        f'"id":{row.id},"qty":{base(row.qty, exact)},"side":"{side_name(row.side)}","time":{millis(row.ts_event)},'
        f'"price":{base(row.price, exact)},"notional_usd":{quote(row.notional, places, exact)}'
    )
    if row.group == "row":
        return fields
    # notional is at 10^-16 and quantity at 10^-8: their quotient is at 10^-8 already
    vwap = ratio(row.notional, row.qty, 0)
    return (
        f'{fields},"first_id":{row.first_id},"last_id":{row.last_id},"legs":{row.legs},'
        f'"vwap":{rounded(vwap, VWAP_PLACES, exact)},"levels":{row.levels}'
    )


def large_data(
    rules: Rules,
    instrument: Instrument,
    view: LargeView,
    position: str | None,
    *,
    group: str = "row",
    exact: bool = False,
) -> bytes:
    """`data` of `/v1/large`; counts and totals are over all prints of the span, `largest` is what `limit` left."""
    places = rules.places(instrument.quote)
    largest = ",".join([f"{{{_large_fields(rules, instrument, row, exact)}}}" for row in view.prints])
    return (
        f'{{"note":{name(LARGE_NOTES[group])},"source":"Binance","symbol":{name(instrument.symbol)},'
        f'"venue":{name(instrument.venue)},"market":"{instrument.market}","group":"{group}",'
        f'"min_notional":{quote(view.min_notional, 16, exact)},"trades_scanned":{view.trades_scanned},'
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


def _trade_fields(id_: int, price: int, qty: int, side: int, ts: int, first: int, last: int, exact: bool) -> str:
    fills = f'"first_fill":{first},"last_fill":{last}' if first >= 0 else '"first_fill":null,"last_fill":null'
    return (
        f'"id":{id_},"price":{base(price, exact)},"qty":{base(qty, exact)},"side":"{side_name(side)}",'
        f'"time":{millis(ts)},"ts_event":{ts},{fills}'
    )


def trade_event(instrument: Instrument, trade: Trade, *, late: bool = False, exact: bool = False) -> bytes:
    """`trade` of the stream. `time` is ms, `ts_event` the same in µs; fills are null where the source has none."""
    t = trade
    fields = _trade_fields(t.id, t.price, t.qty, t.side, t.ts_event, t.first_id, t.last_id, exact)
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
        [
            "{"
            + _trade_fields(
                r.id, r.price, abs(r.qty), BUY if r.qty > 0 else SELL, r.ts_event, r.first_id, r.last_id, exact
            )
            + "}"
            for r in rows
        ]
    )
    first, last = held or (None, None)
    return (
        f'{{"note":{name(TRADES_NOTE)},"source":"Binance","symbol":{name(instrument.symbol)},'
        f'"venue":{name(instrument.venue)},"market":"{instrument.market}","count":{len(rows)},'
        f'"first_id":{whole(first)},"last_id":{whole(last)},"missing":{ranges(missing[:MOST_RANGES])},'
        f'"missing_total":{sum(b - a + 1 for a, b in missing)},"next_from_id":{whole(next_from_id)},'
        f'"state":"{state}","generation":{generation},"position":{word(position)},"trades":[{listed}]}}'
    ).encode()
