"""The REST doors over a real socket: rules, weights, headers, errors and faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from orderflow_stream.simulator import Simulator
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import BTC, ETH, NAME, NOON, Clock, get, rows

TRADES = "/api/v3/aggTrades"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    clock = Clock(NOON + 10_000_000)
    async with Simulator(listings=[BTC, ETH, NAME], clock=clock, weight_limit=6000) as sim:
        sim.add_history("BTCUSDT", [*rows(1, 600), *rows(701, 900, NOON + 700_000)])
        sim.add_history("币安人生USDT", rows(5, 3))
        yield sim


async def ids(sim: Simulator, query: str) -> list[int]:
    status, body, _ = await get(sim.rest_url, f"{TRADES}?{query}")
    assert status == 200, body
    return [each["a"] for each in body]


async def test_ping_and_time(sim: Simulator) -> None:
    assert (await get(sim.rest_url, "/api/v3/ping"))[:2] == (200, {})
    status, body, headers = await get(sim.rest_url, "/api/v3/time")
    assert (status, body) == (200, {"serverTime": NOON // 1000 + 10_000})
    assert headers["X-MBX-USED-WEIGHT-1M"] == "2"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert (await get(sim.rest_url, "/api/v3/time", X_MBX_TIME_UNIT="microsecond"))[1] == {
        "serverTime": NOON + 10_000_000
    }


@pytest.mark.parametrize(
    "query, first, last, count",
    [
        ("", 1101, 1600, 500),
        ("&limit=1000", 501, 1600, 1000),
        ("&limit=1", 1600, 1600, 1),
        ("&fromId=1", 1, 500, 500),
        ("&fromId=599&limit=4", 599, 702, 4),  # across the hole
        ("&fromId=650&limit=2", 701, 702, 2),
        ("&fromId=0&limit=1", 1, 1, 1),
        (f"&startTime={NOON + 3000}&limit=2", 4, 5, 2),
        (f"&startTime={NOON // 1000 + 3}&limit=2", 4, 5, 2),
        (f"&endTime={NOON + 3000}", 1, 4, 4),
        (f"&endTime={NOON + 2999}", 1, 3, 3),
        (f"&endTime={NOON // 1000 + 3}&limit=2", 3, 4, 2),
        (f"&startTime={NOON // 1000}&endTime={NOON // 1000 + 9}", 1, 10, 10),
        (f"&startTime={NOON + 3000}&endTime={NOON + 3000}", 4, 4, 1),
    ],
)
async def test_which_trades(sim: Simulator, query: str, first: int, last: int, count: int) -> None:
    found = await ids(sim, "symbol=BTCUSDT" + query)
    assert (found[0], found[-1], len(found)) == (first, last, count)
    assert found == sorted(found)
    assert sim.calls[-1].weight == 4


@pytest.mark.parametrize("query", ["&fromId=1601", f"&startTime={NOON + 10**10}", f"&endTime={NOON - 1}"])
async def test_nothing_there(sim: Simulator, query: str) -> None:
    assert await ids(sim, "symbol=BTCUSDT" + query) == []


async def test_rows_as_published(sim: Simulator) -> None:
    sim.publish("ETHUSDT", [ArchiveRow(9, "0.10", "2", -1, -1, NOON + 1999, "us", True)])
    expected = {"a": 9, "p": "0.10", "q": "2", "f": -1, "l": -1, "T": NOON // 1000 + 1, "m": True, "M": True}
    assert (await get(sim.rest_url, TRADES + "?symbol=ETHUSDT"))[1] == [expected]
    micro = (await get(sim.rest_url, TRADES + "?symbol=ETHUSDT", X_MBX_TIME_UNIT="MICROSECOND"))[1]
    assert micro == [expected | {"T": NOON + 1999}]
    assert list(micro[0]) == ["a", "p", "q", "f", "l", "T", "m", "M"]


async def test_a_percent_encoded_symbol(sim: Simulator) -> None:
    assert await ids(sim, "symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT") == [5, 6, 7]


@pytest.mark.parametrize(
    "query, code",
    [
        ("", -1102),
        ("?symbol=", -1105),
        ("?symbol=NOSUCHUSDT", -1121),
        ("?symbol=btcusdt", -1100),
        ("?symbol=BTC%20USDT", -1100),
        ("?symbol=BTCUSDT&fromId=x", -1100),
        ("?symbol=BTCUSDT&startTime=-1", -1100),
        ("?symbol=BTCUSDT&limit=0", -1130),
        ("?symbol=BTCUSDT&limit=1001", -1130),
        ("?symbol=BTCUSDT&limit=", -1105),
        (f"?symbol=BTCUSDT&fromId=1&startTime={NOON}", -1128),
        (f"?symbol=BTCUSDT&fromId=1&endTime={NOON}", -1128),
        ("?symbol=BTCUSDT&startTime=1760011200001&endTime=1760011200000", -1128),
        ("?symbol=BTCUSDT&colour=red", -1104),
        ("?symbol=BTCUSDT&symbol=ETHUSDT", -1101),
        ("?symbol=BTCUSDT&a=1&b=1&c=1&d=1&e=1", -1101),
    ],
)
async def test_refusals(sim: Simulator, query: str, code: int) -> None:
    status, body, headers = await get(sim.rest_url, TRADES + query)
    assert (status, body["code"]) == (400, code)
    assert set(body) == {"code", "msg"}
    assert "X-MBX-USED-WEIGHT-1M" in headers


async def test_the_words_of_an_illegal_symbol(sim: Simulator) -> None:
    _, body, _ = await get(sim.rest_url, TRADES + "?symbol=btcusdt")
    assert body["msg"] == (
        r"Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'."
    )


async def test_ping_takes_nothing(sim: Simulator) -> None:
    assert (await get(sim.rest_url, "/api/v3/ping?x=1"))[1]["code"] == -1101


async def test_a_bad_time_unit(sim: Simulator) -> None:
    assert (await get(sim.rest_url, "/api/v3/time", X_MBX_TIME_UNIT="FORTNIGHT"))[0] == 400


async def test_weights_add_up_and_turn_with_the_minute() -> None:
    clock = Clock(NOON)
    async with Simulator(listings=[BTC], clock=clock, weight_limit=110, ban_after=2) as sim:
        paths = ("/api/v3/ping", "/api/v3/exchangeInfo", "/api/v3/ticker/24hr", TRADES + "?symbol=BTCUSDT")
        used = [(await get(sim.rest_url, path))[2]["X-MBX-USED-WEIGHT-1M"] for path in paths]
        assert used == ["1", "21", "101", "105"]
        assert [call.weight for call in sim.calls] == [1, 20, 80, 4]
        clock.now += 15_000_000
        status, body, headers = await get(sim.rest_url, "/api/v3/exchangeInfo")
        assert (status, body["code"], headers["Retry-After"]) == (429, -1003, "45")
        assert (await get(sim.rest_url, "/api/v3/ping"))[0] == 429
        status, body, headers = await get(sim.rest_url, "/api/v3/ping")
        assert (status, headers["Retry-After"]) == (418, "120")
        clock.now += 45_000_000
        assert (await get(sim.rest_url, "/api/v3/ping"))[0] == 418
        clock.now += 76_000_000
        assert (await get(sim.rest_url, "/api/v3/ping"))[0] == 200
        assert sim.state()["used_weight"] == 1


async def test_a_refused_parameter_over_the_limit_is_429() -> None:
    async with Simulator(listings=[BTC], clock=Clock(), weight_limit=1) as sim:
        assert [(await get(sim.rest_url, TRADES))[0] for _ in range(2)] == [400, 429]


async def test_gzip_when_asked(sim: Simulator) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for accept, encoding in (("gzip, deflate", "gzip"), ("identity", None)):
            async with session.get(sim.rest_url + "/api/v3/exchangeInfo", headers={"Accept-Encoding": accept}) as got:
                assert got.headers.get("Content-Encoding") == encoding
                assert (len(await got.read()) > 5000) is (encoding is None)


async def test_rest_lags_behind_when_told() -> None:
    clock = Clock(NOON)
    async with Simulator(listings=[BTC], clock=clock, rest_lag=2.0) as sim:
        sim.publish("BTCUSDT", rows(1, 2))
        clock.now += 1_500_000
        sim.publish("BTCUSDT", rows(3, 1))
        assert await ids(sim, "symbol=BTCUSDT") == []
        clock.now += 500_000
        assert await ids(sim, "symbol=BTCUSDT") == [1, 2]
        clock.now += 1_500_000
        assert await ids(sim, "symbol=BTCUSDT") == [1, 2, 3]


async def test_tickers(sim: Simulator) -> None:
    _, everything, _ = await get(sim.rest_url, "/api/v3/ticker/24hr")
    assert [each["symbol"] for each in everything] == ["BTCUSDT", "ETHUSDT", "币安人生USDT"]
    _, one, _ = await get(sim.rest_url, "/api/v3/ticker/24hr?symbol=BTCUSDT&type=MINI")
    assert (one["symbol"], one["count"]) == ("BTCUSDT", 3000)
    assert [call.weight for call in sim.calls] == [80, 2]


async def answers(sim: Simulator, count: int = 2) -> list[tuple[int, Any, str | None]]:
    got = []
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            async with session.get(sim.rest_url + TRADES + "?symbol=BTCUSDT&limit=3") as response:
                got.append((response.status, await response.text(), response.headers.get("Retry-After")))
    return got


@pytest.mark.parametrize(
    "kind, status, says, wait",
    [
        ("429", 429, "Too much request weight used", "1"),
        ("418", 418, f"banned until {NOON // 1000 + 130_000}", "120"),
        ("500", 500, "-1000", None),
        ("502", 502, "<html>", None),
        ("503", 503, "-1008", None),
        ("451", 451, "restricted location", None),
        ("403", 403, "<html>", None),
        ("html", 200, "<html>", None),
        ("timeout", 408, "-1007", None),
        ("empty", 200, "[]", None),
    ],
)
async def test_faults_of_the_next_call(sim: Simulator, kind: Any, status: int, says: str, wait: str | None) -> None:
    sim.faults.rest(kind, count=1)
    first, second = await answers(sim)
    assert first[0] == status
    assert says in first[1]
    assert first[2] == wait
    assert second[0] == 200
    assert len(orjson.loads(second[1])) == 3


async def test_truncated_slow_and_retry_after(sim: Simulator) -> None:
    sim.faults.rest("truncated", count=1)
    sim.faults.rest("slow", count=1, delay=0.001)
    sim.faults.rest("429", retry_after=7)
    cut, slow, limited, still = await answers(sim, 4)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(cut[1])
    assert len(orjson.loads(slow[1])) == 3
    assert (limited[0], limited[2], still[0]) == (429, "7", 429)
    sim.faults.clear()
    assert (await answers(sim, 1))[0][0] == 200


async def test_reset(sim: Simulator) -> None:
    sim.faults.rest("reset", count=1, path="ping")
    assert (await get(sim.rest_url, "/api/v3/time"))[0] == 200
    reader, writer = await asyncio.open_connection(sim.host, sim.port)
    writer.write(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    assert sim.calls[-1].status == 0
    assert (await get(sim.rest_url, "/api/v3/ping"))[0] == 200
