"""JSON schemas of the daemon's answers that can stand inside another schema."""

from __future__ import annotations

from typing import Any, Final

import msgspec

_PREFIX: Final = "#/$defs/"


def schema_of(shape: Any) -> dict[str, Any]:
    """The schema of a shape of `orderflow_stream.shapes`, with nothing in it that refers to elsewhere. Decimals are
    exact here, hence strings only. The shapes do not contain themselves."""
    schema = msgspec.json.schema(shape)
    found: dict[str, Any] = _whole(schema, schema.get("$defs", {}))
    return found


def _whole(part: Any, defs: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_whole(each, defs) for each in part]
    if not isinstance(part, dict):
        return part
    out: dict[str, Any] = {}
    if "$ref" in part:
        out |= _whole(defs[part["$ref"].removeprefix(_PREFIX)], defs)
    out |= {name: _whole(each, defs) for name, each in part.items() if name not in {"$ref", "$defs"}}
    kinds = out.get("anyOf")
    if isinstance(kinds, list) and {"number", "string"} <= {
        each.get("type") for each in kinds if isinstance(each, dict)
    }:
        out["anyOf"] = [each for each in kinds if each.get("type") != "number"]
    return out
