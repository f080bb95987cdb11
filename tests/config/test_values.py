"""Single values: what is taken, as what, and what is refused with which words."""

import contextlib
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orderflow_stream.config import values
from orderflow_stream.config.values import Address, Window


@pytest.mark.parametrize(
    "parse,given_value,expected",
    [
        (values.text, "  x ", "x"),
        (values.whole, "-7", -7),
        (values.whole, 8080, 8080),
        (values.decimal, "0.10", Decimal("0.10")),
        (values.decimal, Decimal("1e3"), Decimal(1000)),
        (values.seconds, "0.25", 0.25),
        (values.seconds, Decimal("2.5"), 2.5),
        (values.seconds, 3, 3.0),
        (values.notional, "0.0000000000000001", Decimal("1e-16")),
        (values.notional, 10**15, Decimal(10**15)),
        (values.switch, "ON", True),
        (values.switch, "0", False),
        (values.switch, True, True),
        (values.word, "JSON", "json"),
        (values.symbol, "btcusdt", "BTCUSDT"),
        (values.symbol, "币安人生usdt", "币安人生USDT"),
        (values.symbol, "*usdt", "*USDT"),
        (values.symbol, "*", "*"),
        (values.symbol, "TOP:100", "top:100"),
        (values.asset, "btc", "BTC"),
        (values.window, "30S", Window("30s", 30)),
        (values.window, "24h", Window("24h", 86400)),
        (values.host, "[::1]", "::1"),
        (values.host, "LOCALHOST", "localhost"),
        (values.host, "0.0.0.0", "0.0.0.0"),
        (values.address, "", None),
        (values.address, "127.0.0.1:0", Address("127.0.0.1", 0)),
        (values.address, "[::1]:9090", Address("::1", 9090)),
        (values.origin, "HTTPS://Example.org", "https://example.org"),
        (values.origin, "http://[::1]:3000", "http://[::1]:3000"),
        (values.network, "10.0.0.7", ip_network("10.0.0.7/32")),
        (values.network, "fd00::/8", ip_network("fd00::/8")),
        (values.websocket_url, "ws://127.0.0.1:9443/x/", "ws://127.0.0.1:9443/x"),
        (values.http_url, "https://api.binance.com/", "https://api.binance.com"),
    ],
)
def test_taken(parse: Callable[[object], Any], given_value: object, expected: object) -> None:
    parsed = parse(given_value)
    assert parsed == expected
    assert type(parsed) is type(expected)


@pytest.mark.parametrize(
    "parse,bad,words",
    [
        (values.text, 5, "expected text in quotes, got 5"),
        (values.text, "a\x1b[31m", "control characters"),
        (values.whole, True, "expected a whole number, got true"),
        (values.whole, "1_000", "whole number"),
        (values.whole, "٣", "whole number"),
        (values.whole, "9" * 5000, "whole number"),
        (values.whole, Decimal("1.0"), "whole number"),
        (values.whole, "", "whole number"),
        (values.decimal, "1e400", "decimal number"),
        (values.decimal, "NaN", "decimal number"),
        (values.decimal, "-inf", "decimal number"),
        (values.decimal, True, "decimal number"),
        (values.decimal, 0.1, "decimal number"),
        (values.seconds, float("inf"), "decimal number"),
        (values.notional, 0, "more than 0"),
        (values.notional, "-1", "more than 0"),
        (values.notional, 10**15 + 1, "at most 10^15"),
        (values.notional, "1e-17", "more than 16 decimals"),
        (values.switch, 1, "expected true or false, got 1"),
        (values.switch, "maybe", "true or false"),
        (values.symbol, "", "is empty"),
        (values.symbol, "BTC USDT", "not a symbol or pattern"),
        (values.symbol, "BTC/USDT", "not a symbol or pattern"),
        (values.symbol, "X" * 65, "not a symbol or pattern"),
        (values.symbol, "top:0", "not a symbol or pattern"),
        (values.symbol, "top:", "not a symbol or pattern"),
        (values.symbol, "binance:BTCUSDT", "not a symbol or pattern"),
        (values.asset, "*USDT", "is a pattern"),
        (values.window, "1.5m", "not a duration"),
        (values.window, "0s", "not a duration"),
        (values.window, "60", "not a duration"),
        (values.window, "1d", "not a duration"),
        (values.window, "25h", "longer than 24h"),
        (values.host, "", "not an IP address or host name"),
        (values.host, "256.0.0.1", "not an IP address or host name"),
        (values.host, "http://x", "not an IP address or host name"),
        (values.host, "x:80", "not an IP address or host name"),
        (values.address, ":9090", "not host:port"),
        (values.address, "127.0.0.1", "not host:port"),
        (values.address, "127.0.0.1:65536", "not host:port"),
        (values.address, "::1:9090", "not host:port"),
        (values.origin, "*", "not one exact origin"),
        (values.origin, "null", "not one exact origin"),
        (values.origin, "https://example.org/", "not an origin"),
        (values.origin, "https://u:p@example.org", "not an origin"),
        (values.origin, "https://", "not an origin"),
        (values.network, "10.0.0.1/33", "not an IP address or network"),
        (values.network, "proxy", "not an IP address or network"),
        (values.websocket_url, "https://x", "must begin with wss:// or ws://"),
        (values.http_url, "https://", "not a URL"),
        (values.http_url, "https://x:99999", "not a URL"),
        (values.http_url, "https://x/?a=1", "not a URL"),
        (values.http_url, "https://u:p@x", "not a URL"),
    ],
)
def test_refused(parse: Callable[[object], Any], bad: object, words: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse(bad)
    assert words in caught.value.message()


def test_a_network_with_host_bits_is_corrected() -> None:
    with pytest.raises(PydanticCustomError) as caught:
        values.network("10.0.0.1/8")
    assert caught.value.context is not None
    assert caught.value.context["hint"] == 'did you mean "10.0.0.0/8"?'


@given(st.decimals(min_value=Decimal("1e-16"), max_value=10**15, places=16))
def test_a_notional_stays_exact(number: Decimal) -> None:
    assert values.notional(str(number)) == number
    assert values.notional(number) == number


@given(st.text())
def test_any_text_is_parsed_or_refused_in_our_words(text: str) -> None:
    parsers: list[Callable[[object], object]] = [
        values.whole, values.decimal, values.seconds, values.notional, values.switch, values.symbol, values.asset,
        values.window, values.host, values.address, values.origin, values.network, values.websocket_url,
        values.http_url,
    ]  # fmt: skip
    for parse in parsers:
        with contextlib.suppress(PydanticCustomError):
            parse(text)


@pytest.mark.parametrize(
    "host,alone",
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("box", False),
    ],
)
def test_loopback(host: str, alone: bool) -> None:
    assert values.is_loopback(host) is alone


def test_address_is_written_as_it_is_read() -> None:
    assert str(Address("::1", 9)) == "[::1]:9"
    assert values.address(str(Address("::1", 9))) == Address("::1", 9)
    assert str(Address("127.0.0.1", 9)) == "127.0.0.1:9"


def test_windows_are_sorted_and_distinct() -> None:
    hour, minute = Window("1h", 3600), Window("1m", 60)
    assert values.distinct_windows((hour, minute)) == (minute, hour)
    with pytest.raises(PydanticCustomError, match="1m and 60s are the same window"):
        values.distinct_windows((minute, hour, Window("60s", 60)))


def test_distinct_keeps_the_first_of_each() -> None:
    assert values.distinct(("b", "a", "b")) == ("b", "a")


def test_tables() -> None:
    with pytest.raises(PydanticCustomError, match="btc and BTC are the same key"):
        values.one_key_each({"btc": 1, "BTC": 2})
    assert values.one_key_each("no table") == "no table"
    frozen: Any = values.read_only({"A": 1})
    with pytest.raises(TypeError):
        frozen["A"] = 2


@pytest.mark.parametrize("given, value", [("auto", "auto"), (" AUTO ", "auto"), (1, 1), ("1", 1), (2, 2), ("2", 2)])
def test_redundancy(given: object, value: object) -> None:
    assert values.redundancy(given) == value


@pytest.mark.parametrize("given", [True, 0, 3, "", "two", 1.5, None, [2]])
def test_no_other_redundancy(given: object) -> None:
    with pytest.raises(ValueError, match="expected auto, 1 or 2"):
        values.redundancy(given)
