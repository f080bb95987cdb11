"""USD-M over real sockets: paths, pages, limits, one budget with COIN-M, and the faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from orderflow_stream.simulator import Contract, FuturesMarket, MarketPlayer, RowsPlayer, Simulator, Weights
from orderflow_stream.simulator.contracts import coinm_contracts, usdm_contracts
from orderflow_stream.simulator.usdm import HOUR_US
from tests.simulator.kit import NOON, Clock, ask, end_of, get, ids, row, rows, stream, take

PERP = Contract("BTCUSDT", "BTC", "USDT", "0.1", "0.001", pair="BTCUSDT", margin="USDT")
TRADES = "/fapi/v1/aggTrades?symbol=BTCUSDT"
DAY = 24 * HOUR_US


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(listings=[PERP], market="usdm", clock=Clock(NOON)) as sim:
        yield sim


async def test_trades_come_under_market_only(sim: Simulator) -> None:
    doors = ["/market/ws", "/ws", "/public/ws", "/private/ws"]
    sockets = [await stream(sim.stream_url, door) for door in doors]
    for socket in sockets:
        assert await ask(socket, "SUBSCRIBE", ["btcusdt@aggTrade"]) == {"result": None, "id": 1}
    await sim.subscribed("BTCUSDT", connections=1)
    sim.publish("BTCUSDT", [replace(row(5), nq="0.25")])
    await sim.drained()
    (event,) = await take(sockets[0], 1)
    assert list(event) == ["e", "E", "s", "a", "p", "q", "nq", "f", "l", "T", "m", "st"]
    assert (event["nq"], event["st"], event["T"]) == ("0.25", 1, NOON // 1000)
    for socket in sockets[1:]:  # acknowledged, listed, silent: the next frame is the answer to a question
        assert (await ask(socket, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@aggTrade"]
    for socket in sockets:
        await socket.close()


async def test_a_unit_asked_for_is_ignored(sim: Simulator) -> None:
    sim.publish("BTCUSDT", [row(1, NOON + 999)])
    path = "/market/stream?streams=btcusdt@aggTrade&timeUnit=MICROSECOND"
    async with stream(sim.stream_url, path) as socket:
        await sim.subscribed("BTCUSDT")
        sim.publish("BTCUSDT", [row(2, NOON + 1999)])
        (message,) = await take(socket, 1)
    assert (message["stream"], message["data"]["T"]) == ("btcusdt@aggTrade", NOON // 1000 + 1)
    status, page, headers = await get(sim.rest_url, TRADES, X_MBX_TIME_UNIT="NONSENSE")
    assert (status, [each["T"] for each in page]) == (200, [NOON // 1000, NOON // 1000 + 1])
    assert list(page[0]) == ["a", "p", "q", "f", "l", "T", "m"]
    assert headers["X-MBX-USED-WEIGHT-1M"] == "20"
    status, answer, _ = await get(sim.rest_url, "/fapi/v1/time", X_MBX_TIME_UNIT="MICROSECOND")
    assert (status, answer) == (200, {"serverTime": NOON // 1000})


@pytest.mark.parametrize("path", ["/api/v3/time", "/dapi/v1/time"])
async def test_other_markets_are_elsewhere(sim: Simulator, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(sim.rest_url + path) as response:
        assert response.status == 404


async def test_weights_and_limit(sim: Simulator) -> None:
    for path, used in [("ping", 1), ("time", 2), ("exchangeInfo", 3), ("ticker/24hr?symbol=BTCUSDT", 4),
                       ("ticker/24hr", 44), ("aggTrades?symbol=BTCUSDT", 64)]:  # fmt: skip
        status, body, headers = await get(sim.rest_url, f"/fapi/v1/{path}")
        assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, str(used))
        if path == "exchangeInfo":
            assert body["rateLimits"][0]["limit"] == 2400
    calls = 0
    while (await get(sim.rest_url, TRADES))[0] == 200:
        calls += 1
    assert calls == (2400 - 64) // 20


@pytest.mark.parametrize(
    "query, status, code",
    [
        ("&fromId=1&startTime=1", 408, -1007),
        ("&startTime={now}&endTime={hour}", 400, -1127),
        ("&limit=1001", 400, -1130),
    ],
)
async def test_refusals(sim: Simulator, query: str, status: int, code: int) -> None:
    asked = query.format(now=NOON // 1000, hour=NOON // 1000 + 3_600_000)
    got, body, _ = await get(sim.rest_url, TRADES + asked)
    assert (got, body["code"]) == (status, code)


async def page(sim: Simulator, query: str) -> list[int]:
    status, body, _ = await get(sim.rest_url, TRADES + query)
    assert status == 200
    return [each["a"] for each in body]


async def test_a_window_of_just_under_an_hour(sim: Simulator) -> None:
    sim.add_history("BTCUSDT", [row(1, NOON - HOUR_US), row(2, NOON - 1000)])
    start = NOON // 1000 - 3_600_000
    assert await page(sim, f"&startTime={start}&endTime={start + 3_599_999}") == [1, 2]


async def test_it_looks_back_48_hours(sim: Simulator) -> None:
    given = [row(id_, NOON - 50 * HOUR_US + id_ * HOUR_US) for id_ in range(1, 50)]
    sim.add_history("BTCUSDT", given)
    assert await page(sim, "&limit=3") == [47, 48, 49]
    assert await page(sim, "") == list(range(2, 50))  # 1 is 49 hours old
    assert await page(sim, "&fromId=0&limit=2") == [2, 3]
    assert await page(sim, "&fromId=10&limit=2") == [10, 11]
    at = [NOON // 1000 - hours * 3_600_000 for hours in range(60)]
    assert await page(sim, f"&startTime={at[48]}&limit=2") == [2, 3]
    assert await page(sim, f"&startTime={at[49]}&limit=2") == [48, 49]  # too old: as if it had not been sent
    assert await page(sim, f"&endTime={at[47]}") == [2, 3]
    assert await page(sim, f"&endTime={at[49]}") == []


async def test_one_budget_for_both_markets() -> None:
    weights, clock = Weights(2400), Clock(NOON)
    async with (
        Simulator(listings=usdm_contracts(NOON), market="usdm", weights=weights, clock=clock) as usdm,
        Simulator(listings=coinm_contracts(NOON), market="coinm", weights=weights, clock=clock) as coinm,
    ):
        used = []
        for sim, path in ((usdm, TRADES), (coinm, "/dapi/v1/aggTrades?symbol=BTCUSD_PERP"), (usdm, "/fapi/v1/ping")):
            used.append((await get(sim.rest_url, path))[2]["X-MBX-USED-WEIGHT-1M"])
        assert used == ["20", "40", "41"]
        weights.used = 2400
        assert [(await get(sim.rest_url, f"{root}/ping"))[0] for sim, root in ((usdm, "/fapi/v1"), (coinm, "/dapi/v1"))
                ] == [429, 429]  # fmt: skip


async def test_trades_leave_every_100_ms_with_their_own_times() -> None:
    clock = Clock(NOON)
    player = RowsPlayer(PERP, rows(1, 50, step=17_000))
    async with (
        Simulator(player, market="usdm", clock=clock, sleep=clock.sleep, autoplay=False) as sim,
        stream(sim.stream_url, "/market/ws/btcusdt@aggTrade") as socket,
    ):
        await sim.subscribed("BTCUSDT")
        sim.play()
        events = await take(socket, 50)
    assert [each["a"] for each in events] == list(range(1, 51))
    assert all(each["E"] % 100 == 0 and 0 <= each["E"] - each["T"] <= 100 for each in events)
    assert len({each["E"] for each in events}) == 10  # fifty rows of 17 ms, the first at a boundary
    assert [each["T"] for each in events] == [NOON // 1000 + i * 17 for i in range(50)]


async def test_a_synthetic_market_is_what_it_drew() -> None:
    player = MarketPlayer(FuturesMarket(5, usdm_contracts(NOON), rate=2000.0), 3000)
    async with Simulator(player, market="usdm", clock=Clock(NOON)) as sim:
        await sim.played()
        for listing in player.listings:
            assert sim.published(listing.symbol) == [replace(each, ts_unit="us") for each in
                                                     player.mapped(listing.symbol)]  # fmt: skip


async def test_ten_frames_a_second() -> None:
    async with Simulator(listings=[PERP], market="usdm") as sim, stream(sim.stream_url, "/market/ws") as socket:
        for id_ in range(10):
            await ask(socket, "LIST_SUBSCRIPTIONS", id_=id_)
        await socket.send("{}")
        assert (await end_of(socket)).rcvd is not None
        assert sim.connections[0].close_code == 1008


async def test_a_contract_that_is_delivered_trades_no_more() -> None:
    clock = Clock(NOON)
    dated = replace(PERP, symbol="BTCUSDT_X", kind="DELIVERY", delivery=NOON + HOUR_US)
    async with Simulator(listings=[dated], market="usdm", clock=clock) as sim:
        sim.publish("BTCUSDT_X", rows(1, 2))
        clock.now += HOUR_US
        sim.publish("BTCUSDT_X", rows(3, 2))
        assert [each.id for each in sim.published("BTCUSDT_X")] == [1, 2]
        assert sim.state()["symbols"]["BTCUSDT_X"]["status"] == "DELIVERING"


async def test_no_goodbye_is_said(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/market/ws") as socket:
        await ask(socket, "LIST_SUBSCRIPTIONS")
        sim.faults.shutdown(delay=0)
        with pytest.raises(Exception, match="1001"):
            await socket.recv()


async def test_a_path_falls_silent_and_speaks_again(sim: Simulator) -> None:
    async with (
        stream(sim.stream_url, "/market/ws/btcusdt@aggTrade") as new,
        stream(sim.stream_url, "/stream?streams=btcusdt@aggTrade") as old,
    ):
        await sim.hub.until(lambda: len(sim.open_connections) == 2)
        sim.faults.silent_path("/market")
        sim.faults.silent_path("/stream", silent=False)
        assert sim.faults.state() == [
            {"fault": "silent_path", "path": "/market/ws", "silent": True},
            {"fault": "silent_path", "path": "/market/stream", "silent": True},
            {"fault": "silent_path", "path": "/stream", "silent": False},
        ]
        sim.publish("BTCUSDT", rows(1, 2))
        assert await ids(old, 2) == [1, 2]
        assert (await ask(new, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@aggTrade"]
        assert await page(sim, "") == [1, 2]  # REST moves on
        sim.faults.clear()
        sim.publish("BTCUSDT", rows(3, 1))
        assert await ids(new, 1) == [3]
        sim.faults.command({"fault": "silent_path"})
        assert sim.hub.subscribers("BTCUSDT") == ()
    with pytest.raises(ValueError, match=r"/market/ws"):
        sim.faults.silent_path("/nowhere")


async def test_ids_begin_anew(sim: Simulator) -> None:
    async with stream(sim.stream_url, "/market/ws/btcusdt@aggTrade") as socket:
        await sim.subscribed("BTCUSDT")
        sim.publish("BTCUSDT", rows(1000, 2))
        sim.faults.restart_ids("BTCUSDT", first=5)
        assert await page(sim, "") == []
        sim.publish("BTCUSDT", rows(1002, 3))
        sim.publish("BTCUSDT", rows(1005, 1))
        assert await ids(socket, 6) == [1000, 1001, 5, 6, 7, 8]
        assert await page(sim, "") == [5, 6, 7, 8]
    for wrong in ({"symbol": "NOSUCH"}, {"symbol": "BTCUSDT", "first": -1}):
        with pytest.raises(ValueError, match=r"symbol|first"):
            sim.faults.command({"fault": "restart_ids", **wrong})


@pytest.mark.parametrize("fault", ["skip", "repeat", "shuffle", "corrupt", "silence"])
async def test_the_faults_of_spot_work_here(sim: Simulator, fault: str) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "skip": {"symbol": "BTCUSDT", "count": 2}, "repeat": {"times": 2, "count": 2}, "silence": {},
        "shuffle": {"symbol": "BTCUSDT", "count": 3}, "corrupt": {"symbol": "BTCUSDT", "field": "nq", "value": "true"},
    }  # fmt: skip
    async with stream(sim.stream_url, "/market/ws/btcusdt@aggTrade") as socket:
        await sim.subscribed("BTCUSDT")
        sim.faults.command({"fault": fault, **arguments[fault]})
        sim.publish("BTCUSDT", [replace(each, nq=each.qty) for each in rows(1, 3)])
        sim.faults.clear()
        sim.publish("BTCUSDT", rows(4, 1))
        events: list[Any] = []
        while not events or events[-1]["a"] != 4:
            events += await take(socket, 1)
    got = [each["a"] for each in events]
    assert sorted(got) == {"skip": [3, 4], "repeat": [1, 1, 2, 2, 3, 4], "silence": [4]}.get(fault, [1, 2, 3, 4])
    assert (got == sorted(got)) is (fault != "shuffle")
    if fault == "corrupt":
        assert [each.get("nq") for each in events] == [True, *(each.qty for each in rows(1, 3)[1:]), None]
        assert list(events[0]) == ["e", "E", "s", "a", "p", "q", "nq", "f", "l", "T", "m", "st"]
    assert await page(sim, "") == [1, 2, 3, 4]
