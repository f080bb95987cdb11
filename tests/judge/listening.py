"""What a client of the stream was told, against what happened: each log event once, each number exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.judge import oracle
from tests.judge.exchange import Listed
from tests.judge.judge import WINDOWS, Judge
from tests.reference.tapefile import Row
from tests.tapes.kit import until
from tests.tapes.listener import Event, Listener


def listener(judge: Judge, venue: str, topics: str, **query: object) -> Listener:
    """A client of all symbols of a venue; not connected yet."""
    symbols = ",".join(symbol for each, symbol in judge.listed if each == venue)
    return Listener(judge.session, judge.url, venue=venue, symbols=symbols, topics=topics, **query)


async def told(client: Listener, symbol: str, trades: int) -> None:
    """Until the client was told of so many trades of a symbol."""

    def came() -> int:
        return sum(event["symbol"] == symbol for event in client.of("trade"))

    await until(lambda: came() >= trades, lambda: f"{symbol}: {came()} of {trades} told, {lagging(client.events)}")


def about(listed: Listed, event: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say of whom an event is, as far as it has them."""
    return {name: getattr(listed.contract, name) for name in ("symbol", "venue", "market") if name in event}


def judge_trades(judge: Judge, client: Listener, listed: Listed, rows: Sequence[Row], *, exact: bool) -> None:
    """Every valid row of `rows` once as a `trade` event, each member right."""
    events = {event["id"]: event for event in client.of("trade") if event["symbol"] == listed.contract.symbol}
    count = sum(event["symbol"] == listed.contract.symbol for event in client.of("trade"))
    assert sorted(events) == [row.id for row in rows if row.valid]
    assert count == len(events), "a trade was told twice"
    for row in rows:
        if row.valid:
            event = events[row.id]
            expected = oracle.trade(listed.contract, row, listed.nq, exact) | about(listed, event)
            judge.same("trade events", event, expected, exact=exact, ignore=("late", "source", "generation"))


def judge_prints(
    judge: Judge, client: Listener, listed: Listed, rows: Sequence[Row], least: Decimal, *, exact: bool
) -> int:
    """Every order of `rows` from `least` on once as a `large` event; gives how many."""
    groups = [
        group for group in oracle.orders(listed.contract, rows) if oracle.notional(listed.contract, group) >= least
    ]
    events = [event for event in client.of("large") if event["symbol"] == listed.contract.symbol]
    assert sorted(event["id"] for event in events) == [group[-1].id for group in groups]
    by_id = {event["id"]: event for event in events}
    for group in groups:
        event = by_id[group[-1].id]
        expected = oracle.print_of(listed.contract, group, group="order", exact=exact) | about(listed, event)
        judge.same("large events", event, expected, exact=exact, ignore=("late", "group"))
    return len(groups)


def judge_flows(
    judge: Judge,
    client: Listener,
    listed: Listed,
    *,
    window: str = "",
    trades: int | None = None,
    exact: bool = False,
) -> int:
    """Every `flow` event: sums of the ids it claims, all configured windows at one now; gives how many."""
    found = [event for event in client.of("flow") if event["symbol"] == listed.contract.symbol]
    for event in found[:3] + found[3:-3:4] + found[-3:] if len(found) > 6 else found:  # each costs a walk of the tape
        now = judge.flow(
            listed,
            event,
            window=window,
            trades=trades,
            exact=exact,
            what="flow events",
            more=("windows", "skipped", "group"),
        )
        if now is None:
            continue
        assert set(event["windows"]) == set(WINDOWS)
        for name, width in WINDOWS.items():
            if name == window or event["coverage"]["reaches_back"] is False:
                continue
            cover = event["coverage"]
            gone = cover["missing"]
            held = [row for row in listed.rows if row.id <= (cover["last_id"] or -1)]
            held = [row for row in held if not any(a <= row.id <= b for a, b in gone)]
            if any(row.ts_us > now - width and row.id < (cover["first_id"] or 0) for row in listed.rows) and gone:
                continue  # holes before this window's ids are not in its list
            expected = oracle.window_summary(listed.contract, held, (now, width))
            judge.same("windows of flow events", event["windows"][name], expected, exact=False, ignore=())
    return len(found)


async def judge_liquidations(
    judge: Judge, client: Listener, listed: Listed, orders: Sequence[Mapping[str, Any]], *, exact: bool
) -> None:
    """Each order once as an event, and all of them on the route, newest first, with exact sums."""
    contract = listed.contract

    def said() -> list[dict[str, Any]]:
        return [event for event in client.of("liquidation") if event["symbol"] == contract.symbol]

    await until(lambda: len(said()) >= len(orders), f"{contract.symbol} was liquidated")
    events = said()
    assert len(events) == len(orders), "an order was told twice, or another market's"
    for event, order in zip(events, orders, strict=True):
        expected = oracle.liquidation(contract, order, exact)
        judge.same("liquidation events", event, expected, exact=exact, ignore=("market",))
    data = await judge.get("/v1/liquidations", exact=exact, symbol=contract.symbol, venue=contract.venue)
    values = {"buy": Fraction(0), "sell": Fraction(0)}
    for order in orders:
        filled = Fraction(Decimal(order["z"]))
        values[order["S"].lower()] += filled * Fraction(contract.size or Decimal(order["ap"]))
    totals: dict[str, Any] = {
        f"{side}_count": sum(order["S"].lower() == side for order in orders) for side in ("buy", "sell")
    } | {f"{side}_notional": contract.quoted(value, exact) for side, value in values.items()}
    newest = sorted(orders, key=lambda order: order["T"], reverse=True)
    expected = {
        **contract.about,
        "quote": contract.quote,
        "complete": False,
        "count": len(orders),
        **totals,
        "by_quote": {contract.quote: totals},
        "liquidations": [oracle.liquidation(contract, order, exact) for order in newest],
    }
    judge.same("liquidations", data, expected, exact=exact, ignore=("note", "sample", "listening_since", "position"))
    assert "at most" in data["sample"]
    assert data["listening_since"] < min(order["T"] for order in orders)


def positions_rise(client: Listener) -> None:
    """No event's id runs back."""
    last = -1
    for event in client.events:
        at = int(event.id.rpartition("-")[2])
        assert at >= last, event
        last = at


def lagging(events: Sequence[Event]) -> list[str]:
    return [event.topic for event in events if event.topic in {"slow", "bye", "busy"}]
