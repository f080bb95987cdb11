from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core import units
from tests.core.making import law

WIDE = Context(prec=90)


@pytest.mark.parametrize(
    "text, value",
    [
        ("0.00084000", 84_000),
        ("122335.79000000", 12_233_579_000_000),
        ("0.00000001", 1),
        ("7", 700_000_000),
        ("007.10", 710_000_000),
        ("1.5000000000", 150_000_000),
        ("92233720368.54775807", 2**63 - 1),
        ("0.00000000", 0),
    ],
)
def test_a_decimal_becomes_its_integer(text: str, value: int) -> None:
    assert units.parse_scaled(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "1.", ".5", "-1", "+1.00000000", "-1.00000000", "1e5", "1 ", " 1", "1_000", "NaN", "0x10"),
        *("1.000000001", "92233720368.54775808", "1.0.0", "1,5", "٣.00000000", "²", "1" * 41, "0" * 100 + "1"),
        "12345678901.٣2345678",
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        units.parse_scaled(text)


@law(80)
@given(st.integers(0, units.MAX_SCALED))
def test_text_and_number_are_each_other(value: int) -> None:
    assert units.parse_scaled(units.text(value, 8)) == value
    fixed = f"{value // units.SCALE}.{value % units.SCALE:08d}"
    assert units.parse_scaled(fixed) == value


@law(80)
@given(st.integers(-(10**40), 10**40), st.integers(0, 16), st.integers(0, 16))
def test_text_rounds_half_to_even_and_is_plain(value: int, decimals: int, places: int) -> None:
    shown = units.text(value, decimals, places)
    exact = WIDE.scaleb(Decimal(value), -decimals)
    assert Decimal(shown) == (
        exact if places >= decimals else exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, WIDE)
    )
    assert "e" not in shown.lower()
    assert shown != "-0"
    assert "." not in shown or not shown.endswith(("0", "."))


@pytest.mark.parametrize(
    "value, decimals, places, shown",
    [(-4, 3, 2, "0"), (5, 3, 2, "0"), (15, 3, 2, "0.02"), (-15, 3, 2, "-0.02"), (25, 3, 2, "0.02"), (0, 8, None, "0")],
)
def test_ties_and_signs(value: int, decimals: int, places: int | None, shown: str) -> None:
    assert units.text(value, decimals, places) == shown


@law(80)
@given(st.integers(-(10**30), 10**30), st.integers(1, 10**30), st.integers(0, 8))
def test_a_ratio_is_rounded_once(numerator: int, denominator: int, places: int) -> None:
    got = units.ratio(numerator, denominator, places)
    assert got == round(Fraction(numerator * 10**places, denominator))
    assert units.ratio(-numerator, -denominator, places) == got


def test_a_ratio_of_ties_goes_to_even() -> None:
    assert [units.ratio(n, 2, 0) for n in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]


@law(80)
@given(st.integers(-(10**30), 10**30), st.integers(0, 16), st.integers(0, 16))
def test_moving_to_other_places(value: int, decimals: int, places: int) -> None:
    moved = units.round_to(value, decimals, places)
    assert units.text(moved, places) == units.text(value, decimals, places)


def test_notionals_have_sixteen_decimals() -> None:
    assert units.parse_notional("100000") == 10**21
    assert units.parse_notional("0.0000000000000001") == 1
    for text in ("", "-1", "1e5", "0.00000000000000001", "1.", ".1", "1" * 41):
        with pytest.raises(ValueError, match="decimal"):
            units.parse_notional(text)


def test_durations() -> None:
    known = {"30s": 30_000_000, "5m": 300_000_000, "1h": 3_600_000_000, "1d": 86_400_000_000}
    assert {text: units.parse_duration(text) for text in known} == known
    for text in ("", "s", "5", "0m", "-1m", "1.5h", "5M", "1w", "²s", "1000000s", " 5m"):
        with pytest.raises(ValueError, match="write 30s"):
            units.parse_duration(text)
