"""The recorded examples, and the same recorded anew: real answers, refusals and events against their stated shapes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from orderflow_stream.delivery.http.openapi import document
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.shapes.examples import Example, Examples, recorded
from orderflow_stream.shapes.stream import EVENTS
from orderflow_stream.shapes.units import CODES
from tests import api_examples

pytestmark = pytest.mark.timeout(150)  # the recording is a whole daemon's life, on a machine that may be busy

#: Trades a second of the market that is recorded anew: few, for it takes as long as it has trades.
RATE = 6.0
API = document(routes(metrics=True, liquidations=True), "1")
#: Members whose own members are names of things: symbols, states, assets, ids.
NAMES = {"states", "by_quote", "resting", "symbols", "settings", "endpoints", "windows", "repair"}


@pytest.fixture(scope="module")
def today() -> Examples:
    """What a daemon of today says."""
    told: list[Any] = []

    def body() -> None:
        with TemporaryDirectory() as folder:
            told.append(asyncio.run(api_examples.record(Path(folder), RATE)))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert told, "the recording failed"
    return msgspec.convert(told[0], Examples)


@pytest.fixture(params=["recorded", "today"])
def examples(request: pytest.FixtureRequest) -> Examples:
    found: Examples = recorded() if request.param == "recorded" else request.getfixturevalue("today")
    return found


def schema(pointer: dict[str, Any]) -> Any:
    return jsonschema_rs.validator_for({**pointer, "components": API["components"]})


def faults(pointer: dict[str, Any], body: object) -> list[str]:
    return [f"{list(each.instance_path)}: {each.message[:300]}" for each in schema(pointer).iter_errors(body)]


def responses(example: Example) -> dict[str, Any]:
    method, path = example.route
    found: dict[str, Any] = API["paths"][path][method.lower()]["responses"]
    return found


def test_every_answer_is_one_that_the_document_promises(examples: Examples) -> None:
    for one in examples.answers:
        assert faults(responses(one)[str(one.status)]["content"]["application/json"]["schema"], one.body) == [], one.ask
        assert one.name


def test_there_is_one_of_every_operation_that_answers_with_data(examples: Examples) -> None:
    promised = {
        (method.upper(), path)
        for path, item in API["paths"].items()
        for method, operation in item.items()
        if "data"
        in operation["responses"]["200"]["content"]
        .get("application/json", {"schema": {}})["schema"]
        .get("properties", {})
    }
    assert {one.route for one in examples.answers} == promised


def test_every_refusal_is_a_failure_of_its_code(examples: Examples) -> None:
    assert tuple(examples.failures) == CODES
    for code, one in examples.failures.items():
        assert faults({"$ref": "#/components/schemas/VenuesFailure"}, one.body) == []
        assert one.body["error"]["code"] == code
        method, path = one.route
        item = API["paths"].get(path, {})
        if method.lower() in item:  # the others are 404 and 405
            assert str(one.status) in responses(one)


def parsed(text: str) -> dict[str, Any]:
    """An event of the wire as the schema has it."""
    lines = dict(line.split(": ", 1) for line in text.removesuffix("\n\n").split("\n"))
    out: dict[str, Any] = {"event": lines["event"], "id": lines["id"], "data": msgspec.json.decode(lines["data"])}
    return out | ({"retry": int(lines["retry"])} if "retry" in lines else {})


def test_every_event_is_one_that_the_document_promises(examples: Examples) -> None:
    assert tuple(examples.events) == tuple(EVENTS)
    union = {"$ref": "#/components/schemas/StreamEvent"}
    for name, text in examples.events.items():
        event = parsed(text)
        assert event["event"] == name
        assert faults({"$ref": f"#/components/schemas/{name.capitalize()}Message"}, event) == []
        assert faults(union, event) == []
        assert faults(union, event | {"more": 1}) != []
        assert any(fits(shape, event["data"]) for shape in EVENTS[name].shapes)
        if isinstance(event["data"], dict):
            assert not any(fits(shape, event["data"] | {"more": 1}) for shape in EVENTS[name].shapes)


def fits(shape: Any, data: object) -> bool:
    try:
        msgspec.convert(data, shape, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def test_what_was_recorded_is_what_is_said_today(today: Examples) -> None:
    """Otherwise: python -m tests.api_examples."""
    then = recorded()
    assert [(one.name, one.ask) for one in then.answers] == [(one.name, one.ask) for one in today.answers]
    for old, new in zip(then.answers, today.answers, strict=True):
        assert members(old.body) == members(new.body), old.ask
    for code in CODES:
        assert members(then.failures[code].body) == members(today.failures[code].body), code
        assert (then.failures[code].ask, then.failures[code].status) == (
            today.failures[code].ask,
            today.failures[code].status,
        )
    for name in EVENTS:
        assert members(parsed(then.events[name])) == members(parsed(today.events[name])), name


def members(value: object) -> object:
    """The names in it: of lists those of the first, nothing below members whose members are no fixed names."""
    if isinstance(value, dict):
        return {key: None if key in NAMES else members(inner) for key, inner in value.items() if key != "repair"}
    if isinstance(value, list):
        return members(value[0]) if value and isinstance(value[0], dict) else None
    return None
