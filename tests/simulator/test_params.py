"""The REST interface's parameter rules, one by one."""

from __future__ import annotations

import pytest

from orderflow_stream.simulator.params import ApiError, Params, check_symbol


def params(**values: str) -> Params:
    return Params(values.items(), ("symbol", "limit", "time", "flag", "words"))


def code_of(action: object) -> int:
    with pytest.raises(ApiError) as caught:
        action()  # type: ignore[operator]
    assert caught.value.status == 400
    assert caught.value.msg
    return caught.value.code


def test_unknown_duplicate_and_too_many() -> None:
    assert code_of(lambda: Params([("symbol", "A"), ("colour", "1")], ("symbol", "limit"))) == -1104
    assert code_of(lambda: Params([("symbol", "A"), ("symbol", "B")], ("symbol", "limit"))) == -1101
    assert code_of(lambda: Params([("x", "A")], ())) == -1101


@pytest.mark.parametrize("value", ["BTCUSDT", "1000SATSUSDT", "币安人生USDT", "A-B_C.D"])
def test_symbols(value: str) -> None:
    assert params(symbol=value).symbol() == value


@pytest.mark.parametrize("value", ["btcusdt", "BTC USDT", "BTC/USDT", "A" * 51, "BTCUSDT;"])
def test_illegal_symbols(value: str) -> None:
    assert code_of(lambda: check_symbol("symbol", value)) == -1100


def test_not_sent_and_empty() -> None:
    assert params().symbol() is None
    assert params().number("limit") is None
    assert params().words("words") is None
    assert params().flag("flag", default=True) is True
    assert code_of(lambda: params(symbol="").symbol()) == -1105
    assert code_of(lambda: params(limit="").number("limit")) == -1105


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "1e3", "٣", " 5", "9" * 21])
def test_illegal_numbers(value: str) -> None:
    assert code_of(lambda: params(limit=value).number("limit")) == -1100


@pytest.mark.parametrize("value", ["0", "1001", "9" * 20])
def test_numbers_out_of_range(value: str) -> None:
    assert code_of(lambda: params(limit=value).number("limit", 1, 1000)) == -1130


def test_times_in_both_units() -> None:
    assert params(time="1760011200000").time_us("time") == 1760011200000000
    assert params(time="1760011200000").time_us("time", end=True) == 1760011200000999
    assert params(time="1760011200000123").time_us("time", end=True) == 1760011200000123


def test_flags() -> None:
    assert params(flag="false").flag("flag", default=True) is False
    assert code_of(lambda: params(flag="yes").flag("flag", default=True)) == -1100


def test_words() -> None:
    assert params(words="SPOT").words("words") == ["SPOT"]
    assert params(words='["A","B"]').words("words") == ["A", "B"]
    assert code_of(lambda: params(words='["A"').words("words")) == -1100
    assert code_of(lambda: params(words="[1]").words("words")) == -1100
    assert code_of(lambda: params(words="[]").words("words")) == -1105
