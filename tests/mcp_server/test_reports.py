"""Sentences over answers: what is said of whole data, and of data that lack something."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderflow_stream.client import OrderFlow
from orderflow_stream.client.answers import Bars, Flow
from orderflow_stream.client.listings import Alive, Gaps, JournalState, NotReady, Ready, Repairs, Screener, Symbols
from orderflow_stream.core.events import FeedDown
from orderflow_stream.mcp_server import reports
from tests.delivery.http.world import NOW, Daemon

replace = msgspec.structs.replace


@pytest.fixture
async def flow(daemon: Daemon) -> Flow:
    async with OrderFlow(daemon.url) as api:
        return await api.flow("BTCUSDT", window="5m")


async def test_a_flow(flow: Flow) -> None:
    found = reports.flow_result(flow)
    assert found.complete
    assert found.warning is None
    assert found.summary.startswith("BTCUSDT (binance), the last 5m (")
    assert "takers bought 270,030 and sold 150,002" in found.summary.replace("\u202f", "")
    assert "buy share of 64.3 %; pressure buy; last price 60010" in found.summary
    assert found.flow["taker_buy_base"] == "4.50000001"
    assert found.flow["coverage"]["complete"] is True
    assert "contract_size" not in found.flow


async def test_nothing_happened_and_nothing_loaded_are_told_apart(flow: Flow) -> None:
    empty = replace(flow, trades_scanned=0, buy_volume_share=None, last_price=None)
    calm = reports.flow_result(empty)
    assert (calm.complete, calm.warning) == (True, None)
    assert "no trade in the last 5m" in calm.summary
    unknown = replace(flow.coverage, complete=False, received=0, expected=0, reaches_back=False, state="warming")
    blind = reports.flow_result(replace(empty, coverage=unknown))
    assert not blind.complete
    assert blind.warning is not None
    assert "no sign that nothing was traded" in blind.warning


async def test_a_dead_feed_is_said(daemon: Daemon) -> None:
    daemon.context.engine.apply(FeedDown(tuple(daemon.context.engine.books), NOW, 1, "gone"))
    async with OrderFlow(daemon.url) as api:
        found = reports.flow_result(await api.flow("BTCUSDT"))
        large = reports.large_result(await api.large("BTCUSDT"))
        board = reports.screener_result(await api.screener())
        health = reports.health_result(await api.ready(strict=True), await api.alive())
    for one in (found, large, board, health):
        assert not one.complete
        assert one.warning
    assert "0 are" not in health.summary
    assert health.not_ready[0].symbol
    assert "BTCUSDT (" in (board.warning or "")


async def test_large_prints(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        found = reports.large_result(await api.large("BTCUSDT", min_notional=100_000, group="order"))
        rows = reports.large_result(await api.large("BTCUSDT", min_notional=100_000))
    assert "2 taker orders of at least 100,000 in the quote asset among the last 5 trades" in found.summary
    assert found.summary.endswith("bought 1 for 180,030, sold 1 for 120,001.")
    assert "prints of at least" in rows.summary
    assert found.large["largest"][0]["notional_usd"] == "180030"


async def test_bars(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        bars = await api.bars("BTCUSDT", "1m", anchor="oldest")
    found = reports.bars_result(bars)
    assert f"{bars.count} bars of 1m" in found.summary
    assert found.bars["count"] == len(found.bars["bars"]) == bars.count
    whole = replace(
        bars,
        bars=[replace(bar, complete=True) for bar in bars.bars],
        anchor=replace(bars.anchor, complete=True),
        coverage=replace(bars.coverage, complete=True),
    )
    good = reports.bars_result(whole)
    assert (good.complete, good.warning) == (True, None)
    lacking = replace(whole, bars=[replace(whole.bars[0], complete=False), *whole.bars[1:]])
    bad = reports.bars_result(lacking)
    assert not bad.complete
    assert "1 of " in (bad.warning or "")
    assert "lower bounds" in (bad.warning or "")
    drifting = reports.bars_result(replace(whole, anchor=replace(whole.anchor, complete=False)))
    assert "use its changes" in (drifting.warning or "")
    none: Bars = replace(whole, bars=[], count=0)
    assert "no bar of 1m is held" in reports.bars_result(none).summary


async def test_a_screener(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        board = await api.screener(window="5m")
    whole = [row for row in board.rows if row.state in {"live", "quiet"} and row.reaches_back]
    good = reports.screener_result(replace(board, rows=whole, count=len(whole)))
    assert good.complete
    assert good.summary.startswith(f"{len(whole)} of {board.instruments} live symbols (binance) over 5m")
    nothing: Screener = replace(board, rows=[], count=0, instruments=0)
    blind = reports.screener_result(nothing)
    assert not blind.complete
    assert "no sign that nothing happened" in (blind.warning or "")


async def test_gaps(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        gaps: Gaps = await api.gaps("BTCUSDT")
    good = reports.gaps_result(gaps)
    assert (good.complete, good.warning) == (True, None)
    bad = reports.gaps_result(replace(gaps, open=1, missing_total=7, ready_in_s=2.5))
    assert not bad.complete
    assert "7 trades are missing now" in bad.summary
    assert "in 2.5 s" in (bad.warning or "")


async def test_symbols(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        symbols: Symbols = await api.symbols()
        live = await api.screener()
    found = reports.symbols_result(symbols, live, None, 100)
    assert found.complete
    assert set(found.streamed) == {"BTCUSDT", "ETHBTC", "SILENTUSDT"}
    assert set(found.symbols[:3]) == set(found.streamed)
    part = reports.symbols_result(symbols, live, "btc", 1)
    assert (part.count, len(part.symbols), part.complete) == (3, 1, False)
    assert "cut" in (part.warning or "")
    old = reports.symbols_result(replace(symbols, stale=True, quote="USDT"), live, None, 100)
    assert not old.complete
    assert "due for a refresh" in (old.warning or "")
    assert "trade in USDT" in old.summary


READY = Ready(
    ready=True,
    strict=True,
    reasons=[],
    instruments=2,
    states={"live": 2},
    journal=JournalState(state="ok", reason=None),
    not_ready_total=0,
    not_ready=[],
)
ALIVE = Alive(status="ok", version="1.2.3")


@pytest.mark.parametrize(
    "more,says",
    [
        ({"ready": False, "reasons": ["start-up is not over"]}, "Start-up is not over."),
        ({"ready": False, "states": {"stale": 1, "live": 1}, "not_ready_total": 1}, "stale: the feed has stopped"),
        ({"journal": JournalState(state="failed", reason="disk full")}, "The journal is failed (disk full)"),
    ],
)
def test_health(more: dict[str, Any], says: str) -> None:
    good = reports.health_result(READY, ALIVE)
    assert (good.complete, good.warning, good.repair_seconds_left) == (True, None, None)
    assert good.summary == "The daemon (1.2.3) follows 2 symbols: 2 live. Everything is loaded and live."
    bad = reports.health_result(replace(READY, **more), ALIVE)
    assert says in (bad.warning or "")


def test_health_names_the_worst() -> None:
    one = NotReady(symbol="X", state="gap", since=0, reason="3 trades missing", missing_total=3)
    left = Repairs(symbols=1, calls=1, trades=3, seconds_left=1.5)
    found = reports.health_result(
        replace(READY, ready=False, not_ready_total=30, not_ready=[one] * 30, repair=left), ALIVE
    )
    assert len(found.not_ready) == 20
    assert found.not_ready[0].model_dump() == {
        "symbol": "X",
        "state": "gap",
        "reason": "3 trades missing",
        "missing_trades": 3,
        "since": "1970-01-01T00:00:00Z",
    }
    assert found.repair_seconds_left == 1.5


@pytest.mark.parametrize(
    "value,text",
    [
        ("0", "0"),
        ("1234567.891", "1,234,568"),
        ("12.346", "12.35"),
        ("-0.00012", "-0.00012"),
        ("1000000000000000000000", "1,000,000,000,000,000,000,000"),
    ],
)
def test_amounts_for_people(value: str, text: str) -> None:
    assert reports._money(Decimal(value)) == text


def test_a_sign_where_it_matters() -> None:
    assert reports._money(Decimal(5), sign=True) == "+5"
    assert reports._money(Decimal(-5), sign=True) == "-5"


def test_no_exponent_in_data() -> None:
    class Small(msgspec.Struct):
        value: Decimal

    assert reports.data_of(Small(Decimal("1E-8"))) == {"value": "0.00000001"}
