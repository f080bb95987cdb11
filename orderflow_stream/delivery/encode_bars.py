"""`/v1/bars` and the `bar` event: fixed, aligned spans with open, high, low, close, volumes by aggressor and CVD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.encode_coverage import coverage_text
from orderflow_stream.delivery.encode_numbers import Rules, base, flag, millis, name, quote, volume, word

if TYPE_CHECKING:
    from orderflow_stream.analytics.bars import Anchor, BarsView, BarView
    from orderflow_stream.core.coverage import Coverage

BARS_NOTE: Final = (
    "bars [start, end) ascending, of taker trades; intervals without a trade are not listed. cvd_base and cvd_quote "
    "are the sums of deltas from anchor.time to the end of the bar, the same at every interval; before the anchor they "
    "go on backwards. closed: venue time has reached the end. complete: every trade of the bar is held, and the feed "
    "was known to be alive up to its end (of the open bar: up to as_of); a bar that has just closed is complete once a "
    "later trade or the venue's REST has proven it. coverage is of the newest part of these bars, which the tape still "
    "holds."
)
_NOTE: Final = name(BARS_NOTE)


def bar_text(rules: Rules, instrument: Instrument, view: BarView, exact: bool) -> str:
    """One bar as JSON text."""
    bar = view.bar
    sums = bar.sums
    places, decimals = rules.places(instrument.quote), instrument.base_decimals
    return (
        f'{{"start":{millis(bar.start)},"end":{millis(view.end)},"open":{base(bar.open, exact)},'
        f'"high":{base(bar.high, exact)},"low":{base(bar.low, exact)},"close":{base(bar.close, exact)},'
        f'"taker_buy_base":{volume(sums.buy_base, decimals, exact)},'
        f'"taker_sell_base":{volume(sums.sell_base, decimals, exact)},'
        f'"taker_buy_quote":{quote(sums.buy_quote, places, exact)},'
        f'"taker_sell_quote":{quote(sums.sell_quote, places, exact)},'
        f'"delta_base":{volume(sums.delta_base, decimals, exact)},'
        f'"delta_quote":{quote(sums.delta_quote, places, exact)},'
        f'"cvd_base":{volume(view.cvd_base, decimals, exact)},"cvd_quote":{quote(view.cvd_quote, places, exact)},'
        f'"buy_trades":{sums.buy_trades},"sell_trades":{sums.sell_trades},'
        f'"first_id":{bar.first_id},"last_id":{bar.last_id},'
        f'"closed":{flag(view.closed)},"complete":{flag(view.complete)}}}'
    )


def anchor_text(anchor: Anchor) -> str:
    """Where the CVD is 0, as JSON text."""
    return f'{{"rule":"{anchor.rule}","time":{millis(anchor.time)},"complete":{flag(anchor.complete)}}}'


def bars_data(
    instrument: Instrument, view: BarsView, coverage: Coverage, position: str | None, bars: Sequence[str]
) -> bytes:
    """`data` of `/v1/bars`; `bars` are the bars of `view` as `bar_text` wrote them."""
    return (
        f'{{"note":{_NOTE},"source":"Binance","symbol":{name(instrument.symbol)},"venue":{name(instrument.venue)},'
        f'"market":"{instrument.market}","interval":"{view.interval}","anchor":{anchor_text(view.anchor)},'
        f'"count":{len(bars)},"as_of":{millis(view.as_of)},"now":{millis(view.now)},"position":{word(position)},'
        f'"state":"{view.state}","generation":{view.generation},'
        f'"coverage":{coverage_text(coverage, position)},"bars":[{",".join(bars)}]}}'
    ).encode()


def bar_event(rules: Rules, instrument: Instrument, view: BarsView, *, exact: bool = False) -> bytes:
    """`bar` of the stream: the newest bars, the open one last."""
    bars = ",".join([bar_text(rules, instrument, one, exact) for one in view.bars])
    return (
        f'{{"symbol":{name(instrument.symbol)},"venue":{name(instrument.venue)},"market":"{instrument.market}",'
        f'"interval":"{view.interval}","anchor":{anchor_text(view.anchor)},"state":"{view.state}","bars":[{bars}]}}'
    ).encode()
