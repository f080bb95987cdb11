"""Schemas that stand inside another one."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from orderflow_stream.client import OrderFlow
from orderflow_stream.mcp_server.reports import data_of
from orderflow_stream.mcp_server.schemas import schema_of
from orderflow_stream.shapes import answers, bars, futures
from tests.delivery.http.world import Daemon


class Inner(msgspec.Struct):
    """Inside."""

    number: float | str


class Outer(msgspec.Struct):
    """Outside."""

    one: Inner
    many: list[Inner | None]


def test_nothing_in_it_refers_to_elsewhere() -> None:
    schema = schema_of(Outer)
    assert "$" not in json.dumps(schema)
    assert schema["title"] == "Outer"
    assert schema["properties"]["one"]["properties"]["number"] == {"anyOf": [{"type": "string"}]}
    validator = jsonschema_rs.validator_for(schema)
    assert validator.is_valid({"one": {"number": "1"}, "many": [None, {"number": "2"}]})
    assert not validator.is_valid({"one": {"number": 1}, "many": []})


@pytest.mark.parametrize(
    "shape", [futures.FuturesFlow, futures.FuturesLarge, bars.Bars, answers.Screener, answers.Gaps]
)
def test_the_daemons_own(shape: Any) -> None:
    text = json.dumps(schema_of(shape))
    assert "$ref" not in text
    assert "$defs" not in text
    assert "description" in text


async def test_real_answers_fit(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        flow = data_of(await api.flow("BTCUSDT"))
        large = data_of(await api.large("BTCUSDT", min_notional=1, group="order"))
    assert jsonschema_rs.validator_for(schema_of(futures.FuturesFlow)).is_valid(flow)
    assert jsonschema_rs.validator_for(schema_of(futures.FuturesLarge)).is_valid(large)
    assert not jsonschema_rs.validator_for(schema_of(futures.FuturesLarge)).is_valid(flow)
