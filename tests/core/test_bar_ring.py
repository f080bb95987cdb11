"""The ring of bars: reading by place against reading one by one, and what is remembered of what was let go."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.bar_ring import Bar, BarRing
from orderflow_stream.core.sums import Sums
from tests.core.making import BIG, SECOND, T0, law

SPAN = 64 * SECOND


def bar(at: int, id_: int = 1, price: int = 5, size: int = 1) -> Bar:
    """A bar `at` seconds from T0 with one buy and two sells."""
    sums = Sums(1, 2, size, 2 * size, size * price, 2 * size * price)
    return Bar(T0 + at * SECOND, price, price + 2, price - 2, price + 1, id_, id_ + 2, sums)


def joined(bars: list[Bar]) -> Bar:
    """As one, by the rule of two."""
    first = bars[0]
    whole = Bar(first.start, first.open, first.high, first.low, first.close, first.first_id, first.last_id, first.sums)
    for other in bars[1:]:
        whole.take(other)
    return whole


@law(60)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 10**6), st.integers(3, BIG), st.integers(1, BIG)),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
    st.data(),
)
def test_places(parts: list[tuple[int, int, int, int]], inverse: bool, data: st.DataObject) -> None:
    """Any order of times and ids, and numbers as wide as they come."""
    ring = BarRing(SECOND, SPAN, inverse)
    asked = sorted(data.draw(st.lists(st.integers(-1, 41), max_size=3)))
    held: dict[int, Bar] = {}
    for at, id_, price, size in parts:
        one = bar(at, id_, price, size)
        ring.put(one)
        held[one.start] = joined([held[one.start], bar(at, id_, price, size)]) if one.start in held else one
        for since in asked:  # what is asked for again follows what comes
            inside = [one for start, one in sorted(held.items()) if start >= T0 + since * SECOND]
            total = ring.total(T0 + since * SECOND)
            assert (total is None) is (not inside)
            if total is not None:
                whole = joined(inside)
                assert (total.sums, total.high, total.low) == (whole.sums, whole.high, whole.low)
                assert (total.first_id, total.last_id) == (whole.first_id, whole.last_id)
    bars = [one for _, one in sorted(held.items())]
    assert ring.bars() == ring.slice(0, len(ring)) == bars
    low = data.draw(st.integers(0, len(bars) - 1))
    high = data.draw(st.integers(low + 1, len(bars)))
    assert ring.slice(low, high) == bars[low:high]
    merged, whole = ring.merged(low, high), joined(bars[low:high])
    assert (merged.start, merged.sums) == (whole.start, whole.sums)
    assert (merged.high, merged.low, merged.first_id, merged.last_id) == (
        whole.high,
        whole.low,
        whole.first_id,
        whole.last_id,
    )
    ends = [one for one in bars[low:high] if one.first_id == merged.first_id]
    assert merged.open in {one.open for one in ends}
    assert [ring.start(at) for at in range(len(bars))] == [one.start for one in bars]
    assert [ring.last_id(at) for at in range(len(bars))] == [one.last_id for one in bars]
    assert ring.place(bars[low].start) == low
    assert ring.place(bars[-1].start + 1) == len(bars)


def test_open_and_close_go_by_id_also_where_times_do_not() -> None:
    ring = BarRing(SECOND, SPAN)
    ring.put(bar(0, 30, price=7))
    ring.put(bar(1, 10, price=100))
    merged = ring.merged(0, 2)
    assert (merged.open, merged.close, merged.first_id, merged.last_id) == (100, 8, 10, 32)


def test_what_was_let_go_is_remembered() -> None:
    ring = BarRing(SECOND, SPAN)
    assert ring.gone is None
    for at in range(64):
        ring.put(bar(at, 10 * at))
    assert ring.gone is None
    assert ring.total(T0) is not None
    late = bar(1, 5_000)  # a time out of order: the highest id is not that of the newest bar that goes
    ring.put(late)
    for at in range(64, 80):
        ring.put(bar(at, 10 * at))
    gone: tuple[int, int] | None = ring.gone
    assert gone is not None
    start, last = gone
    assert start == ring.start(0) - SECOND
    assert last == 5_002
    total = ring.total(T0)
    assert total is not None
    assert total.sums == joined(ring.bars()).sums  # no sum over what is gone is kept at hand
    again = BarRing(SECOND, SPAN)
    again.put(bar(0))
    again.total(T0)
    again.load(ring.dump())
    assert (again.bars(), again.gone) == (ring.bars(), None)
    assert again.total(T0) == ring.total(T0)


def test_what_comes_back_late_is_let_go_of_again_and_nothing_forgotten() -> None:
    ring = BarRing(SECOND, SPAN)
    for at in range(128):
        ring.put(bar(at, 10 * at))
    first = ring.gone
    assert first is not None
    for at in range(20):  # older than all that is held
        ring.put(bar(at, 10 * at))
    again = ring.gone
    assert again is not None
    assert again[0] >= first[0]
    assert again[1] >= first[1]
    assert len(ring) < 64 + 8 + 20  # gone for the second time


def test_pages_of_the_past() -> None:
    ring = BarRing(SECOND, SPAN)
    ring.put(bar(20, 200))
    before = ring.total(T0)
    assert before is not None
    ring.put_all([bar(3, 30), bar(4, 40)])
    total = ring.total(T0)
    assert total is not None
    assert (total.first_id, total.sums.trades) == (30, 9)
    assert before.sums.trades == 3  # what was given away stays as it was


def test_an_answer_of_its_own() -> None:
    ring = BarRing(SECOND, SPAN)
    ring.put(bar(0))
    for since in range(9):  # more than are kept at hand
        ring.total(T0 - since)
    one = ring.total(T0)
    assert one is not None
    one.take(bar(0, 7, size=50))
    again = ring.total(T0)
    assert again is not None
    assert again.sums.buy_base == 1
