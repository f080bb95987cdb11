"""`venue=` on every route: one symbol on two venues is two instruments, and nothing of one leaks into the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from orderflow_stream.core.events import BUY, SELL, FeedDown, Instrument
from orderflow_stream.delivery.http.context import VenueContext
from tests.delivery.http.venues import (
    COINM,
    FIRST,
    INVERSE,
    PERP,
    QUARTER,
    USDM,
    engine_of_venues,
    row,
    venues_of,
)
from tests.delivery.http.world import BTC, NOW, Daemon, FakeDemand, FakeSymbols, Start


@pytest.mark.parametrize("route", ["flow", "large", "trades", "gaps"])
@pytest.mark.parametrize(
    "query,symbol,venue,market",
    [
        ("symbol=BTCUSDT", "BTCUSDT", "binance", "spot"),
        ("symbol=btcusdt&venue=binance", "BTCUSDT", "binance", "spot"),
        ("symbol=btcusdt&venue=Binance-USDM", "BTCUSDT", USDM, "usdm"),
        ("coin=BTC&venue=binance-usdm", "BTCUSDT", USDM, "usdm"),
        ("coin=btc&venue=binance-coinm", "BTCUSD_PERP", COINM, "coinm"),
        ("coin=BTC&quote=USD&venue=binance-coinm", "BTCUSD_PERP", COINM, "coinm"),
        ("coin=XRP&venue=binance-coinm", "XRPUSD_260108", COINM, "coinm"),
        ("symbol=btcusdt_260108&venue=binance-usdm", "BTCUSDT_260108", USDM, "usdm"),
    ],
)
async def test_each_route_answers_for_that_venue(
    many: Daemon, route: str, query: str, symbol: str, venue: str, market: str
) -> None:
    data = await many.data(f"/v1/{route}?{query}")
    assert (data["symbol"], data["venue"], data["market"]) == (symbol, venue, market)


async def test_one_symbol_on_two_venues(many: Daemon) -> None:
    spot, perp = [await many.data(f"/v1/trades?symbol=BTCUSDT&venue={venue}") for venue in ("binance", USDM)]
    assert [one["id"] for one in spot["trades"]] == [1000, 1001, 1002, 1003, 1004]
    assert [one["id"] for one in perp["trades"]] == [10, 11, 12]
    assert [one["nq"] for one in perp["trades"]] == [1.5, 1, 0]
    assert "nq" not in spot["trades"][0]
    contracts = await many.data("/v1/trades?coin=BTC&venue=binance-coinm")
    assert [(one["qty"], one["contracts"]) for one in contracts["trades"]] == [(1, 600), (2, 1000)]


@pytest.mark.parametrize(
    "query,expected",
    [
        ("symbols=*", ["BTCUSDT", "ETHBTC", "SILENTUSDT"]),
        ("symbols=*&venue=binance-usdm", ["BTCUSDT"]),
        ("symbols=btc*&venue=binance-coinm", ["BTCUSD_PERP"]),
        ("symbols=BTCUSD_PERP,XRPUSD_260109&venue=binance-coinm", ["BTCUSD_PERP", "XRPUSD_260109"]),
    ],
)
async def test_patterns_stay_on_their_venue(many: Daemon, query: str, expected: list[str]) -> None:
    assert [one["symbol"] for one in await many.data(f"/v1/flow?{query}")] == expected


BAD: list[tuple[str, int, str, str, str]] = [
    ("/v1/flow?symbol=BTCUSDT&venue=kraken", 400, "bad_parameter", "venue", "is binance, binance-usdm, binance-coinm"),
    ("/v1/screener?venue=", 400, "bad_parameter", "venue", "is empty"),
    ("/v1/flow?symbol=BTCUSD_PERP", 404, "unknown_symbol", "symbol", "write venue=binance-coinm"),
    ("/v1/flow?symbol=SOLUSDT&venue=binance-usdm", 404, "unknown_symbol", "symbol", "write venue=binance, "),
    ("/v1/flow?symbol=BTCUSDX&venue=binance-usdm", 404, "unknown_symbol", "symbol", "usdm; did you mean BTCUSDT?"),
    ("/v1/flow?symbol=BTCUSD&venue=binance-coinm", 404, "unknown_symbol", "symbol", "did you mean BTCUSD_PERP?"),
    ("/v1/flow?symbols=ETH*&venue=binance-usdm", 404, "unknown_symbol", "symbols", "of binance-usdm matches"),
    ("/v1/flow?coin=BTCUSDT&venue=binance-usdm", 404, "unknown_symbol", "coin", "no coin"),
    ("/v1/flow?coin=BTCU&quote=SDT", 404, "unknown_symbol", "coin", "did you mean BTCUSDT, BTCUSDC?"),
    ("/v1/flow?coin=BTC&quote=USDT&venue=binance-coinm", 404, "unknown_symbol", "quote", "it has quote=USD"),
]  # fmt: skip


@pytest.mark.parametrize("path,status,code,param,said", BAD, ids=[case[0][4:70] for case in BAD])
async def test_wrong(many: Daemon, path: str, status: int, code: str, param: str, said: str) -> None:
    got, body, _ = await many.get(path)
    assert (got, body["error"]) == (status, {"code": code, "param": param}), body
    assert said in body["message"]
    assert len(body["message"]) < 500


async def test_a_venue_is_read_by_its_own_rest(start: Start) -> None:
    engine = engine_of_venues()
    venues = venues_of(engine)
    daemon = await start(engine=engine, venues=venues)
    await daemon.data("/v1/flow?symbol=BTCUSDT_260108&venue=binance-usdm&window=5m")
    await daemon.data("/v1/flow?symbols=BTCUSDT_260108,BTCUSDT&venue=binance-usdm&trades=200")
    await daemon.data("/v1/large?symbol=XRPUSD_260108&venue=binance-coinm&fresh=true")
    calls = {name: [call[0] for call in _demand(one).calls] for name, one in venues.items()}
    assert calls == {"binance": [], USDM: ["BTCUSDT_260108", "BTCUSDT_260108"], COINM: ["XRPUSD_260108"]}
    assert _demand(venues[USDM]).touched[-2:] == [QUARTER.key, PERP.key]
    assert daemon.demand.calls == []


def _demand(venue: VenueContext) -> FakeDemand:
    assert isinstance(venue.demand, FakeDemand)
    return venue.demand


async def test_before_a_venue_has_told_its_symbols(start: Start) -> None:
    engine = engine_of_venues()
    venues = {name: replace(one, symbols=FakeSymbols((), None)) for name, one in venues_of(engine).items()}
    daemon = await start(engine=engine, venues=venues)
    for query in ("coin=BTC&venue=binance-coinm", "symbol=BTCUSDT&venue=binance-usdm", "coin=ETH&quote=BTC"):
        assert (await daemon.get(f"/v1/flow?{query}"))[0] == 200  # kept in memory all the same
    for query in ("coin=XRP&venue=binance-coinm", "symbol=NOPE&venue=binance-usdm", "coin=NOPE"):
        status, body, response = await daemon.get(f"/v1/flow?{query}")
        assert (status, body["error"]["code"], response.headers["Retry-After"]) == (502, "upstream_failed", "5")


async def test_a_screener_is_as_of_its_venues_own_time(many: Daemon) -> None:
    spot = await many.data("/v1/screener?window=1m")
    many.context.engine.set_offset("binance-usdm", 0, 7_000)
    futures = await many.data("/v1/screener?venue=binance-usdm&window=1m")
    assert futures["as_of"] == spot["as_of"] + 7
    assert (await many.data("/v1/screener?window=1m"))["as_of"] == spot["as_of"]


async def test_screener(many: Daemon) -> None:
    spot = await many.data("/v1/screener?sort=symbol")
    assert [one["symbol"] for one in spot["rows"]] == ["BTCUSDT", "ETHBTC", "SILENTUSDT"]
    data = await many.data("/v1/screener?venue=binance-coinm&window=1m")
    (line,) = data["rows"]
    assert (data["venue"], data["market"], data["instruments"]) == (COINM, "coinm", 1)
    assert (line["venue"], line["market"], line["delta_base"], line["delta_quote"]) == (COINM, "coinm", 1, 40000)


async def test_a_position_is_of_one_venues_symbol(many: Daemon) -> None:
    """The long poll waits for the instrument, not for its name."""
    async with asyncio.timeout(5):
        poll = asyncio.create_task(many.get("/v1/flow?symbol=BTCUSDT&venue=binance-usdm&after=abcd2345-7&wait=30"))
        await many.hub.waiting.wait()
        many.hub.trade(BTC.key)
        await asyncio.sleep(0)
        assert not poll.done()
        many.context.engine.apply(row(PERP, 13, "60000", "1", BUY, 0, "1"))
        many.hub.trade(PERP.key)
        status, body, _ = await poll
    assert (status, body["data"]["coverage"]["last_id"]) == (200, 13)


async def test_gaps(many: Daemon) -> None:
    many.context.engine.apply(row(PERP, 15, "60000", "1", SELL, 0, "1"))
    data = await many.data("/v1/gaps?symbol=BTCUSDT&venue=binance-usdm")
    assert [(one["first"], one["last"], one["attempts"]) for one in data["gaps"]] == [(13, 14, 2)]
    assert (await many.data("/v1/gaps?symbol=BTCUSDT"))["gaps"] == []


# -- symbols ------------------------------------------------------------------------------------------------------


async def test_symbols_of_a_futures_venue_say_what_they_are(many: Daemon) -> None:
    data = await many.data("/v1/symbols?venue=binance-usdm")
    assert (data["venue"], data["symbols"]) == (USDM, ["1000PEPEUSDT", "BTCUSDT", "BTCUSDT_260108"])
    pepe, perp, quarter = data["contracts"]
    assert (pepe["base"], pepe["quote"]) == ("1000PEPE", "USDT")
    assert perp == {
        "symbol": "BTCUSDT",
        "kind": "perpetual",
        "pair": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "contract_size": None,
        "delivery_time": None,
        "status": "TRADING",
    }
    assert (quarter["kind"], quarter["pair"]) == ("delivery", "BTCUSDT")
    assert quarter["delivery_time"] == QUARTER.delivery // 1000
    inverse = await many.data("/v1/symbols?venue=binance-coinm&quote=usd")
    assert [(one["symbol"], one["contract_size"], one["settle"]) for one in inverse["contracts"]] == [
        ("BTCUSD_PERP", 100, "BTC"),
        ("XRPUSD_260108", 10, "XRP"),
        ("XRPUSD_260109", 10, "XRP"),
    ]
    assert (await many.data("/v1/symbols?venue=binance-coinm&quote=USDT"))["contracts"] == []
    assert "contracts" not in await many.data("/v1/symbols?venue=binance")


async def test_what_rests_is_of_that_venue(start: Start) -> None:
    halted = Instrument(USDM, "OLDUSDT", "OLD", "USDT", "usdm", trading=False, status="SETTLING", kind="perpetual")
    engine = engine_of_venues(halted)
    daemon = await start(engine=engine, venues=venues_of(engine))
    assert (await daemon.data("/v1/symbols?venue=binance-usdm"))["resting"] == {"OLDUSDT": "SETTLING"}
    assert (await daemon.data("/v1/symbols"))["resting"] == {}


# -- ready --------------------------------------------------------------------------------------------------------


async def test_ready_by_venue(many: Daemon) -> None:
    data = await many.data("/readyz")
    assert (data["ready"], data["instruments"], data["states"]) == (True, 5, {"live": 4, "quiet": 1})
    assert data["venues"] == {
        "binance": {"instruments": 3, "states": {"live": 2, "quiet": 1}, "not_ready_total": 0},
        USDM: {"instruments": 1, "states": {"live": 1}, "not_ready_total": 0},
        COINM: {"instruments": 1, "states": {"live": 1}, "not_ready_total": 0},
    }


async def test_a_small_venue_that_is_down_is_not_outvoted(start: Start) -> None:
    more = tuple(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(300))
    engine = engine_of_venues(*more)
    engine.apply(FeedDown((INVERSE.key,), NOW, 1, "closed by the venue"))
    daemon = await start(engine=engine, venues=venues_of(engine))
    status, body, _ = await daemon.get("/readyz")
    assert (status, body["data"]["reasons"]) == (503, ["binance-coinm: 1 of 1 instruments have no live feed"])
    (line,) = body["data"]["not_ready"]
    assert (line["venue"], line["symbol"], line["state"]) == (COINM, "BTCUSD_PERP", "stale")


async def test_strict_by_venue(many: Daemon) -> None:
    """Their REST goes back two days only: nobody waits for tapes that go back further. A hole is another matter."""
    assert (await many.data("/readyz?strict=1"))["ready"]
    many.context.engine.apply(row(PERP, 15, "60000", "1", SELL, 0, "1"))
    status, body, _ = await many.get("/readyz?strict=1")
    assert (status, body["data"]["reasons"]) == (503, ["binance-usdm: 1 of 1 instruments are not warm and complete"])
    (line,) = body["data"]["not_ready"]
    assert (line["venue"], line["symbol"], line["reason"]) == (USDM, "BTCUSDT", "2 trades missing")
    assert body["data"]["venues"]["binance"]["not_ready_total"] == 0


async def test_strict_of_a_venue_whose_whole_past_can_be_read(start: Start) -> None:
    engine = engine_of_venues()
    venues = {name: replace(one, stated={}) for name, one in venues_of(engine).items()}
    daemon = await start(engine=engine, venues=venues)
    status, body, _ = await daemon.get("/readyz?strict=1")
    assert (status, [line["venue"] for line in body["data"]["not_ready"]]) == (503, [USDM, COINM])


async def test_a_venue_without_streams_is_ready(start: Start) -> None:
    engine = engine_of_venues()
    engine.remove(INVERSE.key)
    daemon = await start(engine=engine, venues=venues_of(engine))
    data = await daemon.data("/readyz")
    assert data["venues"][COINM] == {"instruments": 0, "states": {}, "not_ready_total": 0}


# -- the context --------------------------------------------------------------------------------------------------


async def test_a_context_without_venues_has_the_default_one(daemon: Daemon) -> None:
    context = daemon.context
    alone = context.venue("binance")
    assert (alone.name, alone.market, alone.liquidations, context.venue_names) == (
        "binance",
        "spot",
        False,
        ("binance",),
    )
    assert alone.symbols is context.symbols
    assert alone.demand is context.demand
    assert alone is context.venue("binance")
    assert alone.started()
    with pytest.raises(KeyError):
        context.venue(USDM)


async def test_a_context_with_venues_has_those_that_are_on(start: Start) -> None:
    engine = engine_of_venues()
    daemon = await start(engine=engine, venues=venues_of(engine, USDM, "binance"))
    assert daemon.context.venue_names == ("binance", USDM)
    assert daemon.context.venue(USDM).liquidations
    with pytest.raises(KeyError):
        daemon.context.venue(COINM)


async def test_the_past_is_read_on_before_a_stream_is_warm(start: Start) -> None:
    """An instrument on demand whose stream is not warm yet goes by its own venue's account of it."""
    engine = engine_of_venues(FIRST)
    venues = venues_of(engine)
    daemon = await start(engine=engine, venues=venues)
    book = engine.books[FIRST.key]
    book.warm = False
    await daemon.data("/v1/flow?symbol=XRPUSD_260108&venue=binance-coinm")
    assert _demand(venues[COINM]).calls == []  # configured: memory answers
    _demand(venues[COINM]).asked_for.add(FIRST.key)
    await daemon.data("/v1/flow?symbol=XRPUSD_260108&venue=binance-coinm")
    assert len(_demand(venues[COINM]).calls) == 1
