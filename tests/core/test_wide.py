"""Inverse contracts and quantities without RPI trades, against decimals of 60 digits."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import UNTOLD, Instrument, Trade
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import CHUNK, Tape
from orderflow_stream.core.wide import WideTape, tape_of
from orderflow_stream.core.window import Window
from tests.core.contracts import BOTH, INVERSE, KINDS, USDM, as_row, decimal_nq, decimal_sums, make, of, put, traded
from tests.core.making import BTC, HOUR, MINUTE, ONE, SECOND, T0, check_tape, feed, law, run, trade

SPANS = (1, SECOND, 10 * SECOND, MINUTE, HOUR)


def rows(tape: Tape) -> list[Any]:
    return list(tape.rows_from(0, 0))


def check(instrument: Instrument, tape: Tape, windows: list[Window], held: list[Trade], now: int) -> None:
    for window in windows:
        inside = [one for one in held if one.qty and now - window.span < one.ts_event <= now]
        assert window.sums(now) == decimal_sums(instrument, inside)
        assert window.nq(now) == decimal_nq(instrument, inside)
        assert window.edges(now) == ((as_row(inside[0]), as_row(inside[-1])) if inside else (None, None))


def check_last(instrument: Instrument, tape: Tape, held: list[Trade]) -> None:
    valid = [one for one in held if one.qty]
    for count in (1, 2, 3, 5, 17, len(valid), len(valid) + 9):
        if count:
            assert tape.last_sums(count)[0] == decimal_sums(instrument, valid[-count:])
            assert tape.last_nq(count) == decimal_nq(instrument, valid[-count:])


def test_spot_has_none_of_it() -> None:
    tape = tape_of(BTC)
    assert type(tape) is Tape
    put(tape, trade(1))
    tape.append(2, ONE, ONE, 1, T0, -1, -1, 5)
    assert tape.tail.nq is None
    assert tape.tail.nq_before is None
    assert (tape.last_nq(2), tape.nq_later_than(0), Window(tape, HOUR).nq(T0)) == (None, None, None)
    assert [row.nq for row in rows(tape)] == [UNTOLD, UNTOLD]
    assert not tape.rpi


def test_an_inverse_contract_by_hand() -> None:
    """Three contracts of 100 USD at 30,000: 300 USD, a hundredth of a bitcoin."""
    tape = tape_of(INVERSE)
    put(tape, of(INVERSE, trade(1, 3 * ONE, price=30_000 * ONE)))
    put(tape, of(INVERSE, trade(2, -1 * ONE, price=30_001 * ONE)))
    head = tape.head()
    assert (head.buy_quote, head.buy_base) == (300 * 10**16, 10**22)
    assert (head.sell_quote, head.sell_base) == (100 * 10**16, 3_333_222_225_925_802_473_251)  # 100/30001
    assert INVERSE.contracts(head.buy_quote) == 3 * ONE
    assert tape.last_nq(2) is None  # this venue does not tell


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("instrument", KINDS, ids=lambda one: one.symbol)
@law(15)
@given(data=st.data())
def test_windows_and_last_trades_are_brute_force(data: st.DataObject, instrument: Instrument, backwards: bool) -> None:
    """Whatever comes, late or not, is spliced, or leaves, and whenever one asks."""
    trades = data.draw(traded(instrument, told=data.draw(st.booleans()), most=30, backwards=backwards))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderflow_stream.core.tape.CHUNK", 4)
        tape = tape_of(instrument)
        windows = [Window(tape, span) for span in SPANS]
        held: list[Trade] = []
        late: list[Trade] = []
        for one in trades:
            chance = data.draw(st.integers(0, 11))
            if chance == 0:
                late.append(one)
                continue
            put(tape, one)
            held.append(one)
            later = data.draw(st.sampled_from([0, 0, 1, SECOND, 11 * SECOND, MINUTE]))
            if chance == 1 and late:
                valid = [as_row(each) for each in late if each.qty]
                if valid:
                    tape.splice(valid)
                held = sorted([*held, *late], key=lambda each: each.id)
                late = []
            elif chance == 2 and len(tape.chunks) > 1:
                gone = tape.drop_oldest()
                while gone:
                    gone -= bool(held.pop(0).qty)
                while held and not held[0].qty:
                    held.pop(0)
            if chance < 8 and tape.newest_ts >= 0:
                check(instrument, tape, windows, held, tape.newest_ts + later)  # the clock may step back
                check_last(instrument, tape, held)
        check_tape(tape)


@pytest.mark.parametrize("instrument", KINDS, ids=lambda one: one.symbol)
@law(20)
@given(data=st.data())
def test_spliced_in_any_pieces_it_is_the_tape_that_never_lacked_them(
    data: st.DataObject, instrument: Instrument
) -> None:
    trades = data.draw(traded(instrument, most=30, invalid=False))
    pieces = data.draw(st.lists(st.integers(0, len(trades)), max_size=8).map(sorted))
    parts = [trades[a:b] for a, b in zip([0, *pieces], [*pieces, len(trades)], strict=True)]
    order = data.draw(st.permutations([part for part in parts if part]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderflow_stream.core.tape.CHUNK", data.draw(st.sampled_from([4, CHUNK])))
        whole, tape = tape_of(instrument), tape_of(instrument)
        for one in trades:
            put(whole, one)
        for part in order:
            if len(part) == 1 and part[0].id > max(tape.has(range(100, 200)), default=0):
                put(tape, part[0])
            else:
                assert tape.splice([as_row(one) for one in part]) == decimal_sums(instrument, part)
            check_tape(tape)
        assert rows(tape) == rows(whole) == [as_row(one) for one in trades]
        assert tape.head() == whole.head() == decimal_sums(instrument, trades)
        for left in {one.ts_event for one in trades} | {T0 - HOUR, T0 + HOUR}:
            inside = [one for one in trades if one.ts_event > left]
            assert tape.sums_later_than(left)[0] == decimal_sums(instrument, inside)
            assert tape.nq_later_than(left) == decimal_nq(instrument, inside)
        check_last(instrument, tape, trades)


def test_a_row_that_does_not_tell_hides_the_sum_only_while_it_is_in_the_span() -> None:
    tape = tape_of(USDM)
    window = Window(tape, 10 * SECOND)
    for id_ in range(1, 1_000):
        put(tape, of(USDM, trade(id_, 5 * ONE), UNTOLD if id_ in {300, 990} else 3 * ONE))
    now = tape.newest_ts
    assert tape.last_nq(9) == Sums(9, 0, 27 * ONE, 0, 27 * ONE * ONE, 0)
    assert tape.last_nq(10) is None
    assert window.nq(now) is None
    assert window.nq(now + SECOND) == Sums(9, 0, 27 * ONE, 0, 27 * ONE * ONE, 0)
    assert window.sums(now + SECOND).trades == 9
    while tape.chunks[0].ids[-1] < 300:
        tape.drop_oldest()
    assert tape.last_nq(10_000) is None
    tape.drop_oldest()
    tape.splice([as_row(of(USDM, trade(2_000), 0))])
    assert tape.last_nq(10) == Sums(9, 0, 27 * ONE, 0, 27 * ONE * ONE, 0)  # the newest is nothing but RPI: no trade


HUGE = [
    pytest.param(INVERSE, 100_000 * ONE, 10**9 * ONE, id="10^9 contracts at 10^5"),
    pytest.param(BOTH, 10, 10**9 * ONE, id="10^9 contracts at 10^-7"),
    pytest.param(USDM, 10, 10**9 * ONE, id="10^9 units at 10^-7"),
    pytest.param(USDM, 100_000 * ONE, 10**9 * ONE, id="10^9 units at 10^5"),
    pytest.param(BOTH, 1, 2**63 - 1, id="the most there can be, at the least"),
    pytest.param(INVERSE, 2**63 - 1, 2**63 - 1, id="the most there can be, at the most"),
    pytest.param(USDM, 2**63 - 1, 2**63 - 1, id="the most there can be"),
]


@pytest.mark.parametrize("instrument, price, qty", HUGE)
def test_nothing_wraps(instrument: Instrument, price: int, qty: int) -> None:
    """Through tape, windows and bars, by trades and by splices; no sum is near 64 bits."""
    engine, book = make(instrument, keep_trades=10_000)
    trades = [
        of(instrument, trade(id_, qty if id_ % 3 else -qty, price=price, ts=T0 + id_ * 10_000),
           qty if instrument.rpi else UNTOLD)
        for id_ in range(1, 1_201)
    ]  # fmt: skip
    feed(engine, [*trades[:500], *trades[700:], *trades[500:700]])
    expected = decimal_sums(instrument, trades)
    assert min(expected.buy_quote, expected.sell_quote) > 2**63
    assert book.tape.head() == expected
    assert book.tape.last_sums(5_000)[0] == expected
    now = trades[-1].ts_event
    assert book.window_sums(MINUTE, now) == expected
    assert book.window_nq(MINUTE, now) == (expected if instrument.rpi else None)
    for bars in (book.bars.second_bars(), book.bars.minute_bars()):
        total = Sums()
        for bar in bars:
            total += bar.sums
        assert total == expected
    if instrument.inverse:
        assert instrument.contracts(expected.buy_quote) == 800 * qty


@law(60)
@given(
    st.lists(st.tuples(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1)), min_size=1, max_size=20),
    st.integers(1, 2**63 - 1),
)
def test_no_number_is_too_large(pairs: list[tuple[int, int]], contract: int) -> None:
    """Any price, quantity and worth of a contract that 64 bits hold."""
    instrument = Instrument("made-up", "X", "X", "USD", contract=contract)
    trades = [of(instrument, trade(n, qty, price=price, ts=T0)) for n, (price, qty) in enumerate(pairs)]
    engine, book = make(instrument)
    feed(engine, trades)
    expected = sum((decimal_sums(instrument, [one]) for one in trades), Sums())
    for one in trades:  # no further from the truth than half of the last digit kept
        base = Sums.of([(one.price, one.qty)], contract).buy_base
        assert 2 * abs(base * one.price - one.qty * contract * 10**16) <= one.price
    assert book.tape.head().buy_quote == sum(one.qty for one in trades) * contract
    if contract < 2**40:  # beyond, 60 digits are too few for the reference
        assert book.tape.head() == expected
    (bar,) = book.bars.minute_bars()
    assert bar.sums == book.tape.head()


def test_its_weight_is_honest() -> None:
    count = 20_000
    gc.collect()
    tracemalloc.start()
    try:
        tape = WideTape(0, True)
        for id_ in range(1, count + 1):
            tape.append(
                id_ + 10**9, 10**13 + id_, 10**9 + id_, 1 - id_ % 2 * 2, T0 + id_, 10**9 + id_, 10**9 + id_, 10**9
            )
        gc.collect()
        real = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert abs(tape.nbytes - real) <= 0.15 * real


def test_a_tape_that_begins_anew_is_of_the_same_kind() -> None:
    for instrument in KINDS:
        engine, book = make(instrument)
        feed(engine, [of(instrument, one, one.qty) for one in run(1, 600)])
        book.restart(T0)
        assert (type(book.tape), book.tape.rpi, len(book.tape)) == (WideTape, instrument.rpi, 0)
        feed(engine, [of(instrument, one, one.qty) for one in run(1, 10)])
        trades = [of(instrument, one, one.qty) for one in run(1, 10)]
        assert book.tape.head() == decimal_sums(instrument, trades)
        assert book.tape.last_nq(10) == decimal_nq(instrument, trades)
