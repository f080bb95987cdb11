"""Requests a second, a month, and wrong keys a minute; and that every table has a bound."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.delivery.http.limits import MOST_ADDRESSES, PENALTY, WRONG_KEYS, Addresses, Penalty, Rate, Usage

NOW = 1_795_341_600.0  # 2026-11-22T10:00:00Z
DECEMBER = 1_796_083_200.0
#: One member of RateLimit or RateLimit-Policy: a string with whole numbers as parameters (RFC 9651).
ITEM = r'"[a-z]+"(;[a-z]+=[0-9]{1,15})+'


@given(
    rate=st.floats(0.1, 200),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 5) | st.just(0.0), min_size=1, max_size=120),
)
def test_a_rate_is_a_bucket(rate: float, burst: int, gaps: list[float]) -> None:
    """Against the plain bucket: `burst` tokens, `rate` a second come back, one a request."""
    limit = Rate.of("key", rate, burst)
    tokens, due, now = float(burst), 0.0, 50.0
    for gap in gaps:
        now += gap
        tokens = min(float(burst), tokens + gap * rate)
        due, verdict = limit.take(due, now)
        if abs(tokens - 1) > 0.01:  # at the very edge either is right
            assert (verdict.wait == 0) is (tokens > 1)
        if verdict.wait:
            assert verdict.wait == pytest.approx((1 - tokens) / rate, abs=0.02 / rate)
            assert verdict.state == f'"key";r=0;t={max(1, -int(-verdict.wait // 1))}'
        else:
            tokens = max(0.0, tokens - 1)
            left = int(re.findall(r";r=(\d+)", verdict.state)[0])
            assert abs(left - tokens) <= 1.01
        assert re.fullmatch(ITEM, verdict.state)


def test_waiting_as_told_is_enough() -> None:
    limit = Rate.of("key", 18, 36)
    due, now, let_in = 0.0, 0.0, 0
    for _ in range(500):
        due, verdict = limit.take(due, now)
        if verdict.wait:
            now += verdict.wait
            due, verdict = limit.take(due, now)
            assert verdict.wait == 0
        let_in += 1
    assert now == pytest.approx((let_in - 36) / 18, rel=0.001)


@pytest.mark.parametrize(
    "rate,burst,policy", [(50, 100, '"ip";q=100;w=2'), (0.5, 1, '"ip";q=1;w=2'), (45, 90, '"ip";q=90;w=2')]
)
def test_policy_field(rate: float, burst: int, policy: str) -> None:
    assert Rate.of("ip", rate, burst).policy == policy
    assert re.fullmatch(ITEM, policy)


def test_addresses_have_an_allowance_each() -> None:
    table, limit = Addresses(), Rate.of("ip", 1, 2)
    assert [table.take("192.0.2.1", limit, 0.0).wait for _ in range(3)] == [0.0, 0.0, 1.0]
    assert table.take("192.0.2.2", limit, 0.0).wait == 0.0
    assert table.take("192.0.2.1", limit, 1.0).wait == 0.0


def test_no_number_of_addresses_makes_the_tables_grow() -> None:
    table, penalty, limit = Addresses(most=100), Penalty(most=100), Rate.of("ip", 1, 1)
    table.take("192.0.2.1", limit, 0.0)
    for number in range(10_000):
        table.take(f"2001:db8:{number:x}::/64", limit, 0.0)
        penalty.wrong(f"2001:db8:{number:x}::/64", 0.0)
        if number % 50 == 0:
            assert table.take("192.0.2.1", limit, 0.0).wait > 0  # who keeps asking is not forgotten
    assert (len(table), len(penalty)) == (100, 100)
    assert MOST_ADDRESSES == 10_000


def test_ten_wrong_keys_a_minute_then_a_minute_of_waiting() -> None:
    penalty = Penalty()
    told = [penalty.wrong("a", 0.1 * number) for number in range(WRONG_KEYS + 3)]
    assert told[:WRONG_KEYS] == [(0.0, False)] * WRONG_KEYS
    assert told[WRONG_KEYS] == (PENALTY, True)
    assert all(0 < wait < PENALTY and not begins for wait, begins in told[WRONG_KEYS + 1 :])
    assert penalty.wrong("b", 1.0) == (0.0, False)
    over = 0.1 * WRONG_KEYS + PENALTY
    assert penalty.wrong("a", over - 0.01)[0] == pytest.approx(0.01)
    assert [penalty.wrong("a", over + 0.01) for _ in range(WRONG_KEYS)] == [(0.0, False)] * WRONG_KEYS
    assert penalty.wrong("a", over + 0.02) == (PENALTY, True)


def test_slow_mistakes_cost_nothing() -> None:
    penalty = Penalty()
    for minute in range(20):
        for second in range(WRONG_KEYS):
            assert penalty.wrong("a", 60.0 * minute + second)[0] == 0.0


def test_a_month_by_the_calendar() -> None:
    usage = Usage(NOW)
    assert usage.month == "2026-11"
    first = usage.take("desk", 3, NOW)
    assert (first.wait, first.policy) == (0.0, '"month";q=3;w=2592000')
    assert first.state == f'"month";r=2;t={int(DECEMBER - NOW)}'
    assert [usage.take("desk", 3, NOW).wait for _ in range(3)] == [0.0, 0.0, DECEMBER - NOW]
    assert usage.take("other", 3, NOW).wait == 0.0
    assert usage.used == {"desk": 3, "other": 1}  # what was refused does not count
    assert usage.take("desk", 3, DECEMBER - 0.5).wait == 1
    assert usage.take("desk", 3, DECEMBER).state.startswith('"month";r=2;')
    assert (usage.month, usage.used) == ("2026-12", {"desk": 1})
    assert usage.take("desk", 3, DECEMBER - 5).state.startswith('"month";r=1;')  # the clock was put back
    assert usage.take("desk", 3, DECEMBER + 31 * 86_400).state.startswith('"month";r=2;')
    assert usage.month == "2027-01"


def test_usage_outlives_a_restart_within_its_month() -> None:
    usage = Usage(NOW)
    for _ in range(5):
        usage.take("desk", 9, NOW)
    state = usage.state(NOW)
    again = Usage(NOW + 60)
    again.take("desk", 9, NOW + 60)
    again.restore(state, NOW + 60)
    assert again.take("desk", 9, NOW + 60).state.startswith('"month";r=3;')
    later = Usage(DECEMBER)
    later.restore(state, DECEMBER)
    assert later.used == {}


@pytest.mark.parametrize(
    "state",
    [None, 1, [], {}, {"month": 1, "used": {}}, {"month": "2026-11", "used": []}]
    + [{"month": "2026-11", "used": {"a": bad}} for bad in (-1, 1.5, "1", None, True)],
)
def test_a_state_that_is_none(state: object) -> None:
    usage = Usage(NOW)
    with pytest.raises(ValueError, match=r"count|writes"):
        usage.restore(state, NOW)
    assert usage.used == {}


def test_usage_is_bounded() -> None:
    usage = Usage(NOW)
    usage.restore({"month": "2026-11", "used": {f"c{number}": 1 for number in range(20_000)}}, NOW)
    for _ in range(100):
        usage.take(f"new{random.random()}", 5, NOW)
    assert len(usage.used) <= 10_000
