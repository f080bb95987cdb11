"""Whose address a limit is counted for."""

import ipaddress
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from orderflow_stream.delivery.http.context import Context, Options
from orderflow_stream.delivery.http.peer import client_address

PROXIES = ("10.0.0.0/8", "fd00::/8")


def address(peer: Any, *forwarded: str, proxies: tuple[str, ...] = PROXIES) -> str:
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: peer if name == "peername" else default
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    options = Options(windows={}, trusted_proxies=tuple(ipaddress.ip_network(one) for one in proxies))
    return client_address(request, Mock(spec=Context, options=options))


@pytest.mark.parametrize(
    "peer,forwarded,expected",
    [
        (("203.0.113.7", 5), [], "203.0.113.7"),
        (("203.0.113.7", 5), ["1.2.3.4"], "203.0.113.7"),  # whoever it is, no proxy of ours wrote that
        (("10.0.0.1", 5), ["1.2.3.4"], "1.2.3.4"),
        (("10.0.0.1", 5), ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # what the client itself wrote is on the left
        (("10.0.0.1", 5), ["6.6.6.6, 1.2.3.4, 10.2.2.2"], "1.2.3.4"),
        (("10.0.0.1", 5), ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        (("10.0.0.1", 5), ["rubbish"], "10.0.0.1"),
        (("10.0.0.1", 5), [], "10.0.0.1"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), [], "2001:db8:1:2::/64"),
        (("fd00::1", 5, 0, 0), ["2001:db8::9"], "2001:db8::/64"),
        (("::ffff:203.0.113.7", 5, 0, 0), [], "203.0.113.7"),
        (("fe80::1%eth0", 5, 0, 3), [], "fe80::/64"),
        ("", [], "unknown"),
        (None, [], "unknown"),
    ],
)
def test_client_address(peer: Any, forwarded: list[str], expected: str) -> None:
    assert address(peer, *forwarded) == expected


def test_nobody_is_trusted_by_default() -> None:
    assert address(("127.0.0.1", 5), "1.2.3.4", proxies=()) == "127.0.0.1"
