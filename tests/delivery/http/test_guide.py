"""`/llms.txt`: the document as text, and nothing beside it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orderflow_stream.delivery.http.guide import text_of, type_of
from orderflow_stream.delivery.http.openapi import document
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.shapes.units import CODES
from tests.delivery.http.world import Daemon

API = document(routes(metrics=True, liquidations=True), "1")
TEXT = text_of(API)


async def test_it_is_served_as_plain_text(daemon: Daemon) -> None:
    status, body, response = await daemon.get("/llms.txt")
    assert status == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    api = (await daemon.get("/openapi.json"))[1]
    assert body.decode() == text_of(api)


async def test_its_links_lead_somewhere(daemon: Daemon) -> None:
    links = re.findall(r"^- \[\S+\]\((\S+)\)", TEXT, re.MULTILINE)
    assert len(links) == 3
    for link in links:
        assert (await daemon.get(link))[0] == 200, link


def test_it_begins_as_such_files_do() -> None:
    title, empty, quote = TEXT.split("\n")[:3]
    assert title == "# orderflow_stream 1"
    assert empty == ""
    assert quote.startswith("> ")


def sections(level: str) -> dict[str, str]:
    parts = re.split(rf"^{level} (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_operation_is_there_with_every_parameter() -> None:
    found = sections("##")
    asked = {f"{method.upper()} {path}" for path, item in API["paths"].items() for method in item}
    assert asked == {name for name in found if name.startswith(("GET", "POST"))}
    for path, item in API["paths"].items():
        for method, operation in item.items():
            text = found[f"{method.upper()} {path}"]
            assert operation["summary"] in text
            told = re.findall(r"^- `([\w-]+)`.*?: ", text, re.MULTILINE)
            assert told == [one["name"] for one in operation["parameters"]]
            assert all(one["description"] in text for one in operation["parameters"])


def test_every_shape_is_there_with_every_member() -> None:
    found = sections("###")
    assert set(found) == set(API["components"]["schemas"])
    for name, schema in API["components"]["schemas"].items():
        told = re.findall(r"^- `(\w+)`", found[name], re.MULTILINE)
        assert told == list(schema.get("properties", {})), name


def test_every_failure_is_there() -> None:
    assert tuple(re.findall(r"^- `(\w+)`", sections("##")["Failures"], re.MULTILINE)) == CODES


@pytest.mark.parametrize(
    "schema,words",
    [
        ({"$ref": "#/components/schemas/Flow"}, "Flow"),
        ({"const": "ok"}, "`ok`"),
        ({"enum": ["a", "b"]}, "`a` or `b`"),
        ({"x-unit": "base", "anyOf": [{"type": "number"}, {"type": "string"}]}, "decimal"),
        ({"x-unit": "base", "anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]}, "decimal or null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, "list of 2 integer"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of string by name"),
        ({}, "anything"),
    ],
)
def test_types_in_words(schema: dict[str, Any], words: str) -> None:
    assert type_of(schema) == words
