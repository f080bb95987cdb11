import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.delivery.sse import (
    NOWHERE,
    Frame,
    Position,
    batch,
    block,
    chunk,
    echo,
    parse_position,
    to_json,
    with_skipped,
)


def test_a_block_is_lf_only_with_one_data_line_and_a_blank_line() -> None:
    data = block("large", "ABCD2345-9", b'{"a":1}')
    assert data == b'event: large\nid: ABCD2345-9\ndata: {"a":1}\n\n'


def test_retry_stands_in_a_block_with_data() -> None:
    assert block("bye", "ABCD2345-9", b"{}", 1234) == b"event: bye\nid: ABCD2345-9\nretry: 1234\ndata: {}\n\n"


@given(st.recursive(st.text() | st.integers(-(2**53), 2**53), st.lists, max_leaves=5))
def test_no_value_can_break_the_lines(value: object) -> None:
    try:
        data = to_json(value)
    except (TypeError, orjson.JSONEncodeError):  # a lone surrogate is no text
        return
    lines = block("x", "A-1", data).split(b"\n")
    assert len(lines) == 5
    assert b"\r" not in data
    assert orjson.loads(lines[2].removeprefix(b"data: ")) == value


def test_chunks_state_their_length_in_hex() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


@pytest.mark.parametrize(
    "text",
    ["", "ABCD2345", "ABCD2345-", "-5", "ABCD2345-x", "ABCD2345--5", "ABCD2345-1 ", "ABCD2345-" + "9" * 30, "Ä-1"],
)
def test_what_is_no_position_is_none(text: str) -> None:
    assert parse_position(text) is None


def test_a_position_is_its_text() -> None:
    assert parse_position("ABCD2345-17") == Position("ABCD2345", 17)
    assert str(Position("ABCD2345", 17)) == "ABCD2345-17"


@pytest.mark.parametrize(
    "asked, told",
    [
        (None, None),
        ("ABCD2345-17", "ABCD2345-17"),
        ("foreign.id~1", "foreign.id~1"),
        ("ünsafe", NOWHERE),
        ("a\nb", NOWHERE),
        ("x" * 129, NOWHERE),
        ("", NOWHERE),
    ],
)
def test_only_safe_ids_are_echoed(asked: str | None, told: str | None) -> None:
    assert echo(asked) == told


def test_nowhere_is_a_position_of_no_base32_epoch() -> None:
    at = parse_position(NOWHERE)
    assert at is not None
    assert not re.fullmatch("[A-Z2-7]{8}", at.epoch)


def test_frames_are_made_into_bytes_once() -> None:
    frame = Frame("flow", "ABCD2345", 3, b'{"skipped":0}')
    assert frame.plain is frame.plain
    assert frame.chunk is frame.chunk
    assert frame.chunk == chunk(frame.plain)


def test_a_batch_of_one_is_the_shared_bytes_and_of_many_is_one_chunk() -> None:
    one, two = Frame("a", "E", 1, b"1"), Frame("b", "E", 2, b"2")
    assert batch([one], chunked=True) is one.chunk
    assert batch([one], chunked=False) is one.plain
    assert batch([one, two], chunked=False) == one.plain + two.plain
    assert batch([one, two], chunked=True) == chunk(one.plain + two.plain)


def test_skipped_is_told_in_the_body() -> None:
    assert with_skipped(b'{"x":"skipped","skipped":0}', 7) == b'{"x":"skipped","skipped":7}'
    assert with_skipped(b'{"skipped":12}', 0) == b'{"skipped":0}'
    for body in (b"{}", b'{"skipped":1,"x":2}', b'{"skipped":1}\n', b'{"skipped":}'):
        with pytest.raises(ValueError, match="skipped"):
            with_skipped(body, 7)


def test_the_same_flow_for_who_missed_some_is_made_once() -> None:
    frame = Frame("flow", "E", 3, b'{"skipped":0}', version=9)
    late = frame.missing(4)
    assert (late.body, late.skipped, late.version, late.seq) == (b'{"skipped":4}', 4, 9, 3)
    assert frame.missing(4) is late
    assert frame.missing(0) is frame
    assert late.missing(0).body == frame.body
    assert late.at(5).skipped == 4
    assert frame.missing(5).body == b'{"skipped":5}'


def test_under_another_position_it_is_the_same_event() -> None:
    frame = Frame("flow", "E", 3, b"{}", retry=5)
    assert frame.at(9).plain == b"event: flow\nid: E-9\nretry: 5\ndata: {}\n\n"


def test_watch_frames_merge_rows_newest_last() -> None:
    older = Frame.watch("E", 1, {"a": b"1", "b": b"2"})
    newer = Frame.watch("E", 2, {"b": b"3"})
    merged = newer.merged(older)
    assert merged.body == b"[1,3]"
    assert merged.seq == 2
