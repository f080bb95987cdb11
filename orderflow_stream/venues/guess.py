"""Base and quote of a spot symbol from its name alone, for when the venue's list cannot be had.

Only a guess: `exchangeInfo` says what they are, and wins as soon as it is there.
"""

from __future__ import annotations

from typing import Final

from orderflow_stream.core.events import Instrument

#: Quote assets of Binance spot; the longest that ends a symbol is taken.
KNOWN_QUOTES: Final = (
    "USDT", "USDC", "FDUSD", "TUSD", "USD1", "BUSD", "USDP", "DAI", "USD", "U", "BTC", "ETH", "BNB", "SOL", "XRP",
    "TRX", "DOGE", "DOT", "EUR", "TRY", "BRL", "GBP", "AUD", "JPY", "ARS", "COP", "CZK", "IDRT", "MXN", "PLN", "RON",
    "RUB", "UAH", "VAI", "XUSD", "ZAR", "EURI", "AEUR",
)  # fmt: skip


def guess_instrument(symbol: str, venue: str = "binance") -> Instrument | None:
    """The instrument that a symbol looks like; None where no known quote asset ends it."""
    quotes = [quote for quote in KNOWN_QUOTES if symbol.endswith(quote) and len(quote) < len(symbol)]
    if not quotes:
        return None
    quote = max(quotes, key=len)
    return Instrument(venue, symbol, symbol[: -len(quote)], quote)
