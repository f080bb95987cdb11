"""Which REST call gets which fault."""

from __future__ import annotations

from orderflow_stream.simulator.rest_faults import REFUSALS, REST_KINDS, RestFaults, RestRule

PATH = "/api/v3/aggTrades"


def test_counted_narrowed_and_first_come() -> None:
    faults = RestFaults(lambda: 0.0)
    faults.rules = [RestRule("500", left=2, path="aggTrades", symbol="BTCUSDT"), RestRule("slow", delay=1.0)]
    assert [rule.kind if (rule := faults.take(path, symbol)) else None
            for path, symbol in [(PATH, "BTCUSDT"), ("/api/v3/ping", None), (PATH, "ETHUSDT"), (PATH, "BTCUSDT"),
                                 (PATH, "BTCUSDT")]] == ["500", "slow", "slow", "500", "slow"]  # fmt: skip


def test_by_time() -> None:
    now = 5.0
    faults = RestFaults(lambda: now)
    faults.rules = [RestRule("503", until=7.0)]
    assert faults.take(PATH, None) is not None
    now = 7.0
    assert faults.take(PATH, None) is None
    assert faults.rules == []


def test_every_refusal_has_a_body() -> None:
    assert set(REST_KINDS) - set(REFUSALS) == {"empty", "truncated", "slow", "reset"}
    assert all(body and status in range(200, 600) for status, _, body in REFUSALS.values())
    assert REFUSALS["451"][2].startswith(b'{"code":0,"msg":"Service unavailable from a restricted location')
