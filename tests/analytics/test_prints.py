"""Prints of venues that merge rows, and of inverse contracts: live, scanned, and after repairs, against brute force."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderflow_stream.analytics import large, orders, prints
from orderflow_stream.analytics.large import CLOSE_AFTER, LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, FeedUp, Instrument, LargePrint, Refill, Trade, Update
from tests.core.making import (
    BIG,
    DOLLAR,
    HOUR,
    ONE,
    SECOND,
    T0,
    WINDOWS,
    feed,
    from_reference,
    law,
    tracker,
    trade,
)
from tests.reference import tapefile

MS = 1_000
SPAN = 100 * MS
PERP = Instrument("binance-usdm", "BTCUSDT", "BTC", "USDT", market="usdm", kind="perpetual", row_span=SPAN)
INVERSE = Instrument(
    *("venue-x", "BTCUSD_PERP", "BTC", "USD"),
    market="coinm",
    kind="perpetual",
    row_span=SPAN,
    contract=100 * ONE,
)


def make(instrument: Instrument = PERP, *, threshold: int = 10 * DOLLAR, warm: bool = True) -> tuple[Engine, Book]:
    engine: Engine = Engine(
        windows=WINDOWS, analytics=lambda book: (LargeTracker(book, threshold, engine.pending),), keep_trades=10_000
    )
    book = engine.add(instrument)
    engine.apply(FeedUp((instrument.key,), T0, 1))
    if warm:
        engine.apply(Refill(instrument.key, (), T0, warm=True))
    return engine, book


def leg(id_: int, units: int, ms: int = 0, *, price: int = 1, fill: int | None = None, of: Instrument = PERP) -> Trade:
    """A row of `units` x price dollars, `ms` after T0, its fill chained to its neighbours' where none is given."""
    at = id_ if fill is None else fill
    return trade(id_, units * ONE, price=price * ONE, ts=T0 + ms * MS, fills=(at, at), key=of.key)


def told(updates: Sequence[Update] | None, group: str = "order") -> list[tuple[int, int, int, bool]]:
    return [
        (one.id, one.first_id, one.notional // DOLLAR, one.late)
        for one in updates or ()
        if isinstance(one, LargePrint) and one.group == group
    ]


def closed(engine: Engine, after: int = HOUR) -> LargePrint:
    """The one order that is told when so much time has passed."""
    (found,) = [one for one in engine.advance(T0 + after) if isinstance(one, LargePrint)]
    return found


# -- brute force --------------------------------------------------------------------------------------------------


def brute(rows: Sequence[Trade], span: int = SPAN) -> list[list[Trade]]:
    """Groups of trades (ascending ids, invalid rows left out): of one side, ids without a break, each row less than
    `span` after the first one."""
    found: list[list[Trade]] = []
    rest = [one for one in rows if one.qty]
    while rest:
        first, size = rest[0], 1
        while size < len(rest):
            one = rest[size]
            after = one.ts_event - first.ts_event
            if one.id != first.id + size or one.side != first.side or not 0 <= after < span:
                break
            size += 1
        found.append(rest[:size])
        rest = rest[size:]
    return found


def worth(order: Sequence[Trade], instrument: Instrument) -> int:
    return sum(instrument.worth(one.price, one.qty) for one in order)


def sure(order: Sequence[Trade]) -> str:
    fill = order[0].first_id
    for one in order:
        if len(order) > 1 and (
            one.first_id != fill or one.last_id == UNKNOWN_FILL or one.ts_event != order[0].ts_event
        ):
            return "possible"
        fill = one.last_id + 1
    return "likely"


def listed(found: Sequence[Sequence[Trade]], instrument: Instrument, least: int) -> list[tuple[Any, ...]]:
    return [
        (order[-1].id, order[0].id, worth(order, instrument), sure(order), len(order))
        for order in found
        if worth(order, instrument) >= least
    ]


def shown(found: Sequence[LargePrint]) -> list[tuple[Any, ...]]:
    return [(one.id, one.first_id, one.notional, one.confidence, one.legs) for one in found]


@st.composite
def merged(draw: st.DrawFn, of: Instrument = PERP, *, most: int = 24) -> list[Trade]:
    """Rows of a venue that merges them, in milliseconds: runs of one side, borders at 100 ms, times that go back."""
    found: list[Trade] = []
    ts, fill, side = T0, 1, 1
    for index in range(draw(st.integers(1, most))):
        ts += MS * draw(st.sampled_from([0, 0, 0, 1, 30, 60, 99, 100, 101, 5_000, -1, -60, -100, -7_000]))
        side = side if draw(st.integers(0, 5)) else -side
        qty = 0 if draw(st.integers(0, 14)) == 0 else side * draw(st.sampled_from([1, ONE, 4 * ONE, 25 * ONE, BIG]))
        fill += draw(st.sampled_from([0, 0, 0, 2]))
        fills = (fill, fill + 1) if draw(st.integers(0, 9)) else (UNKNOWN_FILL, UNKNOWN_FILL)
        fill += 2
        price = draw(st.sampled_from([1, ONE, 122_335 * ONE + 79_000_000, BIG]))
        found.append(trade(100 + index, qty, price=price, ts=ts, fills=fills, key=of.key))
    return found


leasts = st.sampled_from([1, ONE, DOLLAR, 10 * DOLLAR, 9 * 10**18 * ONE, 81 * 10**36, 81 * 10**36 + 1])


# -- the laws -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instrument", [PERP, INVERSE], ids=["linear", "inverse"])
@law(50)
@given(data=st.data(), least=leasts, count=st.integers(1, 45))
def test_live_and_scanned_are_the_groups_of_the_tape(
    instrument: Instrument, data: st.DataObject, least: int, count: int
) -> None:
    trades = data.draw(merged(instrument))
    engine, book = make(instrument, threshold=least)
    found = feed(engine, trades)
    found += engine.advance(T0 + 24 * HOUR)
    groups = brute(trades)
    expected = listed(groups, instrument, least)
    live = [one for one in found if isinstance(one, LargePrint) and one.group == "order"]
    assert shown(live) == expected
    assert shown(tracker(book).ring) == expected
    rows = [one for one in found if isinstance(one, LargePrint) and one.group == "row"]
    assert [(one.id, one.notional) for one in rows] == [
        (one.id, worth([one], instrument)) for one in trades if worth([one], instrument) >= least and one.qty
    ]
    assert {one.confidence for one in rows} <= {""}
    scanned = large.scan(book, min_notional=least, now=T0, group="order", limit=1_000)
    assert sorted(shown(scanned.prints)) == expected
    assert scanned.buy_notional == sum(one.notional for one in live if one.side == BUY)
    # Of the newest `count` rows only: an order that begins before them counts with what is inside, and no other moves.
    kept = [one for one in trades if one.qty][-count:]
    inside = [[one for one in group if one.id >= kept[0].id] for group in groups] if kept else []
    cut = large.scan(book, min_notional=least, now=T0, group="order", limit=1_000, trades=count)
    assert sorted(shown(cut.prints)) == listed([group for group in inside if group], instrument, least)
    by_row = large.scan(book, min_notional=least, now=T0, group="row", limit=1_000, trades=count)
    assert sorted(one.id for one in by_row.prints) == [one.id for one in kept if worth([one], instrument) >= least]


@pytest.mark.parametrize("instrument", [PERP, INVERSE], ids=["linear", "inverse"])
@law(60)
@given(data=st.data(), least=leasts)
def test_after_repairs_all_is_as_if_nothing_had_been_missing(
    instrument: Instrument, data: st.DataObject, least: int
) -> None:
    trades = data.draw(merged(instrument, most=14))
    late = data.draw(st.lists(st.booleans(), min_size=len(trades), max_size=len(trades)))
    late[0] = False  # what is older than the oldest that came is the past, and no news
    engine, book = make(instrument, threshold=least)
    found = feed(engine, [one for one, missing in zip(trades, late, strict=True) if not missing])
    rest = data.draw(st.permutations([one for one, missing in zip(trades, late, strict=True) if missing]))
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        part, rest = rest[:size], rest[size:]
        if data.draw(st.booleans()):
            found += feed(engine, part)
        else:
            found += engine.apply(Refill(instrument.key, tuple(part), T0, repair=True)) or ()
        if data.draw(st.booleans()):
            engine.now = -1  # the clock of the next close may be any
            found += engine.advance(T0 + 24 * HOUR)
    found += engine.advance(T0 + 24 * HOUR)
    expected = listed(brute(trades), instrument, least)
    assert shown(tracker(book).ring) == expected
    scanned = large.scan(book, min_notional=least, now=T0, group="order", limit=1_000)
    assert sorted(shown(scanned.prints)) == expected
    # Whoever heard them all knows each order that there is: the newest of its id is the one that stands.
    heard = {one.id: one for one in found if isinstance(one, LargePrint) and one.group == "order"}
    assert set(heard) >= {one[0] for one in expected}
    # Read back from a journal, nothing else comes of it.
    ring, untold = tracker(book).dump()
    assert not untold
    tracker(book).load(ring, untold)
    assert shown(tracker(book).ring) == expected


@law(40)
@given(trades=merged(), before=st.integers(1, 40), after=st.integers(1, 40))
@example(trades=[leg(1, 6), leg(2, 6, 30)], before=20, after=10)
def test_a_changed_threshold_keeps_what_one_from_the_start_would_have(
    trades: list[Trade], before: int, after: int
) -> None:
    engine, book = make(threshold=before * DOLLAR)
    feed(engine, trades)
    tracker(book).set_threshold(after * DOLLAR)
    other, expected = make(threshold=after * DOLLAR)
    feed(other, trades)
    assert shown(tracker(book).ring) == shown(tracker(expected).ring)
    assert told(engine.advance(T0 + 24 * HOUR)) == told(other.advance(T0 + 24 * HOUR))


# -- by hand ------------------------------------------------------------------------------------------------------


def test_an_order_ends_one_span_after_its_first_row() -> None:
    engine, book = make()
    updates = feed(engine, [leg(1, 4), leg(2, 4, 60), leg(3, 4, 99), leg(4, 4, 100), leg(5, 4, 150)])
    assert told(updates) == [(3, 1, 12, False)]
    assert [[row.id for row in order] for order in orders.group(book.tape.rows_from(0, 0), SPAN)] == [[1, 2, 3], [4, 5]]
    assert told(engine.apply(leg(6, 4, 199))) == []
    assert told(engine.apply(leg(7, -1, 199))) == [(6, 4, 12, False)]


def test_it_is_closed_by_time_a_span_later_than_on_spot() -> None:
    engine, book = make()
    engine.apply(leg(1, 12))
    assert tracker(book).due == T0 + SPAN + CLOSE_AFTER
    assert told(engine.advance(T0 + SPAN + CLOSE_AFTER - 1)) == []
    assert told(engine.advance(T0 + SPAN + CLOSE_AFTER)) == [(1, 1, 12, False)]
    engine.apply(leg(2, 1, 99))  # the venue's next batch came late
    assert told(engine.apply(leg(3, 1, 100))) == [(2, 1, 13, True)]
    assert (shown(tracker(book).ring), book.large_count[BUY]) == ([(2, 1, 13 * DOLLAR, "possible", 2)], 1)


@pytest.mark.parametrize(
    "second, expected",
    [
        (leg(2, 6), "likely"),
        (leg(2, 6, 1), "possible"),  # another time
        (leg(2, 6, fill=3), "possible"),  # a fill between that is not told
        (trade(2, 6 * ONE, price=ONE, ts=T0, key=PERP.key), "possible"),  # fills are not told at all
    ],
)
def test_how_far_a_group_is_one_order(second: Trade, expected: str) -> None:
    engine, book = make()
    feed(engine, [leg(1, 6), second])
    found = closed(engine)
    assert found.confidence == expected
    (scanned,) = large.scan(book, min_notional=DOLLAR, now=T0, group="order").prints
    assert scanned == found
    (row, _) = large.scan(book, min_notional=DOLLAR, now=T0, group="row").prints
    assert row.confidence == ""


def test_new_rows_may_divide_what_was_told() -> None:
    """Rows 2 and 3 were one order; row 1 is the first of another that ends between them."""
    engine, book = make()
    feed(engine, [leg(0, 1, -5_000), leg(2, 6, 50), leg(3, 6, 120)])
    assert told(engine.advance(T0 + HOUR)) == [(3, 2, 12, False)]
    assert told(engine.apply(Refill(PERP.key, (leg(1, 6),), T0, repair=True))) == [(2, 1, 12, True)]
    assert shown(tracker(book).ring) == [(2, 1, 12 * DOLLAR, "possible", 2)]
    assert told(engine.apply(leg(4, 6, 130))) == []
    assert told(engine.advance(T0 + 2 * HOUR)) == [(4, 3, 12, True)]  # of which a part was told before


def test_a_scan_that_begins_inside_a_run_divides_it_as_it_was() -> None:
    engine, book = make()
    feed(engine, [leg(id_, 1, 40 * id_) for id_ in range(1, 601)])
    whole = large.scan(book, min_notional=DOLLAR, now=T0, group="order", limit=1_000)
    assert {one.legs for one in whole.prints} == {3}
    cut = large.scan(book, min_notional=DOLLAR, now=T0, group="order", limit=1_000, trades=301)
    assert sorted((one.first_id, one.last_id) for one in cut.prints)[:2] == [(300, 300), (301, 303)]
    assert cut.trades_scanned == 301


def test_an_inverse_contract_is_worth_what_it_says_whatever_the_price() -> None:
    engine, _ = make(INVERSE)
    feed(engine, [leg(1, 3, price=50_000, of=INVERSE), leg(2, 7, price=50_001, of=INVERSE)])
    found = closed(engine)
    assert (found.qty, found.notional, found.price) == (10 * ONE, 1_000 * DOLLAR, 50_001 * ONE)
    exact = 300 * 10**24 * 50_001 + 700 * 10**24 * 50_000
    assert abs(found.base * 50_000 * 50_001 - exact) <= 50_000 * 50_001  # one unit of the 24th decimal, for two rows
    assert (found.levels, found.legs, found.confidence) == (2, 2, "likely")


@pytest.mark.parametrize("contracts", [10**9, 10**9 + 1, 9 * 10**10])
def test_no_size_wraps(contracts: int) -> None:
    """10^9 contracts at a price of 10^5, and what a column can carry at most."""
    engine, book = make(INVERSE)
    feed(engine, [leg(1, contracts, price=10**5, of=INVERSE), leg(2, -contracts, price=10**5, of=INVERSE)])
    for group in ("row", "order"):
        found = large.scan(book, min_notional=contracts * 100 * DOLLAR, now=T0, group=group)
        assert (found.count, found.buy_notional, found.sell_notional) == (
            *(2, contracts * 100 * DOLLAR),
            contracts * 100 * DOLLAR,
        )
        assert [one.base for one in found.prints] == [contracts * 100 * 10**24 // 10**5] * 2
        assert large.scan(book, min_notional=contracts * 100 * DOLLAR + 1, now=T0, group=group).count == 0


def test_a_new_worth_of_a_contract_makes_the_old_prints_anew() -> None:
    engine, book = make(INVERSE)
    feed(engine, [leg(1, 12, of=INVERSE), leg(2, -12, of=INVERSE)])
    assert len(tracker(book).ring) == 1
    engine.add(Instrument(**{**_fields(INVERSE), "contract": 10 * ONE}))
    assert told(feed(engine, [leg(3, 1, of=INVERSE), leg(4, -1, of=INVERSE)])) == [(3, 3, 10, False)]
    assert [(one.id, one.notional // DOLLAR) for one in tracker(book).ring] == [(1, 120), (2, 120), (3, 10)]


def test_what_else_is_said_of_an_instrument_changes_no_print() -> None:
    engine, _ = make(INVERSE)
    feed(engine, [leg(1, 12, of=INVERSE), leg(2, -12, of=INVERSE)])
    engine.add(Instrument(**{**_fields(INVERSE), "status": "BREAK", "trading": False}))
    assert told(engine.apply(leg(3, -1, of=INVERSE))) == []
    assert told(engine.advance(T0 + HOUR)) == [(3, 2, 1_300, False)]


def _fields(instrument: Instrument) -> dict[str, Any]:
    return {name: getattr(instrument, name) for name in instrument.__struct_fields__}


def test_the_column_search_is_the_grouping_by_rows() -> None:
    engine, book = make()
    feed(engine, [leg(id_, 1 if id_ % 7 else -1, (id_ * 37) % 91 + id_ * 30) for id_ in range(1, 900)])
    by_rows = [[row.id for row in order] for order in orders.group(book.tape.rows_from(0, 0), SPAN)]
    assert [[row.id for row in order] for order in prints.orders_of(book.tape, 1, PERP)] == by_rows
    assert sum(map(len, by_rows)) == 899


def test_spot_says_nothing_of_confidence_and_base() -> None:
    spot = Instrument("binance", "BTCUSDT", "BTC", "USDT")
    engine, _ = make(spot)
    feed(engine, [leg(1, 12, of=spot), leg(2, -12, SECOND, of=spot)])
    found = closed(engine)
    assert (found.confidence, found.base, found.side) == ("", 0, SELL)


@pytest.mark.skipif(tapefile.tapes_dir() is None, reason="the recorded tapes are not beside this checkout")
@pytest.mark.parametrize("symbol, part", [("BTCUSDT", "um-2024-07-19"), ("ETHUSDT", "um-aggtrades-2023-02-02")])
def test_a_recorded_tape_of_futures(symbol: str, part: str) -> None:
    """The second of them does not tell its fills, so that no group of several rows is more than possible."""
    trades = [from_reference(row, PERP.key) for row in tapefile.tape(symbol, part).rows()[:4_000]]
    least = 20_000 * DOLLAR
    engine, book = make(threshold=least)
    found = feed(engine, trades)
    found += engine.advance(trades[-1].ts_event + HOUR)
    expected = listed(brute(trades), PERP, least)
    live = [one for one in found if isinstance(one, LargePrint) and one.group == "order"]
    assert shown(live) == expected
    scanned = large.scan(book, min_notional=least, now=T0, group="order", limit=5_000)
    assert sorted(shown(scanned.prints)) == expected
    assert len(expected) > 20
    assert {one[3] for one in expected if one[4] > 1} == ({"likely", "possible"} if "2024" in part else {"possible"})


@law(40)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 120), st.booleans()), min_size=1, max_size=60),
    st.integers(50_000, 99_999),
    st.sampled_from(["row", "order"]),
    st.sampled_from([PERP, INVERSE, Instrument("binance", "BTCUSDT", "BTC", "USDT")]),
    st.integers(1, 70),
)
def test_a_percentile_is_one_of_the_notionals(
    legs: list[tuple[int, int, bool]], percentile: int, group: Any, instrument: Instrument, trades: int
) -> None:
    """As many as that are not above it, by the rank that is nearest, of the trades that are scanned."""
    engine, book = make(instrument)
    ms = 0
    for id_, (units, pause, sold) in enumerate(legs, 1):
        ms += pause
        engine.apply(leg(id_, -units if sold else units, ms, of=instrument))
    now = T0 + ms * MS
    everything = prints.scan(book, min_notional=1, now=now, trades=trades, limit=5_000, group=group)
    sizes = sorted(found.notional for found in everything.prints)
    found = prints.scan(book, min_notional=7, now=now, trades=trades, limit=5_000, group=group, percentile=percentile)
    least = found.min_notional
    assert least in sizes
    rank = sum(size <= least for size in sizes)
    assert rank * 100_000 >= percentile * len(sizes)  # so many are not above it,
    assert sum(size < least for size in sizes) * 100_000 < percentile * len(sizes)  # and of no smaller one
    assert sorted(one.notional for one in found.prints) == [size for size in sizes if size >= least]


def test_the_nearest_rank_by_hand() -> None:
    sizes = [50, 20, 15, 40, 35]
    ranks = {50_000: 35, 60_000: 35, 60_001: 40, 80_000: 40, 80_001: 50, 99_999: 50}
    assert {percentile: prints.nearest_rank(sizes, percentile) for percentile in ranks} == ranks
    assert prints.nearest_rank([7], 50_000) == 7


def test_a_percentile_of_nothing() -> None:
    _, book = make()
    found = prints.scan(book, min_notional=5, now=T0, percentile=99_000)
    assert (found.min_notional, found.count, found.prints) == (None, 0, ())


def test_the_largest_numbers_have_a_percentile() -> None:
    engine, book = make()
    engine.apply(leg(1, 1))
    engine.apply(trade(2, -BIG, price=BIG, ts=T0, key=PERP.key))
    found = prints.scan(book, min_notional=5, now=T0, percentile=99_000, group="order")
    assert (found.min_notional, found.count) == (BIG * BIG, 1)
