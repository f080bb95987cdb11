"""Exact numbers and their text.

Prices and quantities are integers at 10^-8 (`SCALE`), the grid Binance itself uses on the wire. A notional is the
exact product of a price and a quantity, an integer at 10^-16 (`NOTIONAL_SCALE`). Nothing here touches a float, so
sums may be compared with `==`; rounding happens once, in `text`, half to even.
"""

from __future__ import annotations

from typing import Final

DECIMALS: Final = 8
SCALE: Final = 10**DECIMALS
NOTIONAL_DECIMALS: Final = 2 * DECIMALS
NOTIONAL_SCALE: Final = 10**NOTIONAL_DECIMALS
#: Decimals of the base volume of inverse contracts: a quotient, rounded trade by trade, so far down that the sum of any
#: number of them is right to the last decimal that is ever shown.
INVERSE_DECIMALS: Final = 24

#: The largest price or quantity, at 10^-8, that a stored 64-bit column may carry.
MAX_SCALED: Final = 2**63 - 1

US_PER_MS: Final = 1_000
US_PER_S: Final = 1_000_000

#: Longest decimal text accepted: 2^63 at 10^-8 has 19 digits; leading zeros and a point may be added, a novel may not.
_MAX_TEXT: Final = 40

_TEN: Final[tuple[int, ...]] = tuple(10**n for n in range(40))

_UNITS_US: Final = {"s": US_PER_S, "m": 60 * US_PER_S, "h": 3600 * US_PER_S, "d": 86_400 * US_PER_S}


def parse_scaled(text: str) -> int:
    """Decimal text to an integer at 10^-8: `"0.00084000"` -> `84000`.

    Raises `ValueError` where the text is no plain non-negative decimal, has a digit beyond the eighth decimal, or
    does not fit a signed 64-bit column.
    """
    if len(text) > 9 and text[-9] == ".":  # the form Binance sends: eight decimals, always
        digits = text[:-9] + text[-8:]
        if digits.isdecimal() and digits.isascii() and len(text) <= _MAX_TEXT:
            value = int(digits)
            if value <= MAX_SCALED:
                return value
    return _parse_plain(text, DECIMALS)


def _parse_plain(text: str, decimals: int) -> int:
    whole, point, fraction = text.partition(".")
    if len(text) > _MAX_TEXT or not text.isascii() or not whole.isdecimal() or (point and not fraction.isdecimal()):
        raise ValueError(f"not a plain decimal: {text[:_MAX_TEXT]!r}")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(f"more than {decimals} decimals: {text!r}")
    value = int(whole + fraction.ljust(decimals, "0"))
    if value > MAX_SCALED:
        raise ValueError(f"beyond 64 bits at {decimals} decimals: {text!r}")
    return value


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` as an integer, ties to even; `denominator` must be positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def ratio(numerator: int, denominator: int, places: int) -> int:
    """`numerator / denominator` at 10^-places, rounded half to even."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return divide_half_even(numerator * _TEN[places], denominator)


def round_to(value: int, decimals: int, places: int) -> int:
    """A value at 10^-decimals, moved to 10^-places; half to even where digits are lost."""
    if places >= decimals:
        return value * _TEN[places - decimals]
    return divide_half_even(value, _TEN[decimals - places])


def text(value: int, decimals: int, places: int | None = None) -> str:
    """A value at 10^-decimals as plain decimal text: no exponent, no trailing zeros, no negative zero.

    With `places` the value is rounded to that many decimals first, half to even.
    """
    if places is not None and places < decimals:
        value = divide_half_even(value, _TEN[decimals - places])
        decimals = places
    if decimals == 0:
        return str(value)
    sign = "-" if value < 0 else ""
    digits = str(abs(value)).rjust(decimals + 1, "0")
    fraction = digits[-decimals:].rstrip("0")
    whole = digits[:-decimals]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def parse_notional(text_: str) -> int:
    """Decimal text to a notional at 10^-16; at most sixteen decimals, no sign, no exponent, else `ValueError`."""
    whole, point, fraction = text_.partition(".")
    if len(text_) > _MAX_TEXT or not text_.isascii() or not whole.isdecimal() or (point and not fraction.isdecimal()):
        raise ValueError(f"not a plain decimal: {text_[:_MAX_TEXT]!r}")
    fraction = fraction.rstrip("0")
    if len(fraction) > NOTIONAL_DECIMALS:
        raise ValueError(f"more than {NOTIONAL_DECIMALS} decimals: {text_!r}")
    return int(whole + fraction.ljust(NOTIONAL_DECIMALS, "0"))


def parse_duration(text_: str) -> int:
    """`"30s"`, `"5m"`, `"1h"`, `"1d"` to microseconds; anything else, and zero, is a `ValueError`."""
    number, unit = text_[:-1], text_[-1:]
    if not number.isascii() or not number.isdecimal() or len(number) > 6 or unit not in _UNITS_US or not int(number):
        raise ValueError(f"not a duration: {text_!r} (write 30s, 5m, 1h or 1d)")
    return int(number) * _UNITS_US[unit]
