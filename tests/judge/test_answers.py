"""All markets of one exchange by a stand-in of our own, and every number of the daemon's process over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.judge import oracle
from tests.judge.bar_events import Stamped, bar_listener, judge_bar_events, judge_live, newest
from tests.judge.bars import Ledger
from tests.judge.house import House, house
from tests.judge.judge import Judge
from tests.judge.listening import (
    judge_flows,
    judge_liquidations,
    judge_prints,
    judge_trades,
    lagging,
    listener,
    positions_rise,
    told,
)
from tests.judge.markets import (
    CM_BTC,
    CM_ETH,
    CM_TINY,
    CM_VAST,
    SPOT_BTC,
    UM_BTC,
    UM_ETH,
    UM_TINY,
    UM_VAST,
    Tape,
    jumbled,
    order_edge,
    recorded,
    tiny,
    ugly,
    vast,
)
from tests.judge.oracle import Contract
from tests.reference.tapefile import Row
from tests.tapes.kit import until
from tests.tapes.listener import Listener

LEAST = Decimal(10_000)
#: Which bars are listened to: interval, anchor, whether with numbers as strings.
BARS = (("1s", "session", True), ("1m", "oldest", False))
#: What trades while it is listened to.
LIVE = (SPOT_BTC, UM_BTC, CM_BTC)
#: Venue, which bars, the client, and what it was told.
Reader = tuple[str, tuple[str, str, bool], Listener, Stamped]
VENUES = ("binance", "binance-usdm", "binance-coinm")


def all_tapes() -> list[Tape]:
    return [
        recorded(SPOT_BTC, "BTCUSDT-spot-2024-08-08-agg", 900, seed=1),
        recorded(UM_BTC, "BTCUSDT-um-2024-07-19-agg", 5_554, seed=2),
        recorded(UM_ETH, "ETHUSDT-um-aggtrades-2023-02-02", 600, seed=3),
        tiny(UM_TINY, 400, seed=4, first_id=1),
        vast(UM_VAST, 400, seed=5),
        ugly(CM_BTC, 900, seed=6, price="63123.7"),
        jumbled(ugly(CM_ETH, 500, seed=7, price="3181.3"), seed=7),
        vast(CM_VAST, 400, seed=8),
        tiny(CM_TINY, 400, seed=9),
    ]


@pytest.mark.slow
@pytest.mark.timeout(150)  # walks every tape many times: on a crowded machine beyond the usual minute
async def test_every_field_of_every_market(tmp_path: Path) -> None:
    tapes = all_tapes()
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(
            house(tapes, tmp_path, ORDERFLOW_ANALYTICS__LARGE__MIN_NOTIONAL=f"{LEAST}")
        )
        cuts = {tape.contract: order_edge(tape, len(tape.rows) * 7 // 10) for tape in tapes}
        for tape in tapes:
            home.exchanges[tape.contract.venue].keep(tape.contract.symbol, tape.rows[: cuts[tape.contract]])
        judge = await stack.enter_async_context(home.serving())
        await home.carried()
        clients: list[tuple[str, bool, Listener]] = []
        holes: dict[Contract, tuple[int, int]] = {}
        for venue in VENUES:
            for exact, more in ((False, {"window": "5m"}), (True, {"trades": 700})):
                numbers = {"numbers": "string"} if exact else {}
                topics = "flow,large,trade" + (",liquidation" if venue != "binance" else "")
                client = listener(judge, venue, topics, **more, **numbers)
                await client.connect()
                stack.push_async_callback(client.leave)
                clients.append((venue, exact, client))
        readers = await listen(judge, stack)
        for tape in tapes:
            rows = tape.rows[cuts[tape.contract] :]
            firsts = _firsts(tape)
            edges = [row.id for row in rows if row.id in firsts]
            hole = set(range(edges[6], edges[9]))  # whole orders, so that no order is told in two pieces
            holes[tape.contract] = min(hole), max(hole)
            exchange = home.exchanges[tape.contract.venue]
            exchange.answers.clear()  # the hole stays for as long as it is looked at
            await exchange.publish(tape.contract.symbol, rows, withhold=hole)
            await judge.brought(judge.listed[tape.contract.venue, tape.contract.symbol])
            await judge.bars(judge.listed[tape.contract.venue, tape.contract.symbol], exact=False, whole=False)
            exchange.answers.set()
            for venue, _, client in clients:  # at once: who reads late is ended
                if venue == tape.contract.venue:
                    await told(client, tape.contract.symbol, len([row for row in rows if row.valid]))
        told_orders = await liquidations(home)
        for venue, exact, client in clients:
            for (of, symbol), some in told_orders.items():
                if of == venue:
                    await judge_liquidations(judge, client, judge.listed[of, symbol], some, exact=exact)
        begin = await live(home, tapes)
        await ended(readers, tapes)
        await home.whole()
        await judge.everything()
        listed = judge.listed
        spot, um, cm = (
            listed["binance", "BTCUSDT"],
            listed["binance-usdm", "BTCUSDT"],
            listed["binance-coinm", "BTCUSD_PERP"],
        )
        for exact in (False, True):
            await judge.combined("BTC", [spot, um], exact=exact)
            await judge.combined("BTC", [spot, um, cm], exact=exact)
            await judge.combined("BTC", [um, cm], exact=exact)
        for venue, exact, client in clients:
            for tape in tapes:
                if tape.contract.venue != venue:
                    continue
                each = listed[venue, tape.contract.symbol]
                rows = tape.rows[cuts[tape.contract] :]
                try:
                    await asyncio.to_thread(judge_trades, judge, client, each, rows, exact=exact)
                    await asyncio.to_thread(judge_prints, judge, client, each, rows, LEAST, exact=exact)
                    span: dict[str, Any] = {"trades": 700} if exact else {"window": "5m"}
                    assert await asyncio.to_thread(judge_flows, judge, client, each, exact=exact, **span)
                except AssertionError as error:
                    error.add_note(f"{venue}:{tape.contract.symbol} exact {exact}")
                    raise
            positions_rise(client)
            assert not lagging(client.events)
        await judge_readers(judge, readers, tapes, holes, begin)
        assert sum(judge.compared.values()) > 150_000
        for exchange in home.exchanges.values():
            assert not exchange.weights.refused


async def listen(judge: Judge, stack: AsyncExitStack) -> list[Reader]:
    """To the bars of all venues."""
    readers: list[Reader] = []
    for venue in VENUES:
        for interval, rule, exact in BARS:
            query = {"interval": interval, "anchor": rule} | ({"numbers": "string"} if exact else {})
            reader, events = bar_listener(judge, venue, **query)
            await reader.connect()
            stack.push_async_callback(reader.leave)
            readers.append((venue, (interval, rule, exact), reader, events))
    return readers


async def judge_readers(
    judge: Judge,
    readers: Sequence[Reader],
    tapes: Sequence[Tape],
    holes: dict[Contract, tuple[int, int]],
    begin: int,
) -> None:
    """All that they were told, and what they are told when they come back; `begin` as of `live`."""
    ledgers: dict[Contract, dict[tuple[int, bool], Ledger]] = {tape.contract: {} for tape in tapes}
    for venue, (interval, rule, exact), reader, events in readers:
        for tape in tapes:
            if tape.contract.venue == venue:
                each, hole = judge.listed[venue, tape.contract.symbol], holes[tape.contract]
                known, kind = ledgers[tape.contract], {"interval": interval, "rule": rule}
                assert await asyncio.to_thread(judge_bar_events, judge, events, each, hole, known, exact=exact, **kind)
                if interval == "1s" and tape.contract in LIVE:
                    judge_live(events, each, begin)
        await resumed(judge, venue, reader, events, interval=interval, rule=rule, exact=exact)


async def live(home: House, tapes: Sequence[Tape]) -> int:
    """Trades of now, for three seconds; gives when (ms) they began."""
    begin = time.time_ns() // 1_000_000
    last = {tape.contract: tape.rows[-1] for tape in tapes}
    turn = 0
    while (now := time.time_ns() // 1_000_000) < begin + 2_500:
        for tape in tapes:
            if tape.contract not in LIVE:
                continue
            before = last[tape.contract]
            price = before.price + turn % 3 * Decimal("0.1") if before.valid else Decimal(60_000)
            fill = (before.last or 0) + 1
            row = Row(
                before.id + 1, price, Decimal(turn % 7 + 1), fill, fill, now * 1000, ("buy", "sell")[turn % 3 > 0]
            )
            last[tape.contract] = row
            tape.rows.append(row)
            await home.exchanges[tape.contract.venue].publish(tape.contract.symbol, [row])
        turn += 1
        await asyncio.sleep(0.06)
    return begin


async def ended(readers: Sequence[Reader], tapes: Sequence[Tape]) -> None:
    """Until the last second of each was told as ended, though nothing trades any more."""
    for venue, kind, _, events in readers:
        for tape in tapes:
            if tape.contract.venue == venue and tape.contract in LIVE and kind == BARS[0]:

                def told_of(events: Stamped = events, tape: Tape = tape) -> bool:
                    bar = newest(events, tape.contract.symbol)
                    return bar is not None and bar["last_id"] == tape.rows[-1].id and bar["closed"]

                await until(told_of, f"the last second of {tape.contract} ended")


async def resumed(
    judge: Judge, venue: str, reader: Listener, events: Stamped, *, interval: str, rule: str, exact: bool
) -> None:
    """One that leaves and comes back is sent the bars of each symbol at once, as they are now."""
    await reader.leave()
    at = len(events)
    await reader.connect()
    symbols = [symbol for each, symbol in judge.listed if each == venue]
    await until(lambda: all(newest(events, symbol, at) for symbol in symbols), "the bars of each after a resume")
    await reader.leave()
    again = [event for event in events[at:] if event.topic == "bar"]
    assert events[at].topic == "hello"
    for symbol in symbols:
        told_ = next(event.data for event in again if event.data["symbol"] == symbol)
        data = await judge.get(
            "/v1/bars", exact=exact, symbol=symbol, venue=venue, interval=interval, anchor=rule, limit=3
        )
        assert (told_["anchor"], told_["state"]) == (data["anchor"], data["state"])
        for one, two in zip(told_["bars"], data["bars"], strict=True):
            # Between the two a bar may end, and be proven.
            assert {**one, "closed": 0, "complete": 0} == {**two, "closed": 0, "complete": 0}
            assert one["closed"] <= two["closed"]


async def liquidations(home: House) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Orders of both markets on both streams, as the exchange sends them; by instrument, those that are its own."""
    now = time.time_ns() // 1_000_000
    kept: dict[tuple[str, str], list[dict[str, Any]]] = {}
    plan = (
        (UM_BTC, 1, "SELL", "0.014", "63910.1", "63899.37", "0.014", "FILLED"),
        (UM_BTC, 1, "BUY", "1234.567", "64001.3", "64017.77", "1000.001", "PARTIALLY_FILLED"),
        (UM_VAST, 1, "SELL", "1000000000", "100000.1", "99999.9", "999999999", "FILLED"),
        (UM_TINY, 1, "SELL", "10000000000", "0.0000001", "0.00000011", "9999999999", "FILLED"),
        (CM_BTC, 2, "SELL", "133", "63123.7", "63119.3", "133", "FILLED"),
        (CM_BTC, 2, "BUY", "7", "63123.7", "63111.1", "3", "PARTIALLY_FILLED"),
        (CM_VAST, 2, "BUY", "1000000000", "100000.1", "100000.7", "999999999", "FILLED"),
    )
    for turn, (contract, st, side, qty, price, average, filled, status) in enumerate(plan):
        order: dict[str, Any] = {"s": contract.symbol, "S": side, "o": "LIMIT", "f": "IOC", "q": qty, "p": price}
        order |= {"ap": average, "X": status, "l": filled, "z": filled, "T": now + turn}
        for venue in VENUES[1:]:  # either host tells of both markets
            await home.exchanges[venue].liquidate(order, st)
        kept.setdefault((contract.venue, contract.symbol), []).append(order)
    return kept


def _firsts(tape: Tape) -> set[int]:
    """Ids with which an order begins."""
    return {group[0].id for group in oracle.orders(tape.contract, tape.rows)}
