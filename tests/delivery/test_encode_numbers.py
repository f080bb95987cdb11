"""How numbers are written, against `decimal`, and the rules about pressure and places."""

import json
import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.delivery import encode_numbers as numbers
from orderflow_stream.delivery.encode_numbers import FIAT_AND_STABLE, Rules
from tests.delivery.encoding import RULES, of, rounded

VALUES = st.integers(-(10**40), 10**40)
WHOLES = st.integers(1, 10**40)
#: No exponent, no sign of a zero, no leading or trailing zeros, no plus.
PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?")


def read(write: Callable[[bool], str]) -> Decimal:
    """What both styles say (asserted to be the same) of a value that needs no further rounding."""
    plain, string = write(False), write(True)
    assert string == f'"{plain}"'
    return parsed(plain)


def parsed(written: str) -> Decimal:
    assert PLAIN.fullmatch(written), written
    assert written != "-0"
    return Decimal(written)


@given(value=VALUES)
def test_prices_and_quantities_are_never_rounded(value: int) -> None:
    assert read(lambda exact: numbers.base(value, exact)) == of(value, 8)


@given(value=VALUES, places=st.sampled_from([2, 8, 16]))
def test_notionals_are_rounded_once_to_even_and_exact_ones_not_at_all(value: int, places: int) -> None:
    assert parsed(numbers.quote(value, places, False)) == rounded(of(value, 16), places)
    string = numbers.quote(value, places, True)
    assert (string[0], string[-1]) == ('"', '"')
    assert parsed(string[1:-1]) == of(value, 16)


@pytest.mark.parametrize(
    "value,expected",
    [
        (5 * 10**13, "0"),  # 0.005 is in the middle: to the even neighbour
        (15 * 10**13, "0.02"),
        (25 * 10**13, "0.02"),
        (25 * 10**13 + 1, "0.03"),
        (-5 * 10**13, "0"),  # and never -0
        (-15 * 10**13, "-0.02"),
        (10**16, "1"),
    ],
)
def test_the_middle_goes_to_the_even_neighbour(value: int, expected: str) -> None:
    assert numbers.quote(value, 2, False) == expected


@given(value=VALUES, places=st.integers(0, 8))
def test_what_is_rounded_by_definition_is_the_same_in_both_styles(value: int, places: int) -> None:
    assert read(lambda exact: numbers.rounded(value, places, exact)) == of(value, places)


@given(part=st.integers(0, 10**40), whole=WHOLES)
def test_shares(part: int, whole: int) -> None:
    with localcontext() as context:
        context.prec = 200
        expected = rounded(Decimal(part) / Decimal(whole), 4)
    assert read(lambda exact: numbers.share(part, whole, exact)) == expected


@pytest.mark.parametrize("exact", [False, True])
def test_a_share_of_nothing_is_null(exact: bool) -> None:
    assert numbers.share(0, 0, exact) == "null"


@given(first=st.integers(0, 2**62), span=st.integers(0, 2**62))
def test_spans_in_seconds(first: int, span: int) -> None:
    assert read(lambda exact: numbers.seconds(first, first + span, exact)) == rounded(of(span, 6), 1)


@pytest.mark.parametrize("first,last", [(None, None), (1, None), (None, 1)])
def test_no_span_is_zero_seconds(first: int | None, last: int | None) -> None:
    assert (numbers.seconds(first, last, False), numbers.seconds(first, last, True)) == ("0", '"0"')


@given(ts=st.integers(-(2**62), 2**62))
def test_milliseconds_are_cut_downwards(ts: int) -> None:
    assert Decimal(numbers.millis(ts)) == of(ts, 3).quantize(Decimal(1), rounding=ROUND_FLOOR)


def test_what_is_not_there_is_null() -> None:
    assert numbers.millis(None) == numbers.whole(None) == numbers.word(None) == "null"
    assert (numbers.whole(0), numbers.flag(True), numbers.flag(False)) == ("0", "true", "false")


@given(text=st.text())
def test_words_and_names_are_json_on_one_line(text: str) -> None:
    assert json.loads(numbers.word(text)) == text
    assert numbers.name(text) == numbers.word(text)
    assert not {"\n", "\r"} & set(numbers.word(text))


@given(buy=st.integers(0, 10**40), sell=st.integers(0, 10**40), cuts=st.tuples(*[st.fractions(0, 1)] * 2))
def test_pressure_is_that_of_fractions(buy: int, sell: int, cuts: tuple[Fraction, Fraction]) -> None:
    rules = Rules(min(cuts), max(cuts))
    if not buy + sell:
        assert rules.pressure(buy, sell) is None
        return
    imbalance = Fraction(abs(buy - sell), buy + sell)
    side = "buy" if buy > sell else "sell"
    expected = "balanced" if imbalance < rules.balanced else side if imbalance < rules.strong else f"strong_{side}"
    assert rules.pressure(buy, sell) == expected


@pytest.mark.parametrize(
    "buy,sell,expected",
    [
        (0, 0, None),
        (1, 1, "balanced"),
        (10_999_999, 9_000_001, "balanced"),  # 0.0999999 and a bit: not there yet
        (11, 9, "buy"),  # 0.10 exactly
        (9, 11, "sell"),
        (12_999_999, 7_000_001, "buy"),
        (13, 7, "strong_buy"),  # 0.30 exactly
        (7, 13, "strong_sell"),
        (11 * 10**40, 9 * 10**40, "buy"),
        (11 * 10**40 - 1, 9 * 10**40, "balanced"),  # doubles cannot tell these two apart
    ],
)
def test_pressure_is_compared_exactly(buy: int, sell: int, expected: str | None) -> None:
    assert RULES.pressure(buy, sell) == expected


def test_the_published_list_has_what_the_contract_names() -> None:
    named = "USDT USDC FDUSD TUSD DAI USD1 U USD EUR TRY BRL BUSD USDP GBP JPY AUD"
    assert set(named.split()) <= FIAT_AND_STABLE
    assert (RULES.places("USDT"), RULES.places("BTC"), RULES.places("BNB")) == (2, 8, 8)
