"""The parser: the standard's own rules, and that it does not matter how the bytes are cut."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.client import sse
from orderflow_stream.client.sse import Block, Parser, TooLong


def parse(data: bytes) -> list[Block]:
    return Parser().feed(data)


def test_its_example() -> None:
    assert doctest.testmod(sse).failed == 0


@pytest.mark.parametrize(
    "data,expected",
    [
        (b"data: a\n\n", [Block("message", "a", "", None)]),
        (b"\xef\xbb\xbfdata: a\n\n", [Block("message", "a", "", None)]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),  # only the first is a mark
        (b"data:a\ndata:  b\n\n", [Block("message", "a\n b", "", None)]),
        (b"data\n\n", [Block("message", "", "", None)]),
        (b"data: a\r\n\r\ndata: b\r\r", [Block("message", "a", "", None), Block("message", "b", "", None)]),
        (b"event: x\nid: 7\n\ndata: a\n\n", [Block("message", "a", "7", None)]),  # an id alone counts, a name does not
        (b"id: 1\ndata: a\n\ndata: b\n\n", [Block("message", "a", "1", None), Block("message", "b", "1", None)]),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [Block("message", "a", "1", None), Block("message", "b", "", None)]),
        (b"id: 1\nid: \x002\ndata: a\n\n", [Block("message", "a", "1", None)]),
        (b"retry: 1500\ndata: a\n\n", [Block("message", "a", "", 1.5)]),
        (b"retry: 1.5\nretry: -1\nretry: \xc2\xb2\ndata: a\n\n", [Block("message", "a", "", None)]),
        (b": a comment\n:\nnobody: knows\ndata: a\n\n", [Block("message", "a", "", None)]),
        (b"data: a\n", []),
        (b"data: a", []),
        (b"\n\n\n", []),
        ("data: 币安\n\n".encode(), [Block("message", "币安", "", None)]),
        (b"data: \xff\n\n", [Block("message", "\ufffd", "", None)]),
    ],
)
def test_by_the_standard(data: bytes, expected: list[Block]) -> None:
    assert parse(data) == expected


LINES = st.one_of(
    st.sampled_from(
        ["data: a", "data:", "data", "event: flow", "id: E-1", "id", "retry: 12", ":", ": c", "", "", "x: y"]
    ),
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8).map(lambda t: f"data: {t}"),
)


@given(
    st.booleans(),
    st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=30),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_any_split_gives_the_same_events(mark: bool, lines: list[tuple[str, str]], cuts: list[int]) -> None:
    # A line that ends in CR followed by an empty one that ends in LF is one line that ends in CRLF: the text decides.
    data = (b"\xef\xbb\xbf" if mark else b"") + "".join(line + end for line, end in lines).encode()
    whole = parse(data)
    places = sorted({cut for cut in cuts if cut < len(data)})
    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    parser = Parser()
    assert [block for piece in pieces for block in parser.feed(piece)] == whole
    single = Parser()
    assert [block for byte in data for block in single.feed(bytes([byte]))] == whole


def test_nothing_is_an_event_without_its_end() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"\r") == [Block("message", "a", "", None)]


def test_an_event_has_a_bound_and_a_stream_has_none() -> None:
    parser = Parser(most=100)
    for _ in range(50):
        assert len(parser.feed(b"data: 0123456789\n\n")) == 1
    with pytest.raises(TooLong):
        parser.feed(b"data: " + b"x" * 200)
    parser = Parser(most=100)
    with pytest.raises(TooLong):
        parser.feed(b"data: 012345\n" * 50)
