"""Bounds of connections."""

import ipaddress
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.delivery.http.doors import EXEMPT, Doors


def peer(address: str) -> tuple[str, int]:
    return (address, 1234)


def test_so_many_of_one_address_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    doors = Doors(100, 2)
    one = doors.enter(peer("192.0.2.1"))
    two = doors.enter(peer("192.0.2.1"))
    assert one == two == "192.0.2.1"
    with caplog.at_level(logging.INFO):
        assert doors.enter(peer("192.0.2.1")) is None
        assert doors.enter(peer("192.0.2.1")) is None
    assert [record.getMessage() for record in caplog.records] == [
        "connections refused from 192.0.2.1: more than 2 of one address"
    ]
    assert doors.enter(peer("192.0.2.2")) is not None
    assert (doors.open, doors.refused) == (3, {"max_connections_per_ip": 2})
    doors.leave("192.0.2.1")
    assert doors.enter(peer("192.0.2.1")) is not None


def test_an_ipv6_customer_is_a_64(caplog: pytest.LogCaptureFixture) -> None:
    doors = Doors(100, 1)
    assert doors.enter(("2001:db8:1:2::1", 1, 0, 0)) == "2001:db8:1:2::/64"
    assert doors.enter(("2001:db8:1:2:ffff::9", 1, 0, 0)) is None
    assert doors.enter(("2001:db8:1:3::1", 1, 0, 0)) is not None
    assert doors.enter(("::ffff:192.0.2.7", 1, 0, 0)) == "192.0.2.7"
    assert doors.enter(peer("192.0.2.7")) is None
    assert doors.enter(("fe80::1%eth0", 1, 0, 2)) == "fe80::/64"


def test_loopback_proxies_and_local_sockets_count_in_all_only() -> None:
    doors = Doors(9, 1, [ipaddress.ip_network("10.0.0.0/8")])
    for name in ((peer("127.0.0.1")), peer("127.9.9.9"), ("::1", 1, 0, 0), peer("10.1.2.3"), "", None, ()):
        assert doors.enter(name) == EXEMPT, name
    assert doors.enter(peer("10.1.2.3")) == EXEMPT
    assert doors.enter(peer("10.1.2.3")) == EXEMPT
    assert doors.enter(peer("10.1.2.3")) is None
    assert doors.refused == {"max_connections": 1}


def test_other_bounds_from_now_on() -> None:
    doors = Doors(100, 2)
    entered = [doors.enter(peer("192.0.2.1")) for _ in range(2)]
    doors.set_limits(100, 1)
    assert doors.enter(peer("192.0.2.1")) is None
    doors.leave("192.0.2.1")
    assert doors.enter(peer("192.0.2.1")) is None  # one is still there
    doors.set_limits(1, 10)
    assert doors.enter(peer("192.0.2.9")) is None
    assert doors.refused["max_connections"] == 1
    assert entered == ["192.0.2.1", "192.0.2.1"]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=200))
def test_counts_are_right_after_any_coming_and_going(steps: list[tuple[int, bool]]) -> None:
    doors = Doors(12, 3)
    inside: list[str] = []
    for number, leaving in steps:
        name = f"192.0.2.{number}" if number else "127.0.0.1"
        key = EXEMPT if not number else name
        if leaving:
            if key in inside:
                inside.remove(key)
                doors.leave(key)
            continue
        fits = len(inside) < 12 and (not number or inside.count(key) < 3)
        got = doors.enter(peer(name))
        assert (got is not None) == fits
        if got is not None:
            inside.append(got)
    assert doors.open == len(inside)
    for key in inside:
        doors.leave(key)
    assert doors.open == 0
    assert doors._by_address == {}
