"""What a venue provides, as the catalogue's codecs provide it."""

import pytest

from orderflow_stream.venues.catalogue import VENUES
from orderflow_stream.venues.codec import LIQUIDATIONS, Codec, Spec


def test_a_line_needs_no_more_than_where_and_how_much() -> None:
    spec = Spec("x", "spot", "x-pool", VENUES[0].codec, "wss://h", "https://h", 100)
    assert (spec.stream_fallbacks, spec.rest_fallbacks, spec.symbols, spec.lookback) == ((), (), (), None)
    assert not spec.liquidations


@pytest.mark.parametrize("spec", VENUES, ids=lambda spec: spec.name)
def test_a_stream_of_liquidations_has_one_symbol(spec: Spec) -> None:
    made: Codec = spec.codec()
    stream = made.liquidations_venue()
    assert (stream is not None) == spec.liquidations
    if stream is not None:
        assert stream.name == made.name
        assert stream.batches([LIQUIDATIONS]) == [(LIQUIDATIONS,)]
        assert LIQUIDATIONS in stream.stream_url(stream.stream_url_default, [LIQUIDATIONS])
