"""The product's JSON against the oracle's decimals: value by value, with `==`, and the spelling of every number."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NoReturn

#: A decimal as `numbers=string` must spell it: no exponent, no plus, no leading zeros, no bare point.
_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def load_json(raw: bytes | str) -> Any:
    """Parses one JSON text with every number exact (`int` or `Decimal`).

    AssertionError names a number that the contract forbids (exponent, -0, NaN, Infinity) and a key given twice."""
    return json.loads(
        raw, parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
    )


def assert_same(
    actual: bytes | str | Mapping[str, Any],
    expected: Mapping[str, Any],
    *,
    ignore: Collection[str] = ("note", "coverage"),
    strings: bool = False,
) -> None:
    """Holds that `actual` (JSON text, or part of what `load_json` gave) has the fields of `expected`, no others but
    those in `ignore` (top level), and equal values. `int` stands for a JSON integer, `Decimal` for any JSON number of
    that value, or, with `strings`, for a string that spells it plainly. Lists compare in order."""
    found = load_json(actual) if isinstance(actual, bytes | str) else actual
    if not isinstance(found, Mapping):
        raise AssertionError(f"expected an object, found {found!r}")
    kept = {key: value for key, value in found.items() if key in expected or key not in ignore}
    problems: list[str] = []
    _compare("", kept, expected, strings, problems)
    if problems:
        more = f"\n… and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise AssertionError("differs from the reference:\n" + "\n".join(problems[:20]) + more)


def _compare(path: str, actual: Any, expected: Any, strings: bool, problems: list[str]) -> None:
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            problems.append(f"{path or '.'}: expected an object, found {actual!r}")
            return
        problems.extend(f"{path}.{key}: missing" for key in expected if key not in actual)
        problems.extend(f"{path}.{key}: unexpected, {actual[key]!r}" for key in actual if key not in expected)
        for key in expected:
            if key in actual:
                _compare(f"{path}.{key}", actual[key], expected[key], strings, problems)
    elif isinstance(expected, list | tuple):
        if not isinstance(actual, list | tuple) or len(actual) != len(expected):
            size = len(actual) if isinstance(actual, list | tuple) else repr(actual)
            problems.append(f"{path}: expected {len(expected)} entries, found {size}")
            return
        for index, pair in enumerate(zip(actual, expected, strict=True)):
            _compare(f"{path}[{index}]", *pair, strings, problems)
    elif not _equal(actual, expected, strings):
        problems.append(f"{path}: expected {_show(expected)}, found {_show(actual)}")


def _equal(actual: Any, expected: Any, strings: bool) -> bool:
    if isinstance(actual, float):
        raise TypeError("a float has already lost digits: hand over the JSON text, or what load_json gave")
    if expected is None or isinstance(expected, bool | str):
        return type(actual) is type(expected) and bool(actual == expected)
    if isinstance(expected, int):
        return type(actual) is int and actual == expected
    if not isinstance(expected, Decimal):
        raise TypeError(f"the reference holds a {type(expected).__name__}: {expected!r}")
    if strings:
        return isinstance(actual, str) and _plain(actual) and Decimal(actual) == expected
    return type(actual) in {int, Decimal} and Decimal(actual) == expected


def _plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and not _minus_zero(text)


def _show(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)


def _minus_zero(text: str) -> bool:
    return text.startswith("-") and Decimal(text) == 0


def _decimal(text: str) -> Decimal:
    if "e" in text.lower():
        raise AssertionError(f"a number with an exponent: {text}")
    if _minus_zero(text):
        raise AssertionError(f"a negative zero: {text}")
    return Decimal(text)


def _integer(text: str) -> int:
    if _minus_zero(text):
        raise AssertionError(f"a negative zero: {text}")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise AssertionError(f"not JSON: {text}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise AssertionError(f"a key given twice: {sorted(key for key in set(keys) if keys.count(key) > 1)}")
    return dict(pairs)
