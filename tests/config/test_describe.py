"""The keys as documentation, and the files made of it."""

import tomllib
from pathlib import Path

import pytest

from orderflow_stream.config import __main__ as command
from orderflow_stream.config.describe import describe, example, literal, markdown
from orderflow_stream.config.load import load
from orderflow_stream.config.settings import Settings

ROOT = Path(__file__).parents[2]


def test_every_key_of_the_contract_is_there() -> None:
    keys = {each.key: each for each in describe()}
    assert len(keys) == 48
    assert keys["server.port"].default == "8080"
    assert keys["server.port"].env == "ORDERFLOW_SERVER__PORT"
    assert keys["analytics.large.min_notional"].env == "ORDERFLOW_ANALYTICS__LARGE__MIN_NOTIONAL"
    assert keys["delivery.tick_ms"].unit == "ms"
    assert [key for key, each in keys.items() if each.is_table] == [
        "auth.plans",
        "analytics.large.by_quote",
        "analytics.large.by_symbol",
    ]
    assert all(each.meaning and each.type for each in keys.values())


def test_the_example_file_is_up_to_date() -> None:
    assert (ROOT / "config.example.toml").read_text() == example(), "run: python -m orderflow_stream.config example"


def test_the_example_is_exactly_the_defaults() -> None:
    loaded = load(ROOT / "config.example.toml", {})
    assert loaded.model_dump() == Settings().model_dump()
    assert loaded.source_file == ROOT / "config.example.toml"


def test_the_example_names_every_key_with_default_and_unit() -> None:
    text = example()
    parsed = tomllib.loads(text)
    for each in describe():
        *tables, name = each.key.split(".")
        table = parsed
        for part in tables:
            table = table[part]
        assert name in table
        comment = text.split(f"\n{name} = {each.default}\n")[0].rsplit("\n", 1)[1]
        assert each.env in comment
        assert each.unit in comment


def test_every_default_can_be_given_by_its_variable() -> None:
    environ = {each.env: each.default.strip('[]"').replace('"', "") for each in describe() if not each.is_table}
    assert load(None, environ).model_dump() == Settings().model_dump()


def test_the_table_has_a_row_a_key_and_every_row_its_columns() -> None:
    lines = markdown().splitlines()
    assert len(lines) == len(describe()) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}


@pytest.mark.parametrize("value,text", [(False, "false"), ("a", '"a"'), (["a", 1], '["a", 1]'), ({}, "{}"), (5, "5")])
def test_literals(value: object, text: str) -> None:
    assert literal(value) == text
    assert tomllib.loads(f"x = {text}")["x"] == value


def test_no_literal_is_an_error() -> None:
    with pytest.raises(TypeError, match="no TOML literal"):
        literal(object())


def test_the_command_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    assert capsys.readouterr().out == markdown()
    assert command.main(["example"]) == 0
    assert capsys.readouterr().out == example()
    assert command.main(["nonsense"]) == 2
    assert "usage" in capsys.readouterr().err
