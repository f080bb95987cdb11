"""How numbers are written, and the rules that need a configuration.

Two styles: by default a decimal is a JSON number, rounded once (quote values to 2 or 8 decimals, half to even, base
values never); `exact` gives every decimal as a JSON string and rounds no sum. Both are plain decimals: no exponent,
no negative zero, no trailing zeros, as many digits as it takes. Only the base volume of inverse contracts is a quotient
and has no last digit: it is shown with at most 8 decimals, `exact` with 16.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

import orjson
from msgspec import Struct

from orderflow_stream.core.units import DECIMALS, NOTIONAL_DECIMALS, ratio, text

#: Quote assets whose values are written with 2 decimals: fiat currencies, and coins that stand for one.
FIAT_AND_STABLE: Final = frozenset(
    {
        *("USDT", "USDC", "FDUSD", "TUSD", "DAI", "USD1", "U", "USD", "BUSD", "USDP", "USDS", "PAX", "SUSD", "UST"),
        *("USDE", "XUSD", "BFUSD", "RLUSD", "GUSD", "PYUSD", "EURI", "AEUR", "EURC", "BIDR", "IDRT", "BVND", "BKRW"),
        *("EUR", "GBP", "TRY", "BRL", "AUD", "JPY", "ZAR", "UAH", "RUB", "NGN", "PLN", "RON", "ARS", "MXN", "COP"),
        *("CZK", "IDR", "VAI"),
    }
)

FIAT_PLACES: Final = 2
OTHER_PLACES: Final = 8
SHARE_PLACES: Final = 4
SECONDS_PLACES: Final = 1
VWAP_PLACES: Final = 8
#: Decimals of a base volume that is a quotient (inverse contracts), and as many where `exact` is asked for.
INVERSE_PLACES: Final = 8
INVERSE_EXACT_PLACES: Final = 16


class Rules(Struct, frozen=True):
    """What the encoder must know of the configuration.

    `balanced` and `strong` are the base imbalances |B-S|/(B+S) from which pressure is `buy`/`sell` and `strong_…`.
    """

    balanced: Fraction = Fraction(1, 10)
    strong: Fraction = Fraction(3, 10)
    fiat: frozenset[str] = FIAT_AND_STABLE

    def places(self, quote: str) -> int:
        """Decimals of a value in this quote asset."""
        return FIAT_PLACES if quote in self.fiat else OTHER_PLACES

    def pressure(self, buy: int, sell: int) -> str | None:
        """The word for bought and sold base quantities; None where nothing traded. Compared as integers, exactly."""
        total = buy + sell
        if not total:
            return None
        imbalance = abs(buy - sell)
        if imbalance * self.balanced.denominator < self.balanced.numerator * total:
            return "balanced"
        side = "buy" if buy > sell else "sell"
        if imbalance * self.strong.denominator < self.strong.numerator * total:
            return side
        return f"strong_{side}"


def base(value: int, exact: bool) -> str:
    """A price or quantity at 10^-8, never rounded."""
    return f'"{text(value, DECIMALS)}"' if exact else text(value, DECIMALS)


def volume(value: int, decimals: int, exact: bool) -> str:
    """A base volume at 10^-decimals, as `Instrument.base_decimals` tells them."""
    if decimals == DECIMALS:
        return base(value, exact)
    return f'"{text(value, decimals, INVERSE_EXACT_PLACES)}"' if exact else text(value, decimals, INVERSE_PLACES)


def quote(value: int, places: int, exact: bool) -> str:
    """A notional at 10^-16: rounded to `places`, or unrounded where `exact`."""
    return f'"{text(value, NOTIONAL_DECIMALS)}"' if exact else text(value, NOTIONAL_DECIMALS, places)


def rounded(value: int, places: int, exact: bool) -> str:
    """A value at 10^-places that is rounded by definition: a ratio, a share, a span."""
    return f'"{text(value, places)}"' if exact else text(value, places)


def share(part: int, whole: int, exact: bool) -> str:
    """`part / whole` to four decimals, `null` where `whole` is nothing."""
    return rounded(ratio(part, whole, SHARE_PLACES), SHARE_PLACES, exact) if whole else "null"


def seconds(first: int | None, last: int | None, exact: bool) -> str:
    """A span of two times in µs as seconds with one decimal; 0 where there is none."""
    if first is None or last is None:
        return rounded(0, SECONDS_PLACES, exact)
    return rounded(ratio(last - first, 1_000_000, SECONDS_PLACES), SECONDS_PLACES, exact)


def millis(ts: int | None) -> str:
    """Microseconds as whole milliseconds, rounded down, as Binance itself cuts them."""
    return "null" if ts is None else str(ts // 1000)


def whole(value: int | None) -> str:
    return "null" if value is None else str(value)


def flag(value: bool) -> str:
    return "true" if value else "false"


def word(value: str | None) -> str:
    """Any text as a JSON string."""
    return "null" if value is None else orjson.dumps(value).decode()


@lru_cache(maxsize=16_384)
def name(value: str) -> str:
    """The same for names that come again and again: symbols, venues, windows."""
    return orjson.dumps(value).decode()
