"""All markets of one exchange by a stand-in of our own, and every number of the daemon's process over it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.judge import oracle
from tests.judge.house import House, house
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
    order_edge,
    recorded,
    tiny,
    ugly,
    vast,
)
from tests.tapes.listener import Listener

LEAST = Decimal(10_000)
VENUES = ("binance", "binance-usdm", "binance-coinm")


def all_tapes() -> list[Tape]:
    return [
        recorded(SPOT_BTC, "BTCUSDT-spot-2024-08-08-agg", 900, seed=1),
        recorded(UM_BTC, "BTCUSDT-um-2024-07-19-agg", 5_554, seed=2),
        recorded(UM_ETH, "ETHUSDT-um-aggtrades-2023-02-02", 600, seed=3),
        tiny(UM_TINY, 400, seed=4, first_id=1),
        vast(UM_VAST, 400, seed=5),
        ugly(CM_BTC, 900, seed=6, price="63123.7"),
        ugly(CM_ETH, 500, seed=7, price="3181.3"),
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
        for venue in VENUES:
            for exact, more in ((False, {"window": "5m"}), (True, {"trades": 700})):
                numbers = {"numbers": "string"} if exact else {}
                topics = "flow,large,trade" + (",liquidation" if venue != "binance" else "")
                client = listener(judge, venue, topics, **more, **numbers)
                await client.connect()
                stack.push_async_callback(client.leave)
                clients.append((venue, exact, client))
        for tape in tapes:
            rows = tape.rows[cuts[tape.contract] :]
            firsts = _firsts(tape)
            edges = [row.id for row in rows if row.id in firsts]
            hole = set(range(edges[6], edges[9]))  # whole orders, so that no order is told in two pieces
            await home.exchanges[tape.contract.venue].publish(tape.contract.symbol, rows, withhold=hole)
            for venue, _, client in clients:  # at once: who reads late is ended
                if venue == tape.contract.venue:
                    await told(client, tape.contract.symbol, len([row for row in rows if row.valid]))
        told_orders = await liquidations(home)
        for venue, exact, client in clients:
            for (of, symbol), some in told_orders.items():
                if of == venue:
                    await judge_liquidations(judge, client, judge.listed[of, symbol], some, exact=exact)
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
        assert sum(judge.compared.values()) > 100_000
        for exchange in home.exchanges.values():
            assert not exchange.weights.refused


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
