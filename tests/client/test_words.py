"""Sentences about coverage."""

from __future__ import annotations

import doctest
from typing import Any, get_args

import pytest

from orderflow_stream.client import words
from orderflow_stream.client.answers import Coverage
from orderflow_stream.client.words import STATES, clock, explain
from orderflow_stream.core.events import State


def coverage(**more: Any) -> Coverage:
    fields: dict[str, Any] = {
        "first_id": 1,
        "last_id": 1000,
        "expected": 1000,
        "received": 1000,
        "invalid": 0,
        "missing": [],
        "missing_total": 0,
        "requested": {"trades": 1000},
        "reaches_back": True,
        "complete": False,
        "state": "live",
        "as_of": 1_760_000_000_000,
        "position": "A-1",
        "generation": 0,
        "source": "stream",
        "last_trade_age_ms": 1,
        "lag_ms": 1,
        "clock_offset_ms": 0,
    }
    return Coverage(**{**fields, **more})


def test_its_example() -> None:
    assert doctest.testmod(words).failed == 0


def test_every_state_has_its_words() -> None:
    assert set(STATES) == set(get_args(State))


def test_whole() -> None:
    assert explain(coverage(complete=True)) is None


@pytest.mark.parametrize(
    "more,says",
    [
        ({"reaches_back": False, "received": 40, "state": "warming"}, "only 40 trades are held"),
        (
            {"received": 0, "expected": 0, "reaches_back": False, "state": "connecting", "as_of": None},
            "no sign that nothing",
        ),
        ({"state": "stale"}, "old numbers"),
        ({"state": "stale"}, "known up to 2025-10-09T08:53:20Z"),
        ({"state": "partial", "missing_total": 1}, "1 of 1000 trades is missing"),
        ({"state": "gap", "missing_total": 2}, "2 of 1000 trades are missing"),
        ({"missing_total": 5, "expected": 0}, "5 trades are missing"),
        ({}, "does not vouch"),
    ],
)
def test_what_lacks_is_said(more: dict[str, Any], says: str) -> None:
    said = explain(coverage(**more))
    assert said is not None
    assert said.startswith("Incomplete: ")
    assert said.endswith(".")
    assert says in said


def test_a_clock() -> None:
    assert clock(0) == "1970-01-01T00:00:00Z"
