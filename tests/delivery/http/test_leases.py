"""What a stream is told by the gate."""

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request

from orderflow_stream.delivery.http.leases import Lease, accepts_events


def test_an_end_before_the_stream_is_open_comes_then() -> None:
    told: list[str] = []
    lease = Lease(None, full=False, release=lambda _: None)
    lease.end("revoked")
    lease.hold(told.append)
    assert told == ["revoked"]


def test_nothing_is_ended_that_is_over() -> None:
    told: list[str] = []
    released: list[Lease] = []
    lease = Lease(None, full=False, release=released.append)
    lease.hold(told.append)
    lease.release()
    lease.end("revoked")
    assert (told, released) == ([], [lease])


async def test_it_ends_when_its_time_is_up() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    left = [0.02, 0.01, -1.0]
    lease = Lease(None, full=False, release=lambda _: None)
    lease.hold(told.put_nowait)
    lease.expire(lambda: left.pop(0))
    assert await asyncio.wait_for(told.get(), 10) == "expired"
    assert left == []


async def test_a_stream_that_is_over_has_no_timer() -> None:
    calls: list[float] = []

    def left() -> float:
        calls.append(0.0)
        return 0.01

    lease = Lease(None, full=False, release=lambda _: None)
    lease.expire(left)
    lease.release()
    await asyncio.sleep(0.03)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "accept,expected",
    [
        ([], False),
        (["*/*"], False),
        (["text/event-stream"], True),
        (["text/html, Text/Event-Stream;q=0.5"], True),
        (["text/html", "text/event-stream"], True),
        (["text/event-streams"], False),
    ],
)
def test_who_is_an_event_source(accept: list[str], expected: bool) -> None:
    from multidict import CIMultiDict

    request = make_mocked_request("GET", "/", headers=CIMultiDict([("Accept", one) for one in accept]))
    assert accepts_events(request) is expected
