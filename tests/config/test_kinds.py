"""How a key is written down, and the kinds of value."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from orderflow_stream.config.kinds import Seconds, Symbols, Table, Whole, key


class Sample(Table):
    """[sample]"""

    most: Whole = key(5, type="integer 1-9", unit="trades", meaning="how many", ge=1, le=9)
    wait: Seconds = key(0.5, type="number", unit="s", meaning="how long", gt=0)
    symbols: Symbols = key(["BTCUSDT"], type="list", meaning="which")


def test_defaults_go_through_the_same_checks() -> None:
    class Wrong(Table):
        most: Whole = key(50, type="integer 1-9", meaning="too many", le=9)

    with pytest.raises(ValidationError):
        Wrong()
    assert (Sample().most, Sample().wait, Sample().symbols) == (5, 0.5, ("BTCUSDT",))


@pytest.mark.parametrize(
    "given",
    [{"most": 0}, {"most": 10}, {"most": True}, {"most": 1.5}, {"wait": 0}, {"unknown": 1}],
)
def test_what_is_out_of_bounds_or_unknown_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate(given)


def test_what_is_written_twice_counts_once() -> None:
    assert Sample.model_validate({"symbols": ["A", "B", "A"]}).symbols == ("A", "B")


def test_a_table_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Sample().most = 6  # type: ignore[misc]


def test_words_for_people_stand_at_the_key() -> None:
    field = Sample.model_fields["most"]
    assert field.description == "how many"
    assert field.json_schema_extra == {"type": "integer 1-9", "unit": "trades"}
