"""Base and quote from a name alone."""

from __future__ import annotations

import pytest

from orderflow_stream.venues.guess import KNOWN_QUOTES, guess_instrument


@pytest.mark.parametrize(
    "symbol,base,quote",
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("BTCFDUSD", "BTC", "FDUSD"),  # the longest ending, not USD
        ("BTCUSD1", "BTC", "USD1"),
        ("1000SATSUSDT", "1000SATS", "USDT"),
        ("币安人生USDT", "币安人生", "USDT"),
        ("USDTTRY", "USDT", "TRY"),
        ("EURIUSDT", "EURI", "USDT"),
    ],
)
def test_guess(symbol: str, base: str, quote: str) -> None:
    guess = guess_instrument(symbol)
    assert guess is not None
    assert (guess.venue, guess.symbol, guess.base, guess.quote) == ("binance", symbol, base, quote)


@pytest.mark.parametrize("symbol", ["FOO", "", "USDT", "btcusdt", "BTCXYZ"])
def test_no_guess(symbol: str) -> None:
    assert guess_instrument(symbol) is None


def test_every_quote_is_found_behind_a_base() -> None:
    for quote in KNOWN_QUOTES:
        guess = guess_instrument(f"ZZ9{quote}")
        assert guess is not None
        assert guess.base + guess.quote == f"ZZ9{quote}"
        assert guess.quote == quote
