"""Query parameters in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from orderflow_stream.delivery.http.params import Param


def parameter(param: Param) -> dict[str, Any]:
    """One parameter: what it is, its bounds and its default.

    Only what is required, and `symbol`, has a ready `example`, since what tries a route out fills in all of them, and
    not all parameters go together; the other ones have theirs among the `examples` of the schema.
    """
    schema = _schema(param)
    if param.default is not None:
        schema["default"] = param.default
    example = example_of(param)
    schema["examples"] = [example]
    out: dict[str, Any] = {
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": param.description,
        "schema": schema,
    }
    if param.required or param.name == "symbol":
        out["example"] = example
    return out


def example_of(param: Param) -> str | int | float | bool:
    """A value that is right: its own example, else its default, its first word, its lower bound."""
    if param.example is not None:
        if param.kind in {"text", "choice"}:
            return param.example
        return float(param.example) if "." in param.example else int(param.example)
    if param.default is not None:
        return param.default
    if param.choices:
        return param.choices[0]
    if param.kind == "flag":
        return False
    if param.kind in {"integer", "seconds"}:
        return param.low
    raise ValueError(f"parameter {param.name} has no example")


def _schema(param: Param) -> dict[str, Any]:
    match param.kind:
        case "integer":
            return {"type": "integer", "minimum": param.low, "maximum": param.high}
        case "number":
            return {"type": "number", "minimum": param.low / 1_000, "maximum": param.high / 1_000}
        case "seconds":
            return {"type": "number", "minimum": param.low, "maximum": param.high}
        case "notional":
            return {"type": "number", "exclusiveMinimum": 0}
        case "flag":
            return {"type": "boolean"}
        case "choice":
            return {"type": "string", "enum": list(param.choices)}
    return {"type": "string", "minLength": 1, "maxLength": param.most}
