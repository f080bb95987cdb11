"""The warm-up planner in dialogue with a venue: fed this answer, it asks that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import Range
from orderflow_stream.feed.backfill import LAG_WAITS, Ask, Page, Plan, ascending, holes_between
from tests.feed.pages_kit import SECOND, T0, RestTape, trade

HOUR = 3600 * SECOND


def run(plan: Plan, tape: RestTape, now: int, streamed: int | None = None) -> tuple[list[Ask], list[Page]]:
    """Play until the plan is done; waits pass in no time."""
    asks: list[Ask] = []
    pages: list[Page] = []
    while (ask := plan.next(now, streamed)) is not None:
        now = max(now, ask.at)
        asks.append(ask)
        pages.append(plan.take(ask, tape.page(ask.from_id, ask.limit), now))
        assert len(asks) < 500
    return asks, pages


def ids_of(pages: list[Page]) -> list[int]:
    return sorted(trade.id for page in pages for trade in page.trades)


def test_newest_page_first_then_older_ones_until_the_count_is_reached() -> None:
    plan = Plan(trades=2500, window=None)
    asks, pages = run(plan, RestTape(range(10_000, 20_000)), T0 + 20_000 * SECOND)
    assert asks == [Ask(None), Ask(18_000), Ask(17_000)]
    assert ids_of(pages) == list(range(17_000, 20_000))
    assert (plan.valid, plan.origin, plan.capped) == (3000, False, False)


def test_it_goes_on_until_the_window_is_reached_back_to() -> None:
    plan = Plan(trades=100, window=HOUR)
    now = T0 + 20_000 * SECOND
    _, pages = run(plan, RestTape(range(10_000, 20_000)), now)
    assert ids_of(pages)[0] == 16_000
    assert plan.oldest_ts is not None
    assert plan.oldest_ts <= now - HOUR


def test_the_very_first_trade_ends_it() -> None:
    plan = Plan(trades=5000, window=None)
    asks, pages = run(plan, RestTape(range(1500)), T0)
    assert asks == [Ask(None), Ask(0, 500)]
    assert ids_of(pages) == list(range(1500))
    assert plan.origin
    assert pages[-1].origin


@pytest.mark.parametrize("first", [1, 2, 499, 500])
def test_a_venue_that_has_nothing_older_ends_it(first: int) -> None:
    plan = Plan(trades=5000, window=None)
    asks, pages = run(plan, RestTape(range(first, 1500)), T0)
    assert len(asks) == 2
    assert ids_of(pages) == list(range(first, 1500))
    assert plan.origin
    assert not any(page.lost for page in pages), "what is older than the first trade is no hole"


def test_deep_history_that_is_gone_is_an_origin() -> None:
    plan = Plan(trades=5000, window=None)
    asks, _ = run(plan, RestTape(range(437_921_759, 437_922_759)), T0)
    assert asks == [Ask(None), Ask(437_920_759), Ask(0, 1)], "the venue's oldest trade tells the beginning from a hole"
    assert plan.origin


@pytest.mark.parametrize("hole", [range(4_000, 4_001), range(3_600, 4_100), range(1_500, 4_500), range(3_000, 4_000)])
def test_a_hole_is_not_the_beginning(hole: range) -> None:
    held = [id_ for id_ in range(200, 5_000) if id_ not in hole]
    plan = Plan(trades=10_000, window=None)
    asks, pages = run(plan, RestTape(held), T0)
    assert ids_of(pages) == held
    assert plan.origin
    assert [one for page in pages for one in page.lost] == [(hole[0], hole[-1])]
    assert asks.count(Ask(0, 1)) <= 1


def test_below_a_hole_without_end_nothing_is_sought() -> None:
    plan = Plan(trades=10_000, window=None)
    _, pages = run(plan, RestTape([1, *range(5_000_000, 5_001_500)]), T0)
    assert ids_of(pages) == list(range(5_000_000, 5_001_500))
    assert (plan.origin, plan.capped) == (False, True)


def test_a_symbol_that_never_traded() -> None:
    plan = Plan(trades=5000, window=HOUR)
    asks, pages = run(plan, RestTape([]), T0)
    assert [(ask.from_id, ask.at - T0) for ask in asks] == [(None, -T0), (None, LAG_WAITS[0]), (None, 750_000)]
    assert pages == [Page(()), Page(()), Page((), origin=True)], "said three times, it is believed"


def test_an_empty_page_is_no_proof_where_there_are_trades() -> None:
    plan, now = Plan(trades=1500, window=None), T0
    tape = RestTape(range(5_000))
    for at in range(10):
        ask = plan.next(now, 4_999)
        assert ask is not None
        assert ask.from_id is None
        assert at == 0 or ask.at - now == LAG_WAITS[min(at, len(LAG_WAITS)) - 1]
        now = max(now, ask.at)
        assert plan.take(ask, [], now, 4_999) == Page(())
    plan.take(Ask(None), tape.page(None, 1000), now, 4_999)
    older = plan.next(now, 4_999)
    assert older == Ask(3_000)
    assert plan.take(older, [], now) == Page(()), "the venue has id 4,000 at least"
    again = plan.next(now, 4_999)
    assert again == Ask(3_000, at=now + LAG_WAITS[0])
    assert len(plan.take(again, tape.page(3_000, 1000), now).trades) == 1000
    assert plan.next(now, 4_999) is None
    assert not plan.origin


def test_the_cap_stops_it_and_says_so() -> None:
    plan = Plan(trades=100, window=HOUR, cap=3000)
    _, pages = run(plan, RestTape(range(50_000), step=1000), T0 + 50_000_000)
    assert len(ids_of(pages)) == 3000
    assert plan.capped
    assert not plan.origin


def test_rows_marked_invalid_do_not_count() -> None:
    tape = RestTape(range(10_000))
    for id_ in range(8_500, 9_500):
        tape.trades[id_] = trade(id_, qty=0)
    plan = Plan(trades=1500, window=None)
    _, pages = run(plan, tape, T0)
    assert plan.valid == 2000
    assert len(ids_of(pages)) == 3000


def test_ids_that_rest_skips_are_lost() -> None:
    ids = set(range(7_000, 10_000)) - {9_500, 9_501, 8_999, 8_000, 7_999}
    plan = Plan(trades=2_500, window=None)
    _, pages = run(plan, RestTape(ids), T0)
    assert sorted(hole for page in pages for hole in page.lost) == [(7_999, 8_000), (8_999, 8_999), (9_500, 9_501)]


def test_a_rest_that_lags_is_asked_again_until_it_joins_the_stream() -> None:
    tape = RestTape(range(10_000))
    tape.visible = 8_999
    plan, now = Plan(trades=1000, window=None), T0
    ask = plan.next(now, 9_100)
    assert ask == Ask(None)
    plan.take(ask, tape.page(None, 1000), now)
    again: Ask | None = None
    for wait in LAG_WAITS[:3]:
        ask = plan.next(now, 9_100)
        assert ask is not None
        assert (ask.from_id, ask.limit) == (9_000, 101)
        now = max(now, ask.at)
        plan.take(ask, tape.page(ask.from_id, ask.limit), now)
        again = plan.next(now, 9_100)
        assert again is not None
        assert again.at == now + wait
    tape.visible = None
    now += LAG_WAITS[2]
    ask = plan.next(now, 9_100)
    assert ask is not None
    page = plan.take(ask, tape.page(ask.from_id, ask.limit), now)
    assert [trade.id for trade in page.trades] == list(range(9_000, 9_101)), "to the stream's first, and it"
    assert plan.next(now, 9_100) is None
    assert plan.unjoined(9_100) is None


def test_older_pages_are_read_while_rest_lags() -> None:
    tape = RestTape(range(10_000))
    tape.visible = 8_999
    plan = Plan(trades=2000, window=None)
    plan.take(Ask(None), tape.page(None, 1000), T0)
    join = plan.next(T0, 9_100)
    assert join is not None
    plan.take(join, [], T0)
    assert plan.next(T0, 9_100) == Ask(7_000)


def test_a_rest_that_never_joins_is_left_to_the_repair() -> None:
    tape = RestTape(range(10_000))
    tape.visible = 8_999
    plan = Plan(trades=1000, window=None)
    asks, _ = run(plan, tape, T0, streamed=9_100)
    assert len(asks) == 1 + len(LAG_WAITS) + 1
    assert plan.unjoined(9_100) == (9_000, 9_099)


def test_what_is_missing_between_rest_and_the_stream_is_lost() -> None:
    tape = RestTape([*range(8_000, 9_000), *range(9_050, 9_200)])
    tape.visible = 8_999
    plan = Plan(trades=500, window=None)
    plan.take(Ask(None), tape.page(None, 1000), T0)
    tape.visible = None
    ask = plan.next(T0, 9_100)
    assert ask is not None
    page = plan.take(ask, tape.page(ask.from_id, ask.limit), T0)
    assert page.lost == ((9_000, 9_049),)
    assert plan.next(T0, 9_100) is None


@given(
    first=st.integers(0, 3000),
    size=st.integers(1, 6000),
    holes=st.sets(st.integers(0, 9000), max_size=40),
    wanted=st.integers(1, 5000),
    window=st.one_of(st.none(), st.integers(1, 8000)),
    ahead=st.integers(-5, 500),
)
def test_every_plan_ends_with_a_contiguous_account(
    first: int, size: int, holes: set[int], wanted: int, window: int | None, ahead: int
) -> None:
    tape = RestTape(set(range(first, first + size)) - holes | {first + size - 1})
    newest = first + size - 1
    now = T0 + newest * SECOND
    for id_ in range(newest + 1, newest + 1 + ahead):
        tape.trades[id_] = trade(id_)
    tape.visible = newest
    plan = Plan(trades=wanted, window=None if window is None else window * SECOND)
    ask = plan.next(now, None)
    assert ask is not None
    pages = [plan.take(ask, tape.page(None, ask.limit), now)]
    tape.visible = None
    streamed = newest + ahead if ahead > 0 else None
    rest, more = run(plan, tape, now, streamed)
    got = ids_of(pages + more)
    lost = {id_ for page in pages + more for a, b in page.lost for id_ in range(a, b + 1)}
    assert len(got) == len(set(got)), "no id twice"
    assert sorted({*got, *lost}) == list(range(got[0], got[-1] + 1))
    assert not lost & set(tape.trades)
    if plan.origin:
        assert got[0] == min(tape.trades)
    else:
        assert plan.valid >= wanted
        assert window is None or (plan.oldest_ts is not None and plan.oldest_ts <= now - window * SECOND)
    assert streamed is None or got[-1] >= streamed - 1
    assert len(rest) <= size // 1000 + 4


def test_ascending_takes_each_id_once() -> None:
    rows = [trade(3), trade(1), trade(2, qty=5), trade(2, qty=7)]
    assert [(row.id, row.qty) for row in ascending(rows)] == [(1, 10**8), (2, 5), (3, 10**8)]


@pytest.mark.parametrize(
    "ids, end, holes",
    [([], None, ()), ([], 5, ()), ([1, 2, 3], 4, ()), ([1, 3], 7, ((2, 2), (4, 6))), ([1, 9], None, ((2, 8),))],
)
def test_holes_between(ids: list[int], end: int | None, holes: tuple[Range, ...]) -> None:
    assert holes_between([trade(id_) for id_ in ids], end) == holes


def test_where_the_venue_looks_back_so_far_only_nothing_is_asked_in_vain() -> None:
    now = T0 + 20_000 * SECOND
    plan = Plan(trades=100_000, window=None, lookback=2 * HOUR)
    asks, _ = run(plan, RestTape(range(20_000)), now)
    assert len(asks) == 8, "7,200 ids are two hours"
    assert not plan.origin
    edge = Plan(trades=100_000, window=None, lookback=10 * HOUR)
    asks, pages = run(edge, RestTape(range(17_500, 20_000)), now)
    assert asks == [Ask(None), Ask(18_000), Ask(17_000)], "an answer that begins above is the end: no question for 0"
    assert ids_of(pages) == list(range(17_500, 20_000))
    assert not edge.origin
    young = Plan(trades=100_000, window=None, lookback=10 * HOUR)
    run(young, RestTape(range(1, 1_200)), T0 + 1_200 * SECOND)
    assert young.origin, "the first id of all is a beginning"


def test_a_plan_may_be_given_up() -> None:
    plan = Plan(trades=5_000, window=None)
    plan.take(Ask(None), RestTape(range(2_000, 3_000)).page(None, 1_000), T0)
    assert plan.next(T0, None) is not None
    plan.give_up()
    assert plan.next(T0, None) is None
