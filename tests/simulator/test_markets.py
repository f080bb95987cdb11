"""The list of markets, and what each of them says of itself."""

from __future__ import annotations

import pytest

from orderflow_stream.simulator import DEFAULT_LISTINGS, Contract, Simulator, default_listings
from orderflow_stream.simulator.markets import MARKETS, facts_of
from tests.simulator.kit import BTC, NOON


@pytest.mark.parametrize(
    "market, rest, limit, weight, hours, frames, ping, talking",
    [
        ("spot", "/api/v3", 6000, 4, None, 5, 20, ["/ws", "/stream"]),
        ("usdm", "/fapi/v1", 2400, 20, 48, 10, 180, ["/market/ws", "/market/stream"]),
        ("coinm", "/dapi/v1", 2400, 20, 24, 10, 180, ["/ws", "/stream"]),
    ],
)
def test_facts(
    market: str, rest: str, limit: int, weight: int, hours: int | None, frames: int, ping: int, talking: list[str]
) -> None:
    facts = facts_of(market)
    assert (facts.rest, facts.weight_limit, facts.trades_weight) == (rest, limit, weight)
    assert facts.look_back == (None if hours is None else hours * 3_600_000_000)
    assert (facts.limits.frames_per_second, facts.limits.ping_interval) == (frames, ping)
    assert [door for door, speaks in facts.doors.items() if speaks] == talking
    assert facts.batch == (0 if market == "spot" else 100_000)


def test_an_unknown_market_is_named() -> None:
    with pytest.raises(ValueError, match="one of spot, usdm, coinm"):
        Simulator(listings=[BTC], market="options")  # type: ignore[arg-type]
    assert list(MARKETS) == ["spot", "usdm", "coinm"]


def test_default_listings() -> None:
    assert default_listings("spot", NOON) is DEFAULT_LISTINGS
    for market, symbol in (("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")):
        listings = default_listings(market, NOON)
        assert listings[0].symbol == symbol
        assert all(isinstance(each, Contract) for each in listings)
    with pytest.raises(ValueError, match="market must be"):
        default_listings("x", NOON)
