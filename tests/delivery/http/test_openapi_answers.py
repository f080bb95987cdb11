"""Responses in the document."""

from __future__ import annotations

from typing import Any

import pytest

from orderflow_stream.delivery.http import openapi_answers
from orderflow_stream.delivery.http.openapi import document
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.shapes.units import CODES

API = document(routes(metrics=True, liquidations=True), "1")


def answers(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = API["paths"][path][method]["responses"]
    return found


def examples(answer: dict[str, Any]) -> set[str]:
    return set(answer["content"]["application/json"]["examples"])


def test_an_envelope_is_closed_and_whole() -> None:
    schema = answers("get", "/v1/gaps")["200"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["data", "meta", "status", "message", "success"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    assert schema["properties"]["data"]["$ref"] == "#/components/schemas/Gaps"


@pytest.mark.parametrize(
    "method,path,status,codes",
    [
        ("get", "/v1/flow", "400",
         {"missing_parameter", "bad_parameter", "unknown_parameter", "conflicting_parameters"}),
        ("get", "/v1/flow", "404", {"unknown_symbol", "not_found"}),
        ("get", "/v1/flow", "503", {"upstream_busy"}),
        ("get", "/v1/stream", "503", {"over_capacity", "upstream_busy"}),
        ("get", "/readyz", "503", {"not_ready"}),
        ("post", "/admin/reload", "409", {"bad_configuration"}),
        ("post", "/admin/reload", "503", {"not_ready"}),
    ],
)  # fmt: skip
def test_a_refusal_shows_the_codes_that_it_may_have(method: str, path: str, status: str, codes: set[str]) -> None:
    assert examples(answers(method, path)[status]) == codes


def test_every_code_has_an_example_and_a_meaning_of_its_status() -> None:
    assert tuple(API["components"]["examples"]) == CODES
    for code in CODES:
        assert any(code in openapi_answers.of_status(status) for status in openapi_answers.MEANING)
    assert examples(API["components"]["responses"]["MethodNotAllowed"]) == {"method_not_allowed"}


def test_headers_that_matter() -> None:
    flow = answers("get", "/v1/flow")
    assert "ETag" in flow["200"]["headers"]
    assert "ETag" in flow["304"]["headers"]
    assert "content" not in flow["304"]
    assert "Retry-After" in flow["503"]["headers"]
    assert "ETag" not in answers("get", "/v1/gaps")["200"]["headers"]


def test_one_of_several_shapes() -> None:
    assert openapi_answers.any_of([{"a": 1}, {"a": 1}]) == {"a": 1}
    assert openapi_answers.any_of([{"a": 1}, {"a": 2}, {"a": 1}]) == {"anyOf": [{"a": 1}, {"a": 2}]}
