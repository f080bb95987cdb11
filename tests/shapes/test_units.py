"""The kinds of value: what passes for a decimal, and that each kind says its unit."""

from typing import Any, get_args

import msgspec
import pytest

from orderflow_stream.shapes import units


@pytest.mark.parametrize("text", ["0", "-1", "0.5", "63948.14", "12345678901234567890.00000001"])
def test_plain_decimals_pass(text: str) -> None:
    assert msgspec.convert(text, units.Quote) == text


@pytest.mark.parametrize("text", ["", "1e5", "+1", "01", ".5", "5.", "NaN", "Infinity", "1,5", " 1", "--1", "0x1"])
def test_anything_else_does_not(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, units.Quote)


def test_numbers_pass_too() -> None:
    assert msgspec.convert(63948.14, units.Quote) == 63948.14


def test_a_range_of_ids_is_two_numbers() -> None:
    assert msgspec.convert([1, 2], units.Ids) == [1, 2]
    for wrong in ([1], [1, 2, 3], [1, "2"]):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, units.Ids)


KINDS = [
    "Base",
    "Quote",
    "Usd",
    "Price",
    "Ratio",
    "Seconds",
    "Percent",
    "ContractCount",
    "PlainSeconds",
    "Plain",
    "Millis",
    "Micros",
    "Span",
    "WholeSeconds",
    "Count",
    "TradeCount",
    "TradeId",
    "FillId",
]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_its_unit(name: str) -> None:
    kind: Any = getattr(units, name)
    assert msgspec.json.schema(kind)["x-unit"]


def test_no_code_comes_twice() -> None:
    assert len(set(units.CODES)) == len(units.CODES) == len(get_args(units.Code))
