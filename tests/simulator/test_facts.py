"""What the stand-in says of each market agrees with what the daemon believes of it."""

import pytest

from orderflow_stream.simulator.facts import BOTH_UNITS, StreamLimits
from orderflow_stream.simulator.markets import MARKETS
from orderflow_stream.venues.catalogue import VENUES
from orderflow_stream.venues.codec import Spec


@pytest.mark.parametrize("spec", VENUES, ids=lambda spec: spec.name)
def test_each_market_is_the_catalogues(spec: Spec) -> None:
    facts, codec = MARKETS[spec.market], spec.codec()
    assert facts.name == spec.market
    assert (facts.weight_limit, facts.trades_weight) == (spec.weight_limit, codec.trades_weight)
    assert facts.look_back == spec.lookback
    assert not set(facts.streams) & set(facts.silent)
    assert codec.trades_request("BTCUSDT", limit=10).path.startswith(facts.rest)


def test_units_and_limits() -> None:
    assert BOTH_UNITS["millisecond"] == 1000 * BOTH_UNITS["microsecond"]
    limits = StreamLimits()
    assert limits.ping_interval < limits.pong_timeout < limits.max_lifetime
    assert limits.max_streams == 1024
