"""How a fault reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.config.faults import ConfigError, Fault, did_you_mean, dotted, shown, wrong


def test_a_fault_reads_where_key_message_hint() -> None:
    assert (
        str(Fault("server.port", "is 5", "make it 6", "config.toml:4")) == "config.toml:4: server.port: is 5; make it 6"
    )
    assert str(Fault("ORDERFLOW_X", "unknown variable", where="ORDERFLOW_X")) == "ORDERFLOW_X: unknown variable"


@given(st.builds(Fault, st.text(), st.text(), st.text(), st.text()))
def test_a_fault_is_one_printable_line(fault: Fault) -> None:
    assert str(fault).isprintable()


def test_the_error_says_all_of_them() -> None:
    error = ConfigError(Fault(key, "bad") for key in ("a", "b"))
    assert str(error) == "a: bad\nb: bad"
    assert [fault.key for fault in error.faults] == ["a", "b"]


def test_braces_in_a_message_survive() -> None:
    assert wrong("got {x} and {}").message() == "got {x} and {}"


@pytest.mark.parametrize(
    "value,text",
    [("a\nb", '"a\\nb"'), (True, "true"), (8, "8"), ([1], "a list"), ({"a": 1}, "a table"), (None, "None (NoneType)")],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


def test_shown_is_short() -> None:
    assert len(shown("x" * 10_000)) == 60


def test_did_you_mean() -> None:
    assert did_you_mean("prot", ["port", "host"]) == 'did you mean "port"?'
    assert did_you_mean("zzz", ["port", "host"]) == ""


def test_dotted() -> None:
    assert dotted(("venues", "binance", "symbols", 2)) == "venues.binance.symbols[2]"
    assert dotted(("by_quote", "BTC", "[key]")) == "by_quote.BTC"
