"""Questions as addresses, answers as data or exceptions."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.client import errors, wire
from orderflow_stream.client.listings import Alive
from orderflow_stream.client.wire import Call, plain, query
from tests.client.scripted import failure, success

CALL: Call[Alive] = Call("/healthz", {}, Alive)
GOOD = orjson.dumps(success({"status": "ok", "version": "1"}))


def test_a_query() -> None:
    assert query(a=None, b=False, c=True, d=0, e=1.5, f=["x", "y"], g="*", h=Decimal("1E+5")) == {
        "c": "true",
        "d": "0",
        "e": "1.5",
        "f": "x,y",
        "g": "*",
        "h": "100000",
    }


@given(
    st.one_of(
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.decimals(allow_nan=False, allow_infinity=False),
    )
)
def test_a_number_is_a_plain_decimal_of_the_same_worth(value: float | Decimal) -> None:
    text = plain(value)
    assert set(text) <= set("-0123456789.")
    assert Decimal(text) == (Decimal(repr(value)) if isinstance(value, float) else value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("sNaN")])
def test_what_is_no_number_is_refused_here(value: float | Decimal) -> None:
    with pytest.raises(ValueError, match="no number"):
        plain(value)


@pytest.mark.parametrize(
    "url,base",
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://flow.example/of/", "https://flow.example/of"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address(url: str, base: str) -> None:
    assert wire.base_url(url) == base


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x?y", "http://x#y", "http://a:b@x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        wire.base_url(url)


def test_headers() -> None:
    assert wire.wanted(None) == {}
    assert wire.wanted("ofd_x", {"A": "b"}) == {"X-API-Key": "ofd_x", "A": "b"}
    for key in ("", "a b", "a\r\nX: y", "ключ"):
        with pytest.raises(ValueError, match="no key") as error:
            wire.wanted(key)
        assert not key or key not in str(error.value)


def test_an_answer() -> None:
    assert wire.answer(CALL, 200, None, GOOD, "http://x") == Alive(status="ok", version="1")


@pytest.mark.parametrize("status,kind", errors.BY_STATUS.items())
def test_each_failure_is_its_own_exception(status: int, kind: type[errors.Failed]) -> None:
    body = orjson.dumps(failure("bad_parameter", "trades must be …", "trades"))
    with pytest.raises(kind) as caught:
        wire.answer(CALL, status, "7", body, "http://x")
    error = caught.value
    assert (error.status, error.code, error.message, error.param) == (
        status,
        "bad_parameter",
        "trades must be …",
        "trades",
    )
    assert (error.retry_after, error.request_id, str(error)) == (7.0, "abc", "trades must be …")


def test_another_failure_is_a_failure_too() -> None:
    with pytest.raises(errors.Failed) as caught:
        wire.answer(CALL, 500, None, orjson.dumps(failure("internal_error")), "http://x")
    assert type(caught.value) is errors.Failed


@pytest.mark.parametrize(
    "status,body", [(200, b"<html>"), (200, b"{}"), (200, b""), (404, b"nginx"), (302, b""), (500, b"")]
)
def test_what_is_no_daemon(status: int, body: bytes) -> None:
    with pytest.raises(errors.BadAnswer, match=r"http://x/healthz .* orderflow-stream daemon"):
        wire.answer(CALL, status, None, body, "http://x")


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_proxy_that_is_busy_is_busy(status: int) -> None:
    with pytest.raises(errors.BY_STATUS[status]) as caught:
        wire.answer(CALL, status, "3", b"<html>", "http://x")
    assert caught.value.retry_after == 3


def test_a_failure_that_is_an_answer() -> None:
    call: Call[Alive] = Call("/healthz", {}, Alive, answers=frozenset({503}))
    body = orjson.dumps(failure("not_ready") | {"data": {"status": "closing", "version": "1"}})
    assert wire.answer(call, 503, "1", body, "http://x").status == "closing"
    with pytest.raises(errors.Unavailable):
        wire.answer(call, 503, "1", orjson.dumps(failure("over_capacity")), "http://x")


@pytest.mark.parametrize(
    "header,seconds",
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("1.5", None),
        ("9" * 30, 86_400.0),
        ("Fri, 31 Dec", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert wire.seconds(header) == seconds
