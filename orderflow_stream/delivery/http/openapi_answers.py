"""Responses in the OpenAPI document: envelopes, refusals by status, and what they really looked like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from orderflow_stream.delivery.http import openapi_stream
from orderflow_stream.delivery.http.route import Route
from orderflow_stream.shapes.answers import AnswerMeta, Failure
from orderflow_stream.shapes.examples import Example, recorded

#: JSON schemas by the type that they are of.
Shapes = Mapping[object, Any]
JSON: Final = "application/json"
METHOD_NOT_ALLOWED: Final = 405
MEANING: Final = {
    200: "OK",
    204: "the key behind the ticket or cookie is no more: an EventSource stops for good",
    304: "what the client has is still right",
    400: "a parameter is missing, wrong, unknown or in conflict; error.param names it",
    401: "a key is needed (where keys are configured), or this one is none",
    403: "the Host or Origin header is not allowed, or the key has not the scope",
    404: "no such symbol or route",
    405: "another method than the route has; the header Allow names those",
    409: "the configuration has a fault; nothing was changed",
    429: "too many requests; RateLimit says of what, Retry-After for how long",
    500: "a fault of the daemon",
    502: "the venue did not answer",
    503: "not now; Retry-After says when",
}
#: Where several codes have one status: those that a kind of route gives.
_GIVEN: Final = {
    ("/readyz", 503): ("not_ready",),
    ("/admin/reload", 503): ("not_ready",),
    ("/v1/stream", 503): ("over_capacity", "upstream_busy"),
}
_REQUEST_ID: Final = {
    "description": "the id of the request, as in meta.request_id",
    "schema": {"type": "string"},
}
_ETAG: Final = {
    "description": "names exactly the trades that the answer stands on; for If-None-Match",
    "schema": {"type": "string"},
}
_RETRY_AFTER: Final = {
    "description": "seconds to wait, where waiting helps",
    "schema": {"type": "integer", "minimum": 0, "x-unit": "s"},
}
IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "an ETag of an earlier answer: 304 where that one is still right",
    "schema": {"type": "string", "examples": ['W/"0123456789abcdef01234567"']},
}


def responses(route: Route, shape_of: Shapes) -> dict[str, Any]:
    """Every response of that route, by status."""
    out: dict[str, Any] = {"200": _success(route, shape_of)}
    refusals = {429} if route.scope == "page" else set() if route.scope == "open" else {401, 429}
    for status in sorted({400, 403, 500, *route.errors, *refusals}):
        out[str(status)] = _other(route, status, shape_of)
    return out


def _success(route: Route, shape_of: Shapes) -> dict[str, Any]:
    headers = {"X-Request-Id": _REQUEST_ID}
    if 304 in route.errors:
        headers["ETag"] = _ETAG
    content: dict[str, Any]
    if route.data is not None:
        data = any_of([shape_of[shape] for shape in (route.data, *route.also)])
        content = {JSON: {"schema": envelope(data, shape_of[AnswerMeta])}}
        examples = {
            one.name.replace(" ", "_"): {"summary": f"{one.name}: {one.ask}", "value": one.body}
            for one in of_route(route)
        }
        if examples:
            content[JSON]["examples"] = examples
    elif route.media == openapi_stream.MEDIA:
        content = {route.media: openapi_stream.content()}
    elif route.media == JSON:
        content = {JSON: {"schema": {"type": "object"}}}
    else:
        content = {route.media: {"schema": {"type": "string"}}}
    return {"description": MEANING[200], "headers": headers, "content": content}


def _other(route: Route, status: int, shape_of: Shapes) -> dict[str, Any]:
    out: dict[str, Any] = {"description": MEANING[status]}
    if status == 304:
        out["headers"] = {"ETag": _ETAG}
    if status in {429, 502, 503}:
        out["headers"] = {"Retry-After": _RETRY_AFTER}
    if status >= 400:
        schema = any_of([shape_of[Failure], shape_of[route.failure]])
        out["content"] = {JSON: {"schema": schema, "examples": _refusals(_GIVEN.get((route.path, status)), status)}}
    return out


def _refusals(codes: Iterable[str] | None, status: int) -> dict[str, Any]:
    """The examples of these codes (None: of all with that status that a venue's data has)."""
    special = {code for (_, at), given in _GIVEN.items() if at == status for code in given} - {"upstream_busy"}
    chosen = codes if codes is not None else [c for c in of_status(status) if c not in special]
    return {code: {"$ref": f"#/components/examples/{code}"} for code in chosen}


def of_route(route: Route) -> list[Example]:
    """The recorded answers of that route."""
    return [one for one in recorded().answers if one.route == (route.method, route.path)]


def of_status(status: int) -> list[str]:
    """The codes of refusals with that status."""
    return [code for code, one in recorded().failures.items() if one.status == status]


def examples() -> dict[str, Any]:
    """Components: one refusal of each code."""
    return {code: {"summary": f"{code}: {one.ask}", "value": one.body} for code, one in recorded().failures.items()}


def common(shape_of: Shapes) -> dict[str, Any]:
    """Components: the response that belongs to no operation of the document."""
    schema, codes = shape_of[Failure], of_status(METHOD_NOT_ALLOWED)
    content = {JSON: {"schema": schema, "examples": _refusals(codes, METHOD_NOT_ALLOWED)}}
    return {"MethodNotAllowed": {"description": MEANING[METHOD_NOT_ALLOWED], "content": content}}


def any_of(shapes: Sequence[Any]) -> Any:
    """One of several shapes."""
    distinct = [shape for number, shape in enumerate(shapes) if shape not in shapes[:number]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def envelope(data: Any, meta: Any) -> dict[str, Any]:
    """The shape of a success around the shape of its data."""
    members = {
        "data": {**data, "description": "the answer"},
        "meta": {**meta, "description": "of every answer"},
        "status": {"const": "ok", "type": "string", "description": "ok"},
        "message": {"type": "string", "description": "what was done, for a person"},
        "success": {"const": True, "type": "boolean", "description": "true"},
    }
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
