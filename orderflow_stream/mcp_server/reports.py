"""From the daemon's answers to results: pure, and where the sentences are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from orderflow_stream.client.answers import Bars, Flow, Large
from orderflow_stream.client.listings import Alive, Gaps, Ready, Screener, Symbols
from orderflow_stream.client.words import STATES, clock, explain
from orderflow_stream.mcp_server.results import (
    BarsResult,
    FlowResult,
    GapsResult,
    HealthResult,
    LargeResult,
    ScreenerResult,
    SymbolHealth,
    SymbolsResult,
)

#: Symbols that are not ready, listed by name.
_LISTED: Final = 20
_STATE_OK: Final = frozenset({"live", "quiet"})


def data_of(answer: msgspec.Struct) -> dict[str, Any]:
    """An answer as JSON values: decimals exact, as strings; members that only other venues have are left out."""
    return _trim(answer)  # type: ignore[no-any-return]


def _trim(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {
            field.encode_name: _trim(inner)
            for field in msgspec.structs.fields(value)
            if (inner := getattr(value, field.name)) is not None or field.required
        }
    if isinstance(value, dict):
        return {name: _trim(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_trim(each) for each in value]
    return f"{value:f}" if isinstance(value, Decimal) else value


def flow_result(flow: Flow) -> FlowResult:
    """Of `/v1/flow`."""
    span = f"the last {flow.window}" if flow.window else f"the last {flow.trades_scanned} trades"
    if not flow.trades_scanned:
        summary = f"{flow.symbol} ({flow.venue}): no trade in {span}."
    else:
        share = "" if flow.buy_volume_share is None else f", a buy share of {_percent(flow.buy_volume_share)}"
        summary = (
            f"{flow.symbol} ({flow.venue}), {span} ({flow.window_seconds} s): takers bought "
            f"{_money(flow.taker_buy_quote)} and sold {_money(flow.taker_sell_quote)} in the quote asset, delta "
            f"{_money(flow.delta_quote, sign=True)}{share}; pressure {flow.pressure}; last price {flow.last_price}."
        )
    return FlowResult(
        summary=summary, complete=flow.coverage.complete, warning=explain(flow.coverage), flow=data_of(flow)
    )


def large_result(large: Large) -> LargeResult:
    """Of `/v1/large`."""
    what = "taker orders" if large.group == "order" else "prints"
    least = "" if large.min_notional is None else f" of at least {_money(large.min_notional)} in the quote asset"
    summary = (
        f"{large.symbol} ({large.venue}): {large.count} {what}{least} "
        f"among the last {large.trades_scanned} trades ({large.window_seconds} s): bought {large.buy_count} "
        f"for {_money(large.buy_notional)}, sold {large.sell_count} for {_money(large.sell_notional)}."
    )
    return LargeResult(
        summary=summary, complete=large.coverage.complete, warning=explain(large.coverage), large=data_of(large)
    )


def bars_result(bars: Bars) -> BarsResult:
    """Of `/v1/bars`."""
    partial = [bar for bar in bars.bars if not bar.complete]
    if bars.bars:
        first, last = bars.bars[0], bars.bars[-1]
        since = "midnight UTC" if bars.anchor.rule == "session" else "the oldest trade held"
        summary = (
            f"{bars.symbol} ({bars.venue}): {bars.count} bars of {bars.interval} from {clock(first.start)} to "
            f"{clock(last.end)}, price {first.open} to {last.close}, delta "
            f"{_money(sum((bar.delta_quote for bar in bars.bars), Decimal(0)), sign=True)} in the quote asset; CVD "
            f"counts from {since}. Spans without a trade are not listed."
        )
    else:
        summary = f"{bars.symbol} ({bars.venue}): no bar of {bars.interval} is held."
    lacks = [text for text in (explain(bars.coverage),) if text]
    if partial:
        lacks.append(
            f"{len(partial)} of {bars.count} bars are not complete (the newest at {clock(partial[-1].start)}): their "
            "volumes are lower bounds."
        )
    if not bars.anchor.complete:
        lacks.append("CVD counts from a point that is not fully covered: use its changes, not its level.")
    return BarsResult(
        summary=summary,
        complete=bars.coverage.complete and not partial,
        warning=" ".join(lacks) or None,
        bars=data_of(bars),
    )


def screener_result(screener: Screener) -> ScreenerResult:
    """Of `/v1/screener`."""
    lacking = [row for row in screener.rows if row.missing or not row.reaches_back or row.state not in _STATE_OK]
    top = ", ".join(f"{row.symbol} {_money(row.delta_quote, sign=True)}" for row in screener.rows[:3])
    summary = (
        f"{screener.count} of {screener.instruments} live symbols ({screener.venue}) over {screener.window}, by "
        f"{screener.sort} {screener.order}{f'; first (delta in the quote asset): {top}' if top else ''}."
    )
    warning = None
    if lacking:
        names = ", ".join(f"{row.symbol} ({row.state})" for row in lacking[:_LISTED])
        warning = f"Incomplete: {len(lacking)} of the rows do not cover all of the window: {names}."
    elif not screener.instruments:
        warning = "No symbol is followed live: this is no sign that nothing happened."
    return ScreenerResult(summary=summary, complete=warning is None, warning=warning, screener=data_of(screener))


def gaps_result(gaps: Gaps) -> GapsResult:
    """Of `/v1/gaps`."""
    summary = (
        f"{gaps.symbol} ({gaps.venue}): {gaps.count} ranges of trades were skipped by the stream: {gaps.repaired} read "
        f"again, {gaps.open} open, {gaps.lost} lost; {gaps.missing_total} trades are missing now."
    )
    warning = None
    if gaps.missing_total or gaps.open or gaps.lost:
        soon = "" if not gaps.ready_in_s else f" What is open will have been asked for in {gaps.ready_in_s:g} s."
        warning = f"Numbers that span an open or lost range are lower bounds.{soon}"
    return GapsResult(summary=summary, complete=warning is None, warning=warning, gaps=data_of(gaps))


def symbols_result(symbols: Symbols, streamed: Screener, contains: str | None, limit: int) -> SymbolsResult:
    """Of `/v1/symbols`, with what of it the screener has."""
    part = (contains or "").upper()
    names = [name for name in symbols.symbols if part in name.upper()]
    live = {row.symbol for row in streamed.rows}
    shown = sorted(names, key=lambda name: name not in live)[:limit]
    what = f" with {contains!r} in the name" if contains else ""
    asset = f" in {symbols.quote}" if symbols.quote else ""
    summary = f"{len(names)} symbols of {symbols.venue} trade{asset}{what}; {len(shown)} are listed."
    warning = None
    if symbols.stale:
        warning = f"The list is of {clock(symbols.refreshed)}: the venue did not answer when it was due for a refresh."
    return SymbolsResult(
        summary=summary,
        complete=warning is None and len(shown) == len(names),
        warning=warning
        or (None if len(shown) == len(names) else "The list is cut: ask with quote, contains or limit."),
        count=len(names),
        venue=symbols.venue,
        symbols=shown,
        streamed=[name for name in shown if name in live],
    )


def health_result(ready: Ready, alive: Alive) -> HealthResult:
    """Of `/readyz?strict=1` and `/healthz`."""
    states = ", ".join(f"{count} {state}" for state, count in ready.states.items()) or "none yet"
    summary = (
        f"The daemon ({alive.version}) follows {ready.instruments} symbols: {states}. "
        f"{'Everything is loaded and live.' if ready.ready else f'{ready.not_ready_total} are not warm and complete.'}"
    )
    lacks = [f"{reason[:1].upper()}{reason[1:]}." for reason in ready.reasons]
    lacks += [f"{state}: {STATES[state]}." for state in STATES if state not in _STATE_OK and state in ready.states]
    if ready.journal.state in {"slow", "failed"}:
        lacks.append(f"The journal is {ready.journal.state} ({ready.journal.reason}): a restart would lose history.")
    return HealthResult(
        summary=summary,
        complete=ready.ready,
        warning=" ".join(lacks) or None,
        version=alive.version,
        instruments=ready.instruments,
        states=ready.states,
        journal=ready.journal.state,
        not_ready_total=ready.not_ready_total,
        not_ready=[
            SymbolHealth(
                symbol=one.symbol,
                state=one.state,
                reason=one.reason,
                missing_trades=one.missing_total,
                since=clock(one.since),
            )
            for one in ready.not_ready[:_LISTED]
        ],
        repair_seconds_left=ready.repair.seconds_left if ready.repair is not None else None,
    )


def _money(value: Decimal, *, sign: bool = False) -> str:
    """An amount as people write it; the exact one stands in the data."""
    places = 0 if abs(value) >= 1_000 else 2 if abs(value) >= 1 else 8
    text = f"{value:{'+' if sign else ''},.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"
