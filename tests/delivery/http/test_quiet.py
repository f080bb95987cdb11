"""Lines that a stranger can cause."""

import logging

import pytest

from orderflow_stream.delivery.http.quiet import EVERY, Quiet


def test_one_line_in_ten_seconds_with_those_it_stands_for(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    quiet = Quiet("malformed request", clock=lambda: now)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            quiet.say("192.0.2.1", "bad\r\nevil: \x1b[31m" + "x" * 100)
        now += EVERY
        quiet.say("192.0.2.2", "again")
        now += EVERY
        quiet.say("192.0.2.3", "and again")
    first, second, third = [record.getMessage() for record in caplog.records]
    assert first.startswith("malformed request from 192.0.2.1: bad\N{REPLACEMENT CHARACTER}")
    assert first.isprintable()
    assert len(first) < 100
    assert second == "malformed request from 192.0.2.2: again (and 49 more since the last such line)"
    assert third == "malformed request from 192.0.2.3: and again"
