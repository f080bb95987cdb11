"""What is asked, as it stands on the wire: and that a real daemon takes and answers it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderflow_stream.client import OrderFlow, calls
from orderflow_stream.client.wire import Call
from orderflow_stream.delivery.http.routes import routes
from tests.delivery.http.world import Daemon

CALLS: list[Call[Any]] = [
    calls.flow("BTCUSDT"),
    calls.flow(coin="BTC", quote="USDT", venue="binance", trades=100),
    calls.flow("BTCUSDT", window="5m", after="abcd2345-1", wait=0),
    calls.flow("BTCUSDT", fresh=True),
    calls.flows(["BTCUSDT", "ETHBTC"], window="1m"),
    calls.flows("*", trades=100),
    calls.combined("BTC", ["binance"], window="5m"),
    calls.large("BTCUSDT"),
    calls.large("BTCUSDT", min_notional=0.5, trades=5000, limit=10, group="order", since_id=1),
    calls.large(coin="BTC", min_notional=Decimal("1E5")),
    calls.large("BTCUSDT", percentile=99.9),
    calls.bars("BTCUSDT"),
    calls.bars("BTCUSDT", "5m", limit=3, anchor="oldest"),
    calls.trades("BTCUSDT", from_id=1000, limit=2),
    calls.trades(coin="BTC"),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.path}?{call.query}")
async def test_a_daemon_takes_it(daemon: Daemon, call: Call[Any]) -> None:
    async with OrderFlow(daemon.url) as api:
        assert await api.ask(call)


def test_every_parameter_of_the_routes_can_be_given() -> None:
    stated = {route.path: {param.name for param in route.params or ()} for route in routes(metrics=True)}
    given = {
        "/v1/flow": {
            *calls.flow("x", coin="x", quote="x", venue="x", trades=1, window="x", after="x", wait=1, fresh=True).query,
            *calls.flows("x").query,
            *calls.combined("x", "x").query,
        },
        "/v1/large": calls.large(
            *["x"], coin="x", quote="x", venue="x", min_notional=1, percentile=1, trades=1, limit=1, group="row",
            since_id=1, fresh=True,
        ).query,
        "/v1/bars": calls.bars("x", coin="x", quote="x", venue="x", limit=1, anchor="oldest").query,
        "/v1/trades": calls.trades("x", coin="x", quote="x", venue="x", from_id=1, limit=1).query,
    }  # fmt: skip
    for path, names in given.items():
        assert stated[path] == set(names), path


async def test_numbers_are_exact(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        flow = await api.flow("BTCUSDT")
        page = await api.trades("BTCUSDT")
    bought = [trade for trade in page.trades if trade.side == "buy"]
    assert flow.taker_buy_base == sum((trade.qty for trade in bought), Decimal(0))
    assert flow.taker_buy_quote == sum((trade.qty * trade.price for trade in bought), Decimal(0))
    assert flow.trades_scanned == page.count == 5
    assert flow.taker_buy_base == Decimal("4.50000001")
    assert flow.window is None
    assert flow.contract_size is None


def test_a_long_poll_has_the_time_it_asks_for() -> None:
    assert calls.flow("X").extra == 0
    assert calls.flow("X", after="a-1").extra == 5
    assert calls.flow("X", after="a-1", wait=30).extra == 30
