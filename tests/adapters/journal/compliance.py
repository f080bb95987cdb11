"""What every log must do. A test file for one log gives the fixture `reopen` and takes the class over."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_stream.adapters.journal.log import Log

Reopen = Callable[[], Log]


class LogCompliance:
    """`reopen()` gives the log of this test, closed and opened again where it is one that lasts."""

    def test_it_begins_empty(self, reopen: Reopen) -> None:
        log = reopen()
        assert (log.first, log.last) == (1, 0)
        assert list(log.read()) == []

    def test_frames_are_numbered_and_come_back_as_they_were(self, reopen: Reopen) -> None:
        log = reopen()
        frames = [b"", b"one", bytes(range(256)) * 300]
        assert [log.append(frame) for frame in frames] == [1, 2, 3]
        assert list(log.read()) == list(enumerate(frames, 1))
        assert list(log.read(3)) == [(3, frames[2])]
        assert list(log.read(4)) == []
        assert (log.first, log.last) == (1, 3)

    def test_reading_goes_on_into_what_comes_meanwhile(self, reopen: Reopen) -> None:
        log = reopen()
        for n in range(3):
            log.append(b"%d" % n)
        found = []
        for seq, frame in log.read(2):
            found.append((seq, frame))
            if seq < 5:
                log.append(b"more")
        assert [seq for seq, _ in found] == [2, 3, 4, 5, 6, 7][: len(found)]
        assert {(2, b"1"), (3, b"2")} <= set(found)

    def test_trimmed_frames_are_gone_and_their_numbers_do_not_come_back(self, reopen: Reopen) -> None:
        log = reopen()
        for n in range(5):
            log.append(b"%d" % n)
        log.trim(3)
        log.trim(2)
        assert (log.first, log.last) == (3, 5)
        assert [seq for seq, _ in log.read()] == [3, 4, 5]
        log.trim(100)
        assert (log.first, log.last) == (6, 5)
        assert list(log.read()) == []
        log = reopen()
        assert (log.first, log.last) == (6, 5)
        assert log.append(b"next") == 6
        assert list(log.read()) == [(6, b"next")]

    def test_trimming_while_reading_skips_what_is_gone(self, reopen: Reopen) -> None:
        log = reopen()
        for n in range(1_000):
            log.append(b"%d" % n)
        found = []
        for seq, _ in log.read():
            found.append(seq)
            if seq == 2:
                log.trim(900)
        assert found[-101:] == list(range(900, 1_001))
        assert found == sorted(found)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.one_of(st.tuples(st.just("append"), st.integers(0, 60)), st.tuples(st.just("trim"), st.integers(0, 60)),
                      st.tuples(st.just("reopen"), st.just(0))),
            max_size=30,
        )
    )  # fmt: skip
    def test_it_does_as_a_list_would(self, reopen: Reopen, steps: list[tuple[str, int]]) -> None:
        log = reopen()
        log.trim(log.last + 1)
        before = log.last
        kept: dict[int, bytes] = {}
        first, last = before + 1, before
        for what, number in steps:
            if what == "append":
                last = log.append(b"x" * number)
                kept[last] = b"x" * number
            elif what == "trim":
                log.trim(before + number)
                first = max(first, min(before + number, last + 1))
                kept = {seq: frame for seq, frame in kept.items() if seq >= first}
            else:
                log = reopen()
            assert (log.first, log.last) == (first, last)
            assert dict(log.read()) == kept

    def test_closing_twice_does_no_harm(self, reopen: Reopen) -> None:
        log = reopen()
        log.append(b"x")
        log.close()
        log.close()
