"""COIN-M over real sockets: its paths, its words, contracts."""

from __future__ import annotations

from orderflow_stream.simulator import FuturesMarket, Simulator, SyntheticPlayer
from orderflow_stream.simulator.contracts import coinm_contracts
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import NOON, Clock, get, stream, take

HOUR = 3_600_000_000
TRADES = "/dapi/v1/aggTrades?symbol=BTCUSD_PERP"


async def test_a_trade_in_contracts() -> None:
    clock = Clock(NOON)
    async with Simulator(listings=coinm_contracts(NOON), market="coinm", clock=clock) as sim:
        async with stream(sim.stream_url, "/stream?streams=btcusd_perp@aggTrade") as socket:
            await sim.subscribed("BTCUSD_PERP")
            sim.publish("BTCUSD_PERP", [ArchiveRow(9, "64218.5", "45", 3, 4, NOON, "ms", True)])
            (message,) = await take(socket, 1)
        assert message["stream"] == "btcusd_perp@aggTrade"
        assert list(message["data"]) == ["e", "E", "a", "s", "p", "q", "f", "l", "T", "m", "st"]
        assert (message["data"]["q"], message["data"]["st"]) == ("45", 2)
        _, (row,), headers = await get(sim.rest_url, TRADES)
        assert row == {"a": 9, "p": "64218.5", "q": "45", "f": 3, "l": 4, "T": NOON // 1000, "m": True}
        assert headers["X-MBX-USED-WEIGHT-1M"] == "20"
        _, info, _ = await get(sim.rest_url, "/dapi/v1/exchangeInfo")
        assert {each["contractStatus"] for each in info["symbols"]} == {"TRADING"}
        clock.now += 24 * HOUR + 1000
        assert (await get(sim.rest_url, TRADES))[1] == []  # it looks back a day


async def test_a_market_that_lives() -> None:
    market = FuturesMarket(4, coinm_contracts(NOON), rate=400.0)
    async with Simulator(SyntheticPlayer(market, history_s=20), market="coinm") as sim:
        async with stream(sim.stream_url, "/ws/btcusd_perp@aggTrade") as socket:
            events = await take(socket, 20)
        _, page, _ = await get(sim.rest_url, TRADES + "&limit=1000")
    assert all(int(each["q"]) > 0 and "nq" not in each and each["st"] == 2 for each in events)
    assert [each["a"] for each in page] == list(range(page[0]["a"], page[-1]["a"] + 1))
    assert page[0]["a"] < events[0]["a"] <= page[-1]["a"]
