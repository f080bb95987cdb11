import msgspec
import pytest

from orderflow_stream.core import events
from tests.core.contracts import INVERSE, USDM
from tests.core.making import BTC, ONE, trade


def test_a_key_names_venue_and_symbol() -> None:
    assert BTC.key == "binance:BTCUSDT"
    assert events.Instrument("other", "BTCUSDT", "BTC", "USDT").key != BTC.key


def test_a_side_is_a_word_and_the_sign_of_a_quantity() -> None:
    assert [events.side_name(side) for side in (events.BUY, events.SELL, 5, -5)] == ["buy", "sell", "buy", "sell"]


def test_what_comes_out_cannot_be_changed() -> None:
    gap = events.GapFound(BTC.key, 1, 2, 3)
    with pytest.raises(AttributeError):
        gap.first = 2  # type: ignore[misc]


def test_the_unions_are_closed() -> None:
    ins = (events.Trade, events.Refill, events.FeedUp, events.FeedDown, events.Probe, events.Restarted, events.Forget)
    outs = (events.LargePrint, events.GapFound, events.Corrected, events.LateTrades, events.StateChanged)
    assert set(events.Event.__args__) == set(ins)
    assert set(events.Update.__args__) == set(outs)


@pytest.mark.parametrize(
    "event",
    [
        trade(7, -5),
        events.Refill(BTC.key, (trade(1),), 5, lost=((2, 3),), warm=True),
        events.FeedUp((BTC.key,), 1, 2),
        events.FeedDown((BTC.key,), 1, 2, "closed"),
        events.Probe(BTC.key, None, 3),
        events.Restarted(BTC.key, 4),
        events.Forget(BTC.key, 9, 4),
    ],
)
def test_every_event_survives_being_written_down(event: events.Event) -> None:
    raw = msgspec.msgpack.encode(event)
    assert msgspec.msgpack.decode(raw, type=type(event)) == event


def test_the_unions_of_all_there_is_are_closed_too() -> None:
    beside = {events.Liquidation, events.LiquidationFeed}
    assert set(events.AnyEvent.__args__) == {*events.Event.__args__, *beside}
    assert set(events.AnyUpdate.__args__) == {*events.Update.__args__, events.Liquidation}


@pytest.mark.parametrize(
    "event",
    [
        events.Liquidation("x:Y", events.SELL, 1, 2, 2**62, 4, 5, 6, "FILLED"),
        events.LiquidationFeed("x", True, 1, "", 2),
        events.Trade("x:Y", 1, 2, 3, 1, 5, 6, 7, 8, 2),
    ],
)
def test_what_futures_bring_survives_being_written_down(event: events.AnyEvent) -> None:
    raw = msgspec.msgpack.encode(event)
    assert msgspec.msgpack.decode(raw, type=type(event)) == event


def test_spot_is_what_is_not_said_otherwise() -> None:
    assert (BTC.inverse, BTC.kind, BTC.base_decimals, BTC.row_span, BTC.rpi) == (False, "spot", 8, 0, False)
    assert BTC.worth(3 * ONE, 2 * ONE) == 6 * 10**16
    assert trade(1).nq == events.UNTOLD
    with pytest.raises(ValueError, match="binance:BTCUSDT is not traded in contracts"):
        BTC.contracts(1)


def test_a_contract_is_worth_what_it_says_whatever_the_price() -> None:
    assert (INVERSE.inverse, INVERSE.base_decimals) == (True, 24)
    assert INVERSE.worth(1, 7 * ONE) == INVERSE.worth(100_000 * ONE, 7 * ONE) == 700 * 10**16
    assert INVERSE.contracts(INVERSE.worth(1, 10**9 * ONE)) == 10**9 * ONE
    assert not USDM.inverse
    assert USDM.worth(10, 10**9 * ONE) == 100 * 10**16  # 10^9 units at 10^-7


def test_an_instrument_is_written_down_without_what_goes_without_saying() -> None:
    """So that what a journal holds of spot is no more than before, and what it held before is read."""
    assert msgspec.to_builtins(events.Instrument("v", "s", "b", "q")) == {
        "venue": "v", "symbol": "s", "base": "b", "quote": "q"
    }  # fmt: skip
    for one in (BTC, USDM, INVERSE):
        assert msgspec.json.decode(msgspec.json.encode(one), type=events.Instrument) == one
