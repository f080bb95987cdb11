"""`/v1/screener`: order, limits, filters."""

import pytest

from orderflow_stream.core.events import BUY, SELL, Instrument
from tests.delivery.http.world import BTC, ETHBTC, NOW, SILENT, Daemon, Start, live_engine, trade

SOL = Instrument("binance", "SOLUSDT", "SOL", "USDT")


@pytest.fixture
async def daemon(start: Start) -> Daemon:
    engine = live_engine((BTC, ETHBTC, SILENT, SOL))
    engine.apply(trade(SOL, 1, 10**8, 10**8, SELL, NOW - 4_000_000))
    engine.apply(trade(SOL, 2, 10**8, 10**8, BUY, NOW - 120_000_000 + 118_000_000))
    engine.apply(trade(SOL, 3, 10**8, 2 * 10**8, SELL, NOW))
    return await start(engine=engine)


@pytest.mark.parametrize(
    "query,expected",
    [
        ("", ["BTCUSDT", "ETHBTC", "SILENTUSDT", "SOLUSDT"]),
        ("order=asc", ["SOLUSDT", "SILENTUSDT", "ETHBTC", "BTCUSDT"]),
        ("sort=symbol", ["BTCUSDT", "ETHBTC", "SILENTUSDT", "SOLUSDT"]),
        ("sort=symbol&order=desc", ["SOLUSDT", "SILENTUSDT", "ETHBTC", "BTCUSDT"]),
        ("sort=trades", ["BTCUSDT", "ETHBTC", "SOLUSDT", "SILENTUSDT"]),  # equals by name
        ("sort=delta_base", ["ETHBTC", "BTCUSDT", "SILENTUSDT", "SOLUSDT"]),
        ("sort=taker_sell_quote&limit=2", ["BTCUSDT", "SOLUSDT"]),
        ("sort=taker_buy_quote&limit=1", ["BTCUSDT"]),
        ("sort=quote_volume&quote=usdt", ["BTCUSDT", "SOLUSDT", "SILENTUSDT"]),
        ("sort=quote_volume&quote=XYZ", []),
        # what has no value goes last in both directions
        ("sort=last_price", ["BTCUSDT", "SOLUSDT", "ETHBTC", "SILENTUSDT"]),
        ("sort=last_price&order=asc", ["ETHBTC", "SOLUSDT", "BTCUSDT", "SILENTUSDT"]),
        ("sort=buy_volume_share&order=asc", ["SOLUSDT", "ETHBTC", "BTCUSDT", "SILENTUSDT"]),
    ],
)
async def test_order(daemon: Daemon, query: str, expected: list[str]) -> None:
    data = await daemon.data(f"/v1/screener?{query}")
    assert [row["symbol"] for row in data["rows"]] == expected
    assert data["count"] == len(expected)


async def test_rows_are_the_flows(daemon: Daemon) -> None:
    screener = await daemon.data("/v1/screener?window=1m&sort=symbol&numbers=string")
    flows = await daemon.data("/v1/flow?symbols=*&window=1m&numbers=string")
    names = ("symbol", "delta_base", "delta_quote", "taker_buy_quote", "taker_sell_quote", "pressure", "last_price")
    for row, flow in zip(screener["rows"], flows, strict=True):
        assert {name: row[name] for name in names} == {name: flow[name] for name in names}
        assert row["trades"] == flow["trades_scanned"]
        assert row["buy_volume_share"] == flow["buy_volume_share"]
        assert (row["state"], row["missing"]) == (flow["coverage"]["state"], flow["coverage"]["missing_total"])
    assert (screener["window"], screener["instruments"], screener["as_of"]) == ("1m", 4, NOW // 1000)


@pytest.mark.parametrize("origin", [True, False])
@pytest.mark.parametrize("ages", [(), (10,), (59, 10), (61, 10), (60, 10), (120, 61)])
@pytest.mark.parametrize("hole", [True, False])
def test_the_short_account_is_the_full_one(origin: bool, ages: tuple[int, ...], hole: bool) -> None:
    from orderflow_stream.analytics.flow import over_window
    from orderflow_stream.core.engine import Engine
    from orderflow_stream.core.events import FeedUp, Refill
    from orderflow_stream.delivery.http.screener import row_of

    engine = Engine(windows=(60_000_000,))
    book = engine.add(BTC)
    engine.apply(FeedUp((BTC.key,), NOW - 300_000_000, 1))
    trades = tuple(
        trade(BTC, 10 * n if hole else n, 10**12, 10**8, BUY, NOW - age * 1_000_000) for n, age in enumerate(ages)
    )
    engine.apply(Refill(BTC.key, trades[:1], NOW, warm=True, origin=origin))
    for one in trades[1:]:
        engine.apply(one)
    engine.advance(NOW)
    row = row_of(book, book.window_sums(60_000_000, NOW), 60_000_000, NOW)
    full = over_window(book, 60_000_000, NOW)
    assert (row.missing, row.reaches_back) == (full.coverage.missing_total, full.coverage.reaches_back)
    assert row.sums == full.sums
    assert hole or row.state == full.coverage.state  # the feed's state also tells of holes before the window
    if full.last_price is not None:
        assert (row.last_price, row.last_time) == (full.last_price, full.last_time)


async def test_symbols_on_demand_are_left_out(daemon: Daemon) -> None:
    await daemon.data("/v1/flow?symbol=0GUSDT")
    assert (await daemon.data("/v1/screener"))["instruments"] == 4


async def test_nothing_streamed(start: Start) -> None:
    from orderflow_stream.core.engine import Engine
    from tests.delivery.http.world import WINDOWS

    daemon = await start(engine=Engine(windows=tuple(WINDOWS.values())))
    data = await daemon.data("/v1/screener")
    assert (data["rows"], data["instruments"]) == ([], 0)
