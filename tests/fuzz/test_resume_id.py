"""The position that a client sends back: any text."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderflow_stream.delivery.sse import parse_position
from tests.fuzz import checks


@given(
    st.text()
    | st.from_regex(r"[A-Za-z0-9]{1,40}-[0-9]{1,24}", fullmatch=True)
    | st.text("A2-0١\u0660 \n\0", max_size=40)
)
@example("ABCD2345-٣")
@example("ABCD2345-1\n")
@example("ABCD2345--1")
@example("ABCD2345-" + "9" * 19)
@example("-1")
@example("é" * 129)
@settings(max_examples=500)
def test_any_text_is_a_position_or_none(text: str) -> None:
    checks.resume_id(text)


def test_ours_is_understood() -> None:
    position = parse_position("ABCD2345-17")
    assert position is not None
    assert (position.epoch, position.seq) == ("ABCD2345", 17)
