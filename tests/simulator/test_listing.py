"""The list of symbols: the default ones have what the product must cope with; made-up ones are unique and valid."""

from __future__ import annotations

import pytest

from orderflow_stream.core.units import parse_scaled
from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, many_listings


def test_the_default_symbols() -> None:
    symbols = {listing.symbol: listing for listing in DEFAULT_LISTINGS}
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"} <= set(symbols)
    assert any(not symbol.isascii() for symbol in symbols)
    assert any(symbol[0].isdigit() for symbol in symbols)
    assert any(listing.quote == "BTC" for listing in DEFAULT_LISTINGS)
    assert symbols["币安人生USDT"].stream == "币安人生usdt@aggTrade"
    for listing in DEFAULT_LISTINGS:
        assert listing.symbol == listing.base + listing.quote
        assert parse_scaled(listing.price) % parse_scaled(listing.tick) == 0


def test_many() -> None:
    listings = many_listings(1370)
    assert len({listing.symbol for listing in listings}) == 1370
    assert [listing.symbol for listing in listings[:8]] == [listing.symbol for listing in DEFAULT_LISTINGS]
    weights = [listing.weight for listing in listings]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == 1000 * weights[999]
    assert {listing.quote for listing in listings} >= {"USDT", "USDC", "BTC", "FDUSD", "TRY"}
    assert many_listings(3) == listings[:3]


def test_none() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        many_listings(0)
