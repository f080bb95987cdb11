"""What the feed asks of a venue, put to the real codec and the real clock: every member called, every answer judged."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from orderflow_stream.adapters import clock as adapters_clock
from orderflow_stream.core.events import BUY, Instrument, Trade
from orderflow_stream.feed.protocols import (
    AckReply,
    Clock,
    RefusedReply,
    RejectedReply,
    ShutdownReply,
    StreamVenue,
)
from orderflow_stream.venues.binance import BinanceSpot

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
CHINESE = Instrument("binance", "币安人生USDT", "币安人生", "USDT")
EVENT = {
    "e": "aggTrade", "E": 1, "s": "BTCUSDT", "a": 7, "p": "60000.10", "q": "0.5", "f": 1, "l": 2,
    "T": 1_760_000_000_000_000, "m": False, "M": True,
}  # fmt: skip


def codec() -> StreamVenue:
    venue: StreamVenue = BinanceSpot()
    venue.watch([BTC, CHINESE])
    return venue


def members(protocol: type) -> set[str]:
    """The names that a protocol asks for."""
    return {name for name in chain(vars(protocol), protocol.__annotations__) if not name.startswith("_")}


def test_the_codec_has_every_member() -> None:
    assert len(members(StreamVenue)) >= 10
    assert members(StreamVenue) <= set(dir(BinanceSpot()))
    assert members(Clock) <= set(dir(adapters_clock.Clock()))


def test_what_the_codec_says_of_its_venue() -> None:
    venue = codec()
    assert venue.name == "binance"
    assert venue.max_streams > 0
    for url in (venue.stream_url_default, *venue.stream_fallbacks):
        assert url.startswith("wss://")
    assert venue.stream_url_default not in venue.stream_fallbacks


def test_batches_keep_every_symbol_in_order_and_fit() -> None:
    venue = codec()
    symbols = [f"S{n}USDT" for n in range(1000)] + [CHINESE.symbol]
    batches = venue.batches(symbols)
    assert list(chain.from_iterable(batches)) == symbols
    assert len(batches) > 1
    for number, batch in enumerate(batches):
        url = venue.stream_url("wss://venue.example", batch)
        assert url.startswith("wss://venue.example/")
        assert url.isascii()
        added, dropped = venue.subscribe(batch, number), venue.unsubscribe(batch, number)
        assert added != dropped
        for frame in (added, dropped):
            said = json.loads(frame)
            assert said["id"] == number
            assert len(said["params"]) == len(batch)
    assert venue.batches([]) == []


def test_a_trade_is_a_trade_while_it_is_watched() -> None:
    venue = codec()
    for frame in (json.dumps(EVENT), json.dumps({"stream": "x", "data": EVENT}).encode()):
        trade = venue.decode(frame, 5)
        assert trade == Trade(BTC.key, 7, 6_000_010_000_000, 50_000_000, BUY, 1_760_000_000_000_000, 1, 2, 5)
    venue.unwatch(["BTCUSDT"])
    assert getattr(venue.decode(json.dumps(EVENT), 5), "kind", None) == "rejected"


def reply(frame: dict[str, Any]) -> Any:
    return codec().decode(json.dumps(frame), 0)


def test_ack() -> None:
    answer = reply({"result": None, "id": 3})
    assert members(AckReply) <= set(dir(answer))
    assert (answer.kind, answer.id) == ("ack", 3)


@pytest.mark.parametrize("id_", [3, None])
def test_refused(id_: int | None) -> None:
    answer = reply({"error": {"code": 2, "msg": "no"}, "id": id_})
    assert members(RefusedReply) <= set(dir(answer))
    assert (answer.kind, answer.id, answer.code, answer.message) == ("refused", id_, 2, "no")


def test_shutdown() -> None:
    answer = reply({"e": "serverShutdown", "E": 1})
    assert members(ShutdownReply) <= set(dir(answer))
    assert answer.kind == "shutdown"


def test_rejected() -> None:
    answer = reply({**EVENT, "p": "nonsense"})
    assert members(RejectedReply) <= set(dir(answer))
    assert (answer.kind, answer.reason, answer.symbol, answer.id) == ("rejected", "price", "BTCUSDT", 7)
    unreadable = codec().decode(b"\xff\x00", 0)
    assert not isinstance(unreadable, Trade)
    assert unreadable.kind == "rejected"
    assert (unreadable.symbol, unreadable.id) == (None, None)


def test_the_clock_is_two_clocks_and_neither_steps_back() -> None:
    counter, wall = 0, 1_760_000_000_000_000_000
    real = adapters_clock.Clock(wall_ns=lambda: wall, counter_ns=lambda: counter)
    clock: Clock = real
    assert clock.now() == wall // 1000
    real.set_offset(-5_000_000)  # the venue is five seconds behind: time stands still
    assert clock.now() == wall // 1000
    counter += 6_000_000_000
    assert clock.now() == wall // 1000 + 1_000_000
    first = clock.monotonic()
    assert isinstance(first, float)
    assert clock.monotonic() >= first
