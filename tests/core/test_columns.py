"""Tapes and bars made of whole columns are those that trades would have made, whatever the instrument."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.bars import Bars, fold
from orderflow_stream.core.columns import Rows, fold_columns, rows_of, tape_from
from orderflow_stream.core.events import Instrument
from orderflow_stream.core.sums import NqSums, Sums
from orderflow_stream.core.wide import tape_of
from tests.core.contracts import INVERSE, KINDS, USDM, as_row, decimal_sums, of, put, traded
from tests.core.making import BTC, check_tape, law, run, trade

ALL = [pytest.param(one, id=one.symbol) for one in (BTC, *KINDS)]


@pytest.mark.parametrize("instrument", ALL)
@law(25)
@given(data=st.data())
def test_a_tape_of_columns_is_the_tape_of_its_trades(instrument: Instrument, data: st.DataObject) -> None:
    trades = data.draw(traded(instrument, most=40, invalid=False))
    gone = data.draw(st.integers(0, len(trades)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderflow_stream.core.tape.CHUNK", 4)
        patch.setattr("orderflow_stream.core.columns.CHUNK", 4)
        whole = tape_of(instrument)
        for one in trades:
            put(whole, one)
        made = tape_from(instrument, rows_of(as_row(one) for one in trades), gone=gone)
        assert type(made) is type(whole)
        assert list(made.rows_from(0, 0)) == list(whole.rows_from(0, 0))[gone:]
        assert made.head() == whole.head() == decimal_sums(instrument, trades)
        assert made.chunks[0].before == decimal_sums(instrument, trades[:gone])
        for count in range(1, len(trades) - gone + 1):
            assert made.last_sums(count) == whole.last_sums(count)
            assert made.last_nq(count) == whole.last_nq(count)
        for one in trades[:7]:
            again = of(instrument, trade(one.id + 1_000, one.qty, price=one.price, ts=one.ts_event), one.nq)
            put(made, again)
            put(whole, again)
        count = len(trades[:7])
        assert made.last_sums(count) == whole.last_sums(count)
        assert made.last_nq(count) == whole.last_nq(count)
        check_tape(made)


@pytest.mark.parametrize("instrument", ALL)
@law(25)
@given(data=st.data())
def test_bars_of_columns_are_those_of_rows(instrument: Instrument, data: st.DataObject) -> None:
    trades = data.draw(traded(instrument, most=40, invalid=False))
    rows = [as_row(one) for one in trades]
    bars = fold(rows, Bars.SECOND, tape_of(instrument).sums_of)
    assert fold_columns(rows_of(rows), Bars.SECOND, instrument.contract) == bars
    assert sum((bar.sums for bar in bars), start=Sums()) == decimal_sums(instrument, trades)


def test_rows_of_those_who_tell_and_those_who_do_not_come_together() -> None:
    one, two = rows_of([as_row(of(USDM, trade(1), 5))]), Rows.none()
    assert [len(list(rows)) for rows in (one, two, one + two, one.telling(False), one.telling(True))] == [7, 6, 7, 6, 7]
    both = one + rows_of([as_row(trade(2))]).telling(False)
    assert both.nq is not None
    assert both.nq.tolist() == [5, -1]
    assert both.nq_sums(0).untold == 1
    assert both.take(slice(1, 2)).telling(False).nq is None


def test_a_price_of_nothing_is_no_tape_of_contracts() -> None:
    """Damage that passed every checksum: an error for whoever reads it, not an end of the process."""
    rows = rows_of([as_row(trade(1))])
    rows = Rows(rows.ids, np.zeros(1, np.int64), rows.qty, rows.ts, rows.first, rows.last)
    with pytest.raises(ValueError, match="price"):
        tape_from(INVERSE, rows)


def test_running_sums_of_before_go_on() -> None:
    trades = [of(USDM, one, one.qty // 2) for one in run(1, 10)]
    nq = NqSums(Sums(1, 2, 3, 4, 5, 6), 0)
    tape = tape_from(USDM, Rows.none(), Sums(9, 8, 7, 6, 5, 4), nq)
    for one in trades:
        put(tape, one)
    assert tape.head() - decimal_sums(USDM, trades) == Sums(9, 8, 7, 6, 5, 4)
    assert tape.tail.nq_before == nq
