"""The document against the running daemon: every route is in it, with the bounds that hold, and everything is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from orderflow_stream.delivery.http.openapi import document, unit_of
from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.shapes.examples import recorded
from tests.delivery.http.world import Daemon

TABLE = routes(metrics=True)
ALL = routes(metrics=True, liquidations=True)
API = document(ALL, "1.2.3")
OPERATIONS = [(method, path, one) for path, item in API["paths"].items() for method, one in item.items()]


async def test_the_document(daemon: Daemon) -> None:
    status, document, response = await daemon.get("/openapi.json")
    assert (status, document["openapi"], document["info"]["version"]) == (200, "3.1.1", "1.2.3")
    assert response.content_type == "application/json"
    assert set(document["paths"]) == {route.path for route in TABLE if not route.page}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    identifiers = [operation["operationId"] for operation in operations]
    assert len(set(identifiers)) == len(identifiers)
    names = document["components"]["schemas"]
    assert {"Flow", "Coverage", "Large", "Failure"} <= set(names)
    assert all(re.fullmatch(r"\w+", name) for name in names)
    assert set(re.findall(r"#/components/schemas/([^'\"]+)", str(document))) <= set(names)
    stream = document["paths"]["/v1/stream"]["get"]
    assert "text/event-stream" in stream["responses"]["200"]["content"]
    flow = {one["name"]: one for one in document["paths"]["/v1/flow"]["get"]["parameters"]}
    assert flow["trades"]["schema"] == {
        "type": "integer",
        "minimum": 100,
        "maximum": 5000,
        "default": 1000,
        "examples": [2000],
    }
    assert flow["numbers"]["schema"]["enum"] == ["number", "string"]


def test_a_validator_of_documents_has_nothing_to_say() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(API).iter_errors()] == []


def test_every_route_is_in_it_with_its_method_and_nothing_else() -> None:
    assert {(method.upper(), path) for method, path, _ in OPERATIONS} == {
        (route.method, route.path) for route in ALL if not route.page
    }


#: Asked elsewhere: what is no JSON, or no GET, or changes something; each in the test file beside it.
ASKED_ELSEWHERE = {
    ("GET", "/metrics"): "test_health.py",
    ("GET", "/openapi.json"): "test_openapi.py",
    ("GET", "/llms.txt"): "test_guide.py",
    ("GET", "/docs"): "test_docs.py",
    ("GET", "/v1/stream"): "test_stream.py",
}


def test_every_operation_is_really_asked_by_a_test() -> None:
    """The recorded examples are asked anew by tests/shapes/test_examples.py."""
    asked = {one.route for one in recorded().answers} | set(ASKED_ELSEWHERE)
    assert {(method.upper(), path) for method, path, _ in OPERATIONS} == asked
    for (_, path), name in ASKED_ELSEWHERE.items():
        assert path in Path(__file__).with_name(name).read_text(), name


def properties(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every member of every object, with where it is."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from ((f"{where}.{name}", member) for name, member in schema["properties"].items())
        for key, inner in schema.items():
            if key not in {"examples", "example", "value"}:
                yield from properties(inner, f"{where}.{key}")
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from properties(inner, f"{where}.{number}")


MEMBERS = dict(properties(API))


def test_every_member_says_what_it_means() -> None:
    assert len(MEMBERS) > 400
    assert [where for where, member in MEMBERS.items() if len(member.get("description", "")) < 2] == []
    assert [where for where, member in MEMBERS.items() if member["description"] == where.rpartition(".")[2]] == []


def numeric(schema: dict[str, Any]) -> bool:
    """Whether it is a number, in whatever wrapping."""
    inner = [schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())]
    return schema.get("type") in {"integer", "number"} or any(numeric(one) for one in inner if isinstance(one, dict))


def test_every_number_says_what_it_counts() -> None:
    numbers = {where: member for where, member in MEMBERS.items() if numeric(member)}
    assert len(numbers) > 200
    assert [where for where, member in numbers.items() if unit_of(member) is None] == []
    told = [where for where, one in numbers.items() if unit_of(one) != "1" and unit_of(one) not in one["description"]]
    assert [where for where in told if ".schemas." in where and "Message" not in where] == []


def test_every_operation_is_described_and_every_shape_too() -> None:
    for _, path, operation in OPERATIONS:
        assert operation["summary"].endswith("."), path
        assert operation["description"], path
        assert operation["tags"][0] in {tag["name"] for tag in API["tags"]}
        for answer in operation["responses"].values():
            assert answer["description"], path
    assert [name for name, one in API["components"]["schemas"].items() if not one.get("description")] == []
    assert [n for n, one in API["components"]["schemas"].items() if "  " in one["description"]] == []


def test_every_answer_in_json_has_an_example_and_every_refusal_too() -> None:
    for _, path, operation in OPERATIONS:
        for status, answer in operation["responses"].items():
            content = answer.get("content", {})
            if ("application/json" in content and path != "/openapi.json") or int(status) >= 400:
                assert content["application/json"]["examples"], (path, status)
    for name, one in API["components"]["examples"].items():
        assert one["value"]["error"]["code"] == name
    used = set(re.findall(r"#/components/examples/(\w+)", str(API)))
    assert used == set(API["components"]["examples"])


@pytest.mark.parametrize(
    "path,param",
    [
        (route.path, param)
        for route in TABLE
        for param in route.params or ()
        if param.kind == "integer" and route.path != "/v1/stream"  # needs the real hub
    ],
)
async def test_stated_bounds_are_the_bounds(daemon: Daemon, path: str, param: Param) -> None:
    who = "" if path == "/v1/screener" else "symbol=BTCUSDT&"
    for value in (param.low - 1, param.high + 1):
        status, body, _ = await daemon.get(f"{path}?{who}{param.name}={value}")
        assert (status, body["error"]) == (400, {"code": "bad_parameter", "param": param.name})


async def test_how_a_key_is_sent(daemon: Daemon) -> None:
    _, document, _ = await daemon.get("/openapi.json")
    paths, schemes = document["paths"], document["components"]["securitySchemes"]
    assert schemes["key"]["name"] == "x-api-key"
    assert paths["/v1/flow"]["get"]["security"] == [{}, {"key": []}, {"bearer": []}]
    assert paths["/admin/reload"]["post"]["security"] == [{"key": []}, {"bearer": []}]
    assert {"ticket": []} in paths["/v1/stream"]["get"]["security"]
    assert paths["/healthz"]["get"]["security"] == []
    for item in paths.values():
        for operation in item.values():
            named = {name for way in operation["security"] for name in way}
            assert named <= set(schemes)
            assert ("401" in operation["responses"]) is bool(named)
