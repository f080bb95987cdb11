"""What REST work asks of its neighbours, put to the real codec and to the engine's tapes."""

from __future__ import annotations

import json

import pytest

from orderflow_stream.adapters.ingest import Held
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, Event, FeedUp, Instrument, Refill, Trade
from orderflow_stream.feed.upstream import PAGE, Books, RestRequest, RestVenue, Sink
from orderflow_stream.venues.binance import BinanceSpot

T0 = 1_760_000_000_000_000
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")


def members(protocol: type) -> set[str]:
    """The names that a protocol asks for."""
    return {name for name in vars(protocol) if not name.startswith("_")}


@pytest.mark.parametrize(
    "protocol,fulfilled",
    [
        (RestVenue, BinanceSpot()),
        (RestRequest, BinanceSpot().time_request()),
        (Books, Held(Engine(windows=(60_000_000,)))),
    ],
)
def test_every_member_is_there(protocol: type, fulfilled: object) -> None:
    assert len(members(protocol)) >= 4
    assert members(protocol) <= set(dir(fulfilled))


def test_requests_are_relative_and_weighed() -> None:
    venue: RestVenue = BinanceSpot()
    newest = venue.trades_request("BTCUSDT")
    assert newest.params == {"symbol": "BTCUSDT", "limit": str(PAGE)}  # a page is the venue's largest
    later, since = venue.trades_request("BTCUSDT", from_id=5, limit=10), venue.trades_request("BTCUSDT", start=T0)
    assert later.params | since.params == {
        "symbol": "BTCUSDT",
        "limit": str(PAGE),
        "fromId": "5",
        "startTime": str(T0),
    }
    for request in (newest, later, since, venue.time_request()):
        one: RestRequest = request
        assert one.path.startswith("/")
        assert one.weight > 0
        for table in (one.params, one.headers):
            assert {type(each) for pair in table.items() for each in pair} <= {str}


def test_answers_are_read_or_refused_by_a_value_error() -> None:
    venue: RestVenue = BinanceSpot()
    row = {"a": 5, "p": "2", "q": "3", "f": 1, "l": 1, "T": T0, "m": False}
    page = venue.decode_trades(BTC, json.dumps([row, {**row, "a": 6}]).encode(), T0 + 9)
    assert page == [Trade(BTC.key, id_, 2 * 10**8, 3 * 10**8, BUY, T0, 1, 1, T0 + 9) for id_ in (5, 6)]
    assert venue.decode_time(b'{"serverTime": %d}' % T0) == T0
    for body in (b"", b"<html>", b"{}", b"null", b"[[]]", b'[{"a": true}]', b"[" * 100_000):
        with pytest.raises(ValueError, match="not an answer"):
            venue.decode_trades(BTC, body, 0)
        with pytest.raises(ValueError, match="not an answer"):
            venue.decode_time(body)


def test_errors_are_a_code_and_a_line() -> None:
    venue: RestVenue = BinanceSpot()
    assert venue.error(400, b'{"code": -1121, "msg": "Invalid symbol."}') == (-1121, "Invalid symbol.")
    code, message = venue.error(502, b"<html>\nbad\ngateway</html>")
    assert code is None
    assert "\n" not in message
    assert "bad gateway" in message
    assert venue.error(500, b"")[1]


class Fed:
    """An engine, the events it is fed through a sink, and its tapes as the planners see them."""

    def __init__(self) -> None:
        self.engine = Engine(windows=(60_000_000,))
        self.engine.add(BTC)
        self.sink: Sink = self._apply
        self.books: Books = Held(self.engine)

    def _apply(self, event: Event) -> None:
        self.engine.apply(event)

    def trade(self, id_: int) -> Trade:
        return Trade(BTC.key, id_, 10**8, 10**8, BUY, T0 + id_, -1, -1, T0 + id_)


@pytest.mark.parametrize("key", [BTC.key, "binance:spot:NONE"])
def test_nothing_held_is_none_and_zero(key: str) -> None:
    books = Fed().books
    for ask in (books.newest_id, books.newest_ts, books.oldest_id, books.oldest_ts):
        assert ask(key) is None
    assert books.count(key) == 0


def test_what_is_held() -> None:
    fed = Fed()
    fed.sink(FeedUp((BTC.key,), T0, 1))
    fed.sink(Refill(BTC.key, tuple(fed.trade(n) for n in (10, 11)), T0 + 11, warm=True, origin=True))
    fed.sink(fed.trade(12))
    fed.sink(fed.trade(15))  # 13 and 14 are missing, which changes neither end
    key, books = BTC.key, fed.books
    assert (books.oldest_id(key), books.newest_id(key)) == (10, 15)
    assert (books.oldest_ts(key), books.newest_ts(key)) == (T0 + 10, T0 + 15)
    assert books.count(key) == 4


def test_reset_empties_the_tape_and_leaves_the_symbol_on_demand() -> None:
    fed = Fed()
    fed.engine.books[BTC.key].demand = True
    fed.sink(Refill(BTC.key, (fed.trade(1), fed.trade(2)), T0, warm=True, origin=True))
    fed.books.reset(BTC.key)
    assert (fed.books.count(BTC.key), fed.books.newest_id(BTC.key)) == (0, None)
    book = fed.engine.book(BTC.key)
    assert book is not None
    assert book.demand
    fed.books.reset("binance:spot:NONE")  # unknown: nothing to empty
    assert fed.engine.book("binance:spot:NONE") is None
