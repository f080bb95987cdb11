"""The laws of REST, put to every venue of the catalogue: questions, pages of trades, time, failures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, UNTOLD
from orderflow_stream.venues.catalogue import Spec
from orderflow_stream.venues.values import AnswerError
from tests.venues.conformance.laws import ODD, codec, dump, every_venue, facts, is_sound, places, put, strewn
from tests.venues.samples.kit import NOW, Facts, sample, trade


def page(spec: Spec, ids: range, **changes: object) -> list[dict[str, object]]:
    symbol = sample(spec).watched[0].symbol
    return [
        sample(spec).row(Facts(symbol, id_, "0.5", "3", BUY, 1_672_515_782_136_000, 10, 11)) | changes for id_ in ids
    ]


# -- questions -------------------------------------------------------------------------------------------------------


@every_venue
def test_a_page_is_asked_for(spec: Spec) -> None:
    said = codec(spec)
    symbol = sample(spec).watched[1].symbol
    newest, by_id = said.trades_request(symbol), said.trades_request(symbol, from_id=0, limit=7)
    assert newest.params != by_id.params
    for request in (newest, by_id):
        assert symbol in request.params.values(), "the symbol is named as it is; the transport escapes it"
        assert request.weight == said.trades_weight > 0
        assert request.path.startswith("/")
    assert "0" in by_id.params.values()
    assert "7" in by_id.params.values()
    assert "1000" in newest.params.values()


@every_venue
def test_a_time_is_asked_for_in_the_venues_unit_and_never_too_late(spec: Spec) -> None:
    said, unit = codec(spec), sample(spec).unit
    start = 1_790_000_000_123_456
    (asked,) = set(said.trades_request("A", start=start).params.items()) - set(said.trades_request("A").params.items())
    assert int(asked[1]) * unit <= start < int(asked[1]) * unit + unit
    both = said.trades_request("A", start=start, end=start + 60_000_000)
    assert len(both.params) == len(said.trades_request("A").params) + 2


@every_venue
def test_what_the_venue_would_refuse_is_not_asked(spec: Spec) -> None:
    said = codec(spec)
    for limit in (0, 1_001, -1):
        with pytest.raises(ValueError, match=f"limit must be 1 to 1000, not {limit}"):
            said.trades_request("A", limit=limit)
    for times in ({"start": 1}, {"end": 1}, {"start": 1, "end": 2}):
        with pytest.raises(ValueError, match="not both"):
            said.trades_request("A", from_id=1, **times)


@every_venue
def test_weights(spec: Spec) -> None:
    said = codec(spec)
    asked = (
        said.trades_request("A"), said.exchange_info_request(), said.ticker_request(), said.time_request(),
        said.ping_request(),
    )  # fmt: skip
    assert tuple(request.weight for request in asked) == sample(spec).weights
    assert len({request.path for request in asked}) == len(asked)
    assert all(request.weight * 4 <= spec.weight_limit for request in asked)


# -- pages -----------------------------------------------------------------------------------------------------------


@every_venue
def test_a_recorded_page(spec: Spec) -> None:
    body, expected = sample(spec).page
    said = codec(spec)
    assert tuple(said.decode_trades(sample(spec).watched[0], body, NOW)) == expected
    assert tuple(said.decode_trades(sample(spec).watched[0], dump(strewn(json.loads(body))), NOW)) == expected
    assert said.decode_trades(sample(spec).watched[0], b"[]", NOW) == []


@every_venue
@settings(max_examples=25)
@given(data=st.data())
def test_sums_of_a_page_are_the_sums_of_decimals(spec: Spec, data: st.DataObject) -> None:
    """With another arithmetic than the codec's; contracts count what one of them is worth."""
    given_ = sample(spec)
    instrument = given_.watched[0]
    rows = data.draw(st.lists(facts(spec), max_size=8))
    trades = codec(spec).decode_trades(instrument, dump([given_.row(each) for each in rows]), NOW)
    contract = Decimal(instrument.contract).scaleb(-8)
    with localcontext(prec=100):
        for side in (BUY, SELL):
            own = [each for each in rows if each.side == side]
            held = [each for each in trades if each.side == side]
            qty = sum((Decimal(each.qty) for each in own), Decimal(0))
            worth = sum((Decimal(each.qty) * (contract or Decimal(each.price)) for each in own), Decimal(0))
            assert sum(each.qty for each in held) == qty.scaleb(8)
            assert sum(instrument.worth(each.price, each.qty) for each in held) == worth.scaleb(16)
    assert trades == [trade(instrument, each) for each in rows]


@every_venue
def test_a_readable_id_with_an_absurd_rest_is_an_invalid_row(spec: Spec) -> None:
    """A page with a row left out would prove trades lost that are not."""
    given_, said = sample(spec), codec(spec)
    instrument = given_.watched[0]
    first, bad, last = page(spec, range(7, 10))
    for changes, reason in given_.faults:
        if reason in {"id", "symbol", "event"} or not set(changes) <= set(bad):
            continue
        trades = said.decode_trades(instrument, dump([first, bad | dict(changes), last]), NOW)
        assert [each.id for each in trades] == [7, 8, 9]
        invalid = trades[1]
        assert (invalid.price, invalid.qty, invalid.first_id, invalid.last_id, invalid.nq) == (
            0, 0, UNKNOWN_FILL, UNKNOWN_FILL, UNTOLD,
        ), changes  # fmt: skip
        assert trades[0].price == trades[2].price == 50_000_000
        assert invalid.ts_event == trades[0].ts_event


@every_venue
def test_a_row_without_a_readable_id_spoils_its_page(spec: Spec) -> None:
    given_ = sample(spec)
    for changes, reason in given_.faults:
        if reason == "id":
            rows = [*page(spec, range(7, 8)), *page(spec, range(8, 9), **changes)]
            with pytest.raises(AnswerError, match="not an answer to"):
                codec(spec).decode_trades(given_.watched[0], dump(rows), NOW)


@every_venue
@settings(max_examples=60)
@given(data=st.data())
def test_a_page_is_read_whole_or_refused(spec: Spec, data: st.DataObject) -> None:
    given_ = sample(spec)
    rows: object = page(spec, range(5, 9))
    place, odd = data.draw(st.sampled_from(places(rows))), data.draw(st.sampled_from(ODD))
    body = dump(put(rows, place, odd))
    with contextlib.suppress(AnswerError):
        trades = codec(spec).decode_trades(given_.watched[0], body, NOW)
        for each in trades:
            is_sound(each)
            assert each.instrument == given_.watched[0].key
        assert [each.id for each in trades] == [each["a"] for each in json.loads(body)]


@every_venue
@settings(max_examples=60)
@given(body=st.binary(max_size=120))
def test_any_body_is_an_answer_or_an_error_of_one_kind(spec: Spec, body: bytes) -> None:
    said = codec(spec)
    calls: tuple[Callable[[], object], ...] = (
        lambda: said.decode_trades(sample(spec).watched[0], body, NOW),
        lambda: said.decode_exchange_info(body),
        lambda: said.decode_ticker(body),
        lambda: said.decode_last_fills(body),
        lambda: said.decode_time(body),
    )
    for call in calls:
        with contextlib.suppress(AnswerError):
            call()
    code, words = said.error(500, body)
    assert code is None or isinstance(code, int)
    assert 0 < len(words) <= 200


# -- the rest --------------------------------------------------------------------------------------------------------


@every_venue
def test_time(spec: Spec) -> None:
    body, expected = sample(spec).time
    said = codec(spec)
    assert said.decode_time(body) == expected
    for bad in (b"{}", b"[]", b"", b'{"serverTime":0}', b'{"serverTime":"x"}', b'{"serverTime":1e30}'):
        with pytest.raises(AnswerError):
            said.decode_time(bad)


@every_venue
def test_failures_are_read(spec: Spec) -> None:
    said = codec(spec)
    statuses = set()
    for status, body, expected in sample(spec).errors:
        assert said.error(status, body) == expected
        statuses.add(status)
    assert {400, 403, 418, 429, 451} <= statuses
