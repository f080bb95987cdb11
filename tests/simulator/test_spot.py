"""Spot is what it was: its facts, and times in either unit."""

from __future__ import annotations

import pytest

from orderflow_stream.simulator import Simulator
from orderflow_stream.simulator.spot import FACTS
from tests.simulator.kit import BTC, NOON, Clock, get, row


async def test_spot_is_the_default() -> None:
    sim = Simulator(listings=[BTC])
    assert sim.facts is FACTS
    assert (sim.market, sim.weights.limit) == ("spot", 6000)
    assert FACTS.doors == {"/ws": True, "/stream": True}


@pytest.mark.parametrize("unit, divisor", [("MICROSECOND", 1), ("millisecond", 1000)])
async def test_either_unit(unit: str, divisor: int) -> None:
    async with Simulator(listings=[BTC], clock=Clock(NOON + 7)) as sim:
        sim.publish("BTCUSDT", [row(1, NOON + 7)])
        status, page, headers = await get(sim.rest_url, "/api/v3/aggTrades?symbol=BTCUSDT", X_MBX_TIME_UNIT=unit)
    assert (status, page[0]["T"], page[0]["M"]) == (200, (NOON + 7) // divisor, True)
    assert headers["X-MBX-USED-WEIGHT-1M"] == "4"


async def test_an_unknown_unit_is_refused() -> None:
    async with Simulator(listings=[BTC]) as sim:
        status, body, _ = await get(sim.rest_url, "/api/v3/time", X_MBX_TIME_UNIT="NANOSECOND")
    assert (status, body["code"]) == (400, -1130)
