"""The laws of lists, put to every venue of the catalogue: what is listed, what is traded, what a name looks like."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.catalogue import Spec
from orderflow_stream.venues.values import AnswerError
from tests.venues.conformance.laws import ODD, codec, dump, every_venue, places, put, strewn
from tests.venues.samples.kit import NOW, Facts, sample


@every_venue
def test_exchange_info(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    for body in (given_.info, dump(strewn(json.loads(given_.info)))):
        info = said.decode_exchange_info(body)
        assert info.instruments == given_.instruments
        assert info.limits == given_.limits
        assert info.skipped == given_.skipped
        assert 10**15 < info.server_time < 10**16
    weights = [limit for limit in given_.limits if limit.kind == "REQUEST_WEIGHT"]
    assert [limit.limit * 60 // limit.interval_s for limit in weights] == [spec.weight_limit]


@every_venue
def test_facts_of_an_instrument(spec: Spec) -> None:
    given_ = sample(spec)
    assert {each.trading for each in given_.instruments} == {True, False}, "samples of what trades and of what rests"
    for each in given_.instruments:
        assert (each.venue, each.market, each.key) == (spec.name, spec.market, f"{spec.name}:{each.symbol}")
        assert each.base
        assert each.quote
        assert each.trading == (each.status == "TRADING")
        assert (each.kind == "spot") == (spec.market == "spot")
        assert each.inverse == (spec.market == "coinm")
        assert each.base_decimals == (24 if each.inverse else 8)
        assert each.delivery or each.kind != "delivery"
        assert bool(each.settle) == bool(each.pair) == (each.kind != "spot")
        assert (each.row_span > 0) == (each.kind != "spot")
        assert each.rpi == given_.tells_nq


@every_venue
@settings(max_examples=60)
@given(data=st.data())
def test_a_bad_entry_costs_only_itself(spec: Spec, data: st.DataObject) -> None:
    given_ = sample(spec)
    info = json.loads(given_.info)
    place = data.draw(st.sampled_from(places(info["symbols"][0])))
    info["symbols"][0] = put(info["symbols"][0], place, data.draw(st.sampled_from(ODD)))
    found = codec(spec).decode_exchange_info(dump(info))
    assert found.instruments[-len(given_.instruments) + 1 :] == given_.instruments[1:]
    assert len(found.instruments) + found.skipped == len(info["symbols"])


@every_venue
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"symbols":5}', b'{"code":-1003,"msg":"banned"}', b"<html>"])
def test_what_is_no_list(spec: Spec, body: bytes) -> None:
    said = codec(spec)
    with pytest.raises(AnswerError, match="not an answer to"):
        said.decode_exchange_info(body)
    if body != b"[]":
        with pytest.raises(AnswerError, match="not an answer to"):
            said.decode_ticker(body)


@every_venue
def test_states_that_are_asked_for_one_by_one(spec: Spec) -> None:
    said = codec(spec)
    asked = [said.exchange_info_request(), *(said.exchange_info_request(status) for status in said.resting)]
    assert len({json.dumps(request.params) for request in asked}) == len(asked)
    assert "TRADING" not in said.resting


@every_venue
def test_ticker(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    for body in (given_.ticker, dump(strewn(json.loads(given_.ticker)))):
        assert said.decode_ticker(body) == given_.volumes
        assert said.decode_last_fills(body) == given_.fills
    alone = dump(json.loads(given_.ticker)[0])
    assert said.decode_ticker(alone).items() <= dict(given_.volumes).items()


@every_venue
def test_a_guess_never_makes_up_what_numbers_hang_on(spec: Spec) -> None:
    given_, said = sample(spec), codec(spec)
    assert True not in given_.guesses.values() or said.guess("BTCUSDT") is not None
    assert given_.guesses
    for symbol, streamed in given_.guesses.items():
        guess = said.guess(symbol)
        assert (guess is not None) == streamed, symbol
        if guess is not None:
            assert (guess.venue, guess.symbol, guess.market) == (spec.name, symbol, spec.market)
            assert (guess.contract, guess.tick, guess.step) == (0, 0, 0)
            assert (guess.kind == "spot") == (spec.market == "spot")
            assert guess.rpi == given_.tells_nq
    for listed in given_.instruments:
        guess = said.guess(listed.symbol)
        assert guess is None or guess.key == listed.key, "the list replaces a guess by its key"
        assert guess is None or (guess.row_span, guess.kind) == (listed.row_span, listed.kind)


@every_venue
def test_contracts_of_unknown_worth_are_not_streamed(spec: Spec) -> None:
    given_ = sample(spec)
    first = given_.watched[0]
    bare = Instrument(spec.name, first.symbol, first.base, first.quote, spec.market)
    said = spec.codec()
    said.watch([bare])
    event = given_.event(Facts(first.symbol, 5, "1", "1", 1, 1_672_515_782_136_000, 1, 1))
    message = said.decode(given_.wrap(event), NOW)
    assert (getattr(message, "kind", "trade") == "rejected") == first.inverse
    said.watch([first])
    assert not hasattr(said.decode(given_.wrap(event), NOW), "kind")
