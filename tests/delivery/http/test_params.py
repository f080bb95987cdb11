"""Every bad input a client can think of: a 4xx in the envelope that names the parameter, and nothing breaks."""

from typing import Any

import pytest

from tests.delivery.http.world import Daemon

FLOW = "/v1/flow?symbol=BTCUSDT"
LARGE = "/v1/large?symbol=BTCUSDT"

BAD: list[tuple[str, int, str, str | None]] = [
    (f"{LARGE}&percentile=49.999", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=100", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=99.9999", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=9e1", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=.9", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=-99", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=", 400, "bad_parameter", "percentile"),
    (f"{LARGE}&percentile=99&min_notional=5", 400, "conflicting_parameters", "percentile"),
    ("/v1/flow", 400, "missing_parameter", "symbol"),
    ("/v1/flow?quote=USDT", 400, "missing_parameter", "symbol"),
    ("/v1/flow?symbol=", 400, "bad_parameter", "symbol"),
    ("/v1/flow?symbol=%20", 400, "bad_parameter", "symbol"),
    ("/v1/flow?symbol=NOPE", 404, "unknown_symbol", "symbol"),
    ("/v1/flow?symbol=" + "A" * 200, 404, "unknown_symbol", "symbol"),
    ("/v1/flow?symbol=%FF%FE", 404, "unknown_symbol", "symbol"),
    ("/v1/flow?symbol=BTC%00USDT", 404, "unknown_symbol", "symbol"),
    ("/v1/flow?symbol=../../etc/passwd", 404, "unknown_symbol", "symbol"),
    ("/v1/flow?coin=NOPE", 404, "unknown_symbol", "coin"),
    ("/v1/flow?coin=", 400, "bad_parameter", "coin"),
    ("/v1/flow?symbol=BTCUSDT&coin=BTC", 400, "conflicting_parameters", "coin"),
    ("/v1/flow?symbol=BTCUSDT&quote=USDT", 400, "conflicting_parameters", "quote"),
    ("/v1/flow?symbols=BTCUSDT&symbol=BTCUSDT", 400, "conflicting_parameters", "symbol"),
    ("/v1/flow?symbols=BTCUSDT&after=a-1", 400, "conflicting_parameters", "after"),
    ("/v1/flow?symbols=BTCUSDT,,ETHBTC", 400, "bad_parameter", "symbols"),
    ("/v1/flow?symbols=BTCUSDT,NOPE", 404, "unknown_symbol", "symbols"),
    ("/v1/flow?symbols=*NOPE", 404, "unknown_symbol", "symbols"),
    ("/v1/flow?symbols=" + "*" * 20, 400, "bad_parameter", "symbols"),
    ("/v1/flow?symbol=BTCUSDT&symbol=BTCUSDT", 400, "bad_parameter", "symbol"),
    (FLOW + "&trades=99", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=5001", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=-1", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=1e3", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=abc", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=+500", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=%2B500", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=500.0", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=%D9%A3%D9%A3%D9%A3", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=" + "9" * 3000, 400, "bad_parameter", "trades"),
    (FLOW + "&trades=1_000", 400, "bad_parameter", "trades"),
    (FLOW + "&trades=100&trades=200", 400, "bad_parameter", "trades"),
    (FLOW + "&window=5m&trades=100", 400, "conflicting_parameters", "window"),
    (FLOW + "&window=7m", 400, "bad_parameter", "window"),
    (FLOW + "&window=", 400, "bad_parameter", "window"),
    (FLOW + "&wait=3", 400, "bad_parameter", "wait"),
    (FLOW + "&after=", 400, "bad_parameter", "after"),
    (FLOW + "&after=nonsense", 400, "bad_parameter", "after"),
    (FLOW + "&after=a%20b-1", 400, "bad_parameter", "after"),
    (FLOW + "&after=abcd2345-1&wait=31", 400, "bad_parameter", "wait"),
    (FLOW + "&after=abcd2345-1&wait=-1", 400, "bad_parameter", "wait"),
    (FLOW + "&after=abcd2345-1&wait=nan", 400, "bad_parameter", "wait"),
    (FLOW + "&numbers=float", 400, "bad_parameter", "numbers"),
    (FLOW + "&fresh=yes", 400, "bad_parameter", "fresh"),
    (FLOW + "&fresh=", 400, "bad_parameter", "fresh"),
    (FLOW + "&venue=kraken", 400, "bad_parameter", "venue"),
    (FLOW + "&trade=100", 400, "unknown_parameter", "trade"),
    (FLOW + "&min_notional=5", 400, "unknown_parameter", "min_notional"),
    (LARGE + "&min_notional=-1", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=0", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=NaN", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=inf", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=1e400", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=1e5", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=0x10", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=1,000", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=0.00000000000000001", 400, "bad_parameter", "min_notional"),
    (LARGE + "&min_notional=" + "1" * 50, 400, "bad_parameter", "min_notional"),
    (LARGE + "&limit=0", 400, "bad_parameter", "limit"),
    (LARGE + "&limit=5001", 400, "bad_parameter", "limit"),
    (LARGE + "&group=sweep", 400, "bad_parameter", "group"),
    (LARGE + "&since_id=-5", 400, "bad_parameter", "since_id"),
    (LARGE + "&since_id=99999999999999999999", 400, "bad_parameter", "since_id"),
    (LARGE + "&window=5m", 400, "unknown_parameter", "window"),
    ("/v1/trades?symbol=BTCUSDT&from_id=x", 400, "bad_parameter", "from_id"),
    ("/v1/trades", 400, "missing_parameter", "symbol"),
    ("/v1/gaps?symbol=NOPE", 404, "unknown_symbol", "symbol"),
    ("/v1/screener?sort=volume", 400, "bad_parameter", "sort"),
    ("/v1/screener?window=2m", 400, "bad_parameter", "window"),
    ("/v1/screener?order=up", 400, "bad_parameter", "order"),
    ("/v1/screener?limit=all", 400, "bad_parameter", "limit"),
    ("/v1/symbols?quote=", 400, "bad_parameter", "quote"),
    ("/v1/symbols?symbol=BTCUSDT", 400, "unknown_parameter", "symbol"),
    ("/v1/meta?verbose=1", 400, "unknown_parameter", "verbose"),
    ("/readyz?strict=maybe", 400, "bad_parameter", "strict"),
    ("/healthz?x=1", 400, "unknown_parameter", "x"),
    ("/v1/nothing", 404, "not_found", None),
    ("/v2/flow?symbol=BTCUSDT", 404, "not_found", None),
    ("/v1/flow/", 404, "not_found", None),
    ("/static/../app.py", 404, "not_found", None),
    ("/static/..%2Fhub.py", 404, "not_found", None),
    ("/v1/flow?" + "&".join(f"p{n}=1" for n in range(40)), 400, "bad_parameter", None),
]


@pytest.mark.parametrize("path,status,code,param", BAD, ids=[case[0][:60] for case in BAD])
async def test_bad_input(daemon: Daemon, path: str, status: int, code: str, param: str | None) -> None:
    got, body, response = await daemon.get(path)
    assert (got, body["error"]) == (status, {"code": code, "param": param}), body
    assert body["data"] is None
    assert (body["status"], body["success"]) == ("error", False)
    assert list(body["meta"]) == ["timestamp", "request_id"]
    assert len(body["message"]) < 500
    assert response.headers["Cache-Control"] == "no-store"
    if param is not None and code != "unknown_symbol":
        assert param in body["message"]
    assert (await daemon.get(FLOW))[0] == 200  # and all is well afterwards


async def test_messages_tell_the_remedy(daemon: Daemon) -> None:
    async def message(path: str) -> Any:
        return (await daemon.get(path))[1]["message"]

    assert "did you mean trades?" in await message(FLOW + "&trade=100")
    assert "this route knows: symbol, coin" in await message(FLOW + "&verbose=1")
    assert "1m, 5m, 1h" in await message(FLOW + "&window=2m")
    assert "did you mean BTCUSDC, BTCUSDT?" in await message("/v1/flow?symbol=BTCUSD")
    assert "delta_quote, delta_base" in await message("/v1/screener?sort=x")
    assert "from 100 to 5000" in await message(FLOW + "&trades=99")


@pytest.mark.parametrize(
    "path",
    [
        FLOW + "&trades=100",
        FLOW + "&trades=0100",
        FLOW + "&trades=5000",
        "/v1/flow?symbol=btcusdt",
        "/v1/flow?coin=btc",
        "/v1/flow?coin=ETH&quote=btc",
        FLOW + "&venue=Binance&numbers=string&fresh=false",
        FLOW + "&after=abcd2345-3&wait=0",
        LARGE + "&min_notional=0.0000000000000001&limit=1&group=order&since_id=0",
        LARGE + "&min_notional=100000&trades=100",
        "/v1/trades?symbol=BTCUSDT&from_id=0&limit=5000",
        "/v1/screener?window=1m&sort=symbol&order=asc&limit=1&quote=usdt",
        "/?kiosk=1",
    ],
)
async def test_what_is_right_stays_right(daemon: Daemon, path: str) -> None:
    assert (await daemon.get(path))[0] == 200


@pytest.mark.parametrize(
    "path", ["/v1/flow?symbol=BTCUSDT&window=", "/v1/flow?symbol=BTCUSDT&trades=", "/v1/flow?coin="]
)
async def test_a_value_is_no_novel(daemon: Daemon, path: str) -> None:
    status, body, _ = await daemon.get(path + "1" * 257)
    name = path.rpartition("&")[2].rpartition("?")[2].removesuffix("=")
    assert (status, body["error"]) == (400, {"code": "bad_parameter", "param": name})
    assert body["message"] == f"{name} is longer than 256 characters"


async def test_a_list_may_be_as_long_as_a_request_line(daemon: Daemon) -> None:
    status, body, _ = await daemon.get("/v1/flow?symbols=" + ",".join(["BTCUSDT"] * 900))
    assert status == 200
    assert len(body["data"]) == 1
