"""The OpenAPI 3.1 document, built from the route table, the parameters' descriptions and the answers' types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from orderflow_stream.delivery.http import openapi_answers, openapi_stream
from orderflow_stream.delivery.http.openapi_params import parameter
from orderflow_stream.delivery.http.route import Route
from orderflow_stream.delivery.http.tickets import COOKIE_PATH
from orderflow_stream.shapes.answers import AnswerMeta, Failure

VERSION: Final = "3.1.1"
_REF: Final = "#/components/schemas/{name}"
DESCRIPTION: Final = (
    "Exact, accounted-for order flow of Binance's aggTrade streams. Decimals are JSON numbers with as many digits as "
    "they need, or with `numbers=string` exact strings; each field says its unit (`x-unit`: `base` and `quote` are the "
    "instrument's assets). Times are milliseconds since the epoch. Keys are asked for only where the daemon's "
    "configuration has some. Where several venues are on, `venue=` chooses one, and `/v1/meta?venue=` says what its "
    "rows and numbers mean.\n\n"
    "Every answer is an envelope: `data`, `meta`, `status`, `message`, `success`; a failure has `error.code` and "
    "`error.param` besides. Every answer says in `coverage` which trade ids it stands on and which are missing; "
    "`complete: true` means that nothing is, up to `as_of`."
)
_SECURITY: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "x-oanor-key is the same"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "the same key"},
    "ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "of POST /v1/ticket, for one stream"},
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document, ready to be written as JSON."""
    listed = [route for route in routes if not route.page]
    streams = openapi_stream.shapes() if any(route.media == openapi_stream.MEDIA for route in listed) else []
    known = [AnswerMeta, *(shape for route in listed for shape in _shapes(route)), *streams]
    types: list[Any] = list(dict.fromkeys(known))
    shapes, components = msgspec.json.schema_components(types, ref_template=_REF)
    shape_of = dict(zip(types, shapes, strict=True))
    if streams:
        components |= openapi_stream.schemas(shape_of)
    for schema in components.values():
        _finish(schema)
    paths: dict[str, Any] = {}
    for route in listed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shape_of)
    return {
        "openapi": VERSION,
        "info": {
            "title": "orderflow_stream",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "the daemon that this document comes from"}],
        "tags": [
            {"name": "data", "description": "order flow"},
            {"name": "live", "description": "what is pushed"},
            {"name": "operation", "description": "health, metrics and this document"},
        ],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": openapi_answers.common(shape_of),
            "examples": openapi_answers.examples(),
            "securitySchemes": _SECURITY,
        },
    }


def _shapes(route: Route) -> list[object]:
    """What the answers of that route are made of."""
    return [*((route.data, *route.also) if route.data is not None else ()), Failure, route.failure]


def _operation(route: Route, shape_of: openapi_answers.Shapes) -> dict[str, Any]:
    headers = [openapi_answers.IF_NONE_MATCH] if 304 in route.errors else []
    if route.media == openapi_stream.MEDIA:
        headers.append(openapi_stream.LAST_EVENT_ID)
    return {
        "operationId": route.path.strip("/").replace("/", "_").replace(".", "_") or "root",
        "summary": route.summary,
        "description": "\n\n".join([route.about or route.summary, *_curl(route)]),
        "tags": [route.tag],
        "security": _security(route),
        "parameters": [*map(parameter, route.params or ()), *headers],
        "responses": openapi_answers.responses(route, shape_of),
    }


def _curl(route: Route) -> Iterator[str]:
    """How the recorded answers were asked for."""
    asked = [one.ask.partition(" ")[2] for one in openapi_answers.of_route(route)]
    if asked:
        post = "" if route.method == "GET" else f" -X {route.method}"
        key = ' -H "x-api-key: $KEY"' if route.scope == "admin" else ""
        lines = [f"curl -s{post}{key} 'http://127.0.0.1:8080{path}'" for path in asked]
        yield "\n".join(["```", *lines, "```"])


def _security(route: Route) -> list[dict[str, list[str]]]:
    """The ways to be let in, any of them; the empty one stands for daemons without keys."""
    if route.scope in {"open", "page"}:
        return []
    ways: list[dict[str, list[str]]] = [{"key": []}, {"bearer": []}]
    if route.path == COOKIE_PATH:
        ways.append({"ticket": []})
    return ways if route.scope == "admin" else [{}, *ways]


def _finish(schema: dict[str, Any]) -> None:
    """Docstrings on one line; what has one value only is a constant (generators of clients know no other way); and
    whoever reads a description reads its unit too."""
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    for member in schema.get("properties", {}).values():
        unit = unit_of(member)
        if unit not in {None, "1"}:
            member["description"] += f" ({unit})"
        if len(member.get("enum", ())) == 1:
            (only,) = member.pop("enum")
            member |= {"const": only, "type": "boolean" if isinstance(only, bool) else "string"}


def unit_of(schema: Any) -> str | None:
    """The unit of a value, or of what a list or an object by name is made of; None where it is no number."""
    if not isinstance(schema, dict):
        return None
    if "x-unit" in schema:
        return str(schema["x-unit"])
    inner = [schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())]
    return next((unit for unit in map(unit_of, inner) if unit is not None), None)
