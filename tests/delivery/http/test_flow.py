"""`/v1/flow` over a real engine: numbers computed by hand, conditional answers, long polls, reads on demand."""

import asyncio
from decimal import Decimal

import pytest

from orderflow_stream.core.events import BUY, SELL, Instrument, Trade
from orderflow_stream.feed.errors import Blocked, UnknownSymbol, UpstreamBusy, UpstreamFailed
from tests.delivery.http.world import BTC, CHINESE, NOW, Daemon, Start, live_engine, trade

#: Sums of the conftest's TAPE: buys 1.5 + 0.00000001 + 3, sells 0.5 + 2.
BUYS = Decimal("1.5") * 60000 + Decimal("0.00000001") * Decimal("60000.5") + 3 * Decimal(60010)
SELLS = Decimal("0.5") * 60001 + 2 * Decimal("60000.50000001")


async def test_over_trades(daemon: Daemon) -> None:
    status, body, response = await daemon.get("/v1/flow?symbol=BTCUSDT&trades=100")
    assert status == 200
    assert (body["status"], body["success"], body["message"]) == ("ok", True, "Flow retrieved successfully")
    assert body["meta"]["timestamp"] == "2025-10-09T08:53:20.000Z"
    assert response.headers["Content-Type"] == "application/json"
    data = body["data"]
    assert (data["buy_trades"], data["sell_trades"], data["trades_scanned"]) == (3, 2, 5)
    assert (data["taker_buy_base"], data["taker_sell_base"], data["delta_base"]) == (4.50000001, 2.5, 2.00000001)
    assert (data["taker_buy_quote"], data["taker_sell_quote"]) == (270030.0, 150001.5)
    assert data["delta_quote"] == data["cvd_quote"] == 120028.5
    assert (data["buy_sell_ratio"], data["buy_volume_share"], data["pressure"]) == (1.8, 0.6429, "buy")
    assert (data["window_seconds"], data["last_price"]) == (197.5, 60010)
    assert data["coverage"]["requested"] == {"trades": 100}
    assert (data["coverage"]["complete"], data["coverage"]["position"]) == (True, "abcd2345-7")


async def test_exact_strings(daemon: Daemon) -> None:
    data = await daemon.data("/v1/flow?symbol=BTCUSDT&numbers=string")
    assert Decimal(data["taker_buy_quote"]) == BUYS
    assert Decimal(data["delta_quote"]) == BUYS - SELLS


async def test_over_a_window(daemon: Daemon) -> None:
    data = await daemon.data("/v1/flow?symbol=BTCUSDT&window=1m")
    assert (data["window"], data["trades_scanned"], data["coverage"]["first_id"]) == ("1m", 3, 1002)
    assert data["coverage"]["requested"] == {"from": NOW // 1000 - 60_000, "to": NOW // 1000}


async def test_default_is_a_thousand_trades(daemon: Daemon) -> None:
    data = await daemon.data("/v1/flow?coin=BTC")
    assert data["coverage"]["requested"] == {"trades": 1000}


async def test_never_traded(daemon: Daemon) -> None:
    data = await daemon.data("/v1/flow?symbol=SILENTUSDT")
    assert (data["last_price"], data["pressure"], data["trades_scanned"]) == (None, None, 0)
    assert (data["coverage"]["state"], data["coverage"]["complete"]) == ("quiet", True)


async def test_several_at_one_instant(daemon: Daemon) -> None:
    data = await daemon.data("/v1/flow?symbols=ETHBTC,btcusdt,ETHBTC&window=5m")
    assert [one["symbol"] for one in data] == ["ETHBTC", "BTCUSDT"]
    assert len({one["coverage"]["requested"]["to"] for one in data}) == 1
    pattern = await daemon.data("/v1/flow?symbols=*usdt")
    assert [one["symbol"] for one in pattern] == ["BTCUSDT", "SILENTUSDT"]
    assert [one["symbol"] for one in await daemon.data("/v1/flow?symbols=BTCUSD?")] == ["BTCUSDT"]


async def test_too_many_symbols(start: Start) -> None:
    many = tuple(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(501))
    daemon = await start(engine=live_engine((BTC, *many)))
    status, body, _ = await daemon.get("/v1/flow?symbols=*")
    assert (status, body["error"]["param"]) == (400, "symbols")
    assert len(await daemon.data("/v1/flow?symbols=S1*")) == 111


async def test_etag_names_the_trades(daemon: Daemon) -> None:
    status, _, first = await daemon.get("/v1/flow?symbol=BTCUSDT")
    etag = first.headers["ETag"]
    assert (status, first.headers["Cache-Control"]) == (200, "no-cache")
    daemon.hub.seq += 1  # something else traded
    status, body, again = await daemon.get("/v1/flow?symbol=BTCUSDT", If_None_Match=etag)
    assert (status, body, again.headers["ETag"]) == (304, b"", etag)
    assert (await daemon.get("/v1/flow?symbol=BTCUSDT", If_None_Match=f'"x", {etag}'))[0] == 304
    assert (await daemon.get("/v1/flow?symbol=BTCUSDT", If_None_Match="*"))[0] == 304
    for path in ("symbol=BTCUSDT&trades=999", "symbol=BTCUSDT&window=5m", "symbol=BTCUSDT&numbers=string"):
        assert (await daemon.get(f"/v1/flow?{path}", If_None_Match=etag))[0] == 200
    daemon.context.engine.apply(trade(BTC, 1005, 10**12, 1, BUY, NOW))
    status, _, changed = await daemon.get("/v1/flow?symbol=BTCUSDT", If_None_Match=etag)
    assert status == 200
    assert changed.headers["ETag"] != etag


async def test_etag_of_a_window_changes_when_a_trade_leaves_it(start: Start) -> None:
    clock = [NOW]
    daemon = await start(now=lambda: clock[0])
    etag = (await daemon.get("/v1/flow?symbol=BTCUSDT&window=1m"))[2].headers["ETag"]
    clock[0] += 9_999_999
    assert (await daemon.get("/v1/flow?symbol=BTCUSDT&window=1m", If_None_Match=etag))[0] == 304
    clock[0] += 1  # exactly a minute after the two trades 50 s ago: the window is open on that side
    status, body, _ = await daemon.get("/v1/flow?symbol=BTCUSDT&window=1m", If_None_Match=etag)
    assert (status, body["data"]["trades_scanned"]) == (200, 1)


async def test_etag_tells_of_a_hole(daemon: Daemon) -> None:
    etag = (await daemon.get("/v1/flow?symbol=BTCUSDT"))[2].headers["ETag"]
    daemon.context.engine.apply(trade(BTC, 1007, 10**12, 1, SELL, NOW))
    status, body, response = await daemon.get("/v1/flow?symbol=BTCUSDT", If_None_Match=etag)
    coverage = body["data"]["coverage"]
    assert (status, coverage["missing"], coverage["complete"]) == (200, [[1005, 1006]], False)
    assert (coverage["expected"], coverage["received"]) == (8, 6)
    assert (await daemon.get("/v1/flow?symbol=BTCUSDT", If_None_Match=response.headers["ETag"]))[0] == 304


async def test_long_poll_ends_with_a_trade(daemon: Daemon) -> None:
    position = (await daemon.data("/v1/flow?symbol=BTCUSDT"))["coverage"]["position"]
    poll = asyncio.create_task(daemon.get(f"/v1/flow?symbol=BTCUSDT&after={position}&wait=30"))
    async with asyncio.timeout(5):
        await daemon.hub.waiting.wait()
        assert not poll.done()
        daemon.context.engine.apply(trade(BTC, 1005, 10**12, 1, BUY, NOW))
        daemon.hub.trade(BTC.key)
        status, body, _ = await poll
    assert (status, body["data"]["coverage"]["last_id"]) == (200, 1005)
    assert body["data"]["coverage"]["position"] == "abcd2345-8"


async def test_long_poll_ends_with_its_time(daemon: Daemon) -> None:
    async with asyncio.timeout(5):
        status, _, _ = await daemon.get("/v1/flow?symbol=BTCUSDT&after=abcd2345-7&wait=0.05")
    assert status == 200


async def test_position_of_another_epoch_answers_at_once(daemon: Daemon) -> None:
    async with asyncio.timeout(5):
        status, _, _ = await daemon.get("/v1/flow?symbol=BTCUSDT&after=zzzz2345-7&wait=30")
    assert status == 200
    assert not daemon.hub.waiting.is_set()


def some_tape(instrument: Instrument) -> tuple[Trade, ...]:
    return (trade(instrument, 9, 2 * 10**8, 10**8, SELL, NOW - 1_000_000),)


async def test_a_symbol_on_demand(daemon: Daemon) -> None:
    daemon.demand.tape = some_tape
    data = await daemon.data("/v1/flow?symbol=solusdt&window=5m")
    assert (data["symbol"], data["last_price"], data["pressure"]) == ("SOLUSDT", 2, "strong_sell")
    assert daemon.demand.calls == [("SOLUSDT", None, 300_000_000, False)]
    assert data["coverage"]["source"] == "backfill"
    await daemon.data("/v1/flow?symbol=SOLUSDT&trades=200")  # no stream behind it: asked again
    assert daemon.demand.calls[1:] == [("SOLUSDT", 200, None, False)]
    mixed = await daemon.data("/v1/flow?symbols=SOLUSDT,BTCUSDT")
    assert [one["symbol"] for one in mixed] == ["SOLUSDT", "BTCUSDT"]


async def test_a_symbol_on_demand_is_read_until_its_stream_is_warm(daemon: Daemon) -> None:
    daemon.demand.tape = some_tape
    await daemon.data("/v1/flow?symbol=SOLUSDT&trades=200")
    key = "binance:SOLUSDT"
    daemon.demand.asked_for.add(key)
    book = daemon.context.engine.books[key]
    for path in ("/v1/flow?symbol=SOLUSDT&trades=200", "/v1/flow?symbols=SOLUSDT&trades=200"):
        book.demand, book.warm = False, False  # its stream is up, its past is being read
        await daemon.data(path)
    assert len(daemon.demand.calls) == 3
    await daemon.data("/v1/flow?symbol=SOLUSDT&trades=200")
    assert len(daemon.demand.calls) == 3
    assert daemon.demand.touched[-1] == key, "and stays as long as somebody asks"


async def test_a_symbol_beyond_ascii(daemon: Daemon) -> None:
    daemon.demand.tape = some_tape
    data = await daemon.data("/v1/flow?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt")
    assert data["symbol"] == CHINESE.symbol
    assert (await daemon.data("/v1/flow?coin=币安人生"))["symbol"] == CHINESE.symbol


async def test_fresh_asks_rest_even_for_a_streamed_symbol(daemon: Daemon) -> None:
    await daemon.data("/v1/flow?symbol=BTCUSDT&fresh=true")
    assert daemon.demand.calls == [("BTCUSDT", 1000, None, True)]


async def test_reads_in_one_answer_are_limited(start: Start) -> None:
    listed = tuple(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(21))
    daemon = await start()
    daemon.symbols.instruments = listed
    names = ",".join(one.symbol for one in listed)
    status, body, _ = await daemon.get(f"/v1/flow?symbols={names}")
    assert (status, body["error"]) == (400, {"code": "bad_parameter", "param": "symbols"})
    assert daemon.demand.calls == []


@pytest.mark.parametrize(
    "fault,status,code,retry_after",
    [
        (UpstreamBusy("weight is used up", retry_after=17), 503, "upstream_busy", "17"),
        (UpstreamFailed("no answer", hint="is the network up?"), 502, "upstream_failed", "1"),
        (Blocked("HTTP 451", retry="never"), 502, "upstream_failed", None),
        (UnknownSymbol("Invalid symbol."), 404, "unknown_symbol", None),
    ],
)
async def test_upstream_faults(
    daemon: Daemon, fault: Exception, status: int, code: str, retry_after: str | None
) -> None:
    daemon.demand.fault = fault
    for path in ("/v1/flow?symbol=SOLUSDT", "/v1/flow?symbols=SOLUSDT,BTCUSDT", "/v1/large?symbol=SOLUSDT"):
        got, body, response = await daemon.get(path)
        assert (got, body["error"]["code"]) == (status, code)
        assert response.headers.get("Retry-After") == retry_after


async def test_unlisted_as_long_as_the_venue_is_silent(daemon: Daemon) -> None:
    daemon.symbols.instruments, daemon.symbols.refreshed = (), None
    status, body, response = await daemon.get("/v1/flow?symbol=SOLUSDT")
    assert (status, body["error"]["code"], response.headers["Retry-After"]) == (502, "upstream_failed", "5")
    assert (await daemon.get("/v1/flow?symbol=btcusdt"))[0] == 200  # kept in memory all the same
