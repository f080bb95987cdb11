"""Plain values: replies are told apart by their kind, reasons are a closed set, a wrong answer shows its beginning."""

from typing import get_args

from orderflow_stream.venues.values import REASONS, Ack, AnswerError, Refused, Rejected, RowFault, Shutdown


def test_replies_are_told_apart_by_their_kind() -> None:
    replies = (Ack(1), Refused(None, 2, "no"), Shutdown(), Rejected("json"))
    assert [reply.kind for reply in replies] == ["ack", "refused", "shutdown", "rejected"]


def test_every_fault_of_a_row_is_a_reason() -> None:
    assert len(REASONS) == len(set(REASONS))
    assert set(get_args(RowFault)) <= set(REASONS)


def test_a_wrong_answer_shows_its_beginning_and_no_more() -> None:
    error = AnswerError("exchangeInfo", b"<html>" + b"x" * 1000)
    assert isinstance(error, ValueError)
    assert str(error).startswith("not an answer to exchangeInfo: unexpected shape; it begins b'<html>")
    assert len(str(error)) < 200
    assert "no list" in str(AnswerError("x", b"", "no list"))
