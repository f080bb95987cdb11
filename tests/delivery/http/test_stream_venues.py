"""`/v1/stream?venue=`: a stream is of one venue, and hears nothing of another's symbol of the same name."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orderflow_stream.core.events import BUY, SELL, AnyEvent
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.http.context import VenueContext
from orderflow_stream.delivery.hub import Hub, Limits
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from tests.delivery.http.test_stream import EPOCH, Block, Reader, Service
from tests.delivery.http.venues import (
    INVERSE,
    PERP,
    QUARTER,
    USDM,
    engine_of_venues,
    liquidation,
    row,
    venues_of,
)
from tests.delivery.http.world import BTC, NOW, WINDOWS, FakeDemand, Start, trade

FAST = "&topics=trade,liquidation,large&venue=binance-usdm"


class Venues(Service):
    """A daemon of three venues whose hub is real."""

    venues: dict[str, VenueContext]

    def feed(self, event: AnyEvent) -> None:
        updates = self.engine.apply(event)
        if updates is not None:
            self.hub.publish(event, updates)

    async def blocks(self, reader: Reader, *events: AnyEvent) -> list[Block]:
        """What a stream that has begun is told of these, and of a last trade of each venue that ends the waiting."""
        for event in (*events, row(PERP, 99, "60000", "1", BUY, 0, "1"), trade(BTC, 2000, 10**12, 1, BUY, NOW)):
            self.feed(event)
        return await reader.until(lambda blocks: any(b.event == "trade" and b.data["id"] in {99, 2000} for b in blocks))


@pytest.fixture
async def served(start: Start) -> AsyncIterator[Venues]:
    engine = engine_of_venues()
    hub = Hub(
        Renderer(engine, rules=Rules(), windows=WINDOWS, clock=lambda: NOW),
        EventLog(EPOCH, trades=1_000, events=1_000),
        Limits(),
        loop=asyncio.get_running_loop(),
        rng=random.Random(3),
    )
    venues = venues_of(engine)
    daemon = await start(engine=engine, hub=hub, venues=venues)
    service = Venues(daemon, engine, hub)
    service.venues = venues
    yield service
    for reader in service.readers:
        await reader.close()
    await hub.drain("test over", 5.0)


async def test_the_same_name_on_another_venue_is_not_heard(served: Venues) -> None:
    reader = await served.get(f"symbols=BTCUSDT{FAST}")
    blocks = await served.blocks(
        reader, trade(BTC, 1005, 10**12, 1, BUY, NOW), row(PERP, 13, "60000", "1", BUY, 0, "1")
    )
    assert [b.data["id"] for b in blocks if b.event == "trade"] == [13, 99]
    assert next(b.data for b in blocks if b.event == "trade")["nq"] == 1


async def test_a_pattern_stays_on_its_venue(served: Venues) -> None:
    reader = await served.get("symbols=*&topics=trade&venue=binance-coinm")
    served.feed(row(PERP, 13, "60000", "1", BUY, 0, "1"))
    served.feed(trade(BTC, 1005, 10**12, 1, BUY, NOW))
    served.feed(row(INVERSE, 92, "50000", "500", SELL, 0))
    (block,) = await reader.event("trade")
    assert (block.data["symbol"], block.data["qty"], block.data["contracts"]) == ("BTCUSD_PERP", 1, 500)


async def test_flow_is_that_of_the_route(served: Venues) -> None:
    reader = await served.get("symbols=BTCUSDT&venue=binance-usdm")
    (flow,) = await reader.event("flow")
    answer = await served.daemon.data("/v1/flow?symbol=BTCUSDT&window=1m&venue=binance-usdm")
    assert {key: value for key, value in flow.data.items() if key not in {"windows", "skipped"}} == answer


async def test_liquidations(served: Venues) -> None:
    told = liquidation(PERP, SELL, "60000", "2", 1)
    reader = await served.get(f"symbols=BTCUSDT{FAST}")
    blocks = await served.blocks(reader, told, told, liquidation(INVERSE, BUY, "60000", "5", 1))
    (block,) = [b for b in blocks if b.event == "liquidation"]
    answer = await served.daemon.data("/v1/liquidations?symbol=BTCUSDT&venue=binance-usdm")
    assert answer["liquidations"] == [block.data]
    assert (block.data["symbol"], block.data["position"]) == ("BTCUSDT", "long")


async def test_liquidations_are_resumed(served: Venues) -> None:
    reader = await served.get("symbols=BTCUSDT&topics=liquidation&venue=binance-usdm")
    (hello,) = await reader.event("hello")
    served.feed(liquidation(PERP, SELL, "60000", "2", 1))
    again = await served.get("symbols=BTCUSDT&topics=liquidation&venue=binance-usdm", Last_Event_ID=hello.id)
    assert (await again.event("hello"))[0].data["recovered"] is True
    assert (await again.event("liquidation"))[0].data["qty"] == 2


async def test_not_by_default(served: Venues) -> None:
    reader = await served.get("symbols=BTCUSDT&venue=binance-usdm")
    await reader.event("flow")
    served.feed(liquidation(PERP, SELL, "60000", "2", 1))
    served.feed(row(PERP, 13, "60000", "1", BUY, 0, "1"))
    blocks = await reader.until(lambda blocks: sum(b.event == "flow" for b in blocks) == 2)
    assert "liquidation" not in {b.event for b in blocks}


async def test_a_threshold_is_that_of_the_venues_symbols(served: Venues) -> None:
    """Spot's ETHBTC may have a lower one, but is no match of this stream's pattern."""
    served.daemon.context.options = replace(
        served.daemon.context.options, large_by_quote={"BTC": NOTIONAL_SCALE}, large=10 * NOTIONAL_SCALE
    )
    for query, status in (("venue=binance", 200), ("venue=binance-usdm", 400)):
        reader = await served.get(f"symbols=*&topics=large&min_notional=5&{query}")
        assert reader.status == status, query


async def test_what_is_named_becomes_a_stream_of_its_venue(served: Venues) -> None:
    demand = served.venues[USDM].demand
    assert isinstance(demand, FakeDemand)
    reader = await served.get("symbols=BTCUSDT_260108&topics=trade&venue=binance-usdm")
    assert reader.status == 200
    assert [call[0] for call in demand.calls] == [QUARTER.symbol] * 2
    assert served.daemon.demand.calls == []


@pytest.mark.parametrize(
    "query,status,code,param",
    [
        ("symbols=BTCUSDT&topics=liquidation", 400, "bad_parameter", "topics"),
        ("symbols=*&topics=flow,liquidation&venue=binance", 400, "bad_parameter", "topics"),
        ("symbols=BTCUSDT&venue=kraken", 400, "bad_parameter", "venue"),
        ("symbols=ETHBTC&venue=binance-usdm", 404, "unknown_symbol", "symbols"),
        ("symbols=ETH*&venue=binance-usdm", 404, "unknown_symbol", "symbols"),
    ],
)
async def test_refused(served: Venues, query: str, status: int, code: str, param: str) -> None:
    got, body, _ = await served.daemon.get(f"/v1/stream?{query}")
    assert (got, body["error"]) == (status, {"code": code, "param": param})
    if "liquidation" in query:
        assert "write venue=binance-usdm (or binance-coinm)" in body["message"]


async def test_a_pattern_may_come_before_its_venue_has_begun(start: Start, served: Venues) -> None:
    """Spot is up; the other venue's symbols are not wanted yet, so that what the pattern stands for may still come."""
    venues = {name: replace(one, started=lambda: False) for name, one in served.venues.items()}
    daemon = await start(engine=served.engine, hub=served.hub, venues=venues)
    late = Service(daemon, served.engine, served.hub, served.readers)
    reader = await late.get("symbols=NEW*&venue=binance-usdm")
    assert reader.status == 200
