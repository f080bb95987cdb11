from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.sums import Sums
from tests.core.making import BIG, law, sums_of, tapes, trade


def test_buys_and_sells_apart_exactly() -> None:
    found = sums_of([trade(1, 3, price=7), trade(2, -5, price=11), trade(3, 0), trade(4, BIG, price=BIG)])
    assert found == Sums(2, 1, 3 + BIG, 5, 21 + BIG * BIG, 55)
    assert (found.trades, found.delta_base, found.delta_quote) == (3, BIG - 2, BIG * BIG - 34)


@law(80)
@given(tapes(invalid=False), st.integers(0, 60))
def test_sums_add_up_and_come_apart(trades: list, at: int) -> None:  # type: ignore[type-arg]
    rows = [(one.price, one.qty * one.side) for one in trades]
    whole, head, tail = Sums.of(rows), Sums.of(rows[:at]), Sums.of(rows[at:])
    assert whole == sums_of(trades)
    assert head + tail == whole
    assert whole - head == tail
    assert Sums.of([]) == Sums() == whole - whole
