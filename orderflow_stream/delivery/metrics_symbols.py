"""The series that every symbol has, written as text in slices between which the loop is free.

The exposition format wants all lines of one family together, so the lines of each family are gathered book by book
(a book is read in one go, hence consistent) and joined at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from orderflow_stream.core.book import Book
from orderflow_stream.core.events import BUY, SELL
from orderflow_stream.core.units import NOTIONAL_SCALE, SCALE

#: Longest stretch (seconds) that a scrape keeps the loop to itself.
SLICE: Final = 0.002

_US: Final = 1e-6
_STATES: Final = ("connecting", "warming", "live", "quiet", "unverified", "gap", "stale", "partial")
_DROPS: Final = ("too_old", "id_jump")


class Family(NamedTuple):
    name: str
    kind: str
    help: str


_CVD = "since the oldest trade held when the daemon began (orderflow_cvd_anchor_timestamp_seconds)."

CVD_BASE: Final = Family("orderflow_cvd_base", "gauge", f"Cumulative volume delta in base units, {_CVD}")
CVD_QUOTE: Final = Family("orderflow_cvd_quote", "gauge", f"Cumulative volume delta in quote units, {_CVD}")
CVD_ANCHOR: Final = Family("orderflow_cvd_anchor_timestamp_seconds", "gauge", "Where the CVD begins.")
DELTA_BASE: Final = Family(
    "orderflow_window_delta_base", "gauge", "Taker buys minus taker sells in the window, base units."
)
DELTA_QUOTE: Final = Family(
    "orderflow_window_delta_quote", "gauge", "Taker buys minus taker sells in the window, quote units."
)
BUY_SHARE: Final = Family(
    "orderflow_window_buy_volume_ratio", "gauge", "Share of taker buys in the base volume of the window, 0 to 1."
)
LAST_PRICE: Final = Family("orderflow_last_price", "gauge", "Price of the newest trade, quote units.")
LAST_TRADE: Final = Family("orderflow_last_trade_timestamp_seconds", "gauge", "Venue time of the newest trade.")
EVENT_AGE: Final = Family("orderflow_event_age_seconds", "gauge", "Venue time now minus that of the newest trade.")
EVENT_LAG: Final = Family(
    "orderflow_event_lag_seconds", "gauge", "Receipt minus venue time of the newest trade: the way from the exchange."
)
VOLUME_BASE: Final = Family(
    "orderflow_trade_volume_base_total", "counter", "Volume received live or by repair, base units, by aggressor."
)
VOLUME_QUOTE: Final = Family(
    "orderflow_trade_volume_quote_total", "counter", "Volume received live or by repair, quote units, by aggressor."
)
TRADES: Final = Family("orderflow_trades_total", "counter", "Trades received live or by repair, by aggressor.")
LARGE: Final = Family("orderflow_large_prints_total", "counter", "Large taker orders, by aggressor.")
LIQUIDATIONS: Final = Family(
    "orderflow_liquidations_total", "counter", "Liquidation orders that the venue told of, a sample, by their side."
)
COUNTERS: Final = {
    "received": Family("orderflow_trades_received_total", "counter", "Trades that the streams brought."),
    "applied": Family("orderflow_trades_applied_total", "counter", "Streamed trades that were new."),
    "duplicate": Family("orderflow_trades_duplicate_total", "counter", "Streamed trades that were held already."),
    "late": Family("orderflow_trades_late_total", "counter", "Streamed trades that came after their successors."),
    "invalid": Family("orderflow_trades_invalid_total", "counter", "Rows that the venue marked as no trade."),
    "gaps": Family("orderflow_gaps_total", "counter", "Ranges of ids that were skipped."),
    "gap_trades": Family("orderflow_gap_trades_total", "counter", "Ids in those ranges."),
    "refilled": Family("orderflow_gap_trades_refilled_total", "counter", "Skipped ids that came in later."),
    "lost": Family("orderflow_gap_trades_lost_total", "counter", "Skipped ids proven not to exist any more."),
}
DROPPED: Final = Family("orderflow_trades_dropped_total", "counter", "Trades that were not believed, by reason.")
OPEN_GAPS: Final = Family("orderflow_open_gaps", "gauge", "Ranges of ids missing now that may still be filled.")
MISSING: Final = Family("orderflow_missing_trades", "gauge", "Ids missing now among those held, lost ones included.")
FEED_STATE: Final = Family("orderflow_feed_state", "gauge", "1 for the state the feed of the symbol is in, else 0.")

FAMILIES: Final = (
    *(CVD_BASE, CVD_QUOTE, CVD_ANCHOR, DELTA_BASE, DELTA_QUOTE, BUY_SHARE, LAST_PRICE, LAST_TRADE, EVENT_AGE),
    *(EVENT_LAG, VOLUME_BASE, VOLUME_QUOTE, TRADES, LARGE, LIQUIDATIONS, *COUNTERS.values(), DROPPED),
    *(OPEN_GAPS, MISSING, FEED_STATE),
)

Sample = tuple[Family, str, float]


def labels_of(book: Book) -> str:
    """The labels of a symbol, ready for more: `venue="…",market="…",symbol="…"`."""
    one = book.instrument
    return f'venue="{_escape(one.venue)}",market="{one.market}",symbol="{_escape(one.symbol)}"'


def listened(book: Book) -> bool:
    """Whether the venue tells of its liquidations, or did."""
    return book.liquidations_since >= 0 or any(book.liquidation_count.values())


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def samples(book: Book, windows: Mapping[str, int], now: int) -> Iterator[Sample]:
    """Every series of one symbol as (family, further labels, value)."""
    tape = book.tape
    base_scale = 10**book.instrument.base_decimals
    if len(tape):
        base, quote, anchor, _ = book.cvd()
        yield CVD_BASE, "", base / base_scale
        yield CVD_QUOTE, "", quote / NOTIONAL_SCALE
        yield CVD_ANCHOR, "", anchor * _US
        yield LAST_PRICE, "", tape.last_price / SCALE
        yield LAST_TRADE, "", tape.newest_ts * _US
        yield EVENT_AGE, "", (book.now(now) - tape.newest_ts) * _US
        if book.last_recv >= 0:
            yield EVENT_LAG, "", (book.last_recv - tape.newest_ts) * _US
    for name, span in windows.items():
        window = f',window="{_escape(name)}"'
        sums = book.window_sums(span, now)
        yield DELTA_BASE, window, sums.delta_base / base_scale
        yield DELTA_QUOTE, window, sums.delta_quote / NOTIONAL_SCALE
        if total := sums.buy_base + sums.sell_base:  # nothing traded: no share, rather than a false one
            yield BUY_SHARE, window, sums.buy_base / total
    live, large = book.live, book.large_count
    for side, trades, volume, value, count in (
        (',side="buy"', live.buy_trades, live.buy_base, live.buy_quote, large[BUY]),
        (',side="sell"', live.sell_trades, live.sell_base, live.sell_quote, large[SELL]),
    ):
        yield TRADES, side, trades
        yield VOLUME_BASE, side, volume / base_scale
        yield VOLUME_QUOTE, side, value / NOTIONAL_SCALE
        yield LARGE, side, count
    if listened(book):
        yield LIQUIDATIONS, ',side="buy"', book.liquidation_count[BUY]
        yield LIQUIDATIONS, ',side="sell"', book.liquidation_count[SELL]
    counters = book.counters
    for name, family in COUNTERS.items():
        yield family, "", getattr(counters, name)
    for reason in dict.fromkeys((*_DROPS, *counters.dropped)):
        yield DROPPED, f',reason="{_escape(reason)}"', counters.dropped.get(reason, 0)
    holes = book.sequence.holes
    yield OPEN_GAPS, "", sum(1 for hole in holes if not hole.lost)
    yield MISSING, "", sum(hole.size for hole in holes)
    for state in _STATES:
        yield FEED_STATE, f',state="{state}"', 1 if state == book.state else 0


async def symbol_lines(books: Sequence[Book], windows: Mapping[str, int], now: Callable[[], int]) -> bytes:
    """All series of these symbols in text format. Gives the loop a turn every 2 ms."""
    lines: dict[str, list[str]] = {
        family.name: [f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"]
        for family in FAMILIES
    }
    until = time.perf_counter() + SLICE
    for book in books:
        labels = labels_of(book)
        for family, more, value in samples(book, windows, now()):
            lines[family.name].append(f"{family.name}{{{labels}{more}}} {value!r}\n")
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE
    parts: list[bytes] = []
    for family_lines in lines.values():
        parts.append("".join(family_lines).encode())
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE
    return b"".join(parts)
