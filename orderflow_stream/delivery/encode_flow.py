"""`/v1/flow`, the `flow` event and the screener: taker buys against taker sells of a span."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from orderflow_stream.core.events import Instrument, State
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.units import ratio
from orderflow_stream.delivery.encode_coverage import coverage_text
from orderflow_stream.delivery.encode_numbers import (
    SHARE_PLACES,
    Rules,
    base,
    millis,
    name,
    quote,
    rounded,
    seconds,
    share,
    volume,
    whole,
    word,
)

if TYPE_CHECKING:
    from orderflow_stream.analytics.flow import Flow

FLOW_NOTE: Final = (
    "delta_quote (the CVD over the window) is taker-buy minus taker-sell quote volume; positive = net aggressive "
    "buying. Up to 5000 recent trades scanned (trades=N), or a span of venue time (window=5m); coverage says which "
    "trade ids this stands on and which are missing."
)
SCREENER_NOTE: Final = (
    "one row an instrument, all at the same instant and over the same span of venue time; a row is whole where its "
    "state is live or quiet, missing is 0 and reaches_back is true."
)
_FLOW_NOTE: Final = name(FLOW_NOTE)
_SCREENER_NOTE: Final = name(SCREENER_NOTE)
_NQ_UNTOLD: Final = (
    '"taker_buy_base_nq":null,"taker_sell_base_nq":null,"taker_buy_quote_nq":null,"taker_sell_quote_nq":null,'
    '"delta_base_nq":null,"delta_quote_nq":null,'
)


def _flow_fields(
    rules: Rules, instrument: Instrument, flow: Flow, position: str | None, window: str | None, exact: bool
) -> str:
    """The members of a flow object, without its braces."""
    sums = flow.sums
    places, decimals = rules.places(instrument.quote), instrument.base_decimals
    buy, sell = sums.buy_base, sums.sell_base
    delta_quote = quote(sums.buy_quote - sums.sell_quote, places, exact)
    pressure = rules.pressure(buy, sell)
    buy_sell = rounded(ratio(buy, sell, SHARE_PLACES), SHARE_PLACES, exact) if sell else "null"
    last_price = "null" if flow.last_price is None else base(flow.last_price, exact)
    span = f'"window":{name(window)},' if window else ""
    return (
        f'"note":{_FLOW_NOTE},"source":"Binance","symbol":{name(instrument.symbol)},'
        f'"venue":{name(instrument.venue)},"market":"{instrument.market}",'
        f'"pressure":{name(pressure) if pressure else "null"},'
        f'"cvd_quote":{delta_quote},"delta_quote":{delta_quote},"delta_base":{volume(buy - sell, decimals, exact)},'
        f'"buy_trades":{sums.buy_trades},"sell_trades":{sums.sell_trades},'
        f'"trades_scanned":{sums.buy_trades + sums.sell_trades},'
        f'"taker_buy_base":{volume(buy, decimals, exact)},"taker_buy_quote":{quote(sums.buy_quote, places, exact)},'
        f'"taker_sell_base":{volume(sell, decimals, exact)},"taker_sell_quote":{quote(sums.sell_quote, places, exact)},'
        f'"buy_sell_ratio":{buy_sell},"buy_volume_share":{share(buy, buy + sell, exact)},'
        f'"window_seconds":{seconds(flow.first_time, flow.last_time, exact)},"last_price":{last_price},'
        f'"first_time":{millis(flow.first_time)},"last_time":{millis(flow.last_time)},'
        f'{_of_futures(instrument, flow, places, exact)}{span}"coverage":{coverage_text(flow.coverage, position)}'
    )


def _of_futures(instrument: Instrument, flow: Flow, places: int, exact: bool) -> str:
    """What only some instruments have: contracts of an inverse contract, volumes without RPI trades where the venue
    tells them (null where it did not for all rows of the span)."""
    if instrument.contract:
        bought, sold = instrument.contracts(flow.sums.buy_quote), instrument.contracts(flow.sums.sell_quote)
        contracts = (
            f'"contract_size":{base(instrument.contract, exact)},"taker_buy_contracts":{base(bought, exact)},'
            f'"taker_sell_contracts":{base(sold, exact)},"delta_contracts":{base(bought - sold, exact)},'
        )
    else:
        contracts = ""
    if not instrument.rpi:
        return contracts
    nq = flow.nq
    if nq is None:
        return contracts + _NQ_UNTOLD
    decimals = instrument.base_decimals
    return (
        f'{contracts}"taker_buy_base_nq":{volume(nq.buy_base, decimals, exact)},'
        f'"taker_sell_base_nq":{volume(nq.sell_base, decimals, exact)},'
        f'"taker_buy_quote_nq":{quote(nq.buy_quote, places, exact)},'
        f'"taker_sell_quote_nq":{quote(nq.sell_quote, places, exact)},'
        f'"delta_base_nq":{volume(nq.delta_base, decimals, exact)},'
        f'"delta_quote_nq":{quote(nq.delta_quote, places, exact)},'
    )


def flow_data(
    rules: Rules,
    instrument: Instrument,
    flow: Flow,
    position: str | None,
    *,
    window: str | None = None,
    exact: bool = False,
) -> bytes:
    """`data` of `/v1/flow`: one JSON object. `window` is the name of the span (`5m`) where it is one of time."""
    return f"{{{_flow_fields(rules, instrument, flow, position, window, exact)}}}".encode()


def window_text(rules: Rules, instrument: Instrument, sums: Sums, exact: bool = False) -> str:
    """The short form of one window: deltas, quote volumes, share and count."""
    places = rules.places(instrument.quote)
    buy, sell = sums.buy_base, sums.sell_base
    return (
        f'{{"delta_base":{volume(buy - sell, instrument.base_decimals, exact)},'
        f'"delta_quote":{quote(sums.buy_quote - sums.sell_quote, places, exact)},'
        f'"taker_buy_quote":{quote(sums.buy_quote, places, exact)},'
        f'"taker_sell_quote":{quote(sums.sell_quote, places, exact)},'
        f'"buy_volume_share":{share(buy, buy + sell, exact)},"trades":{sums.buy_trades + sums.sell_trades}}}'
    )


def flow_event(
    rules: Rules,
    instrument: Instrument,
    flow: Flow,
    windows: Mapping[str, Sums],
    skipped: int,
    position: str | None,
    *,
    window: str | None = None,
    exact: bool = False,
) -> bytes:
    """`flow` of the stream: `flow_data` plus every configured window in short and the states `skipped` since."""
    short = ",".join([f"{name(key)}:{window_text(rules, instrument, sums, exact)}" for key, sums in windows.items()])
    fields = _flow_fields(rules, instrument, flow, position, window, exact)
    return f'{{{fields},"windows":{{{short}}},"skipped":{skipped}}}'.encode()


class ScreenerRow(Struct, frozen=True):
    """What the screener says of one instrument. Price at 10^-8 and time in µs, None before the first trade;
    `missing` ids inside the span; `reaches_back` as in coverage."""

    instrument: Instrument
    sums: Sums
    last_price: int | None
    last_time: int | None
    last_id: int | None
    state: State
    missing: int
    reaches_back: bool


def screener_row(rules: Rules, row: ScreenerRow, *, exact: bool = False) -> bytes:
    """One row of `/v1/screener`, also one row of the stream's `watch`."""
    instrument, sums = row.instrument, row.sums
    places = rules.places(instrument.quote)
    buy, sell = sums.buy_base, sums.sell_base
    pressure = rules.pressure(buy, sell)
    return (
        f'{{"symbol":{name(instrument.symbol)},"venue":{name(instrument.venue)},"market":"{instrument.market}",'
        f'"base":{name(instrument.base)},"quote":{name(instrument.quote)},'
        f'"last_price":{"null" if row.last_price is None else base(row.last_price, exact)},'
        f'"last_time":{millis(row.last_time)},"last_id":{whole(row.last_id)},'
        f'"trades":{sums.buy_trades + sums.sell_trades},'
        f'"delta_base":{volume(buy - sell, instrument.base_decimals, exact)},'
        f'"delta_quote":{quote(sums.buy_quote - sums.sell_quote, places, exact)},'
        f'"taker_buy_quote":{quote(sums.buy_quote, places, exact)},'
        f'"taker_sell_quote":{quote(sums.sell_quote, places, exact)},'
        f'"quote_volume":{quote(sums.buy_quote + sums.sell_quote, places, exact)},'
        f'"buy_volume_share":{share(buy, buy + sell, exact)},'
        f'"pressure":{name(pressure) if pressure else "null"},"state":"{row.state}","missing":{row.missing},'
        f'"reaches_back":{"true" if row.reaches_back else "false"}}}'
    ).encode()


def screener_data(
    rows: Iterable[bytes],
    *,
    venue: str,
    market: str,
    window: str,
    sort: str,
    order: str,
    instruments: int,
    as_of: int,
    position: str | None,
) -> bytes:
    """`data` of `/v1/screener`: the encoded `rows` (of `instruments` in all) and what they are rows of; `as_of` µs."""
    listed: Sequence[bytes] = list(rows)
    head = (
        f'{{"note":{_SCREENER_NOTE},"source":"Binance","venue":{name(venue)},"market":{name(market)},'
        f'"window":{name(window)},"sort":{name(sort)},"order":{name(order)},"instruments":{instruments},'
        f'"count":{len(listed)},"as_of":{millis(as_of)},"position":{word(position)},"rows":['
    )
    return head.encode() + b",".join(listed) + b"]}"
