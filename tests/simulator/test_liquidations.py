"""Forced orders: the sample that the exchange tells of them."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.simulator import Contract, Simulator
from orderflow_stream.simulator.liquidations import Liquidation, Sampler
from tests.simulator.kit import BTC, NOON, Clock, ask, stream, take

PERP = Contract("BTCUSDT", "BTC", "USDT", "0.1", "0.001", pair="BTCUSDT", margin="USDT")
COIN = Contract("BTCUSD_PERP", "BTC", "USD", "0.1", "1", pair="BTCUSD", margin="BTC", contract_size=100)


def forced(symbol: str, qty: str) -> Liquidation:
    return Liquidation(symbol, "SELL", "9910", qty, "9911", qty, qty, NOON, "FILLED", symbol, 1)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 50)), max_size=20))
def test_the_largest_of_each_symbol_is_told_once(offers: list[tuple[str, int]]) -> None:
    told: list[Liquidation] = []
    waits: list[tuple[str, int]] = []
    sampler = Sampler(told.append, lambda symbol, window: waits.append((symbol, window)), 1_000_000)
    for symbol, qty in offers:
        sampler.offer(forced(symbol, str(qty)))
    assert told == []
    assert waits == [(symbol, 1_000_000) for symbol in dict.fromkeys(symbol for symbol, _ in offers)]
    sampler.flush()
    largest = {symbol: str(max(qty for name, qty in offers if name == symbol)) for symbol, _ in waits}
    assert {one.symbol: one.qty for one in told} == largest
    assert len(told) == len(largest)
    sampler.tell("A")  # a timer that comes late finds nothing
    assert len(told) == len(largest)


def test_the_event_as_documented() -> None:
    event = orjson.loads(forced("BTCUSDT", "0.014").event(NOON + 5_999))
    assert event == {
        "e": "forceOrder", "E": NOON // 1000 + 5,
        "o": {"s": "BTCUSDT", "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "0.014", "p": "9910", "ap": "9911",
              "X": "FILLED", "l": "0.014", "z": "0.014", "T": NOON // 1000},
        "ps": "BTCUSDT", "st": 1,
    }  # fmt: skip


async def test_a_second_passes_before_the_largest_is_told() -> None:
    clock = Clock()
    gate = asyncio.Event()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await gate.wait()

    async with (
        Simulator(listings=[PERP], market="usdm", clock=clock, sleep=sleep) as sim,
        stream(sim.stream_url, "/market/ws/!forceOrder@arr") as everyone,
        stream(sim.stream_url, "/market/stream?streams=btcusdt@forceOrder") as own,
        stream(sim.stream_url, "/ws/!forceOrder@arr") as old,
    ):
        await sim.hub.until(lambda: len(sim.open_connections) == 3)
        for qty in ("0.1", "0.5", "0.2"):
            sim.publish_liquidation("BTCUSDT", "SELL", "9910", qty, avg_price="9912.5")
        await asyncio.sleep(0)
        assert slept == [1.0]
        assert sum(each.queued + each.frames_out for each in sim.open_connections) == 0
        gate.set()
        (bare,), (wrapped,) = await take(everyone, 1), await take(own, 1)
        assert (bare["o"]["q"], bare["o"]["z"], bare["o"]["ap"], bare["st"]) == ("0.5", "0.5", "9912.5", 1)
        assert wrapped == {"stream": "btcusdt@forceOrder", "data": bare}
        # The old path acknowledges, and brought nothing before this answer.
        assert (await ask(old, "LIST_SUBSCRIPTIONS"))["result"] == ["!forceOrder@arr"]


async def test_joined_markets_tell_both_on_both() -> None:
    async with (
        Simulator(listings=[PERP], market="usdm", liquidation_window=0) as usdm,
        Simulator(listings=[COIN], market="coinm", liquidation_window=0, weights=usdm.weights) as coinm,
    ):
        usdm.mix(coinm)
        async with (
            stream(usdm.stream_url, "/market/ws/!forceOrder@arr") as first,
            stream(coinm.stream_url, "/ws/!forceOrder@arr") as second,
        ):
            for sim in (usdm, coinm):
                await sim.hub.until(lambda sim=sim: bool(sim.open_connections))  # type: ignore[misc]
            usdm.publish_liquidation("BTCUSDT", "BUY", "1", "2")
            coinm.publish_liquidation("BTCUSD_PERP", "SELL", "3", "4")
            usdm.publish_liquidation("ETHUSD_PERP", "SELL", "5", "6", product=2)
            for socket in (first, second):
                got = [(each["o"]["s"], each["ps"], each["st"]) for each in await take(socket, 3)]
                assert got == [
                    ("BTCUSDT", "BTCUSDT", 1), ("BTCUSD_PERP", "BTCUSD", 2), ("ETHUSD_PERP", "ETHUSD_PERP", 2)
                ]  # fmt: skip


async def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="market spot"):
        Simulator(listings=[BTC]).publish_liquidation("BTCUSDT", "BUY", "1", "1")
    with pytest.raises(ValueError, match="side must be"):
        Simulator(listings=[PERP], market="usdm").publish_liquidation("BTCUSDT", "sell", "1", "1")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="not listed"):
        Simulator(listings=[PERP], market="usdm").publish_liquidation("NOSUCH", "SELL", "1", "1")
