import orjson
import pytest

from orderflow_stream.core.events import BUY, SELL, Corrected, GapFound, LargePrint, StateChanged
from orderflow_stream.delivery.ring import Late
from orderflow_stream.delivery.topics import Filter, Spec, matcher
from tests.delivery.rig import BTC, E8, ETH, START, WINDOWS, Rig


@pytest.mark.parametrize(
    "patterns, symbol, matches",
    [
        (("*",), "BTCUSDT", True),
        (("*USDT",), "BTCUSDT", True),
        (("*usdt",), "BTCUSDT", True),
        (("*USDT",), "BTCUSDC", False),
        (("BTC*", "ETH*"), "ETHBTC", True),
        (("?TCUSDT",), "BTCUSDT", True),
        (("*人生*",), "币安人生USDT", True),
        (("[AB]*",), "BTCUSDT", False),
        (("BTC",), "BTCUSDT", False),
        ((), "BTCUSDT", False),
    ],
)
def test_patterns(patterns: tuple[str, ...], symbol: str, matches: bool) -> None:
    assert matcher(patterns)(symbol) is matches


def test_flow_is_the_routes_data_with_windows_and_skipped() -> None:
    rig = Rig()
    rig.trade(price=50_000, qty=2 * E8)
    rig.loop.run(70)
    rig.trade(price=50_001, qty=E8, side=SELL)
    sums = rig.renderer.sums(BTC.key)
    assert sums is not None
    body = rig.renderer.flow(BTC.key, Spec("1m", WINDOWS["1m"]), sums, "ABCD2345-9")
    assert body is not None
    data = orjson.loads(body)
    assert (data["symbol"], data["window"], data["trades_scanned"], data["last_price"]) == ("BTCUSDT", "1m", 1, 50_001)
    assert data["coverage"]["position"] == "ABCD2345-9"
    assert list(data["windows"]) == ["1m", "5m"]
    assert data["windows"]["5m"] == {
        "delta_base": 1,
        "delta_quote": 49_999,
        "taker_buy_quote": 100_000,
        "taker_sell_quote": 50_001,
        "buy_volume_share": 0.6667,
        "trades": 2,
    }
    assert data["skipped"] == 0
    assert body.endswith(b'"skipped":0}')


def test_flow_by_count_and_exact() -> None:
    rig = Rig()
    for _ in range(150):
        rig.trade()
    sums = rig.renderer.sums(BTC.key)
    assert sums is not None
    body = rig.renderer.flow(BTC.key, Spec("1m", WINDOWS["1m"], 100, True), sums, "p")
    assert body is not None
    data = orjson.loads(body)
    assert data["trades_scanned"] == 100
    assert data["taker_buy_base"] == "1"
    assert "window" not in data


def test_an_unknown_instrument_says_nothing() -> None:
    rig = Rig()
    key = ETH.key
    assert rig.renderer.sums(key) is None
    assert rig.renderer.flow(key, Spec("1m", WINDOWS["1m"]), {}, "p") is None
    assert rig.renderer.row(key, Spec("1m", WINDOWS["1m"])) is None
    assert rig.renderer.log(LargePrint(key, "row", 1, BUY, 1, 1, 1, 0, 0, 0, 1, 1), False) is None
    assert rig.renderer.gap(GapFound(key, 1, 2, 0)) is None
    assert rig.renderer.corrected(Corrected(key, (), (), 0), "p") is None
    assert rig.renderer.state(StateChanged(key, "live", 0, "")) is None
    assert orjson.loads(rig.renderer.heartbeat([key], 5))["symbols"] == {}


def test_rows_say_the_same_until_something_changes() -> None:
    rig = Rig()
    spec = Spec("1m", WINDOWS["1m"])
    empty = rig.renderer.row(BTC.key, spec)
    assert empty is not None
    assert empty.last_price is None
    trade = rig.trade()
    row = rig.renderer.row(BTC.key, spec)
    assert row is not None
    assert row != empty
    assert (row.last_price, row.last_id, row.last_time) == (trade.price, 1, START)
    assert rig.renderer.row(BTC.key, spec) == row
    assert orjson.loads(rig.renderer.row_bytes(row, False))["symbol"] == "BTCUSDT"


def test_log_events() -> None:
    rig = Rig()
    trade = rig.trade()
    body = rig.renderer.log(trade, False)
    late = rig.renderer.log(Late(trade, BTC.key), True)
    assert body is not None
    assert late is not None
    assert orjson.loads(body)["late"] is False
    assert (orjson.loads(late)["late"], orjson.loads(late)["price"]) == (True, "50000")


def test_heartbeat_tells_the_newest_ids_and_the_lag() -> None:
    rig = Rig(BTC, ETH)
    rig.trade()
    beat = orjson.loads(rig.renderer.heartbeat([BTC.key, ETH.key], 77))
    assert beat == {"server_time": 77, "lag_ms": 1, "symbols": {"BTCUSDT": 1, "ETHUSDT": None}}
    assert orjson.loads(rig.renderer.heartbeat([ETH.key], 77))["lag_ms"] is None


def test_filters_with_the_same_wishes_are_one() -> None:
    spec = Spec("1m", WINDOWS["1m"])
    assert Filter(spec, frozenset({"a", "b"})) == Filter(spec, frozenset({"b", "a"}))
    assert hash(Filter(spec, frozenset({"a", "b"}))) == hash(Filter(spec, frozenset({"b", "a"})))
    assert Filter(spec) != Filter(spec, group="row")
    assert spec.watched == Spec("1m", WINDOWS["1m"], 100).watched
