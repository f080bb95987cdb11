"""Entity tags and conditional answers."""

import pytest
from aiohttp.test_utils import make_mocked_request

from orderflow_stream.delivery.http.common import unchanged


@pytest.mark.parametrize(
    "sent,expected",
    [
        (None, False),
        ('W/"a"', True),
        ('"a"', True),  # weak comparison
        ('"b", W/"a" ', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_unchanged(sent: str | None, expected: bool) -> None:
    headers = {} if sent is None else {"If-None-Match": sent}
    assert unchanged(make_mocked_request("GET", "/", headers=headers), 'W/"a"') is expected
