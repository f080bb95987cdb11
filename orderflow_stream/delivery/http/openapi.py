"""The OpenAPI 3.1 document, built from the route table, the parameters' descriptions and the answers' types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderflow_stream.delivery.http.errors import CODE_OF
from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.route import Route
from orderflow_stream.delivery.http.tickets import COOKIE_PATH
from orderflow_stream.shapes.answers import AnswerMeta, Failure

_REF: Final = "#/components/schemas/{name}"
#: JSON schemas by the type that they are of.
Shapes = dict[object, Any]
_MEANING: Final = {
    304: "what the client has is still right",
    204: "the key behind the ticket or cookie is no more: an EventSource stops for good",
    400: "a parameter is missing, wrong, unknown or in conflict; error.param names it",
    401: "a key is needed (where keys are configured), or this one is none",
    403: "the Host or Origin header is not allowed, or the key has not the scope",
    404: "no such symbol or route",
    409: "the configuration has a fault; nothing was changed",
    429: "too many requests; RateLimit says of what, Retry-After for how long",
    500: "a fault of the daemon",
    502: "the venue did not answer",
    503: "not now; Retry-After says when",
}
_DESCRIPTION: Final = (
    "Exact, accounted-for order flow of Binance's aggTrade streams. Decimals are JSON numbers with as many digits as "
    "they need, or with `numbers=string` exact strings. Times are milliseconds since the epoch. Keys are asked for "
    "only where the daemon's configuration has some. Where several venues are on, `venue=` chooses one, and "
    "`/v1/meta?venue=` says what its rows and numbers mean."
)
_SECURITY: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "x-oanor-key is the same"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "the same key"},
    "ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "of POST /v1/ticket, for one stream"},
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document, ready to be written as JSON."""
    listed = [route for route in routes if not route.page]
    types: list[Any] = list(dict.fromkeys([AnswerMeta, *(shape for route in listed for shape in _shapes(route))]))
    shapes, components = msgspec.json.schema_components(types, ref_template=_REF)
    shape_of: Shapes = dict(zip(types, shapes, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "orderflow_stream",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "data", "description": "order flow"},
            {"name": "live", "description": "what is pushed"},
            {"name": "operation", "description": "health, metrics and this document"},
        ],
        "paths": {route.path: {route.method.lower(): _operation(route, shape_of)} for route in listed},
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _shapes(route: Route) -> list[object]:
    """What the answers of that route are made of."""
    return [*((route.data, *route.also) if route.data is not None else ()), Failure, route.failure]


def _any_of(shapes: Sequence[Any]) -> Any:
    """One of several shapes."""
    distinct = [shape for number, shape in enumerate(shapes) if shape not in shapes[:number]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _envelope(data: Any, meta: Any) -> dict[str, Any]:
    """The shape of a success around the shape of its data."""
    members = {
        "data": data,
        "meta": meta,
        "status": {"const": "ok"},
        "message": {"type": "string"},
        "success": {"const": True},
    }
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _operation(route: Route, shape_of: Shapes) -> dict[str, Any]:
    ok: dict[str, Any] = {"description": "OK"}
    if route.data is not None:
        data = _any_of([shape_of[shape] for shape in (route.data, *route.also)])
        ok["content"] = {"application/json": {"schema": _envelope(data, shape_of[AnswerMeta])}}
    elif route.media == "application/json":
        ok["content"] = {route.media: {"schema": {"type": "object"}}}
    else:
        ok["content"] = {route.media: {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {"200": ok}
    refusals = {429} if route.scope == "page" else set() if route.scope == "open" else {401, 429}
    for status in sorted({400, 403, 500, *route.errors, *refusals}):
        responses[str(status)] = {"description": _MEANING.get(status, CODE_OF.get(status, "refused"))}
        if status >= 400:
            failure = _any_of([shape_of[Failure], shape_of[route.failure]])
            responses[str(status)]["content"] = {"application/json": {"schema": failure}}
    return {
        "operationId": route.path.strip("/").replace("/", "_").replace(".", "_") or "root",
        "summary": route.summary,
        "tags": [route.tag],
        "security": _security(route),
        "parameters": [_parameter(param) for param in route.params or ()],
        "responses": responses,
    }


def _security(route: Route) -> list[dict[str, list[str]]]:
    """The ways to be let in, any of them; the empty one stands for daemons without keys."""
    if route.scope in {"open", "page"}:
        return []
    ways: list[dict[str, list[str]]] = [{"key": []}, {"bearer": []}]
    if route.path == COOKIE_PATH:
        ways.append({"ticket": []})
    return ways if route.scope == "admin" else [{}, *ways]


def _parameter(param: Param) -> dict[str, Any]:
    schema: dict[str, Any]
    if param.kind == "integer":
        schema = {"type": "integer", "minimum": param.low, "maximum": param.high}
    elif param.kind == "seconds":
        schema = {"type": "number", "minimum": param.low, "maximum": param.high}
    elif param.kind == "notional":
        schema = {"type": "number", "exclusiveMinimum": 0}
    elif param.kind == "flag":
        schema = {"type": "boolean"}
    elif param.kind == "choice":
        schema = {"type": "string", "enum": list(param.choices)}
    else:
        schema = {"type": "string", "minLength": 1}
    if param.default is not None:
        schema["default"] = param.default
    out: dict[str, Any] = {
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": param.description,
        "schema": schema,
    }
    if param.example is not None:
        out["example"] = int(param.example) if param.kind in {"integer", "notional"} else param.example
    return out
