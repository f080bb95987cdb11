"""What the service says of itself (its real answers are held against these in test_answers.py and test_futures.py)."""

from typing import Any

import msgspec
import pytest

from orderflow_stream.shapes import service

META = {"timestamp": "2026-06-12T01:41:13.615Z", "request_id": "a"}
FAILURE: dict[str, Any] = {
    "data": None,
    "meta": META,
    "status": "error",
    "message": "no",
    "error": {"code": "not_found", "param": None},
    "success": False,
}


def test_a_failure() -> None:
    assert msgspec.convert(FAILURE, service.Failure).error.code == "not_found"


@pytest.mark.parametrize(
    "change", [{"success": True}, {"status": "ok"}, {"error": {"code": "odd", "param": None}}, {"more": 1}]
)
def test_what_is_no_failure(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(FAILURE | change, service.Failure)


def test_one_of_several_venues_may_say_more() -> None:
    line = {"symbol": "A", "state": "stale", "since": 1, "reason": "gone", "missing_total": 0}
    data = {
        "ready": False,
        "strict": False,
        "reasons": ["gone"],
        "instruments": 1,
        "states": {"stale": 1},
        "journal": {"state": "off", "reason": None},
        "not_ready_total": 1,
        "not_ready": [line],
    }
    assert msgspec.convert(data, service.Ready).not_ready[0].reason == "gone"
    more = {**data, "not_ready": [{**line, "venue": "binance"}], "venues": {}}
    assert msgspec.convert(more, service.VenuesReady).not_ready[0].venue == "binance"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(more, service.Ready)
