"""Whose address a limit is counted for."""

import ipaddress
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from orderflow_stream.delivery.http.context import Context, Options
from orderflow_stream.delivery.http.peer import client_address, is_https, limited_address

PROXIES = ("10.0.0.0/8", "fd00::/8")


def asked(peer: Any, headers: list[tuple[str, str]], proxies: tuple[str, ...] = PROXIES) -> tuple[web.Request, Context]:
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: peer if name == "peername" else default
    request = make_mocked_request("GET", "/", headers=CIMultiDict(headers), transport=transport)
    options = Options(windows={}, trusted_proxies=tuple(ipaddress.ip_network(one) for one in proxies))
    return request, Mock(spec=Context, options=options)


def address(peer: Any, *forwarded: str, proxies: tuple[str, ...] = PROXIES) -> str:
    return client_address(*asked(peer, [("X-Forwarded-For", line) for line in forwarded], proxies))


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
        (("10.0.0.1", 5), ["::1%" + "x" * 8000], "10.0.0.1"),  # no table is to hold that
        ("", [], "unknown"),
        (None, [], "unknown"),
    ],
)
def test_client_address(peer: Any, forwarded: list[str], expected: str) -> None:
    assert address(peer, *forwarded) == expected


def test_nobody_is_trusted_by_default() -> None:
    assert address(("127.0.0.1", 5), "1.2.3.4", proxies=()) == "127.0.0.1"


@pytest.mark.parametrize(
    "peer,forwarded,expected",
    [
        ("127.0.0.1", None, None),
        ("127.8.9.1", None, None),
        ("::1", None, None),
        ("::ffff:127.0.0.1", None, None),
        ("192.0.2.1", None, "192.0.2.1"),
        ("2001:db8::1", None, "2001:db8::/64"),
        ("192.0.2.1", "127.0.0.1", "192.0.2.1"),  # who says so is no proxy of ours
        ("10.0.0.1", "127.0.0.1", None),
        ("10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("10.0.0.1", "127.0.0.1, 192.0.2.9", "192.0.2.9"),
    ],
)
def test_this_machine_has_no_limit_by_address(peer: str, forwarded: str | None, expected: str | None) -> None:
    headers = [("X-Forwarded-For", forwarded)] if forwarded else []
    assert limited_address(*asked((peer, 5), headers)) == expected


@pytest.mark.parametrize(
    "peer,proto,expected",
    [
        ("10.0.0.1", "https", True),
        ("10.0.0.1", "HTTPS", True),
        ("10.0.0.1", "http", False),
        ("10.0.0.1", "", False),
        ("192.0.2.1", "https", False),
    ],
)
def test_tls_before_us_is_believed_of_a_trusted_proxy_alone(peer: str, proto: str, expected: bool) -> None:
    assert is_https(*asked((peer, 5), [("X-Forwarded-Proto", proto)])) is expected
