"""Answers, refusals and events as they really were: recorded from the demo's market into `examples.json`."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from orderflow_stream.shapes.units import says


class Example(Struct, forbid_unknown_fields=True):
    """What was asked, and what the answer was."""

    ask: Annotated[str, says("method and request target")]
    status: Annotated[int, says("HTTP status")]
    body: Annotated[dict[str, Any], says("the whole answer")]
    name: Annotated[str, says("what it is an example of; empty of a refusal")] = ""

    @property
    def route(self) -> tuple[str, str]:
        """Method and path."""
        method, _, target = self.ask.partition(" ")
        return method, target.partition("?")[0]


class Examples(Struct, forbid_unknown_fields=True):
    """All there are: answers with status 200, refusals by `error.code`, events by name as they went over the wire."""

    answers: list[Example]
    failures: dict[str, Example]
    events: dict[str, str]


@lru_cache(maxsize=1)
def recorded() -> Examples:
    """What `python -m tests.api_examples` wrote."""
    text = files("orderflow_stream.shapes").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(text, type=Examples)
