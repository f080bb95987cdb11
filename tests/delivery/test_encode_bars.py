"""JSON of bars, by hand and against the stated shape."""

from __future__ import annotations

import msgspec
import orjson

from orderflow_stream.analytics.bars import over_bars
from orderflow_stream.core.events import Refill
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.encode_bars import BARS_NOTE, anchor_text, bar_event, bar_text, bars_data
from orderflow_stream.shapes.bars import Bar, BarEvent, Bars
from tests.core import contracts
from tests.core.making import BTC, KEY, ONE, SECOND, T0, feed, make, trade

RULES = Rules()


def test_a_bar_by_hand() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, [trade(1, 3 * ONE, price=10 * ONE + 1, ts=T0), trade(2, -ONE, price=9 * ONE, ts=T0 + 1500)])
    view, account = over_bars(book, "1s", "session", T0 + 1500, 10)
    assert orjson.loads(bar_text(RULES, BTC, view.bars[0], True)) == {
        "start": T0 // 1000,
        "end": T0 // 1000 + 1000,
        "open": "10.00000001",
        "high": "10.00000001",
        "low": "9",
        "close": "9",
        "taker_buy_base": "3",
        "taker_sell_base": "1",
        "taker_buy_quote": "30.00000003",
        "taker_sell_quote": "9",
        "delta_base": "2",
        "delta_quote": "21.00000003",
        "cvd_base": "2",
        "cvd_quote": "21.00000003",
        "buy_trades": 1,
        "sell_trades": 1,
        "first_id": 1,
        "last_id": 2,
        "closed": False,
        "complete": True,
    }
    number = bar_text(RULES, BTC, view.bars[0], False)
    assert '"delta_quote":21,"cvd_base":2,"cvd_quote":21,' in number
    assert '"open":10.00000001,' in number
    msgspec.json.decode(number, type=Bar, strict=True)
    midnight = T0 // 86_400_000_000 * 86_400_000
    assert anchor_text(view.anchor) == f'{{"rule":"session","time":{midnight},"complete":true}}'
    data = bars_data(BTC, view, account, "E-1", [bar_text(RULES, BTC, one, True) for one in view.bars])
    found = orjson.loads(data)
    msgspec.convert(found, Bars, strict=True)
    assert (found["note"], found["count"], found["position"], found["interval"]) == (BARS_NOTE, 1, "E-1", "1s")
    assert (found["now"], found["as_of"], found["state"]) == (T0 // 1000 + 1, T0 // 1000 + 1, "live")
    event = orjson.loads(bar_event(RULES, BTC, view, exact=True))
    msgspec.convert(event, BarEvent, strict=True)
    assert event["bars"] == found["bars"]


def test_nothing_held() -> None:
    _, book = make()
    view, account = over_bars(book, "1h", "oldest", T0, 10)
    found = orjson.loads(bars_data(BTC, view, account, None, []))
    msgspec.convert(found, Bars, strict=True)
    assert (found["count"], found["bars"], found["as_of"]) == (0, [], None)
    assert found["anchor"] == {"rule": "oldest", "time": None, "complete": False}


def test_an_inverse_contract() -> None:
    """Three contracts of 100 USD at 30,000: 300 USD, a hundredth of a bitcoin."""
    engine, book = contracts.make(contracts.INVERSE)
    feed(engine, [contracts.of(contracts.INVERSE, trade(1, 3 * ONE, price=30_000 * ONE, ts=T0))])
    view, _ = over_bars(book, "1m", "oldest", T0 + SECOND, 10)
    bar = orjson.loads(bar_text(RULES, contracts.INVERSE, view.bars[0], True))
    assert (bar["open"], bar["taker_buy_base"], bar["taker_buy_quote"], bar["cvd_quote"]) == (
        "30000",
        "0.01",
        "300",
        "300",
    )


def test_a_negative_line() -> None:
    engine, book = make(warm=True, origin=True)
    engine.apply(Refill(KEY, (trade(1, -5, price=ONE, ts=T0),), T0))
    view, _ = over_bars(book, "1s", "oldest", T0, 10)
    assert orjson.loads(bar_text(RULES, BTC, view.bars[0], True))["cvd_base"] == "-0.00000005"
    assert orjson.loads(bar_text(RULES, BTC, view.bars[0], False))["cvd_quote"] == 0  # and no negative zero
    assert '"cvd_quote":0,' in bar_text(RULES, BTC, view.bars[0], False)
