from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.bars import Bar, BarRing, Bars, fold
from orderflow_stream.core.events import Trade
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Tape
from tests.core.making import BIG, HOUR, MINUTE, ONE, SECOND, T0, as_row, law, sums_of, tapes, to_reference, trade
from tests.reference import oracle

DAY = 24 * HOUR


def brute(trades: list[Trade], width: int, span: int) -> list[Bar]:
    """One bar at a time, those that begin within `span` up to the newest."""
    valid = [one for one in sorted(trades, key=lambda one: one.id) if one.qty]
    starts = sorted({one.ts_event // width * width for one in valid})
    bars = []
    for start in starts:
        if start <= starts[-1] - span:
            continue
        inside = [one for one in valid if start <= one.ts_event < start + width]
        prices = [one.price for one in inside]
        bars.append(
            Bar(
                start,
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
                inside[0].id,
                inside[-1].id,
                sums_of(inside),
            )
        )
    return bars


class Kept:
    def __init__(self) -> None:
        self.tape = Tape()
        self.bars = Bars(self.tape)
        self.held: list[Trade] = []

    def live(self, one: Trade) -> None:
        self.held.append(one)
        if one.qty:
            self.tape.append(one.id, one.price, one.qty, one.side, one.ts_event, one.first_id, one.last_id)
            self.bars.on_trade(one.id, one.price, one.ts_event)

    def late(self, trades: list[Trade]) -> None:
        self.held += trades
        rows = [as_row(one) for one in trades if one.qty]
        if rows:
            self.tape.splice(rows)
            self.bars.on_late(rows)

    def check(self) -> None:
        assert self.bars.second_bars() == brute(self.held, SECOND, HOUR)
        assert self.bars.minute_bars() == brute(self.held, MINUTE, DAY)


def test_no_trade_no_bar() -> None:
    kept = Kept()
    assert kept.bars.second_bars() == kept.bars.minute_bars() == []
    kept.late([])
    kept.check()


def test_a_minute_of_trades_is_one_bar_and_the_open_second_counts() -> None:
    kept = Kept()
    for id_, (ts, price) in enumerate([(0, 5), (1, 9), (SECOND, 2), (59 * SECOND, 4), (60 * SECOND, 7)]):
        kept.live(trade(id_, 3 if id_ % 2 else -3, price=price, ts=T0 + ts))
        kept.check()
    assert [bar.start - T0 for bar in kept.bars.minute_bars()] == [0, MINUTE]
    first = kept.bars.minute_bars()[0]
    assert (first.open, first.high, first.low, first.close, first.first_id, first.last_id) == (5, 9, 2, 4, 0, 3)
    assert first.sums == Sums(2, 2, 6, 6, 39, 21)


@law(80)
@given(data=st.data())
def test_any_order_of_arrival_gives_the_bars_of_the_tape(data: st.DataObject) -> None:
    trades = data.draw(tapes(most=40))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(trades)), max_size=6)))
    parts = [part for a, b in zip([0, *cuts], [*cuts, len(trades)], strict=True) if (part := trades[a:b])]
    kept = Kept()
    for part in data.draw(st.permutations(parts)):
        newest = max((one.id for one in kept.held), default=0)
        if part[0].id > newest and data.draw(st.booleans()):
            for one in part:
                kept.live(one)
        else:
            kept.late(part)
        kept.check()


def test_they_are_the_bars_of_the_reference() -> None:
    rows = oracle.synthetic(5, 3_000, holes=3, invalid=5)
    kept = Kept()
    from tests.core.making import from_reference

    for row in rows:
        kept.live(from_reference(row))
    edge = kept.bars.second_bars()[-1].start - HOUR
    for bars, width in ((kept.bars.second_bars(), SECOND), (kept.bars.minute_bars(), MINUTE)):
        expected = [bar for bar in oracle.bars(rows, width) if width == MINUTE or bar["start"] > edge]
        assert len(bars) == len(expected)
        for bar, told in zip(bars, expected, strict=True):
            as_told: dict[str, Any] = {name: oracle.to_units(told[name]) for name in ("open", "high", "low", "close")}
            as_told |= {name: told[name] for name in ("start", "first_id", "last_id")}
            assert {name: getattr(bar, name) for name in as_told} == as_told
            for name in ("buy_base", "sell_base", "buy_quote", "sell_quote"):
                assert getattr(bar.sums, name) == oracle.to_units(told[name], 16 if "quote" in name else 8)


def test_an_hour_of_seconds_and_a_day_of_minutes_and_no_more() -> None:
    kept = Kept()
    for id_ in range(1, 4_500):
        kept.live(trade(id_, ts=T0 + id_ * SECOND))
    kept.check()
    assert len(kept.bars.second_bars()) == 3_600
    assert len(kept.bars.seconds) <= 3_600 * 9 // 8 + 1
    for id_ in range(4_500, 6_200):
        kept.live(trade(id_, ts=T0 + id_ * MINUTE))
    kept.check()
    assert len(kept.bars.minute_bars()) == 1_440
    assert len(kept.bars.minutes) <= 1_440 * 9 // 8 + 1


def test_since_leaves_out_what_began_earlier() -> None:
    kept = Kept()
    for id_ in range(1, 200):
        kept.live(trade(id_, ts=T0 + id_ * SECOND))
    seconds = kept.bars.second_bars()
    for since in (T0, T0 + 50 * SECOND, T0 + 50 * SECOND + 1, T0 + 199 * SECOND, T0 + 200 * SECOND):
        assert kept.bars.second_bars(since) == [bar for bar in seconds if bar.start >= since]
        assert kept.bars.minute_bars(since) == [bar for bar in kept.bars.minute_bars() if bar.start >= since]


@pytest.mark.parametrize("pause", [0, 2 * SECOND])
def test_volumes_beyond_64_bits_survive_being_stored(pause: int) -> None:
    kept = Kept()
    for id_ in range(1, 30):
        kept.live(trade(id_, BIG if id_ % 3 else -BIG, price=BIG, ts=T0 + id_ * pause))
    kept.live(trade(30, ONE, ts=T0 + HOUR - 1))
    kept.check()


def test_a_restart_goes_on_in_the_same_rings() -> None:
    kept = Kept()
    for id_ in range(100, 110):
        kept.live(trade(id_, ts=T0 + id_ * SECOND))
    before = kept.bars.second_bars()
    tape = Tape()
    bars = kept.bars.over(tape)
    tape.append(1, ONE, ONE, 1, T0 + HOUR // 2, -1, -1)
    bars.on_trade(1, ONE, T0 + HOUR // 2)
    after = bars.second_bars()
    assert after[:-1] == before
    assert after[-1] == Bar(T0 + HOUR // 2, ONE, ONE, ONE, ONE, 1, 1, Sums(1, 0, ONE, 0, ONE * ONE, 0))


def test_a_ring_weighs_what_its_columns_weigh() -> None:
    ring = BarRing(SECOND, HOUR)
    assert ring.nbytes == 0
    for at in range(100):
        ring.put(Bar(at * SECOND, 1, 1, 1, 1, at, at, Sums(1, 0, 1, 0, 1, 0)))
    assert 100 * 19 * 8 <= ring.nbytes <= 100 * 19 * 8 * 1.1
    assert [bar.start for bar in ring.bars(97 * SECOND)] == [97 * SECOND, 98 * SECOND, 99 * SECOND]


def test_fold_begins_a_bar_whenever_the_start_changes() -> None:
    rows = [as_row(trade(id_, ts=T0 + at * SECOND)) for id_, at in enumerate([0, 0, 1, 0])]
    assert [(bar.start - T0, bar.first_id, bar.last_id) for bar in fold(rows, SECOND)] == [
        (0, 0, 1),
        (SECOND, 2, 2),
        (0, 3, 3),
    ]
    assert to_reference(trade(1)).valid
