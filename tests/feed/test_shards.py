"""Placement of symbols: complete, bounded, balanced, and stable under every change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.feed.shards import Shards


def test_busy_symbols_are_dealt_out() -> None:
    shards = Shards(200)
    placed = shards.add(f"S{n}" for n in range(450))
    assert sorted(placed) == [0, 1, 2]
    assert [len(names) for names in placed.values()] == [150, 150, 150]
    assert [placed[n][0] for n in range(3)] == ["S0", "S1", "S2"]  # the three most active on three connections
    assert shards.symbols(0) == placed[0]
    assert shards.shard("S4") == 1
    assert shards.shard("NONE") is None
    assert "S4" in shards
    assert len(shards) == 3


def test_newcomers_fill_room_first_and_open_a_shard_only_when_full() -> None:
    shards = Shards(3)
    assert shards.add(["A", "B"]) == {0: ("A", "B")}
    assert shards.add(["C", "A"]) == {0: ("C",)}
    assert shards.add(["D", "E"]) == {1: ("D", "E")}
    assert shards.remove(["B", "UNKNOWN", "D", "E"]) == {0: ("B",), 1: ("D", "E")}
    assert shards.symbols(1) == ()
    assert len(shards) == 1
    assert shards.add(["F", "G", "H"]) == {2: ("F", "G"), 0: ("H",)}  # a new number, and the emptiest first


def test_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, not 0"):
        Shards(0)


steps = st.lists(
    st.tuples(st.booleans(), st.lists(st.integers(0, 60).map(lambda n: f"S{n}"), max_size=40)), max_size=25
)


@given(st.integers(1, 12), steps)
def test_nothing_moves_that_was_not_asked_to(size: int, changes: list[tuple[bool, list[str]]]) -> None:
    shards = Shards(size)
    where: dict[str, int] = {}
    for adding, names in changes:
        if adding:
            changed = shards.add(names)
            assert sorted(name for some in changed.values() for name in some) == sorted(set(names) - set(where))
            for number, some in changed.items():
                where |= dict.fromkeys(some, number)
        else:
            changed = shards.remove(names)
            assert sorted(name for some in changed.values() for name in some) == sorted(set(names) & set(where))
            for number, some in changed.items():
                assert all(where.pop(name) == number for name in some)
        assert {name: shards.shard(name) for name in where} == where
        for number in set(where.values()):
            members = shards.symbols(number)
            assert 1 <= len(members) <= size
            assert set(members) == {name for name, shard in where.items() if shard == number}
        assert len(shards) == len(set(where.values()))
