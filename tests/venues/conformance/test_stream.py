"""The laws of frames, put to every venue of the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, SELL, Trade
from orderflow_stream.venues.catalogue import Spec
from orderflow_stream.venues.values import REASONS, Ack, Refused, Rejected
from tests.venues.conformance.laws import ODD, codec, dump, every_venue, facts, is_sound, places, put, strewn
from tests.venues.samples.kit import NOW, Facts, sample, trade

EXAMPLES = settings(max_examples=40)


def one(spec: Spec, **changes: Any) -> Facts:
    symbol = sample(spec).watched[0].symbol
    base = Facts(symbol, 12345, "58570.1", "58", SELL, 1_672_515_782_136_000, 100, 105)
    return replace(base, **changes)


# -- trades ----------------------------------------------------------------------------------------------------------


@every_venue
@EXAMPLES
@given(data=st.data())
def test_a_trade_is_what_happened(spec: Spec, data: st.DataObject) -> None:
    given_, its = sample(spec), data.draw(facts(spec))
    expected = trade(next(each for each in given_.watched if each.symbol == its.symbol), its)
    event = given_.event(its)
    said = codec(spec)
    for frame in (given_.wrap(event), dump(event)):
        assert said.decode(frame, NOW) == expected
        assert said.decode(frame.decode(), NOW) == expected
    (row,) = said.decode_trades(given_.watched[0], dump([given_.row(its)]), NOW)
    assert replace_key(row, expected) == expected, "a page of REST says another thing than the stream"


def replace_key(row: Trade, like: Trade) -> Trade:
    """REST rows name no symbol: the instrument is that which was asked for."""
    row.instrument = like.instrument
    return row


@every_venue
def test_the_side_is_the_takers(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    for side in (BUY, SELL):
        message = said.decode(given_.wrap(given_.event(one(spec, side=side))), NOW)
        assert isinstance(message, Trade)
        assert message == trade(given_.watched[0], one(spec, side=side))
        (row,) = said.decode_trades(given_.watched[0], dump([given_.row(one(spec, side=side))]), NOW)
        assert (message.side, row.side) == (side, side)


@every_venue
def test_recorded_frames(spec: Spec) -> None:
    said = codec(spec)
    kinds = set()
    for frame, expected in sample(spec).frames:
        assert said.decode(frame, NOW) == expected
        assert said.decode(frame.decode(), NOW) == expected
        is_sound(expected)
        kinds.add(type(expected))
    assert {Trade, Ack, Refused, Rejected} <= kinds


@every_venue
@EXAMPLES
@given(data=st.data())
def test_unknown_fields_and_the_order_of_keys_change_nothing(spec: Spec, data: st.DataObject) -> None:
    given_, its = sample(spec), data.draw(facts(spec))
    said = codec(spec)
    frame = given_.wrap(given_.event(its))
    assert isinstance(said.decode(frame, NOW), Trade)
    assert said.decode(dump(strewn(json.loads(frame))), NOW) == said.decode(frame, NOW)


@every_venue
def test_a_quantity_without_rpi_is_told_or_not_and_never_costs_the_trade(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    event = given_.event(one(spec))
    plain = said.decode(given_.wrap(event), NOW)
    assert isinstance(plain, Trade)
    for nq in (*ODD, "58.00000001", "1.123456789", "58", "0", "57.5"):
        message = said.decode(given_.wrap(event | {"nq": nq}), NOW)
        assert isinstance(message, Trade), nq
        told = given_.tells_nq and nq in ("58", "0", "57.5")
        assert message.nq == (int(float(nq) * 10**8) if told else -1)
        message.nq = plain.nq
        assert message == plain


# -- what is rejected ------------------------------------------------------------------------------------------------


@every_venue
def test_faults_are_named(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    event = given_.event(one(spec))
    for changes, reason in given_.faults:
        for wrap in (given_.wrap, dump):
            message = said.decode(wrap(event | dict(changes)), NOW)
            assert isinstance(message, Rejected), changes
            assert message.reason == reason, changes
    assert {reason for _, reason in given_.faults} <= set(REASONS)
    assert {"price", "quantity", "id", "time"} <= {reason for _, reason in given_.faults}


@every_venue
def test_only_what_is_watched(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    frame = given_.wrap(given_.event(one(spec)))
    symbol = given_.watched[0].symbol
    before = said.decode(frame, NOW)
    assert isinstance(before, Trade)
    said.unwatch([symbol, "NEVERSEEN"])
    assert said.decode(frame, NOW) == Rejected("unwatched", symbol, 12345)
    assert spec.codec().decode(frame, NOW) == Rejected("unwatched", symbol, 12345), "codecs share what they watch"
    other = given_.wrap(given_.event(one(spec, symbol=given_.watched[1].symbol)))
    assert isinstance(said.decode(other, NOW), Trade)
    said.watch(given_.watched)
    assert said.decode(frame, NOW) == before


# -- nothing escapes -------------------------------------------------------------------------------------------------


@every_venue
@settings(max_examples=150)
@given(data=st.data())
def test_nothing_escapes_decode(spec: Spec, data: st.DataObject) -> None:
    given_, said = sample(spec), codec(spec)
    frame = data.draw(st.sampled_from([given_.wrap(given_.event(one(spec))), *(each for each, _ in given_.frames)]))
    kind = data.draw(st.sampled_from(["bytes", "text", "odd", "damage"]))
    if kind == "bytes":
        frame = data.draw(st.binary(max_size=200))
    elif kind == "text":
        is_sound(said.decode(data.draw(st.text(max_size=100)), NOW))
        return
    elif kind == "damage":
        at, cut = data.draw(st.integers(0, len(frame))), data.draw(st.integers(0, 6))
        frame = frame[:at] + data.draw(st.binary(max_size=4)) + frame[at + cut :]
    else:
        try:
            value = json.loads(frame)
        except ValueError:
            return
        frame = dump(put(value, data.draw(st.sampled_from(places(value))), data.draw(st.sampled_from(ODD))))
    message = said.decode(frame, NOW)
    is_sound(message)
    assert said.decode(frame, NOW) == message, "the answer depends on what came before"


@every_venue
@pytest.mark.parametrize("frame", [b"", b"[" * 100_000, b'{"data":' * 50_000, b"\x00\xff", b'"\xed\xa0\x80"', b"NaN"])
def test_frames_that_have_broken_parsers(spec: Spec, frame: bytes) -> None:
    assert isinstance(codec(spec).decode(frame, NOW), Rejected)


# -- what is sent ----------------------------------------------------------------------------------------------------


@every_venue
@settings(max_examples=30)
@given(symbols=st.lists(st.text(min_size=1, max_size=40).filter(str.isprintable), max_size=250, unique=True))
@example(symbols=["币" * 20 + str(n) for n in range(120)])  # nine bytes a sign in a URL
def test_batches_fit(spec: Spec, symbols: list[str]) -> None:
    said = spec.codec()
    batches = said.batches(symbols)
    assert [symbol for batch in batches for symbol in batch] == symbols
    for batch in batches:
        assert 1 <= len(batch) <= said.max_streams
        assert len(said.subscribe(batch, 10**9).encode()) < 4_000
        assert len(said.stream_url(spec.stream_url, batch)) < 4_000


@every_venue
def test_a_thousand_symbols_are_a_dozen_frames(spec: Spec) -> None:
    assert 1 <= len(spec.codec().batches(f"SYM{n}USDT" for n in range(1_000))) <= 12
    assert spec.codec().batches([]) == []


@every_venue
def test_control_frames_and_urls_name_the_same_streams(spec: Spec) -> None:
    said = codec(spec)
    symbols = [each.symbol for each in sample(spec).watched]
    added, dropped = json.loads(said.subscribe(symbols, 4)), json.loads(said.unsubscribe(symbols, 5))
    assert (added["id"], dropped["id"]) == (4, 5)
    assert added["params"] == dropped["params"]
    assert len(set(added["params"])) == len(symbols)
    assert added["method"] != dropped["method"]
    url = said.stream_url(spec.stream_url, symbols)
    assert url.isascii()
    for name in added["params"]:
        assert name in unquote(url)


@every_venue
@pytest.mark.parametrize("symbols", [0, 2])
def test_a_url_is_the_same_however_its_base_was_written(spec: Spec, symbols: int) -> None:
    """With a slash or the path of the streams at its end, or a port: none of it may lead elsewhere."""
    said = codec(spec)
    names = [each.symbol for each in sample(spec).watched][:symbols]
    right = said.stream_url("wss://venue.example:8443", names)
    parts = urlsplit(right)
    assert (parts.scheme, parts.netloc) == ("wss", "venue.example:8443")
    assert said.stream_url("wss://venue.example:8443/", names) == right
    path = parts.path.rpartition("/")[0]
    if path:
        assert said.stream_url(f"wss://venue.example:8443{path}", names) == right
        assert said.stream_url(f"wss://venue.example:8443{path}/", names) == right
