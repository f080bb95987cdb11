import itertools

from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.delivery.conflate import Conflator, Held, HeldGaps


def taken(conflator: Conflator, now: float) -> list[str]:
    conflator.cool(now)
    out = []
    while (key := conflator.take(now)) is not None:
        out.append(key)
    return out


def test_the_first_change_goes_at_once_and_the_next_after_a_tick() -> None:
    conflator = Conflator(0.1)
    assert conflator.touch("a")
    assert taken(conflator, 0.0) == ["a"]
    assert not conflator.touch("a")
    assert conflator.changed("a")
    assert taken(conflator, 0.05) == []
    assert conflator.due() == 0.1
    assert taken(conflator, 0.1) == ["a"]
    assert not conflator.changed("a")


def test_an_idle_key_costs_nothing_and_goes_at_once_again() -> None:
    conflator = Conflator(0.1)
    conflator.touch("a")
    taken(conflator, 0.0)
    assert taken(conflator, 0.1) == []
    assert conflator.due() is None
    assert conflator.touch("a")
    assert taken(conflator, 0.11) == ["a"]


def test_keys_do_not_wait_for_each_other() -> None:
    conflator = Conflator(0.1)
    conflator.touch("a")
    assert taken(conflator, 0.0) == ["a"]
    assert conflator.touch("b")
    assert conflator.ready
    assert taken(conflator, 0.03) == ["b"]


def test_a_dropped_key_is_not_told_and_keeps_its_tick() -> None:
    conflator = Conflator(0.1)
    conflator.touch("a")
    conflator.drop("a")
    assert taken(conflator, 0.0) == []
    conflator.touch("a")
    assert taken(conflator, 0.0) == ["a"]
    conflator.touch("a")
    conflator.drop("a")
    assert not conflator.touch("a")
    assert taken(conflator, 0.05) == []
    assert taken(conflator, 0.1) == ["a"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.3)), max_size=60))
def test_never_two_within_a_tick_and_never_a_change_untold(steps: list[tuple[str, float]]) -> None:
    conflator = Conflator(0.1)
    now, told, touched = 0.0, {"a": [-1.0], "b": [-1.0]}, {"a": -1.0, "b": -1.0}
    for key, pause in steps:
        end = now + pause
        while (due := conflator.due()) is not None and due <= end:
            now = max(now, due)
            for one in taken(conflator, now):
                told[one].append(now)
        now = end
        conflator.touch(key)
        touched[key] = now
        for one in taken(conflator, now):
            told[one].append(now)
    now += 1.0
    while (due := conflator.due()) is not None:
        for one in taken(conflator, due):
            told[one].append(due)
    for key, times in told.items():
        assert all(b - a >= 0.1 - 1e-9 for a, b in itertools.pairwise(times))
        assert times[-1] >= touched[key]
        assert times[-1] <= max(touched[key], -1.0) + 0.1 + 1e-9


def test_a_hole_that_is_filled_in_time_is_never_told() -> None:
    gaps = HeldGaps()
    gaps.add("a", Held(10, 20, 1, 0.15))
    assert gaps.next_due() == 0.15
    assert gaps.fill("a", ((10, 20),)) == ()
    assert gaps.due(1.0) == []
    assert gaps.next_due() is None


def test_what_is_left_of_a_hole_is_told_and_what_was_told_is_corrected() -> None:
    gaps = HeldGaps()
    gaps.add("a", Held(10, 20, 1, 0.15))
    assert gaps.fill("a", ((5, 6), (12, 13))) == ((5, 6),)
    assert [(key, hole.first, hole.last) for key, hole in gaps.due(0.15)] == [("a", 10, 11), ("a", 14, 20)]
    assert gaps.fill("a", ((14, 15),)) == ((14, 15),)


def test_holes_are_told_when_each_is_due() -> None:
    gaps = HeldGaps()
    gaps.add("a", Held(1, 1, 0, 0.1))
    gaps.add("a", Held(3, 3, 0, 0.2))
    gaps.add("b", Held(5, 5, 0, 0.2))
    assert [hole.first for _, hole in gaps.due(0.1)] == [1]
    assert gaps.next_due() == 0.2
    assert [hole.first for hole in gaps.take("a")] == [3]
    assert [hole.first for _, hole in gaps.due(0.2)] == [5]


ids = st.integers(1, 30)


@given(st.lists(st.tuples(ids, ids), max_size=5), st.lists(st.tuples(ids, ids), max_size=5))
def test_every_id_is_either_held_or_told(holes: list[tuple[int, int]], filled: list[tuple[int, int]]) -> None:
    gaps = HeldGaps()
    held: set[int] = set()
    for a, b in holes:
        first, last = min(a, b), max(a, b)
        if held.isdisjoint(range(first, last + 1)):
            gaps.add("a", Held(first, last, 0, 1.0))
            held |= set(range(first, last + 1))
    for a, b in filled:
        first, last = min(a, b), max(a, b)
        told = {id_ for x, y in gaps.fill("a", ((first, last),)) for id_ in range(x, y + 1)}
        assert told == set(range(first, last + 1)) - held
        held -= set(range(first, last + 1))
    assert {id_ for _, hole in gaps.due(2.0) for id_ in range(hole.first, hole.last + 1)} == held
