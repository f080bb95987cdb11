"""Errors say what to do about them."""

from orderflow_stream.feed.errors import Blocked, UnknownSymbol, UpstreamBusy, UpstreamError, UpstreamFailed


def test_each_classifies_itself() -> None:
    assert UpstreamFailed("x").retry == "backoff"
    assert UnknownSymbol("x").retry == "never"
    assert Blocked("x", retry="never").retry == "never"
    assert issubclass(Blocked, UpstreamFailed)
    assert UpstreamBusy("x", retry_after=0).retry_after == 1


def test_one_line_for_a_person() -> None:
    assert UpstreamError("down").line() == "down"
    assert UpstreamError("down", hint="wait").line() == "down (wait)"
