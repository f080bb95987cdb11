"""Parts of one coin as one, against plain fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderflow_stream.analytics.flow import Flow
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import Instrument, State
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery.encode import FIAT_AND_STABLE
from orderflow_stream.delivery.http.combine import (
    RANKS,
    USD_LIKE,
    Part,
    common,
    spoken_of,
    spot_against_perp,
    total,
)
from tests.delivery.encoding import covered
from tests.delivery.http.venues import INVERSE, PERP, QUARTER
from tests.delivery.http.world import BTC

STATES: tuple[State, ...] = RANKS
AMOUNT = st.integers(0, 10**40)
TIME = st.integers(0, 10**15)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    counts = draw(st.tuples(*[st.integers(0, 10**6)] * 2))
    amounts = draw(st.tuples(*[AMOUNT] * 4))
    first = draw(st.none() | TIME)
    last = None if first is None else first + draw(st.integers(0, 10**9))
    begin = draw(TIME)
    span: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"requested_trades": 100, "requested_from": None, "requested_to": None},
                {"requested_trades": None, "requested_from": begin, "requested_to": begin + 300},
            ]
        )
    )
    coverage = covered(
        state=draw(st.sampled_from(STATES)),
        complete=draw(st.booleans()),
        reaches_back=draw(st.booleans()),
        as_of=draw(st.none() | TIME),
        **span,
    )
    return Flow(Sums(*counts, *amounts), first, last, None if first is None else 1, coverage)


PARTS = st.lists(st.builds(Part, st.sampled_from([BTC, PERP, QUARTER, INVERSE]), flows()), min_size=1, max_size=4)


def base_of(part: Part, value: int) -> Fraction:
    return Fraction(value, 10**part.instrument.base_decimals)


@given(PARTS)
def test_the_whole_is_the_sum_of_its_parts(parts: list[Part]) -> None:
    whole = total(parts)
    sums = [part.flow.sums for part in parts]
    assert Fraction(whole.buy_usd, 10**16) == sum(Fraction(one.buy_quote, 10**16) for one in sums)
    assert Fraction(whole.sell_usd, 10**16) == sum(Fraction(one.sell_quote, 10**16) for one in sums)
    assert (whole.buy_trades, whole.sell_trades) == (
        sum(one.buy_trades for one in sums),
        sum(one.sell_trades for one in sums),
    )
    bought = sum(base_of(part, part.flow.sums.buy_base) for part in parts)
    sold = sum(base_of(part, part.flow.sums.sell_base) for part in parts)
    assert whole.share == (bought / (bought + sold) if bought + sold else None)
    assert whole.venues == tuple(dict.fromkeys(part.instrument.venue for part in parts))


@given(PARTS)
def test_it_is_as_good_as_the_worst_of_them(parts: list[Part]) -> None:
    whole = total(parts)
    coverages: list[Coverage] = [part.flow.coverage for part in parts]
    assert whole.complete == all(one.complete for one in coverages)
    assert STATES.index(whole.state) == max(STATES.index(one.state) for one in coverages)
    times = [one.as_of for one in coverages]
    assert whole.as_of == (None if None in times else min(time for time in times if time is not None))


@given(PARTS)
def test_all_speak_of_every_moment_of_the_overlap_and_of_no_more(parts: list[Part]) -> None:
    spans = [spoken_of(part.flow) for part in parts]
    overlap = total(parts).overlap
    if overlap is None:
        assert None in spans or max(one[0] for one in spans if one) >= min(one[1] for one in spans if one)
        return
    begin, end = overlap
    assert begin < end
    assert all(one is not None and one[0] <= begin and end <= one[1] for one in spans)
    assert not any(all(one is not None and one[0] <= begin - 1 for one in spans) for _ in spans)
    assert not all(one is not None and end + 1 <= one[1] for one in spans)


@given(PARTS)
def test_spot_against_perpetuals(parts: list[Part]) -> None:
    both = spot_against_perp(parts)
    spot = [part for part in parts if part.instrument is BTC]
    perp = [part for part in parts if part.instrument in {PERP, INVERSE}]
    if both is None:
        assert not spot or not perp
        return
    assert (both.spot, both.perp) == (total(spot), total(perp))
    one, other = both.spot.share, both.perp.share
    assert both.difference == (None if one is None or other is None else one - other)
    assert both.overlap == total(spot + perp).overlap


@given(PARTS, st.randoms())
def test_the_order_of_the_parts_does_not_matter(parts: list[Part], chance: Any) -> None:
    mixed = list(parts)
    chance.shuffle(mixed)
    one, other = total(parts), total(mixed)
    assert replace(one, venues=()) == replace(other, venues=())
    assert set(one.venues) == set(other.venues)


def part(instrument: Instrument, buy: int, sell: int, first: int | None = 10, last: int | None = 20) -> Part:
    sums = Sums(1, 1, buy, sell, buy * 10**8, sell * 10**8)
    return Part(instrument, Flow(sums, first, last, 1, covered()))


def test_contracts_and_coins_are_added_at_one_scale() -> None:
    """One coin bought on spot (10^-8), three sold in contracts (10^-24)."""
    whole = total([part(BTC, 10**8, 0), part(INVERSE, 0, 3 * 10**24)])
    assert whole.share == Fraction(1, 4)


def test_a_window_reaches_as_far_as_the_tape() -> None:
    window = {"requested_trades": None, "requested_from": 5, "requested_to": 30}
    flow = part(BTC, 1, 1).flow
    assert spoken_of(flow) == (10, 20)
    assert spoken_of(replace(flow, coverage=covered(**window))) == (5, 30)
    assert spoken_of(replace(flow, coverage=covered(**window, reaches_back=False))) == (10, 30)
    empty = part(BTC, 0, 0, None, None).flow
    assert spoken_of(empty) is None
    assert spoken_of(replace(empty, coverage=covered(**window))) == (5, 30)
    assert spoken_of(replace(empty, coverage=covered(**window, reaches_back=False))) is None


@pytest.mark.parametrize("state", STATES)
def test_a_window_ends_where_the_feed_was_last_known_to_be_whole(state: State) -> None:
    window = {"requested_trades": None, "requested_from": 5, "requested_to": 30, "state": state}
    flow = part(BTC, 1, 1).flow
    end = 24 if state in {"unverified", "stale", "connecting"} else 30
    assert spoken_of(replace(flow, coverage=covered(**window, as_of=24))) == (5, end)
    assert spoken_of(replace(flow, coverage=covered(**window, as_of=99))) == (5, 30)
    unknown = spoken_of(replace(flow, coverage=covered(**window, as_of=None)))
    assert unknown == (None if end == 24 else (5, 30))


def test_common_time() -> None:
    assert common([(1, 5), (3, 9)]) == (3, 5)
    assert common([(1, 3), (3, 9)]) is None
    assert common([(1, 3), None]) is None
    assert common([]) is None


def test_nothing_is_no_whole() -> None:
    with pytest.raises(ValueError, match="nothing"):
        total([])


def test_what_counts_as_usd_is_shown_with_two_decimals() -> None:
    assert USD_LIKE <= FIAT_AND_STABLE
