from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.sequence import Hole, Sequence, Verdict
from tests.core.making import law


def offered(*ids: int) -> Sequence:
    sequence = Sequence()
    for id_ in ids:
        sequence.offer(id_, id_ * 10)
    return sequence


def spans(sequence: Sequence) -> list[tuple[int, int, bool]]:
    return [(hole.first, hole.last, hole.lost) for hole in sequence.holes]


def test_verdicts() -> None:
    sequence = Sequence()
    assert (sequence.first, sequence.newest) == (None, None)
    assert sequence.missing_here(5)
    said = [sequence.offer(id_, 0) for id_ in (5, 6, 6, 9, 5, 7, 7, 8, 8, 3, 4, 4, 10)]
    v = Verdict
    assert said == [
        *(v.NEXT, v.NEXT, v.DUPLICATE, v.GAP, v.DUPLICATE, v.LATE, v.DUPLICATE, v.LATE),
        *(v.DUPLICATE, v.LATE, v.LATE, v.DUPLICATE, v.NEXT),
    ]
    assert (sequence.first, sequence.newest, sequence.holes, sequence.open) == (3, 10, [], 0)


def test_a_hole_is_found_when_an_id_beyond_it_comes_and_split_by_what_fills_it() -> None:
    sequence = offered(1, 10)
    assert sequence.holes == [Hole(2, 9, 100)]
    sequence.offer(5, 777)
    assert sequence.holes == [Hole(2, 4, 100), Hole(6, 9, 100)]
    assert [sequence.missing_here(id_) for id_ in (0, 1, 2, 4, 5, 6, 9, 10, 11)] == [
        *(True, False, True, True, False, True, True, False, True)
    ]


def test_what_comes_before_the_first_leaves_a_hole_between() -> None:
    sequence = offered(10)
    assert sequence.offer(6, 5) is Verdict.LATE
    assert spans(sequence) == [(7, 9, False)]
    assert sequence.first == 6


def test_only_holes_are_lost_and_only_once() -> None:
    sequence = offered(1, 5, 6, 10)
    assert sequence.lose(3, 8) == [(3, 4), (7, 8)]
    assert spans(sequence) == [(2, 2, False), (3, 4, True), (7, 8, True), (9, 9, False)]
    assert (sequence.open, sequence.lost) == (2, 4)
    assert sequence.lose(0, 100) == [(2, 2), (9, 9)]
    assert spans(sequence) == [(2, 4, True), (7, 9, True)]
    assert sequence.lose(0, 100) == []
    assert sequence.lose(11, 20) == []  # nobody has seen anything beyond the newest


def test_a_lost_id_that_comes_all_the_same_is_received() -> None:
    sequence = offered(1, 5)
    sequence.lose(2, 4)
    assert sequence.offer(3, 0) is Verdict.LATE
    assert spans(sequence) == [(2, 2, True), (4, 4, True)]
    assert sequence.lost == 2


def test_missing_is_cut_to_what_is_asked() -> None:
    sequence = offered(1, 10, 20)
    assert [(hole.first, hole.last) for hole in sequence.missing(5, 15)] == [(5, 9), (11, 15)]
    assert sequence.missing(10, 10) == []
    assert spans(sequence) == [(2, 9, False), (11, 19, False)]


def test_forgetting_cuts_holes_and_invalid_ids() -> None:
    sequence = offered(1, 5, 10, 20)
    sequence.mark_invalid(5)
    sequence.mark_invalid(20)
    assert sequence.invalid_between(5, 20) == 2
    sequence.forget_before(7)
    assert (sequence.first, spans(sequence), sequence.open) == (7, [(7, 9, False), (11, 19, False)], 12)
    assert (sequence.invalid, sequence.invalid_between(0, 100)) == ([20], 1)
    sequence.forget_before(3)  # nothing comes back
    assert sequence.first == 7
    sequence.forget_before(20)
    assert (sequence.holes, sequence.open, sequence.lost) == ([], 0, 0)


def test_the_first_hole_in_a_stretch() -> None:
    sequence = offered(1, 2, 5, 6, 9)  # 3, 4, 7 and 8 are missing
    assert [sequence.first_missing(2, before) for before in (3, 4, 5, 9)] == [None, 3, 3, 3]
    assert [sequence.first_missing(after, 9) for after in (-1, 2, 3, 5, 7, 8)] == [3, 3, 7, 7, None, None]


steps = st.lists(
    st.tuples(st.sampled_from(["offer", "offer", "offer", "lose", "forget"]), st.integers(0, 40), st.integers(0, 6)),
    max_size=40,
)


@law(200)
@given(steps)
def test_the_account_is_always_right(dialogue: list[tuple[str, int, int]]) -> None:
    sequence = Sequence()
    held: set[int] = set()
    proven: set[int] = set()
    for step, id_, more in dialogue:
        if step == "offer":
            new = id_ not in held
            assert sequence.missing_here(id_) == new
            assert (sequence.offer(id_, 0) is not Verdict.DUPLICATE) == new
            held.add(id_)
            proven.discard(id_)
        elif step == "lose":
            inside = range(min(held), max(held)) if held else range(0)
            fresh = {at for at in range(id_, id_ + more + 1) if at in inside and at not in held and at not in proven}
            told = sequence.lose(id_, id_ + more)
            assert {at for first, last in told for at in range(first, last + 1)} == fresh
            proven |= fresh
        elif id_ in held:
            sequence.forget_before(id_)
            held = {at for at in held if at >= id_}
            proven = {at for at in proven if at >= id_}
        if not held:
            continue
        missing = set(range(min(held), max(held))) - held
        assert (sequence.first, sequence.newest) == (min(held), max(held))
        assert {at for hole in sequence.holes for at in range(hole.first, hole.last + 1)} == missing
        assert {at for hole in sequence.holes if hole.lost for at in range(hole.first, hole.last + 1)} == proven
        assert (sequence.open, sequence.lost) == (len(missing - proven), len(proven))
        for one, two in pairwise(sequence.holes):
            assert one.last < two.first
            assert not (one.lost and two.lost and one.last + 1 == two.first)  # one hole, not two
        expected = max(held) - min(held) + 1
        assert expected == len(held) + sum(hole.size for hole in sequence.missing(min(held), max(held)))
