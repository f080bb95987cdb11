"""The frames that all of Binance's streams share: names, batches, control frames, replies."""

import json

from orderflow_stream.core.events import Instrument, Trade
from orderflow_stream.venues.binance import BinanceSpot
from orderflow_stream.venues.binance_stream import first_fault, with_path
from orderflow_stream.venues.values import Ack, Refused, Rejected

EVENT = {"e": "aggTrade", "s": "BTCUSDT", "a": 7, "p": "2", "q": "3", "f": 1, "l": 2, "T": 1_760_000_000_000, "m": True}


def codec() -> BinanceSpot:
    made = BinanceSpot()
    made.watch([Instrument("binance", "BTCUSDT", "BTC", "USDT")])
    return made


def test_a_trade_bare_and_combined() -> None:
    bare = codec().decode(json.dumps(EVENT), 1)
    assert isinstance(bare, Trade)
    assert codec().decode(json.dumps({"stream": "btcusdt@aggTrade", "data": EVENT}), 1) == bare


def test_control_frames_name_the_streams_of_the_url() -> None:
    made = codec()
    frame = json.loads(made.subscribe(["BTCUSDT", "ETHUSDT"], 3))
    assert frame == {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "ethusdt@aggTrade"], "id": 3}
    assert json.loads(made.unsubscribe(["BTCUSDT"], 4))["method"] == "UNSUBSCRIBE"
    assert "btcusdt@aggTrade/ethusdt@aggTrade" in made.stream_url("wss://h", ["BTCUSDT", "ETHUSDT"])


def test_replies_are_told_apart() -> None:
    made = codec()
    assert made.decode('{"result":null,"id":3}', 1) == Ack(3)
    assert made.decode('{"error":{"code":2,"msg":"no"},"id":3}', 1) == Refused(3, 2, "no")
    assert made.decode("[", 1) == Rejected("json")
    assert made.decode(json.dumps(EVENT | {"s": "ETHUSDT"}), 1) == Rejected("unwatched", "ETHUSDT", 7)


def test_the_first_field_of_a_wrong_type_is_named() -> None:
    fields = (("T", int, "time"), ("p", str, "price"))
    assert first_fault({"T": True, "p": 1}, fields, "shape") == "time"  # type: ignore[arg-type]
    assert first_fault({"T": 1, "p": 1}, fields, "shape") == "price"  # type: ignore[arg-type]
    assert first_fault({"T": 1, "p": "1"}, fields, "shape") == "shape"  # type: ignore[arg-type]


def test_a_path_is_there_once() -> None:
    assert with_path("wss://h/market/stream/", "/market") == with_path("wss://h", "/market") == "wss://h/market"
