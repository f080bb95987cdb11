"""Base and quote of a symbol from its name alone, for when the venue's list cannot be had.

Only a guess: `exchangeInfo` says what they are, and wins as soon as it is there. What a contract of a fixed worth is
worth is never guessed.
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


def guess_contract(symbol: str, venue: str, row_span: int) -> Instrument | None:
    """The linear contract (margin in the quote asset) that a symbol looks like: a perpetual, or with `_YYMMDD` at its
    end one that is delivered. None where no known quote asset ends the pair."""
    pair, dash, date = symbol.partition("_")
    spot = guess_instrument(pair, venue)
    if spot is None or (dash and not (len(date) == 6 and date.isascii() and date.isdecimal())):
        return None
    return Instrument(
        venue, symbol, spot.base, spot.quote, "usdm", kind="delivery" if dash else "perpetual", pair=pair,
        settle=spot.quote, row_span=row_span, rpi=True,
    )  # fmt: skip
