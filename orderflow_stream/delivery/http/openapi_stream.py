"""The stream in the OpenAPI document: one schema per event, all of them as one, and what they look like on the wire.

OpenAPI 3.1 knows no streams. So the body is described as one event (its name, its id, its data as JSON): tools make the
right union of it, and the examples show the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orderflow_stream.shapes.examples import recorded
from orderflow_stream.shapes.stream import EVENTS, Event

#: The union of all events.
UNION: Final = "StreamEvent"
MEDIA: Final = "text/event-stream"
ABOUT: Final = (
    "A response that does not end: `text/event-stream`, for browsers' `EventSource`. **In a terminal use `curl -N`**; "
    "what waits for the whole body (as the page of this document would) waits for ever.\n\n"
    "```\ncurl -N 'http://127.0.0.1:8080/v1/stream?symbols=BTCUSDT&topics=flow,large'\n```\n\n"
    "The schema is that of one event: `event` is its name, `id` its position (`<epoch>-<seq>`), `data` one line of "
    "JSON. `hello` comes first; then, where `flow` is among the topics, one `flow` for each symbol; then what "
    "happens. `gap`, `corrected`, `state` and `heartbeat` come with every topic.\n\n"
    "To go on after an end, ask again with the last `id` in the header `Last-Event-ID` (an `EventSource` does so "
    "itself) or in `last_event_id`. `hello` then says `recovered: true` and every event of the topics `large`, "
    "`trade` and `liquidation` since then follows; `recovered: false` means that what was missed is not here. "
    "`flow`, `watch` and `bar` are states: only the newest comes. "
    "A stream without a `heartbeat` for 2.5 times `heartbeat_ms` is dead."
)
LAST_EVENT_ID: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "id of the last event that was received: go on after it; wins over last_event_id",
    "schema": {"type": "string", "examples": ["k3v9qd2m-1042"]},
}


def shapes() -> list[object]:
    """Every type that the data of an event has."""
    return [shape for event in EVENTS.values() for shape in event.shapes]


def schemas(shape_of: Mapping[object, Any]) -> dict[str, Any]:
    """Components: one for each event, and their union."""
    names = {name: f"{name.capitalize()}Message" for name in EVENTS}
    refs = {name: f"#/components/schemas/{component}" for name, component in names.items()}
    union = {
        "description": "One event of the stream.",
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "event", "mapping": refs},
    }
    each = {names[name]: _message(name, event, shape_of) for name, event in EVENTS.items()}
    return {UNION: union, **each}


def _message(name: str, event: Event, shape_of: Mapping[object, Any]) -> dict[str, Any]:
    data = [shape_of[shape] for shape in event.shapes]
    members: dict[str, Any] = {
        "event": {"const": name, "type": "string", "description": "the line `event:`, its name"},
        "id": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._~-]{1,128}$",
            "description": "the line `id:`, the position in the event log up to which this stream has been sent all",
        },
        "data": {**(data[0] if len(data) == 1 else {"anyOf": data}), "description": "the line `data:`, as JSON"},
    }
    if event.retry:
        members["retry"] = {
            "type": "integer",
            "minimum": 0,
            "description": "the line `retry:`, after how many ms to come back; a random time of each client's own",
            "x-unit": "ms",
        }
    return {
        "title": f"{name.capitalize()}Message",
        "description": f"{event.meaning}.",
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def content() -> dict[str, Any]:
    """The body of the response."""
    return {
        "schema": {"$ref": f"#/components/schemas/{UNION}"},
        "examples": {
            name: {"summary": EVENTS[name].meaning, "value": text}
            for name, text in recorded().events.items()
            if name in EVENTS
        },
    }
