"""The results' own schemas."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from orderflow_stream.mcp_server import results
from orderflow_stream.mcp_server.results import Result

KINDS = [
    each
    for each in vars(results).values()
    if isinstance(each, type) and issubclass(each, Result) and each is not Result
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_begins_with_what_it_says_and_whether_it_is_all(kind: type[Result]) -> None:
    schema = TypeAdapter(kind).json_schema()
    assert list(schema["properties"])[:3] == ["summary", "complete", "warning"]
    assert {"summary", "complete", "warning"} <= set(schema["required"])
    assert schema["additionalProperties"] is False
    assert schema["type"] == "object"


def test_there_is_one_a_tool() -> None:
    assert len(KINDS) == 7


def test_nothing_more_goes_in() -> None:
    with pytest.raises(ValidationError):
        results.FlowResult(summary="", complete=True, warning=None, flow={}, more=1)  # type: ignore[call-arg]
