"""The log in memory does what every log does."""

from __future__ import annotations

import pytest

from orderflow_stream.adapters.journal.log import Log, MemoryLog
from tests.adapters.journal.compliance import LogCompliance, Reopen


class TestMemoryLog(LogCompliance):
    @pytest.fixture
    def reopen(self) -> Reopen:
        log = MemoryLog()

        def again() -> Log:
            return log

        return again


def test_what_is_appended_is_copied() -> None:
    log = MemoryLog()
    frame = bytearray(b"abc")
    log.append(frame)  # type: ignore[arg-type]  # whoever does so must not change the past
    frame[0] = 0
    assert list(log.read()) == [(1, b"abc")]
