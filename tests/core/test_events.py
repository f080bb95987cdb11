import msgspec
import pytest

from orderflow_stream.core import events
from tests.core.making import BTC, trade


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
