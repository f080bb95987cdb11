"""`/v1/flow?coin=&venues=`: the parts are the flows themselves, the whole their sum; what is refused and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderflow_stream.core.events import BUY, FeedDown
from tests.delivery.http.venues import INVERSE, PERP, USDM, engine_of_venues, row, venues_of
from tests.delivery.http.world import BTC, NOW, Daemon, FakeDemand, Start, trade

ALL = "/v1/flow?coin=BTC&venues=binance,binance-usdm,binance-coinm"
TWO = "/v1/flow?coin=BTC&venues=binance,binance-usdm"


@pytest.mark.parametrize("span", ["window=1m", "trades=100", "window=5m&numbers=string"])
async def test_the_parts_are_the_flows_of_each_venue(many: Daemon, span: str) -> None:
    data = await many.data(f"{ALL}&{span}")
    assert (data["coin"], data["quote"]) == ("BTC", None)
    assert data["venues"] == ["binance", "binance-usdm", "binance-coinm"]
    symbols = ["BTCUSDT", "BTCUSDT", "BTCUSD_PERP"]
    for part, venue, symbol in zip(data["parts"], data["venues"], symbols, strict=True):
        assert part == await many.data(f"/v1/flow?symbol={symbol}&venue={venue}&{span}")


async def test_the_whole_is_their_sum_to_the_last_digit(many: Daemon) -> None:
    data = await many.data(f"{ALL}&window=1h&numbers=string")
    parts, whole = data["parts"], data["combined"]
    for name in ("taker_buy", "taker_sell", "delta"):
        assert Decimal(whole[f"{name}_usd"]) == sum(Decimal(part[f"{name}_quote"]) for part in parts)
    assert whole["cvd_usd"] == whole["delta_usd"]
    for name in ("buy_trades", "sell_trades"):
        assert whole[name] == sum(part[name] for part in parts)
    bought, sold = (sum(Decimal(part[f"taker_{side}_base"]) for part in parts) for side in ("buy", "sell"))
    assert whole["buy_volume_share"] == str(round(bought / (bought + sold), 4))


async def test_numbers_by_hand(many: Daemon) -> None:
    """Within a minute: spot as in its own tests; 2 + 0.5 bought and 1 sold; contracts for two coins and for one."""
    data = await many.data(f"{ALL}&window=1m")
    whole, both = data["combined"], data["spot_perp"]
    assert (whole["taker_buy_usd"], whole["taker_sell_usd"]) == (430065, 240021)
    assert (whole["buy_trades"], whole["sell_trades"]) == (5, 3)
    assert whole["buy_volume_share"] == 0.6522  # 7.50000001 of 11.50000001
    assert (both["spot"]["venues"], both["perp"]["venues"]) == (["binance"], ["binance-usdm", "binance-coinm"])
    assert (both["spot"]["taker_buy_usd"], both["perp"]["taker_buy_usd"]) == (180030, 250035)
    assert (both["spot"]["buy_volume_share"], both["perp"]["buy_volume_share"]) == (0.6, 0.6923)
    assert both["share_difference"] == -0.0923
    # nothing proves that the futures' tapes go back a minute: 30 s ago is the later of their first trades
    assert both["overlap"] == whole["overlap"] == {"from": NOW // 1000 - 30_000, "to": NOW // 1000, "seconds": 30}


async def test_the_last_trades_overlap_in_part(many: Daemon) -> None:
    data = await many.data(f"{TWO}&trades=100")
    spot, perp = data["parts"]
    begin, end = max(spot["first_time"], perp["first_time"]), min(spot["last_time"], perp["last_time"])
    assert data["spot_perp"]["overlap"] == {"from": begin, "to": end, "seconds": (end - begin) / 1000}
    assert data["quote"] == "USDT"


async def test_as_good_as_the_worst(many: Daemon) -> None:
    """A futures tape that does not reach back; then one that is down."""
    data = await many.data(f"{TWO}&window=1m")
    assert (data["combined"]["complete"], data["combined"]["state"]) == (False, "live")
    assert (data["spot_perp"]["spot"]["complete"], data["spot_perp"]["perp"]["complete"]) == (True, False)
    assert data["combined"]["as_of"] == min(part["coverage"]["as_of"] for part in data["parts"])
    many.context.engine.apply(FeedDown((PERP.key,), NOW, 1, "gone"))
    data = await many.data(f"{TWO}&window=1m")
    assert data["combined"]["state"] == data["parts"][1]["coverage"]["state"] == "stale"
    assert data["spot_perp"]["spot"]["state"] == "live"


async def test_whole_where_all_are(many: Daemon) -> None:
    alone = await many.data("/v1/flow?coin=BTC&venues=binance&window=1m")
    assert (alone["combined"]["complete"], alone["spot_perp"]) == (True, None)
    assert alone["combined"]["overlap"]["seconds"] == 60
    futures = await many.data("/v1/flow?coin=BTC&venues=binance-usdm,binance-coinm&trades=100")
    assert futures["spot_perp"] is None
    assert futures["combined"]["venues"] == ["binance-usdm", "binance-coinm"]


async def test_a_part_on_demand_is_read_from_its_own_venue(start: Start) -> None:
    engine = engine_of_venues()
    engine.remove(PERP.key)
    venues = venues_of(engine)
    daemon = await start(engine=engine, venues=venues)
    demand = venues[USDM].demand
    assert isinstance(demand, FakeDemand)
    demand.tape = lambda instrument: (row(instrument, 7, "60000", "1", BUY, 1, "1"),)
    data = await daemon.data(f"{TWO}&window=1m")
    assert [call[:3] for call in demand.calls] == [("BTCUSDT", None, 60_000_000)]
    assert data["parts"][1]["coverage"]["source"] == "backfill"
    assert data["spot_perp"]["perp"]["taker_buy_usd"] == 60000
    assert daemon.demand.calls == []


async def test_etag(many: Daemon) -> None:
    _, _, first = await many.get(f"{TWO}&window=1m")
    etag = first.headers["ETag"]
    status, body, _ = await many.get(f"{TWO}&window=1m", If_None_Match=etag)
    assert (status, body) == (304, b"")
    for other in (f"{ALL}&window=1m", f"{TWO}&window=5m", f"{TWO}&window=1m&numbers=string"):
        assert (await many.get(other, If_None_Match=etag))[0] == 200
    many.context.engine.apply(row(PERP, 13, "60000", "1", BUY, 0, "1"))
    assert (await many.get(f"{TWO}&window=1m", If_None_Match=etag))[0] == 200
    many.context.engine.apply(trade(BTC, 1005, 10**12, 1, BUY, NOW))
    alone = (await many.get("/v1/flow?coin=BTC&venues=binance&window=1m"))[2].headers["ETag"]
    many.context.engine.apply(row(INVERSE, 92, "60000", "1", BUY, 0))
    assert (await many.get("/v1/flow?coin=BTC&venues=binance&window=1m", If_None_Match=alone))[0] == 304


BAD: list[tuple[str, int, str, str, str]] = [
    (f"{TWO}&fresh=true", 400, "conflicting_parameters", "fresh", "each symbol alone with fresh=true"),
    (f"{TWO}&after=abcd2345-1", 400, "conflicting_parameters", "after", "write symbol= and venue="),
    (f"{TWO}&wait=3", 400, "conflicting_parameters", "wait", "write symbol= and venue="),
    (f"{TWO}&symbol=BTCUSDT", 400, "conflicting_parameters", "symbol", "coin (and quote) only"),
    (f"{TWO}&symbols=*", 400, "conflicting_parameters", "symbols", "coin (and quote) only"),
    (f"{TWO}&venue=binance", 400, "conflicting_parameters", "venue", "coin (and quote) only"),
    (f"{TWO}&window=1m&trades=100", 400, "conflicting_parameters", "window", "one of them"),
    ("/v1/flow?venues=binance", 400, "missing_parameter", "coin", "coin=BTC"),
    ("/v1/flow?coin=BTC,ETH&venues=binance", 400, "bad_parameter", "coin", "each on its own"),
    ("/v1/flow?coin=BTC&venues=", 400, "bad_parameter", "venues", "venues=binance,binance-usdm"),
    ("/v1/flow?coin=BTC&venues=binance,,binance-usdm", 400, "bad_parameter", "venues", "empty entry"),
    ("/v1/flow?coin=BTC&venues=binance,kraken", 400, "bad_parameter", "venues", "binance, binance-usdm, binance-coinm"),
    ("/v1/flow?coin=ETH&quote=BTC&venues=binance", 400, "bad_parameter", "quote", "USDC, USDP, USDT"),
    ("/v1/flow?coin=SOL&venues=binance,binance-usdm", 404, "unknown_symbol", "coin", "on binance-usdm"),
    ("/v1/flow?coin=BTC&quote=USDC&venues=binance,binance-usdm", 404, "unknown_symbol", "quote", "it has quote=USDT"),
    ("/v1/flow?coin=PEPE&venues=binance-usdm", 404, "unknown_symbol", "coin", "did you mean 1000PEPE?"),
]


@pytest.mark.parametrize("path,status,code,param,said", BAD, ids=[case[0][9:70] for case in BAD])
async def test_refused(many: Daemon, path: str, status: int, code: str, param: str, said: str) -> None:
    got, body, _ = await many.get(path)
    assert (got, body["error"]) == (status, {"code": code, "param": param}), body
    assert said in body["message"]
    assert param in body["message"]


@pytest.mark.parametrize(
    "query,venues",
    [
        ("coin=btc&venues=Binance, BINANCE-USDM&fresh=false", ["binance", "binance-usdm"]),
        ("coin=BTC&venues=binance,binance", ["binance"]),
        ("coin=BTC&quote=usdt&venues=binance-usdm,binance", ["binance-usdm", "binance"]),
        ("coin=XRP&venues=binance-coinm", ["binance-coinm"]),
    ],
)
async def test_what_is_right(many: Daemon, query: str, venues: list[str]) -> None:
    assert (await many.data(f"/v1/flow?{query}"))["venues"] == venues


async def test_one_venue_is_enough_to_ask(daemon: Daemon) -> None:
    data: Any = await daemon.data("/v1/flow?coin=BTC&venues=binance&window=1m")
    assert data["parts"] == [await daemon.data("/v1/flow?symbol=BTCUSDT&window=1m")]
