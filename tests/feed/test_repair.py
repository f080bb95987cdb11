"""The account of holes: asked when due, lost only when proven, never forgotten, never in a tight loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import GapFound, Range
from orderflow_stream.feed.repair import DELAY, LOST_WAITS, MOST_HOLES, WAITS, Fetch, Repair
from tests.feed.pages_kit import KEY, SECOND, T0, RestTape

OTHER = "binance:ETHUSDT"


def gap(first: int, last: int, ts: int = T0, key: str = KEY) -> GapFound:
    return GapFound(key, first, last, ts)


def due_one(repair: Repair, now: int) -> Fetch:
    fetches = repair.due(now)
    assert len(fetches) == 1
    return fetches[0]


def test_a_hole_is_asked_for_after_the_delay_and_with_one_id_beyond() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    assert repair.next_due() == T0 + DELAY
    assert repair.due(T0 + DELAY - 1) == []
    assert repair.due(T0 + DELAY) == [Fetch(KEY, 10, 19, 11)]
    assert repair.due(T0 + DELAY) == [], "one fetch an instrument at a time"
    assert repair.next_due() is None


def test_late_frames_make_the_question_smaller_or_unnecessary() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    repair.filled(KEY, [(10, 12), (19, 19)])
    assert repair.open(KEY) == 6
    assert due_one(repair, T0 + DELAY) == Fetch(KEY, 13, 18, 7)
    repair.filled(KEY, [(0, 100)])
    assert repair.instruments() == []


def test_an_answer_fills_the_hole() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    fetch = due_one(repair, T0 + SECOND)
    assert repair.answered(fetch, range(10, 21), T0 + SECOND) == ()
    assert repair.instruments() == []
    assert repair.next_due() is None


def test_lost_is_only_what_rest_skipped_with_an_id_beyond() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    fetch = due_one(repair, T0 + SECOND)
    assert repair.answered(fetch, [10, 11, 15], T0 + SECOND) == ((12, 14),)
    assert repair.open(KEY) == 4, "16 to 19 are beyond what REST has"
    again = due_one(repair, T0 + SECOND + WAITS[0])
    assert again == Fetch(KEY, 16, 19, 5)
    assert repair.answered(again, [20], T0 + 2 * SECOND) == ((16, 19),)
    assert repair.open(KEY) == 0


def test_a_rest_that_has_not_got_there_is_asked_ever_less_often_and_for_ever() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    now = T0 + DELAY
    waits = []
    for _ in range(len(WAITS) + 3):
        fetch = due_one(repair, now)
        assert repair.answered(fetch, [], now) == ()
        due = repair.next_due()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == [*WAITS, WAITS[-1], WAITS[-1], WAITS[-1]]


def test_failures_back_off_and_keep_the_hole() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    now = T0 + DELAY
    for wait in [*WAITS, WAITS[-1]]:
        fetch = due_one(repair, now)
        repair.failed(fetch, now)
        assert repair.next_due() == now + wait
        now += wait
    repair.failed(due_one(repair, now), now, at_least=600 * SECOND)
    assert repair.next_due() == now + 600 * SECOND
    assert repair.open(KEY) == 10


def test_lost_holes_are_asked_for_again_rarely_and_may_come_back() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    now = T0 + DELAY
    assert repair.answered(due_one(repair, now), [20], now) == ((10, 19),)
    for wait in [*LOST_WAITS, LOST_WAITS[-1]]:
        assert repair.next_due() == now + wait
        now += wait
        assert repair.answered(due_one(repair, now), [20], now) == (), "lost already"
    due = repair.next_due()
    assert due is not None
    assert repair.answered(due_one(repair, due), [*range(10, 19), 20], due) == ()
    assert repair.open(KEY) == 0
    assert due_one(repair, due + LOST_WAITS[-1]) == Fetch(KEY, 19, 19, 2)


def test_neighbours_share_a_page() -> None:
    repair = Repair()
    for first, last in [(10, 12), (500, 520), (1_005, 1_007), (1_008, 1_200), (5_000, 5_001)]:
        repair.found(gap(first, last))
    fetch = due_one(repair, T0 + DELAY)
    assert fetch == Fetch(KEY, 10, 1_007, 999)
    assert repair.answered(fetch, [id_ for id_ in range(10, 1_009) if id_ != 511], T0 + DELAY) == ((511, 511),)
    assert due_one(repair, T0 + DELAY).first == 1_008


def test_a_hole_longer_than_a_page_is_read_page_by_page() -> None:
    repair = Repair()
    repair.found(gap(10, 3_509))
    tape = RestTape(range(4_000))
    asked = []
    while fetches := repair.due(T0 + DELAY):
        (fetch,) = fetches
        asked.append((fetch.first, fetch.limit))
        assert repair.answered(fetch, [trade.id for trade in tape.page(fetch.first, fetch.limit)], T0 + DELAY) == ()
    assert asked == [(10, 1000), (1_010, 1000), (2_010, 1000), (3_010, 501)]
    assert repair.instruments() == []


def test_instruments_do_not_wait_for_each_other_and_fresh_holes_go_first() -> None:
    repair = Repair()
    repair.found(gap(10, 10))
    assert repair.answered(due_one(repair, T0 + SECOND), [11], T0 + SECOND) == ((10, 10),)
    later = T0 + SECOND + LOST_WAITS[0]
    repair.found(gap(7, 7, later - SECOND, OTHER))
    assert [fetch.instrument for fetch in repair.due(later)] == [OTHER, KEY]


def test_found_twice_is_one_hole_and_known_parts_keep_their_state() -> None:
    repair = Repair()
    repair.found(gap(10, 12))
    assert repair.answered(due_one(repair, T0 + SECOND), [13], T0 + SECOND) == ((10, 12),)
    repair.found(gap(8, 14, T0 + 2 * SECOND))
    assert repair.open(KEY) == 4
    repair.found(gap(8, 14, T0 + 3 * SECOND))
    assert repair.open(KEY) == 4
    assert repair.next_due() == T0 + 2 * SECOND + DELAY


def test_what_the_tape_dropped_is_forgotten() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    repair.forget(KEY, 15)
    assert repair.open(KEY) == 5
    repair.forget(KEY, 20)
    assert repair.next_due() is None
    repair.found(gap(30, 31))
    fetch = due_one(repair, T0 + SECOND)
    repair.forget(KEY)
    assert repair.answered(fetch, [], T0 + SECOND) == ()
    repair.found(gap(40, 41))
    assert due_one(repair, T0 + SECOND) == Fetch(KEY, 40, 41, 3), "the old fetch holds nothing back"


def test_the_account_is_bounded_and_says_what_it_gave_up() -> None:
    repair = Repair()
    for id_ in range(0, 2 * MOST_HOLES + 20, 2):
        repair.found(gap(id_, id_))
    assert repair.given_up == 10
    assert repair.open(KEY) == MOST_HOLES
    assert due_one(repair, T0 + SECOND).first == 20


@pytest.mark.parametrize("delay", [-1, 11 * SECOND])
def test_the_delay_is_bounded(delay: int) -> None:
    with pytest.raises(ValueError, match="delay"):
        Repair(delay=delay)


@given(
    holes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 1500)), min_size=1, max_size=12),
    gone=st.lists(st.tuples(st.integers(0, 5600), st.integers(0, 60)), max_size=12),
    lags=st.lists(st.integers(0, 6000), max_size=6),
    fails=st.sets(st.integers(0, 12), max_size=5),
)
def test_in_the_end_every_id_is_filled_or_proven_lost(
    holes: list[tuple[int, int]], gone: list[tuple[int, int]], lags: list[int], fails: set[int]
) -> None:
    missing = {id_ for first, size in holes for id_ in range(first, first + size + 1)}
    absent = {id_ for first, size in gone for id_ in range(first, first + size + 1)} & missing
    tape = RestTape(set(range(6000)) - absent)
    repair = Repair()
    for first, size in holes:
        repair.found(gap(first, first + size))
    filled: set[int] = set()
    lost: set[int] = set()
    now, step = T0, 0
    while repair.open(KEY):
        due = repair.next_due()
        assert due is not None
        now = max(now, due)
        (fetch,) = repair.due(now)
        assert fetch.limit <= 1000
        tape.visible = lags[step] if step < len(lags) else None
        if step in fails:
            repair.failed(fetch, now)
        else:
            ids = [trade.id for trade in tape.page(fetch.first, fetch.limit)]
            filled.update(ids)
            lost |= spread(repair.answered(fetch, ids, now))
        step += 1
        assert step < 100, "it must come to an end"
    assert lost == absent
    assert missing - absent <= filled


def spread(ranges: tuple[Range, ...]) -> set[int]:
    return {id_ for first, last in ranges for id_ in range(first, last + 1)}


def test_what_rest_refuses_to_tell_waits_a_minute_five_and_then_hours() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    now = T0 + DELAY
    waits = []
    for _ in range(6):
        fetch = due_one(repair, now)
        repair.failed(fetch, now, refused=True)
        due = repair.next_due()
        assert due is not None
        waits.append((due - now) // SECOND)
        now = due
    assert waits == [60, 300, 3600, 3600, 3600, 3600]
    assert repair.open(KEY) == 10, "it stays declared"
    assert repair.attempts(KEY, 10, 19) == (6, now)
    fetch = due_one(repair, now)
    assert repair.attempts(KEY, 10, 19) == (6, None), "it is being asked"
    repair.failed(fetch, now)
    assert repair.next_due() == now + WAITS[0], "another kind of failure begins its own waits"
    assert repair.answered(due_one(repair, now + WAITS[0]), range(10, 21), now) == ()
    assert repair.attempts(KEY, 10, 19) == (0, None)


def test_a_lost_hole_is_asked_for_again_for_as_long_as_the_tape_has_room_for_it() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    now = T0 + DELAY
    assert repair.answered(due_one(repair, now), [20], now) == ((10, 19),)
    waits = []
    for _ in range(5):
        due = repair.next_due()
        assert due is not None
        waits.append((due - now) // SECOND)
        now = due
        assert repair.answered(due_one(repair, now), [20], now) == (), "lost once"
    assert waits == [60, 300, 3600, 3600, 3600]
    repair.answered(due_one(repair, now + 3600 * SECOND), range(10, 21), now)
    assert repair.instruments() == [], "the venue got it back"


def test_what_a_trade_claims_of_the_time_does_not_put_a_repair_off() -> None:
    repair = Repair()
    repair.found(gap(10, 19, T0 + 3600 * SECOND), T0)
    assert repair.next_due() == T0 + DELAY


def test_parts_of_a_hole_keep_its_history() -> None:
    repair = Repair()
    repair.found(gap(10, 19))
    repair.failed(due_one(repair, T0 + DELAY), T0 + DELAY, refused=True)
    repair.filled(KEY, [(14, 14)])
    due = T0 + DELAY + LOST_WAITS[0]
    assert (repair.attempts(KEY, 10, 13), repair.attempts(KEY, 15, 19)) == ((1, due), (1, due))


def test_more_important_ones_overtake_what_was_not_handed_out() -> None:
    repair = Repair(delay=0)
    importance = {KEY: 1, OTHER: 1, "binance:SOLUSDT": 0}

    def rank(key: str) -> tuple[int, ...]:
        return (importance[key],)

    repair.found(gap(10, 2_500))
    repair.found(gap(10, 19, key=OTHER))
    repair.found(gap(10, 2_500, key="binance:SOLUSDT"))
    assert [fetch.instrument for fetch in repair.due(T0, 1, rank)] == ["binance:SOLUSDT"]
    assert [fetch.instrument for fetch in repair.due(T0, 1, rank)] == [OTHER], "one call makes it whole"
    later = "binance:XRPUSDT"
    importance[later] = 0
    repair.found(gap(10, 19, key=later))
    assert [fetch.instrument for fetch in repair.due(T0, 5, rank)] == [later, KEY]
    assert repair.due(T0, 5, rank) == []


def test_of_the_same_rank_the_latest_outage_goes_first() -> None:
    repair = Repair(delay=0)
    repair.found(gap(10, 19))
    repair.found(gap(10, 19, ts=T0 + 600 * SECOND, key=OTHER))
    due = repair.due(T0 + 600 * SECOND, 2, lambda key: ())
    assert [fetch.instrument for fetch in due] == [OTHER, KEY]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 2_500), st.integers(1, 400)), min_size=1, max_size=4),
)
def test_the_calls_that_are_told_are_those_that_are_made(sizes: list[tuple[int, int]]) -> None:
    """Holes of these sizes with these stretches between them, of a venue that has everything."""
    repair = Repair(delay=0)
    first = 10
    for size, between in sizes:
        repair.found(gap(first, first + size - 1))
        first += size + between
    tape = RestTape(range(first + 10))
    told, made = repair.calls(KEY), 0
    while repair.open(KEY):
        fetch = due_one(repair, T0)
        made += 1
        repair.answered(fetch, [trade.id for trade in tape.page(fetch.first, fetch.limit)], T0)
    assert made <= told <= made + len(sizes)
    assert repair.calls(KEY) == 0


def test_what_is_older_than_the_venue_tells_of_is_asked_once_and_never_again() -> None:
    day = 24 * 3_600 * SECOND
    repair = Repair(delay=0, lookback=day)
    now = T0 + 2 * day
    repair.found(gap(10, 19), now)  # a journal tells of it
    fetch = due_one(repair, now)
    assert repair.answered(fetch, [20], now) == ((10, 19),), "proven lost, as ever"
    assert repair.next_due() is None
    assert repair.attempts(KEY, 10, 19) == (1, None)
    repair.found(gap(30, 39), now)
    repair.failed(due_one(repair, now), now, refused=True)
    assert repair.next_due() is None
    repair.found(gap(50, 59), now)
    for _ in range(4):
        due = repair.next_due()
        assert due is not None
        repair.failed(due_one(repair, due), due)
    assert repair.next_due() is None


def test_a_hole_within_the_look_back_is_asked_for_as_ever() -> None:
    repair = Repair(delay=0, lookback=24 * 3_600 * SECOND)
    repair.found(gap(10, 19))
    repair.answered(due_one(repair, T0), [20], T0)
    assert repair.next_due() == T0 + LOST_WAITS[0]
