"""Parameters in the document: each is described, with its bounds and an example that is within them."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from orderflow_stream.delivery.http.openapi_params import example_of, parameter
from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.routes import routes

PARAMS = [(route.path, param) for route in routes(metrics=True, liquidations=True) for param in route.params or ()]


@pytest.mark.parametrize("path,param", PARAMS, ids=[f"{path}-{param.name}" for path, param in PARAMS])
def test_each_is_described_and_its_example_is_right(path: str, param: Param) -> None:
    told = parameter(param)
    assert len(told["description"]) > 3
    (example,) = told["schema"]["examples"]
    check = jsonschema_rs.validator_for(told["schema"])
    assert check.is_valid(example)
    assert told.get("example", example) == example
    if param.default is not None:
        assert check.is_valid(told["schema"]["default"])


@pytest.mark.parametrize(
    "param,schema",
    [
        (Param("a", "integer", "…", low=1, high=5), {"type": "integer", "minimum": 1, "maximum": 5}),
        (Param("a", "seconds", "…", low=0, high=30), {"type": "number", "minimum": 0, "maximum": 30}),
        (
            Param("a", "number", "…", low=50_000, high=99_999, example="99.5"),
            {"type": "number", "minimum": 50.0, "maximum": 99.999},
        ),
        (Param("a", "notional", "…", example="0.5"), {"type": "number", "exclusiveMinimum": 0}),
        (Param("a", "flag", "…"), {"type": "boolean"}),
        (Param("a", "choice", "…", choices=("x", "y")), {"type": "string", "enum": ["x", "y"]}),
        (Param("a", "text", "…", example="z"), {"type": "string", "minLength": 1, "maxLength": 256}),
    ],
)
def test_bounds_by_kind(param: Param, schema: dict[str, Any]) -> None:
    told = parameter(param)["schema"]
    assert {key: told[key] for key in schema} == schema
    assert set(told) - set(schema) == {"examples"}


def test_only_what_must_be_given_is_filled_in_beforehand() -> None:
    assert "example" not in parameter(Param("coin", "text", "…", example="BTC"))
    assert parameter(Param("symbol", "text", "…", example="BTCUSDT"))["example"] == "BTCUSDT"
    assert parameter(Param("symbols", "text", "…", example="A,B", required=True))["example"] == "A,B"


def test_a_parameter_without_an_example_is_an_error() -> None:
    with pytest.raises(ValueError, match="name has no example"):
        example_of(Param("name", "text", "…"))
