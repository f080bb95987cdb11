"""How long we were told to wait. (What each fault of a dial is called is asked over real sockets, in `test_ws`.)"""

from __future__ import annotations

import pytest

from orderflow_stream.adapters.dial_faults import wait_told

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    "retry_after, date, seconds",
    [
        ("120", "", 120.0),
        (" 7 ", DATE, 7.0),
        ("Sun, 22 Nov 2026 10:05:00 GMT", DATE, 300.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", DATE, 0.0),
        ("Sun, 22 Nov 2026 10:05:00 GMT", "", None),
        ("Sun, 22 Nov 2026 10:05:00 -0000", DATE, None),
        ("soon", DATE, None),
        ("", DATE, None),
        ("-5", DATE, None),
        ("1" * 4_300, DATE, None),
        ("٣", DATE, None),
    ],
)
def test_retry_after(retry_after: str, date: str, seconds: float | None) -> None:
    assert wait_told(retry_after, date) == seconds
