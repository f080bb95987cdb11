"""The laws of liquidations, put to every venue that tells of them."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_stream.core.events import Liquidation
from orderflow_stream.venues.catalogue import VENUES, Spec
from orderflow_stream.venues.codec import LIQUIDATIONS, LiquidationStream
from orderflow_stream.venues.values import Ack, Rejected
from tests.venues.conformance.laws import (
    ODD,
    codec,
    dump,
    every_venue,
    is_sound,
    places,
    put,
    strewn,
    with_liquidations,
)
from tests.venues.samples.kit import NOW, sample


def stream(spec: Spec) -> LiquidationStream:
    found = spec.codec().liquidations_venue()
    assert found is not None
    return found


def test_some_venue_tells_of_them() -> None:
    assert any(spec.liquidations for spec in VENUES)


@every_venue
def test_the_catalogue_says_who_tells_of_them(spec: Spec) -> None:
    assert (codec(spec).liquidations_venue() is not None) == spec.liquidations
    assert bool(sample(spec).liquidations) == spec.liquidations


@with_liquidations
def test_recorded_orders(spec: Spec) -> None:
    said = stream(spec)
    found = []
    for frame, expected in sample(spec).liquidations:
        for form in (frame, dump(strewn(json.loads(frame)))):
            assert said.decode(form, NOW) == expected
            assert said.decode(form.decode(), NOW) == expected
        is_sound(expected)
        found.append(expected)
    assert any(isinstance(each, Liquidation) for each in found)
    assert all(each.instrument.startswith(spec.name + ":") for each in found if isinstance(each, Liquidation))
    assert {each.reason for each in found if isinstance(each, Rejected)} == {"market"}


@with_liquidations
def test_each_market_keeps_its_own(spec: Spec) -> None:
    """Whatever another venue of the catalogue keeps of a shared stream, this one does not."""
    others = [other for other in VENUES if other.liquidations and other.name != spec.name]
    for other in others:
        for frame, expected in sample(other).liquidations:
            message = stream(spec).decode(frame, NOW)
            told_apart = b'"st":' in frame
            if isinstance(expected, Liquidation) and told_apart:
                assert isinstance(message, Rejected)
                assert message.reason == "market"


@with_liquidations
def test_trades_and_replies_are_told_apart(spec: Spec) -> None:
    said = stream(spec)
    for frame, expected in sample(spec).frames:
        message = said.decode(frame, NOW)
        is_sound(message)
        assert not isinstance(message, Liquidation)
        if isinstance(expected, Ack):
            assert message == expected
    for frame, expected_ in sample(spec).liquidations:
        assert isinstance(codec(spec).decode(frame, NOW), Rejected), expected_


@with_liquidations
@settings(max_examples=150)
@given(data=st.data())
def test_nothing_escapes(spec: Spec, data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from([frame for frame, _ in sample(spec).liquidations]))
    value = json.loads(frame)
    odd = dump(put(value, data.draw(st.sampled_from(places(value))), data.draw(st.sampled_from(ODD))))
    at = data.draw(st.integers(0, len(frame)))
    for each in (
        odd,
        frame[:at] + data.draw(st.binary(max_size=4)) + frame[at + 3 :],
        data.draw(st.binary(max_size=80)),
    ):
        message = stream(spec).decode(each, NOW)
        is_sound(message)
        if isinstance(message, Rejected):
            assert message.id is None


@with_liquidations
@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"p": "x"}, "price"), ({"p": 5}, "price"), ({"p": "0", "ap": "0"}, "price"), ({"ap": "-1"}, "price"),
        ({"ap": None}, "price"), ({"q": "0"}, "quantity"), ({"q": "1e3"}, "quantity"), ({"z": "x"}, "quantity"),
        ({"z": 1}, "quantity"), ({"T": 0}, "time"), ({"T": "5"}, "time"), ({"T": True}, "time"),
        ({"S": "HOLD"}, "side"), ({"S": None}, "side"), ({"s": 5}, "symbol"), ({"X": 5}, "shape"),
    ],
)  # fmt: skip
def test_faults_are_named(spec: Spec, changes: dict[str, object], reason: str) -> None:
    frame = next(frame for frame, expected in sample(spec).liquidations if isinstance(expected, Liquidation))
    value = json.loads(frame)
    event = value.get("data", value)
    event["o"] |= changes
    for each in (value, event):
        message = stream(spec).decode(dump(each), NOW)
        assert isinstance(message, Rejected)
        assert message.reason == reason


@with_liquidations
def test_one_stream_on_the_path_of_the_trades(spec: Spec) -> None:
    said, trades = stream(spec), codec(spec)
    assert said.name == spec.name
    assert (said.stream_url_default, said.stream_fallbacks) == (spec.stream_url, spec.stream_fallbacks)
    assert said.batches([LIQUIDATIONS]) == [(LIQUIDATIONS,)]
    url = unquote(said.stream_url(spec.stream_url, [LIQUIDATIONS]))
    assert LIQUIDATIONS in url
    assert url.partition("?")[0] == trades.stream_url(spec.stream_url, ["A"]).partition("?")[0]
    added, dropped = json.loads(said.subscribe([LIQUIDATIONS], 4)), json.loads(said.unsubscribe([LIQUIDATIONS], 5))
    assert added == {"method": "SUBSCRIBE", "params": [LIQUIDATIONS], "id": 4}
    assert dropped == {"method": "UNSUBSCRIBE", "params": [LIQUIDATIONS], "id": 5}
    said.watch(sample(spec).watched)
    said.unwatch([LIQUIDATIONS])
    frame, expected = sample(spec).liquidations[0]
    assert said.decode(frame, NOW) == expected
