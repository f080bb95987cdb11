"""Every venue by its name, and that each line of the catalogue agrees with its codec and with what asks for codecs."""

from __future__ import annotations

from itertools import chain

import pytest

from orderflow_stream.adapters.symbols import ListVenue
from orderflow_stream.adapters.watcher import FillList
from orderflow_stream.feed.protocols import StreamVenue
from orderflow_stream.feed.upstream import RestVenue
from orderflow_stream.venues import codec
from orderflow_stream.venues.catalogue import NAMES, VENUES, Codec, Spec, spec
from tests.venues.conformance.laws import every_venue


def members(*protocols: type) -> set[str]:
    """The names that protocols ask for, with those of their bases."""
    named = chain.from_iterable(
        (*vars(each), *each.__annotations__) for protocol in protocols for each in protocol.__mro__ if _asks(each)
    )
    return {name for name in named if not name.startswith("_")}


def _asks(each: type) -> bool:
    return getattr(each, "_is_protocol", False) and each.__module__.startswith("orderflow_stream")


def test_by_name() -> None:
    assert tuple(each.name for each in VENUES) == NAMES
    assert len(set(NAMES)) == len(NAMES)
    assert NAMES[0] == "binance", "the venue that clients mean who name none"
    for each in VENUES:
        assert spec(each.name) is each
    with pytest.raises(KeyError, match="no venue 'nowhere'; there are binance"):
        spec("nowhere")


@every_venue
def test_a_line_agrees_with_its_codec(spec: Spec) -> None:
    made = spec.codec()
    assert (made.name, made.market) == (spec.name, spec.market)
    assert (made.stream_url_default, made.stream_fallbacks) == (spec.stream_url, spec.stream_fallbacks)
    assert made.lookback == spec.lookback
    assert spec.lookback is None or spec.lookback >= 24 * 3_600_000_000
    assert made.max_streams >= 200
    assert all(url.startswith("wss://") for url in (spec.stream_url, *spec.stream_fallbacks))
    assert all(url.startswith("https://") for url in (spec.rest_url, *spec.rest_fallbacks))
    assert spec.stream_url not in spec.stream_fallbacks
    assert spec.rest_url not in spec.rest_fallbacks
    assert not any(url.endswith("/") for url in (spec.stream_url, spec.rest_url))


def test_venues_of_one_pool_have_one_limit() -> None:
    pools: dict[str, set[int]] = {}
    for each in VENUES:
        pools.setdefault(each.pool, set()).add(each.weight_limit)
    assert all(len(limits) == 1 for limits in pools.values())
    assert pools == {"binance-spot": {6_000}, "binance-futures": {2_400}}


@every_venue
def test_the_codec_has_all_that_anybody_asks_of_it(spec: Spec) -> None:
    made = spec.codec()
    asked = members(StreamVenue, RestVenue, ListVenue, FillList, Codec)
    assert len(asked) > 20
    assert asked <= set(dir(made)), asked - set(dir(made))


def test_the_protocol_of_a_codec_has_all_that_anybody_asks() -> None:
    """So that the type checker sees what is missing in a new venue, where it is listed."""
    assert members(StreamVenue, RestVenue, ListVenue, FillList) <= members(Codec)
    assert members(StreamVenue) <= members(codec.LiquidationStream)


@every_venue
def test_codecs_fit_where_they_are_put(spec: Spec) -> None:
    made = spec.codec()
    stream: StreamVenue = made
    rest: RestVenue = made
    lists: ListVenue = made
    fills: FillList = made
    assert all(each is made for each in (stream, rest, lists, fills))
