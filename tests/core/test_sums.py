from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.sums import NqSums, Sums, inverse_base
from tests.core.making import BIG, ONE, law, sums_of, tapes, trade


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


def test_contracts_are_rounded_trade_by_trade_half_to_even() -> None:
    assert inverse_base(1, 2 * 10**16) == 0  # a half: to the even one below
    assert inverse_base(3, 2 * 10**16) == 2  # one and a half: to the even one above
    assert inverse_base(5, 2 * 10**16) == 2
    third = Sums.of([(3 * ONE, ONE)] * 3, ONE)  # three times a contract of 1 at a price of 3
    assert (third.buy_base, third.buy_quote) == (3 * 333_333_333_333_333_333_333_333, 3 * 10**16)
    assert Sums.of([(3 * ONE, -ONE)], ONE) == Sums(0, 1, 0, 333_333_333_333_333_333_333_333, 0, 10**16)


def test_without_rpi_trades_a_row_may_be_none() -> None:
    told = NqSums.of([(2, 5, 5), (2, -5, 3), (2, 5, 0)])
    assert told.told == Sums(1, 1, 5, 3, 10, 6)
    untold = NqSums.of([(2, 5, -1)])
    assert (untold.told, untold.sums) == (None, Sums())
    assert (told + untold).told is None
    assert (told + untold - untold).told == told.told
