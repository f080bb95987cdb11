"""The stream of liquidations: fed in order, from a pair, through cuts and hours of silence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest

from orderflow_stream.adapters.connections import Redundancy
from orderflow_stream.adapters.liquidations import Liquidations
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import SELL, Instrument, Liquidation, LiquidationFeed, Trade
from orderflow_stream.feed.orders import Policy
from orderflow_stream.feed.protocols import StreamVenue
from orderflow_stream.feed.session import Ping, Replace, Session
from orderflow_stream.simulator import Listing, Simulator
from orderflow_stream.venues.binance_usdm import BinanceUsdm
from orderflow_stream.venues.codec import LIQUIDATIONS
from tests.adapters.rest_kit import SECOND, Running
from tests.adapters.test_connections import QUICK, ListLog, RealClock
from tests.e2e.process import eventually

BTC = Instrument("binance-usdm", "BTCUSDT", "BTC", "USDT", "usdm", kind="perpetual", row_span=100_000)


class Feed:
    def __init__(self, sim: Simulator, liquidations: Liquidations, events: list[Liquidation | LiquidationFeed]) -> None:
        self.sim = sim
        self.liquidations = liquidations
        self.events = events

    def told(self) -> list[Liquidation]:
        return [one for one in self.events if isinstance(one, Liquidation)]

    def feeds(self) -> list[LiquidationFeed]:
        return [one for one in self.events if isinstance(one, LiquidationFeed)]

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition)


@asynccontextmanager
async def feed(redundancy: Redundancy = 1, policy: Policy | None = None) -> AsyncIterator[Feed]:
    codec = BinanceUsdm()
    listing = Listing("BTCUSDT", "BTC", "USDT")
    async with Simulator(listings=[listing], market="usdm", liquidation_window=0.0) as sim:
        events: list[Liquidation | LiquidationFeed] = []
        liquidations = Liquidations(
            codec.liquidations_venue(),
            sim.stream_url,
            RealClock(),
            events.append,
            redundancy=redundancy,
            timing=QUICK,
            policy=policy,
            log=ListLog(),
        )
        built = Feed(sim, liquidations, events)
        async with Running(liquidations.run()):
            await built.until(lambda: len(built.feeds()) == redundancy)
            yield built
            await liquidations.aclose()


async def test_liquidations_come_with_all_they_say() -> None:
    async with feed() as one:
        (up,) = one.feeds()
        assert (up.venue, up.up, up.reason) == ("binance-usdm", True, "")
        one.sim.publish_liquidation("BTCUSDT", "SELL", "9910.5", "0.014", avg_price="9910", filled="0.010")
        await one.until(one.told)
        (told,) = one.told()
        assert (told.instrument, told.side) == (BTC.key, SELL)
        assert (told.price, told.avg_price) == (991_050_000_000, 991_000_000_000)
        assert (told.qty, told.filled, told.status) == (1_400_000, 1_000_000, "FILLED")
        assert one.liquidations.stats().redundancy == 1


async def test_a_pair_brings_each_twice_and_the_engine_keeps_one() -> None:
    async with feed(2) as one:
        engine = Engine(windows=(60 * SECOND,))
        book = engine.add(BTC)
        one.sim.publish_liquidation("BTCUSDT", "SELL", "9910", "0.014")
        await one.until(lambda: len(one.told()) == 2)
        for event in one.events:
            engine.apply(event)
        assert len(book.liquidations) == 1
        assert book.liquidations_since == one.feeds()[0].ts
        assert len({each.connection for each in one.feeds()}) == 2


async def test_a_cut_is_told_and_repaired() -> None:
    async with feed() as one:
        one.sim.faults.cut()
        await one.until(lambda: [each.up for each in one.feeds()] == [True, False, True])
        down, up = one.feeds()[1:]
        assert down.reason
        assert down.connection == one.feeds()[0].connection != up.connection
        one.sim.publish_liquidation("BTCUSDT", "BUY", "1", "1")
        await one.until(one.told)


async def test_a_connection_is_renewed_without_a_break() -> None:
    policy = msgspec.structs.replace(Policy(), max_age=SECOND // 2, age_spread=0)
    async with feed(1, policy) as one:
        engine = Engine(windows=(60 * SECOND,))
        book = engine.add(BTC)
        await one.until(lambda: len([each for each in one.feeds() if not each.up]) >= 1)
        since = one.feeds()[0].ts
        for event in one.events:
            engine.apply(event)
            assert book.liquidations_since == since, "the next one is up before the last one goes"


def test_hours_of_silence_are_no_death_while_pings_are_answered() -> None:
    """The policy alone, in virtual time: nothing but pongs for three hours."""
    venue = BinanceUsdm().liquidations_venue()
    session = Session(cast(StreamVenue, venue), [LIQUIDATIONS])
    session.url("wss://x")
    commands = session.opened(0)
    for now in range(0, 3 * 3600 * SECOND, SECOND // 2):
        if any(isinstance(command, Ping) for command in commands):
            session.alive()
        commands = session.tick(now)
        assert session.mark == "open"
    assert not any(isinstance(notice, Replace) for notice in session.take())


@pytest.mark.parametrize("frame", [b"{}", b'{"result":null,"id":7}'])
def test_what_is_no_liquidation_is_dealt_with_as_ever(frame: bytes) -> None:
    session = Session(cast(StreamVenue, BinanceUsdm().liquidations_venue()), [LIQUIDATIONS])
    session.opened(0)
    session.take()
    assert session.receive(frame, 1) is None
    assert not any(isinstance(notice, Liquidation) for notice in session.take())


def test_a_trade_never_looks_for_one() -> None:
    """The path of a trade is what it was: one check of its type, and back."""
    session = Session(BinanceUsdm(), ["BTCUSDT"])
    venue = BinanceUsdm()
    venue.watch([BTC])
    session = Session(venue, ["BTCUSDT"])
    session.opened(0)
    session.take()
    frame = b'{"e":"aggTrade","s":"BTCUSDT","a":5,"p":"1","q":"1","f":1,"l":1,"T":1700000000000,"m":true}'
    assert isinstance(session.receive(frame, 1), Trade)
    assert session.notices == []
