"""[journal]: where it is kept, and how much of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orderflow_stream.config import load
from orderflow_stream.config.journal import Journal


def test_there_is_none_unless_a_directory_is_named() -> None:
    journal = Journal()
    assert journal.directory is None
    assert (journal.max_mb, journal.keep_h, journal.frame_ms, journal.snapshot_s) == (1024, 24, 200, 300)
    assert journal.synchronous == "normal"


def test_a_directory_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert load(None, {"ORDERFLOW_JOURNAL__DIRECTORY": "~/tapes"}).journal.directory == Path("/home/someone/tapes")
    assert load(None, {"ORDERFLOW_JOURNAL__DIRECTORY": "  "}).journal.directory is None
    with pytest.raises(ValidationError, match="home directory"):
        Journal.model_validate({"directory": "~nobody-of-that-name/tapes"})


@pytest.mark.parametrize(
    "name,value",
    [
        ("directory", 7),
        ("max_mb", 15),
        ("keep_h", 0),
        ("frame_ms", 49),
        ("frame_ms", 1001),
        ("snapshot_s", 9),
        ("synchronous", "off"),
    ],
)
def test_bounds(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Journal.model_validate({name: value})


def test_words_in_any_case() -> None:
    assert Journal.model_validate({"synchronous": "FULL"}).synchronous == "full"
