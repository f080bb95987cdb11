"""The envelope, byte for byte."""

import pytest

from orderflow_stream.delivery.http.envelope import failure_body, request_id, timestamp
from orderflow_stream.delivery.http.errors import ApiError


def test_failure_body() -> None:
    error = ApiError(400, "bad_parameter", 'say "5"', param="trades")
    assert failure_body(1_781_228_473_615_999, "abc", error) == (
        b'{"data":null,"meta":{"timestamp":"2026-06-12T01:41:13.615Z","request_id":"abc"},"status":"error",'
        b'"message":"say \\"5\\"","error":{"code":"bad_parameter","param":"trades"},"success":false}'
    )


@pytest.mark.parametrize("now,expected", [(0, "1970-01-01T00:00:00.000Z"), (1_999, "1970-01-01T00:00:00.001Z")])
def test_timestamp_is_cut_not_rounded(now: int, expected: str) -> None:
    assert timestamp(now) == expected


def test_request_id_is_the_clients_where_harmless() -> None:
    assert request_id("a-1") == "a-1"
    assert request_id("a\n1") != "a\n1"
    assert request_id(None) != request_id(None)
