"""`/v1/symbols` and `/v1/meta`."""

from fractions import Fraction

from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.encode import FIAT_AND_STABLE, Rules
from tests.delivery.http.world import NOW, WINDOWS, Daemon, FakeSymbols, Start


async def test_sorted_and_trading_only(daemon: Daemon) -> None:
    data = await daemon.data("/v1/symbols")
    assert data["symbols"] == [
        "0GUSDT",
        "1INCHUSDT",
        "BTCUSDC",
        "BTCUSDT",
        "ETHBTC",
        "SILENTUSDT",
        "SOLUSDT",
        "币安人生USDT",
    ]
    assert (data["count"], data["quote"], data["source"]) == (8, None, "Binance")
    assert (data["refreshed"], data["stale"]) == (NOW // 1000 - 60_000, False)


async def test_by_quote(daemon: Daemon) -> None:
    assert (await daemon.data("/v1/symbols?quote=usdc"))["symbols"] == ["BTCUSDC"]
    nothing = await daemon.data("/v1/symbols?quote=XYZ")
    assert (nothing["symbols"], nothing["count"], nothing["quote"]) == ([], 0, "XYZ")


async def test_stale_says_so(start: Start) -> None:
    daemon = await start(symbols=FakeSymbols(refreshed=5_000_000, stale=True))
    data = await daemon.data("/v1/symbols")
    assert (data["stale"], data["refreshed"], data["count"]) == (True, 5000, 8)


async def test_never_read(start: Start) -> None:
    daemon = await start(symbols=FakeSymbols((), refreshed=None, stale=True))
    status, body, response = await daemon.get("/v1/symbols")
    assert (status, body["error"]["code"], response.headers["Retry-After"]) == (502, "upstream_failed", "5")
    meta = await daemon.data("/v1/meta")
    assert (meta["trading_symbols"], meta["symbols_refreshed"], meta["symbols_stale"]) == (0, None, True)


async def test_meta_states_what_is_in_force(start: Start) -> None:
    options = {
        "large": 250_000 * NOTIONAL_SCALE,
        "large_by_quote": {"BTC": 2 * NOTIONAL_SCALE},
        "large_by_symbol": {"BTCUSDT": 5 * NOTIONAL_SCALE // 10},
        "stated": {"delivery": {"tick_ms": 100}},
    }
    daemon = await start(options=options)
    meta = await daemon.data("/v1/meta")
    assert (meta["service"], meta["version"], meta["trading_symbols"]) == ("orderflow_stream", "1.2.3", 8)
    assert meta["flow"]["windows"] == {name: span // 1_000_000 for name, span in WINDOWS.items()}
    assert meta["flow"]["pressure"]["balanced_below"] == 0.1
    assert meta["flow"]["pressure"]["strong_from"] == 0.3
    assert meta["large"]["min_notional"] == 250000
    assert (meta["large"]["by_quote"], meta["large"]["by_symbol"]) == ({"BTC": 2}, {"BTCUSDT": 0.5})
    assert set(meta["fiat"]) == FIAT_AND_STABLE
    assert meta["settings"] == {"delivery": {"tick_ms": 100}}
    assert set(meta["states"]) == {"connecting", "warming", "live", "quiet", "unverified", "gap", "stale", "partial"}
    for path in ("/v1/flow", "/v1/large", "/v1/trades", "/v1/gaps", "/v1/screener", "/v1/symbols", "/v1/stream"):
        assert meta["endpoints"][f"GET {path}"]


async def test_meta_and_the_encoder_agree(start: Start) -> None:
    rules = Rules(Fraction(1, 2), Fraction(3, 4))
    daemon = await start(rules=rules)
    assert (await daemon.data("/v1/meta"))["flow"]["pressure"]["balanced_below"] == 0.5
    assert (await daemon.data("/v1/flow?symbol=BTCUSDT"))["pressure"] == "balanced"
