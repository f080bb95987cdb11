"""The stream in the document: one shape per event, their union, and bytes as they were sent."""

from __future__ import annotations

from orderflow_stream.delivery.http import openapi_stream
from orderflow_stream.delivery.http.openapi import document
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.shapes.stream import EVENTS

API = document(routes(metrics=True), "1")
OPERATION = API["paths"]["/v1/stream"]["get"]
SCHEMAS = API["components"]["schemas"]


def test_the_body_is_one_event_with_an_example_of_each() -> None:
    content = OPERATION["responses"]["200"]["content"]["text/event-stream"]
    assert content["schema"] == {"$ref": "#/components/schemas/StreamEvent"}
    assert list(content["examples"]) == list(EVENTS)
    for name, one in content["examples"].items():
        assert one["value"].startswith(f"event: {name}\nid: ")
        assert one["value"].endswith("\n\n")
        assert one["value"].count("\ndata: ") == 1


def test_the_union_is_told_apart_by_the_name_of_the_event() -> None:
    union = SCHEMAS[openapi_stream.UNION]
    mapping = union["discriminator"]["mapping"]
    assert union["discriminator"]["propertyName"] == "event"
    assert list(mapping) == list(EVENTS)
    assert [one["$ref"] for one in union["oneOf"]] == list(mapping.values())
    for name, ref in mapping.items():
        message = SCHEMAS[ref.rpartition("/")[2]]
        assert message["properties"]["event"]["const"] == name
        assert ("retry" in message["required"]) is EVENTS[name].retry
        assert message["additionalProperties"] is False


def test_it_says_how_it_is_read_and_gone_on_from() -> None:
    for words in ("curl -N", "Last-Event-ID", "EventSource", "recovered", "heartbeat_ms"):
        assert words in OPERATION["description"]
    header = next(one for one in OPERATION["parameters"] if one["in"] == "header")
    assert header["name"] == "Last-Event-ID"


def test_no_stream_no_events() -> None:
    without = document([route for route in routes(metrics=False) if route.path != "/v1/stream"], "1")
    assert openapi_stream.UNION not in without["components"]["schemas"]
