"""The comparison must fail on everything that is not the same; each case here is one way to be wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.reference.compare import assert_same, load_json

EXPECTED = {"a": Decimal("1.50"), "n": 3, "s": "x", "none": None, "list": [[1, 2]], "sub": {"z": Decimal(0)}}
SAME = '{"a": 1.5, "n": 3, "s": "x", "none": null, "list": [[1, 2]], "sub": {"z": 0}}'


@pytest.mark.parametrize(
    "text", [SAME, SAME.encode(), SAME.replace("1.5", "1.500"), SAME.replace('"z": 0', '"z": 0.0')]
)
def test_equal_values_pass_however_they_are_padded(text: bytes | str) -> None:
    assert_same(text, EXPECTED)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("1.5", "1.5000000000000000001", r"\.a: expected 1\.50, found 1\.5000000000000000001"),  # equal as doubles
        ("1.5", '"1.5"', r"\.a"),
        ("1.5", "null", r"\.a"),
        ('"n": 3', '"n": 3.0', r"\.n"),  # a count is an integer
        ('"n": 3', '"n": true', r"\.n"),
        ('"x"', '"X"', r"\.s"),
        ("null", "0", r"\.none"),
        ("[1, 2]", "[1, 3]", r"\.list\[0\]\[1\]"),
        ("[[1, 2]]", "[]", r"\.list: expected 1 entries, found 0"),
        ('"z": 0', '"y": 0', r"\.sub\.z: missing"),
        ('"n": 3', '"n": 3, "more": 1', r"\.more: unexpected, 1"),
        ('"n": 3, ', "", r"\.n: missing"),
        ('{"z": 0}', "[]", r"\.sub: expected an object"),
    ],
)
def test_a_difference_is_named(old: str, new: str, message: str) -> None:
    assert old in SAME
    with pytest.raises(AssertionError, match=message):
        assert_same(SAME.replace(old, new), EXPECTED)


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"a": 1e2}', "exponent"),
        ('{"a": [{"b": 1.5E-7}]}', "exponent"),
        ('{"a": -0}', "negative zero"),
        ('{"a": -0.00}', "negative zero"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": -Infinity}', "not JSON"),
        ('{"a": 1, "a": 1}', "given twice"),
    ],
)
def test_forbidden_spellings(text: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        load_json(text)


def test_text_that_looks_like_a_number_is_left_alone() -> None:
    assert load_json('{"request_id": "1e5-0", "t": "-0"}') == {"request_id": "1e5-0", "t": "-0"}


def test_ignored_fields_are_left_out_only_where_the_reference_is_silent() -> None:
    assert_same('{"n": 1, "note": "prose", "coverage": {}}', {"n": 1})
    assert_same('{"n": 1, "extra": 2}', {"n": 1}, ignore=("extra",))
    with pytest.raises(AssertionError, match=r"\.note"):
        assert_same('{"note": "prose"}', {"note": "verse"})
    with pytest.raises(AssertionError, match=r"\.sub\.note: unexpected"):
        assert_same('{"sub": {"note": 1}}', {"sub": {}})


def test_decimals_as_strings() -> None:
    assert_same('{"d": "-12.50", "n": 1}', {"d": Decimal("-12.5"), "n": 1}, strings=True)
    for wrong in ("-12.50", '"-1.25E+1"', '"-012.5"', '"-12.5000000000000000001"', '" -12.5"', '"+12.5"'):
        with pytest.raises(AssertionError):
            assert_same(f'{{"d": {wrong}, "n": 1}}', {"d": Decimal("-12.5"), "n": 1}, strings=True)
    with pytest.raises(AssertionError):
        assert_same('{"d": "-0.00"}', {"d": Decimal(0)}, strings=True)


def test_floats_are_refused_on_either_side() -> None:
    with pytest.raises(TypeError, match="JSON text"):
        assert_same({"a": 1.5}, {"a": Decimal("1.5")})
    with pytest.raises(TypeError, match="float"):
        assert_same('{"a": 1.5}', {"a": 1.5})


def test_a_part_of_a_parsed_answer_compares_too() -> None:
    body = load_json('{"data": {"a": 0.1}, "status": "ok"}')
    assert_same(body["data"], {"a": Decimal("0.1")})
    with pytest.raises(AssertionError, match="expected an object"):
        assert_same("[]", {})
