"""What is asked about the tape; and that a real daemon takes and answers it."""

from __future__ import annotations

from typing import Any

import pytest

from orderflow_stream.client import NotFound, OrderFlow, calls_about
from orderflow_stream.client.wire import Call
from orderflow_stream.core.events import FeedDown
from orderflow_stream.delivery.http.routes import routes
from tests.delivery.http.world import NOW, Daemon

CALLS: list[Call[Any]] = [
    calls_about.gaps("BTCUSDT"),
    calls_about.gaps(coin="BTC", quote="USDT", venue="binance"),
    calls_about.screener(),
    calls_about.screener(window="1m", sort="trades", order="asc", limit=1, quote="USDT", venue="binance"),
    calls_about.symbols(),
    calls_about.symbols(quote="USDT", venue="binance"),
    calls_about.meta(),
    calls_about.ready(),
    calls_about.alive(),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.path}?{call.query}")
async def test_a_daemon_takes_it(daemon: Daemon, call: Call[Any]) -> None:
    async with OrderFlow(daemon.url) as api:
        assert await api.ask(call)


async def test_liquidations_and_contracts_of_several_venues(many: Daemon) -> None:
    async with OrderFlow(many.url) as api:
        assert (await api.liquidations(symbols="*", venue="binance-usdm", limit=5, since=1)).complete is False
        contracts = (await api.symbols(venue="binance-coinm")).contracts
        assert contracts
        assert contracts[0].contract_size
        both = await api.combined("BTC", ["binance", "binance-usdm"], window="5m")
        assert [part.venue for part in both.parts] == ["binance", "binance-usdm"]
        assert (await api.ready()).venues is not None


async def test_no_venue_tells_of_liquidations(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        with pytest.raises(NotFound):
            await api.liquidations("BTCUSDT")


async def test_not_ready_is_an_answer(daemon: Daemon) -> None:
    daemon.context.engine.apply(FeedDown(tuple(daemon.context.engine.books), NOW, 1, "gone"))
    async with OrderFlow(daemon.url) as api:
        ready = await api.ready(strict=True)
    assert not ready.ready
    assert ready.reasons
    assert ready.not_ready[0].reason


def test_every_parameter_of_the_routes_can_be_given() -> None:
    stated = {
        route.path: {param.name for param in route.params or ()} for route in routes(metrics=True, liquidations=True)
    }
    given: list[Call[Any]] = [
        calls_about.gaps("x", coin="x", quote="x", venue="x"),
        calls_about.screener(window="x", sort="x", order="asc", limit=1, quote="x", venue="x"),
        calls_about.symbols(quote="x", venue="x"),
        calls_about.meta(venue="x"),
        calls_about.liquidations("x", symbols="x", coin="x", quote="x", venue="x", limit=1, since=1),
        calls_about.ready(strict=True),
        calls_about.alive(),
    ]
    for call in given:
        assert stated[call.path] == set(call.query), call.path
