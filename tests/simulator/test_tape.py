"""The tape that REST reads: where rows go, which of them a question finds, and how they are written."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.simulator.tape import Tape
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import BTC, NOON, row, rows


def tape_of(given_rows: list[ArchiveRow], max_rows: int | None = None) -> Tape:
    tape = Tape(BTC, max_rows)
    for each in given_rows:
        tape.append(each, each.ts)
    return tape


def test_rows_come_back_as_they_were() -> None:
    given_rows = [*rows(5, 20), ArchiveRow(30, "0", "0", -1, -1, NOON + 10**6, "us", True)]
    tape = tape_of(given_rows)
    assert list(tape.rows()) == given_rows
    assert tape.row(-1) == given_rows[-1]
    assert (tape.oldest_id, tape.newest_id, len(tape), tape.published_total) == (5, 30, 21, 21)


def test_an_empty_tape() -> None:
    tape = Tape(BTC)
    assert (tape.oldest_id, tape.newest_id, len(tape)) == (None, None, 0)
    assert tape.render(tape.newest(10, 0), 1) == b"[]"


def test_rendering() -> None:
    tape = tape_of([row(1, NOON + 1234, "0.10", "2", maker=True)])
    micro = tape.render(range(1), 1)
    assert micro == b'[{"a":1,"p":"0.10","q":"2","f":10,"l":11,"T":%d,"m":true,"M":true}]' % (NOON + 1234)
    assert orjson.loads(tape.render(range(1), 1000))[0]["T"] == NOON // 1000 + 1


@given(st.permutations(list(range(12))), st.lists(st.integers(0, 11), max_size=5))
def test_any_order_and_any_repeat_give_the_same_tape(order: list[int], repeats: list[int]) -> None:
    given_rows = rows(100, 12)
    tape = tape_of([given_rows[i] for i in [*order, *repeats]])
    assert list(tape.rows()) == given_rows


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), max_size=30),
    st.integers(0, 80), st.integers(0, 60), st.integers(0, 60), st.integers(1, 10), st.integers(0, 40),
)  # fmt: skip
def test_every_question_equals_a_plain_search(
    steps: list[tuple[int, int]], id_: int, start: int, end: int, limit: int, cut: int
) -> None:
    given_rows, i, ts = [], 0, NOON
    for gap, wait in steps:
        i, ts = i + gap, ts + wait
        given_rows.append(row(i, ts))
    tape = tape_of(given_rows)
    visible = min(cut, len(given_rows))
    seen = given_rows[:visible]

    def found(positions: range) -> list[ArchiveRow]:
        return [tape.row(position) for position in positions]

    assert found(tape.newest(limit, visible)) == seen[-limit:]
    assert found(tape.from_id(id_, limit, visible)) == [r for r in seen if r.id >= id_][:limit]
    low, high = NOON + start, NOON + end
    assert found(tape.from_time(low, None, limit, visible)) == [r for r in seen if r.ts >= low][:limit]
    assert found(tape.from_time(low, high, limit, visible)) == [r for r in seen if low <= r.ts <= high][:limit]
    assert found(tape.until_time(high, limit, visible)) == [r for r in seen if r.ts <= high][-limit:]
    assert tape.position_of(id_) == next((n for n, r in enumerate(given_rows) if r.id == id_), None)


def test_what_is_visible_was_published_by_then() -> None:
    tape = Tape(BTC)
    for number, each in enumerate(rows(1, 10)):
        tape.append(each, NOON + number * 100)
    assert tape.visible(None) == 10
    assert tape.visible(NOON + 450) == 5
    assert tape.visible(NOON - 1) == 0


@pytest.mark.parametrize("count", [10, 125, 126, 1000])
def test_the_oldest_are_trimmed(count: int) -> None:
    given_rows = rows(1, count)
    tape = tape_of(given_rows, max_rows=100)
    assert min(count, 100) <= len(tape) <= 125
    assert list(tape.rows()) == given_rows[-len(tape) :]
    assert tape.published_total == count
