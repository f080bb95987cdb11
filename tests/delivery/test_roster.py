"""Who is connected."""

import asyncio

from orderflow_stream.delivery.client import Client, Group
from orderflow_stream.delivery.limits import Limits
from orderflow_stream.delivery.mailbox import Mailbox
from orderflow_stream.delivery.roster import Roster
from orderflow_stream.delivery.topics import Filter, Spec
from tests.delivery.rig import FakeSink


def client(remote: str) -> Client:
    group = Group(Filter(Spec("1m", 60)), set())
    return Client(group, FakeSink(), remote, Mailbox(1_000, 5.0), first=0, start=0, most_backlog=1)


async def test_counts_in_all_and_by_address() -> None:
    roster, limits = Roster(), Limits(max_clients=3, max_clients_per_ip=2)
    a, b, c = client("one"), client("one"), client("two")
    assert roster.full("one", limits) is None
    roster.add(a)
    roster.add(b)
    assert roster.full("one", limits) == "max_clients_per_ip"
    assert roster.full("two", limits) is None
    roster.add(c)
    assert roster.full("two", limits) == "max_clients"
    assert list(roster.of("one")) == [a, b]
    roster.ended(a, "slow")
    assert (roster.clients, roster.aborted) == (2, {"slow": 1})
    assert roster.full("one", limits) is None
    assert list(roster.of("one")) == [b]
    assert roster.live() == [b, c]
    assert list(roster.open) == [a, b, c]  # until its response is over
    roster.ended(c, "bye")
    assert list(roster.of("two")) == []


async def test_empty_is_waited_for() -> None:
    roster = Roster()
    await roster.empty()
    one, two = client("one"), client("one")
    for each in (one, two):
        roster.add(each)
        roster.ended(each, "bye")
    waiting = asyncio.create_task(roster.empty())
    await asyncio.sleep(0)
    roster.over(one)
    await asyncio.sleep(0)
    assert not waiting.done()
    roster.over(two)
    roster.over(two)  # said twice is said
    async with asyncio.timeout(5):
        await waiting
