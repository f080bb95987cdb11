"""The weight budget: never beyond the venue's minute, never without room for repairs, obedient to the second."""

from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_stream.feed.budget import GUARD, KINDS, MINUTE, SECOND, Budget, Granted, Kind, WaitUntil

START = 1_760_000_040_000_000  # a whole minute
assert START % MINUTE == 0
NOW = START + SECOND


def spend(budget: Budget, kind: Kind, now: int, weight: int = 4) -> int:
    """Ask until refused; the weight that was granted."""
    total = 0
    while isinstance(grant := budget.ask(kind, weight, now), Granted):
        budget.settle(grant, now)
        total += weight
    return total


def granted(answer: Granted | WaitUntil) -> Granted:
    assert isinstance(answer, Granted)
    return answer


def until(answer: Granted | WaitUntil) -> int:
    assert isinstance(answer, WaitUntil)
    return answer.until


asks = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from([1, 4, 20, 80]),
        st.integers(0, 3 * SECOND),  # pause before
        st.integers(0, 20 * SECOND),  # the request's way there
        st.integers(0, 5 * SECOND),  # and back
        st.integers(1, 40),  # how many at once
    ),
    max_size=25,
)


@given(asks=asks, skew=st.integers(-GUARD, GUARD), start=st.integers(0, MINUTE))
def test_no_minute_of_the_venue_ever_sees_more_than_nine_tenths_of_the_limit(
    asks: list[tuple[Kind, int, int, int, int, int]], skew: int, start: int
) -> None:
    budget = Budget(1000)
    now = START + start
    flying: list[tuple[int, Granted]] = []
    counted: Counter[int] = Counter()
    for kind, weight, pause, way, back, many in asks:
        now += pause
        for end, grant in sorted((pair for pair in flying if pair[0] <= now), key=lambda pair: pair[0]):
            budget.settle(grant, end)
        flying = [pair for pair in flying if pair[0] > now]
        for _ in range(many):
            answer = budget.ask(kind, weight, now)
            if isinstance(answer, WaitUntil):
                assert answer.until > now
                break
            counted[(now + way + skew) // MINUTE] += weight
            flying.append((now + way + back, answer))
    assert max(counted.values(), default=0) <= 900


@given(asks=asks)
def test_repairs_find_their_reserve_whatever_the_others_take(
    asks: list[tuple[Kind, int, int, int, int, int]],
) -> None:
    budget = Budget(1000)
    now = START + GUARD
    for kind, weight, pause, _, _, many in asks:
        if kind == "repair":
            continue
        now += pause
        for _ in range(many):
            grant = budget.ask(kind, weight, now)
            if isinstance(grant, WaitUntil):
                break
            budget.settle(grant, now)
    if (now - GUARD) % MINUTE < MINUTE - 2 * GUARD:  # what is asked around the edge counts in both minutes
        assert spend(budget, "repair", now) >= 88  # half of it, in steps of 4


@given(asks=asks)
def test_without_probes_the_whole_reserve_is_there(asks: list[tuple[Kind, int, int, int, int, int]]) -> None:
    budget = Budget(1000)
    for kind, weight, _, _, _, many in asks:
        if kind in {"user", "warmup"}:
            for _ in range(many):
                if isinstance(budget.ask(kind, weight, NOW + MINUTE // 2), WaitUntil):
                    break
    assert spend(budget, "repair", NOW + MINUTE // 2) >= 180


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weight", [1, 4, 80])
def test_whoever_waits_as_told_gets_a_turn(kind: Kind, weight: int) -> None:
    budget = Budget(1000)
    for other in KINDS:
        spend(budget, other, NOW)
    now = NOW
    for _ in range(3):
        answer = budget.ask(kind, weight, now)
        if isinstance(answer, Granted):
            return
        now = answer.until
    pytest.fail(f"still waiting until {now - START} µs")


def test_a_person_gets_two_fifths_and_no_more() -> None:
    budget = Budget(1000)
    assert spend(budget, "user", NOW) == 360
    assert until(budget.ask("user", 4, NOW)) == START + MINUTE + GUARD


def test_a_warm_up_leaves_the_reserve_and_what_people_may_still_need() -> None:
    budget = Budget(1000)
    first = spend(budget, "warmup", START + GUARD)
    assert first == 360  # 900 - 180 reserved - 360 promised
    assert spend(budget, "user", START + GUARD) == 360


def test_what_people_do_not_use_becomes_free_as_the_minute_passes() -> None:
    budget = Budget(1000)
    spend(budget, "warmup", START + GUARD)
    halfway = START + GUARD + MINUTE // 2
    assert spend(budget, "warmup", halfway) == 180
    ripe = until(budget.ask("warmup", 4, halfway))
    assert halfway < ripe < halfway + SECOND
    granted(budget.ask("warmup", 4, ripe))
    assert spend(budget, "warmup", START + MINUTE + GUARD - 1) == 176
    assert until(budget.ask("warmup", 4, START + MINUTE + GUARD - 1)) == START + MINUTE + GUARD


def test_probes_leave_half_of_the_reserve() -> None:
    budget = Budget(1000)
    spend(budget, "warmup", START + MINUTE - SECOND)
    assert spend(budget, "probe", START + MINUTE - SECOND) == 88  # of 90, in steps of 4
    assert spend(budget, "repair", START + MINUTE - SECOND) >= 88


def test_what_is_asked_around_the_edge_counts_in_both_minutes() -> None:
    budget = Budget(1000)
    edge = START + MINUTE
    assert spend(budget, "repair", edge - GUARD + 1) > 300
    before = budget.weights(edge - GUARD + 1).by_kind["repair"]
    assert budget.weights(edge + GUARD).by_kind["repair"] == before
    assert budget.weights(edge + MINUTE + GUARD).by_kind["repair"] == 0


def test_a_request_that_flies_over_the_edge_counts_in_both_minutes() -> None:
    budget = Budget(1000)
    grant = granted(budget.ask("user", 20, NOW))
    assert budget.weights(START + MINUTE + SECOND).used == 20
    budget.settle(grant, START + MINUTE + 2 * SECOND)
    assert budget.weights(START + MINUTE + 2 * SECOND).used == 20
    assert budget.weights(START + 2 * MINUTE + SECOND).used == 0


def test_weight_that_others_on_the_address_use_is_learned_from_the_header() -> None:
    budget = Budget(1000)
    grant = granted(budget.ask("warmup", 4, NOW))
    budget.settle(grant, NOW, header=700)
    assert budget.weights(NOW).foreign == 696
    assert isinstance(budget.ask("warmup", 40, NOW), WaitUntil)
    assert isinstance(budget.ask("repair", 160, NOW), Granted)
    assert budget.weights(START + MINUTE + SECOND).foreign == 0


def test_what_never_reached_the_venue_is_given_back_by_its_count() -> None:
    budget = Budget()
    for _ in range(5):  # refused connections: we counted them, the venue did not
        budget.settle(granted(budget.ask("warmup", 100, NOW)), NOW)
    assert budget.weights(NOW).used == 500
    budget.settle(granted(budget.ask("repair", 4, NOW)), NOW, 4)
    assert budget.weights(NOW).used == 4
    assert budget.weights(NOW).foreign == 0
    several = [granted(budget.ask("repair", 4, NOW)) for _ in range(2)]
    budget.settle(several[0], NOW, 8)
    budget.settle(several[1], NOW, 5)
    assert budget.weights(NOW).used == 12, "with others under way a lower count proves nothing"


def test_several_processes_on_one_address_share_what_is_left() -> None:
    """The header shows more than we used: at 95 % of the limit all wait for the next minute."""
    budget = Budget()
    budget.settle(granted(budget.ask("repair", 4, NOW)), NOW, 5_700)
    for kind in KINDS:
        told = budget.ask(kind, 4, NOW)
        assert told == WaitUntil(START + MINUTE + GUARD)
    assert isinstance(budget.ask("repair", 4, START + MINUTE + GUARD), Granted)


HEADERS = st.one_of(
    st.none(),
    st.integers(-5, 10**12).map(str),
    st.sampled_from(["120", "1", "soon", "", " 7 ", "1.5", "Wed, 99 Xyz", "Sat, 22 Nov 2026 08:00:00 GMT"]),
    st.text(max_size=12),
)


@settings(max_examples=1_000, derandomize=True)
@given(st.sampled_from([429, 418]), HEADERS, st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 200_000_000))))
def test_nothing_goes_before_retry_after_in_a_thousand_trials(
    status: int, header: str | None, asks: list[tuple[Kind, int]]
) -> None:
    budget = Budget()
    seconds = budget.block(status, header, NOW)
    assert 1 <= seconds <= 3 * 86_400
    if header is None or not header.strip():
        assert seconds == (120 if status == 418 else 60)
    if header is not None and header.strip().isdecimal() and header.isascii():
        assert seconds == min(max(int(header), 1), 3 * 86_400)
    for kind, after in sorted(asks, key=lambda ask: ask[1]):
        told = budget.ask(kind, 1, NOW + after)
        if after < seconds * SECOND:
            assert told == WaitUntil(NOW + seconds * SECOND)


def test_a_header_of_the_old_minute_is_not_taken_for_the_new_one() -> None:
    budget = Budget(1000)
    grant = granted(budget.ask("user", 4, START + MINUTE - SECOND))
    budget.settle(grant, START + MINUTE + SECOND, header=880)
    assert budget.weights(START + MINUTE + SECOND).foreign == 0


def test_settling_twice_counts_once() -> None:
    budget = Budget(1000)
    grant = granted(budget.ask("user", 4, NOW))
    budget.settle(grant, NOW)
    budget.settle(grant, NOW, header=500)
    assert budget.weights(NOW).foreign == 0
    assert budget.weights(START + MINUTE + SECOND).used == 0


@pytest.mark.parametrize(
    "status, header, seconds",
    [
        (429, "7", 7),
        (418, "3600", 3600),
        (429, None, 60),
        (418, None, 120),
        (429, "soon", 60),
        (429, "-5", 60),
        (418, "", 120),
        (429, "0", 1),
        (418, "99999999999", 3 * 86_400),
        (429, format_datetime(datetime.fromtimestamp(NOW // SECOND + 30, UTC), usegmt=True), 30),
        (429, format_datetime(datetime.fromtimestamp(NOW // SECOND - 30, UTC), usegmt=True), 1),
        (429, "Sun, 99 Nov 2026 99:99:99 GMT", 60),
    ],
)
def test_a_stop_is_obeyed_to_the_second_by_everybody(status: int, header: str | None, seconds: int) -> None:
    budget = Budget()
    assert budget.block(status, header, NOW) == seconds
    end = NOW + seconds * SECOND
    for kind in KINDS:
        assert until(budget.ask(kind, 1, end - 1)) == end
    assert isinstance(budget.ask("user", 1, end), Granted)


def test_a_shorter_stop_does_not_end_a_longer_one() -> None:
    budget = Budget()
    budget.block(418, "600", NOW)
    assert budget.block(429, "1", NOW + SECOND) == 599
    assert budget.blocked_until == NOW + 600 * SECOND


def test_the_venues_own_limit_is_taken_over() -> None:
    budget = Budget(6000)
    budget.set_limit(1200)
    assert (budget.usable, budget.reserve, budget.user_share) == (1080, 216, 432)
    spend(budget, "repair", NOW)
    budget.set_limit(1200, 10)
    spend(budget, "user", NOW)
    assert until(budget.ask("user", 4, NOW)) == START + 10 * SECOND + GUARD
    with pytest.raises(ValueError, match="limit"):
        budget.set_limit(0)


def test_a_request_that_could_never_go_is_an_error_not_a_wait() -> None:
    budget = Budget(100)
    with pytest.raises(ValueError, match="can never go under a limit of 100"):
        budget.ask("user", 80, NOW)
    with pytest.raises(ValueError, match="warmup"):
        budget.ask("warmup", 80, NOW)
    granted(budget.ask("repair", 80, until(budget.ask("repair", 80, NOW))))


def test_a_clock_that_is_set_back_gives_no_minute_twice() -> None:
    budget = Budget(1000)
    spend(budget, "user", NOW + MINUTE)
    assert isinstance(budget.ask("user", 4, NOW), WaitUntil)


@given(
    kind=st.sampled_from(KINDS),
    weight=st.sampled_from([4, 20]),
    count=st.integers(1, 400),
    start=st.integers(SECOND, MINUTE - SECOND),  # what goes at the edge counts in both minutes
    spent=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 30)), max_size=3),
)
@settings(max_examples=60)
def test_a_forecast_is_what_asking_comes_to(
    kind: Kind, weight: int, count: int, start: int, spent: list[tuple[Kind, int]]
) -> None:
    """Nobody else asks in the windows to come: then it is right to within one request a window."""
    budget = Budget(2_400)
    now = START + start
    for other, many in spent:
        for _ in range(many):
            if isinstance(grant := budget.ask(other, 20, now), Granted):
                budget.settle(grant, now)
    told = budget.forecast(kind, weight, count, now)
    at, left = now, count
    while left:
        answer = budget.ask(kind, weight, at)
        if isinstance(answer, Granted):
            budget.settle(answer, at)
            left -= 1
        else:
            at = answer.until
    windows = (at - now) // MINUTE + 2
    assert abs(told - at) <= windows * MINUTE * weight // budget.user_share + 3 * SECOND


def test_a_forecast_waits_out_a_stop_and_knows_what_others_take() -> None:
    budget = Budget(2_400)
    budget.block(418, "600", NOW)
    assert budget.forecast("repair", 20, 1, NOW) >= NOW + 600 * SECOND
    busy = Budget(2_400)
    for _ in range(40):
        assert isinstance(busy.ask("user", 20, NOW), Granted)  # 800 of 2,160, each minute so far
    alone = Budget(2_400).forecast("repair", 20, 300, NOW + MINUTE)
    assert busy.forecast("repair", 20, 300, NOW + MINUTE) >= alone + MINUTE
    with pytest.raises(ValueError, match="weight"):
        budget.forecast("user", 3_000, 1, NOW)


def test_of_several_who_state_a_limit_the_tightest_holds() -> None:
    budget = Budget(2_400)
    budget.set_limit(2_400, by="one")
    budget.set_limit(1_200, by="other")
    budget.set_limit(6_000, by="one")
    assert budget.limit == 1_200
    budget.set_limit(3_000, by="other")
    assert budget.limit == 3_000
    bound = Budget(2_400, most=2_400)
    bound.set_limit(6_000, by="other")
    assert (bound.limit, bound.interval_s) == (2_400, 60)
    bound.set_limit(100, 10, by="other")
    assert (bound.limit, bound.interval_s) == (100, 10)
