"""Reads on demand: what is asked, what it costs, who becomes a stream and who is given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.feed.backfill import Ask
from orderflow_stream.feed.demand import IDLE, Demand, Held, ReadPlan, held_by
from tests.feed.pages_kit import KEY, SECOND, T0, RestTape


class Tape:
    """What the daemon holds of one instrument."""

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.resets = 0

    def held(self) -> Held | None:
        if not self.ids:
            return None
        first, last = min(self.ids), max(self.ids)
        return Held(first, last, T0 + first * SECOND, T0 + last * SECOND, len(self.ids))

    def read(self, plan: ReadPlan, rest: RestTape, now: int) -> list[Ask]:
        asks = []
        while (ask := plan.next(now)) is not None:
            rows = rest.page(ask.from_id, ask.limit)
            if ask.from_id is None and self.ids and not plan.joins(rows):
                self.ids.clear()
                self.resets += 1
            page = plan.take(ask, rows, now)
            self.ids.update(trade.id for trade in page.trades)
            asks.append(ask)
            assert len(asks) <= 10
        return asks


def now_of(rest: RestTape) -> int:
    return T0 + max(rest.trades) * SECOND


def test_a_first_read_takes_the_newest_pages() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    plan = ReadPlan(None, now_of(rest), trades=2500)
    assert tape.read(plan, rest, now_of(rest)) == [Ask(None), Ask(18_000), Ask(17_000)]
    assert plan.reaches_back(now_of(rest))
    assert tape.ids == set(range(17_000, 20_000))


def test_it_never_reads_more_than_five_pages() -> None:
    tape, rest = Tape(), RestTape(range(50_000))
    plan = ReadPlan(None, now_of(rest), trades=100, window=10_000 * SECOND)
    assert len(tape.read(plan, rest, now_of(rest))) == 5
    assert not plan.reaches_back(now_of(rest))
    plan = ReadPlan(None, now_of(rest), trades=100, window=4000 * SECOND)
    assert len(tape.read(plan, rest, now_of(rest))) == 5
    assert plan.reaches_back(now_of(rest))


def test_a_young_symbol_reaches_back_to_its_first_trade() -> None:
    tape, rest = Tape(), RestTape(range(1, 300))
    plan = ReadPlan(None, now_of(rest), trades=5000)
    tape.read(plan, rest, now_of(rest))
    assert plan.reaches_back(now_of(rest))
    assert plan.origin == 1


@pytest.mark.parametrize("window", [None, 3600 * SECOND])
def test_a_symbol_that_never_traded(window: int | None) -> None:
    tape, rest = Tape(), RestTape([])
    plan = ReadPlan(None, T0, trades=5000, window=window)
    assert [ask.from_id for ask in tape.read(plan, rest, T0)] == [None, None, None]
    assert plan.reaches_back(T0)


def test_a_repeat_fetches_only_what_is_new() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    tape.read(ReadPlan(None, now_of(rest), trades=1000), rest, now_of(rest))
    rest.trades.update(RestTape(range(20_000, 20_007)).trades)
    plan = ReadPlan(tape.held(), now_of(rest), trades=1000)
    assert tape.read(plan, rest, now_of(rest)) == [Ask(20_000)]
    assert tape.ids == set(range(19_000, 20_007))
    assert plan.reaches_back(now_of(rest))


def test_a_repeat_that_wants_more_also_fetches_older_pages() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    tape.read(ReadPlan(None, now_of(rest), trades=1000), rest, now_of(rest))
    plan = ReadPlan(tape.held(), now_of(rest), trades=2500)
    assert tape.read(plan, rest, now_of(rest)) == [Ask(20_000), Ask(18_000), Ask(17_000)]
    assert tape.ids == set(range(17_000, 20_000))


def test_a_known_origin_is_not_asked_for_again() -> None:
    tape, rest = Tape(), RestTape(range(1, 300))
    plan = ReadPlan(None, now_of(rest), trades=5000)
    tape.read(plan, rest, now_of(rest))
    again = ReadPlan(tape.held(), now_of(rest), trades=5000, origin=plan.origin)
    assert tape.read(again, rest, now_of(rest)) == [Ask(300)]
    assert again.reaches_back(now_of(rest))


def test_far_behind_it_begins_anew_at_once() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    tape.read(ReadPlan(None, now_of(rest), trades=1000), rest, now_of(rest))
    rest = RestTape(range(200_000))
    plan = ReadPlan(tape.held(), now_of(rest), trades=1000)
    assert tape.read(plan, rest, now_of(rest)) == [Ask(None)]
    assert tape.ids == set(range(199_000, 200_000))
    assert tape.resets == 1


def test_calmer_than_expected_nothing_is_begun_anew() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    tape.read(ReadPlan(None, now_of(rest), trades=1000), rest, now_of(rest))
    rest.trades.update(RestTape(range(20_000, 20_100)).trades)
    much_later = now_of(rest) + 10_000 * SECOND
    plan = ReadPlan(tape.held(), much_later, trades=1000)
    assert tape.read(plan, rest, much_later) == [Ask(None)]
    assert tape.ids == set(range(19_000, 20_100))
    assert tape.resets == 0


def test_a_sudden_burst_is_noticed_after_five_pages() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    tape.read(ReadPlan(None, now_of(rest), trades=1000), rest, now_of(rest))
    now = now_of(rest) + SECOND
    rest.trades.update(RestTape(range(20_000, 30_000)).trades)
    plan = ReadPlan(tape.held(), now, trades=1000)
    assert [ask.from_id for ask in tape.read(plan, rest, now)] == [20_000, 21_000, 22_000, 23_000, 24_000, None]
    assert tape.ids == set(range(29_000, 30_000))


def test_fresh_asks_only_for_what_is_newer() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    tape.ids = set(range(19_990, 20_000))
    plan = ReadPlan(tape.held(), now_of(rest), trades=5000, head_only=True)
    assert tape.read(plan, rest, now_of(rest)) == [Ask(20_000)]
    empty = ReadPlan(None, now_of(rest), trades=5000, head_only=True)
    assert Tape().read(empty, rest, now_of(rest)) == [Ask(None)]


@given(
    first=st.integers(0, 2000),
    size=st.integers(1, 9000),
    more=st.integers(0, 9000),
    wanted=st.tuples(st.integers(100, 5000), st.integers(100, 5000)),
    windows=st.tuples(st.none() | st.integers(1, 9000), st.none() | st.integers(1, 9000)),
)
def test_two_reads_give_what_one_would(
    first: int, size: int, more: int, wanted: tuple[int, int], windows: tuple[int | None, int | None]
) -> None:
    tape, rest = Tape(), RestTape(range(first, first + size))
    origin = None
    for trades, window in zip(wanted, windows, strict=True):
        now = now_of(rest)
        span = None if window is None else window * SECOND
        plan = ReadPlan(tape.held(), now, trades=trades, window=span, origin=origin)
        asks = tape.read(plan, rest, now)
        assert len(asks) <= 10
        origin = plan.origin
        held = tape.held()
        assert held is not None
        assert held.newest_id == max(rest.trades), "the newest trade is in"
        assert tape.ids == set(range(held.oldest_id, held.newest_id + 1)), "no hole"
        complete = held.oldest_id == first or (held.count >= trades if span is None else held.oldest_ts <= now - span)
        assert not plan.reaches_back(now) or complete
        assert plan.reaches_back(now) or len(asks) >= 5
        rest.trades.update(RestTape(range(first + size, first + size + more)).trades)


def test_the_second_request_makes_it_a_stream() -> None:
    demand = Demand()
    assert not demand.asked(KEY, T0)
    assert demand.asked(KEY, T0 + SECOND)
    assert demand.asked(KEY, T0 + 2 * SECOND)
    assert KEY in demand


def test_who_is_not_asked_for_is_given_up_once() -> None:
    demand = Demand()
    demand.asked(KEY, T0)
    demand.asked("b", T0)
    demand.asked("b", T0 + SECOND)
    assert demand.tick(T0 + IDLE - 1) == ()
    assert demand.tick(T0 + IDLE) == (KEY,)
    assert demand.tick(T0 + IDLE) == ()
    assert demand.tick(T0 + SECOND + IDLE) == ("b",)
    assert not demand.asked(KEY, T0 + 2 * IDLE), "a stranger again"


def test_beyond_the_bound_the_longest_unasked_goes() -> None:
    demand = Demand(most=2)
    for name in ("a", "b", "c", "a"):
        demand.asked(name, T0)
    assert demand.tick(T0) == ("b",)


def test_an_origin_is_remembered_as_long_as_the_symbol() -> None:
    demand = Demand()
    demand.learn(KEY, 1)
    assert demand.origin(KEY) is None, "of a stranger nothing is kept"
    demand.asked(KEY, T0)
    demand.learn(KEY, None)
    demand.learn(KEY, 1)
    assert demand.origin(KEY) == 1
    demand.forget(KEY)
    assert demand.origin(KEY) is None


class _Books:
    def newest_id(self, key: str) -> int | None:
        return 9 if key == KEY else None

    def newest_ts(self, key: str) -> int | None:
        return T0 + 9 if key == KEY else None

    def oldest_id(self, key: str) -> int | None:
        return 5 if key == KEY else None

    def oldest_ts(self, key: str) -> int | None:
        return T0 + 5 if key == KEY else None

    def count(self, key: str) -> int:
        return 4

    def warming(self, key: str) -> bool:
        raise AssertionError

    def reset(self, key: str) -> None:
        raise AssertionError


def test_what_is_held_is_read_from_the_books() -> None:
    assert held_by(_Books(), KEY) == Held(5, 9, T0 + 5, T0 + 9, 4)
    assert held_by(_Books(), "another") is None


def test_where_pages_are_dear_a_read_takes_one() -> None:
    tape, rest = Tape(), RestTape(range(20_000))
    now = now_of(rest)
    plan = ReadPlan(None, now, trades=5_000, pages=1)
    assert tape.read(plan, rest, now) == [Ask(None)]
    assert not plan.reaches_back(now)
    rest.trades |= RestTape(range(20_000, 20_500)).trades
    again = ReadPlan(tape.held(), now_of(rest), trades=1_000, pages=1)
    assert tape.read(again, rest, now_of(rest)) == [Ask(20_000)]
    assert tape.ids == set(range(19_000, 20_500))
    rest.trades |= RestTape(range(20_500, 23_000)).trades
    far = ReadPlan(tape.held(), now_of(rest), trades=1_000, pages=1)
    assert tape.read(far, rest, now_of(rest)) == [Ask(None)]
    assert tape.ids == set(range(22_000, 23_000))
