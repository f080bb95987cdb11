"""`/v1/bars` over a real engine: what is asked for, conditional answers, and errors that name their parameter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderflow_stream.core.events import BUY, SELL, Instrument, Trade
from orderflow_stream.shapes.bars import Bars
from tests.delivery.http.world import BTC, NOW, TAPE, Daemon, Start, live_engine, trade

PATH = "/v1/bars?symbol=BTCUSDT"


async def test_by_hand(daemon: Daemon) -> None:
    """Five trades, 200, 100, 50, 50 and 2.5 s old, in bars of a minute."""
    data = await daemon.data(PATH + "&numbers=string")
    msgspec.convert(data, Bars, strict=True)
    assert (data["symbol"], data["venue"], data["market"], data["interval"]) == ("BTCUSDT", "binance", "spot", "1m")
    assert (data["count"], data["now"], data["state"], data["generation"]) == (
        len(data["bars"]),
        NOW // 1000,
        "live",
        1,
    )
    width = 60_000_000
    spans = sorted({(NOW - int(age * 1e6)) // width * width for age, *_ in TAPE})
    assert [bar["start"] for bar in data["bars"]] == [start // 1000 for start in spans]
    assert data["bars"][-1]["last_id"] == 1004
    assert data["anchor"]["complete"]
    total = sum(bar["buy_trades"] + bar["sell_trades"] for bar in data["bars"])
    assert total == 5
    assert data["bars"][-1]["cvd_base"] == "2.00000001"
    assert data["bars"][0]["open"] == "60000"
    assert data["coverage"]["position"] == data["position"] == daemon.hub.position()


@pytest.mark.parametrize("interval, width", [("1s", 1), ("5s", 5), ("1m", 60), ("5m", 300), ("1h", 3600)])
async def test_every_interval_has_the_same_line(daemon: Daemon, interval: str, width: int) -> None:
    for anchor in ("session", "oldest"):
        data = await daemon.data(f"{PATH}&interval={interval}&anchor={anchor}&numbers=string")
        assert data["anchor"]["rule"] in {anchor, "oldest"}
        assert all(bar["end"] - bar["start"] == 1000 * width and bar["start"] % width == 0 for bar in data["bars"])
        assert data["bars"][-1]["cvd_base"] == "2.00000001"
        assert data["bars"][-1]["last_id"] == 1004


async def test_the_newest_are_listed(daemon: Daemon) -> None:
    everything = await daemon.data(PATH)
    two = await daemon.data(PATH + "&limit=2")
    assert two["bars"] == everything["bars"][-2:]
    assert two["anchor"] == everything["anchor"]
    assert two["count"] == 2


async def test_more_than_are_written_in_one_piece(start: Start) -> None:
    engine = live_engine((BTC,))
    for number in range(300):
        engine.apply(trade(BTC, 1005 + number, 6_000_000_000_000, 5, BUY, NOW - (300 - number) * 1_000_000))
    daemon = await start(engine=engine)
    data = await daemon.data(PATH + "&interval=1s&limit=5000")
    assert len(data["bars"]) == 300
    assert [bar["start"] for bar in data["bars"]] == sorted(bar["start"] for bar in data["bars"])


async def test_coin_and_quote(daemon: Daemon) -> None:
    data = await daemon.data("/v1/bars?coin=ETH&quote=BTC&numbers=string")
    assert (data["symbol"], data["bars"][-1]["close"]) == ("ETHBTC", "0.03123456")


async def test_a_symbol_without_trades(daemon: Daemon) -> None:
    data = await daemon.data("/v1/bars?symbol=SILENTUSDT")
    assert (data["count"], data["bars"], data["anchor"]["time"]) == (0, [], None)
    assert data["coverage"]["complete"]  # the venue has proven that there is nothing


async def test_a_symbol_that_is_not_streamed_is_read_and_says_so(daemon: Daemon) -> None:
    def read(instrument: Instrument) -> tuple[Trade, ...]:
        return tuple(trade(instrument, 70 + n, 10**8, 10**8, SELL, NOW - (9 - n) * 20_000_000) for n in range(10))

    daemon.demand.tape = read
    data = await daemon.data("/v1/bars?symbol=SOLUSDT&interval=1m&limit=5000&numbers=string")
    assert daemon.demand.calls == [("SOLUSDT", None, 3_600_000_000, False)]
    assert (data["bars"][-1]["cvd_base"], data["coverage"]["source"]) == ("-10", "backfill")
    await daemon.data("/v1/bars?symbol=SOLUSDT&interval=1s&limit=60")
    assert daemon.demand.calls[-1] == ("SOLUSDT", None, 60_000_000, False)


async def test_not_modified_until_something_is(daemon: Daemon) -> None:
    status, _, got = await daemon.get(PATH)
    etag = got.headers["ETag"]
    assert status == 200
    assert got.headers["Cache-Control"] == "no-cache"
    daemon.hub.trade("binance:ETHBTC")  # the position moves on; these bars do not
    status, body, got = await daemon.get(PATH, If_None_Match=etag)
    assert (status, body, got.headers["ETag"]) == (304, b"", etag)
    for other in ("&interval=5m", "&limit=1", "&anchor=oldest", "&numbers=string"):
        status, _, got = await daemon.get(PATH + other, If_None_Match=etag)
        assert (status, got.headers["ETag"] != etag) == (200, True)
    daemon.context.engine.apply(trade(BTC, 1005, 6_001_000_000_000, 1, BUY, NOW - 1_000_000))
    status, _, got = await daemon.get(PATH, If_None_Match=etag)
    assert (status, got.headers["ETag"] != etag) == (200, True)


async def test_a_bar_that_closes_is_another_answer(start: Start) -> None:
    now = [NOW // 60_000_000 * 60_000_000 + 59_000_000]
    daemon = await start(now=lambda: now[0])
    _, _, got = await daemon.get(PATH)
    etag = got.headers["ETag"]
    now[0] += 500_000
    assert (await daemon.get(PATH, If_None_Match=etag))[0] == 304
    now[0] += 60_000_000
    assert (await daemon.get(PATH, If_None_Match=etag))[0] == 200


async def test_head(daemon: Daemon) -> None:
    async with daemon.session.head(daemon.url + PATH) as response:
        assert response.status == 200
        assert "ETag" in response.headers
        assert await response.read() == b""


@pytest.mark.parametrize(
    "query, status, code, param",
    [
        ("", 400, "missing_parameter", "symbol"),
        ("symbol=BTCUSDT&interval=2m", 400, "bad_parameter", "interval"),
        ("symbol=BTCUSDT&interval=", 400, "bad_parameter", "interval"),
        ("symbol=BTCUSDT&limit=0", 400, "bad_parameter", "limit"),
        ("symbol=BTCUSDT&limit=5001", 400, "bad_parameter", "limit"),
        ("symbol=BTCUSDT&anchor=midnight", 400, "bad_parameter", "anchor"),
        ("symbol=BTCUSDT&numbers=float", 400, "bad_parameter", "numbers"),
        ("symbol=BTCUSDT&coin=BTC", 400, "conflicting_parameters", "coin"),
        ("symbol=BTCUSDT&trades=100", 400, "unknown_parameter", "trades"),
        ("symbol=NOPE", 404, "unknown_symbol", "symbol"),
        ("symbol=BTCUSDT&venue=kraken", 400, "bad_parameter", "venue"),
    ],
)
async def test_what_is_wrong_is_named(daemon: Daemon, query: str, status: int, code: str, param: str) -> None:
    found, body, _ = await daemon.get(f"/v1/bars?{query}")
    assert (found, body["error"]) == (status, {"code": code, "param": param})
    assert param in body["message"]


async def test_what_is_in_force_is_stated(daemon: Daemon) -> None:
    rules: Any = (await daemon.data("/v1/meta"))["bars"]
    assert {name: (one["seconds"], one["kept_for_s"]) for name, one in rules["intervals"].items()} == {
        "1s": (1, 3600),
        "5s": (5, 3600),
        "1m": (60, 86400),
        "5m": (300, 86400),
        "1h": (3600, 86400),
    }
    assert rules["limit"] == {"max": 5000, "default": 500}
    assert set(rules["anchors"]) == {"session", "oldest"}
