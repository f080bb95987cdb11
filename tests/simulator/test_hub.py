"""From a published row to the right outboxes."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from orderflow_stream.simulator.connection import Connection
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.hub import Hub
from orderflow_stream.simulator.stream_faults import Rule, StreamFaults
from tests.simulator.kit import BTC, ETH, Clock, rows
from tests.simulator.test_connection import Memory


class Bench:
    def __init__(self) -> None:
        self.exchange = Exchange()
        self.exchange.add(BTC)
        self.exchange.add(ETH)
        self.hub = Hub(self.exchange, StreamFaults(lambda: 0.0), Clock())

    def connect(self, *names: str, divisor: int = 1, combined: bool = False) -> Connection:
        connection = Connection(
            len(self.hub.connections), Memory(), opened=0, combined=combined, divisor=divisor,
            on_change=self.hub.on_change,
        )  # fmt: skip
        self.hub.connections.append(connection)
        connection.subscribe(list(names))
        return connection

    @staticmethod
    def sent(connection: Connection) -> list[int]:
        got = []
        for frame in connection._outbox:
            message = orjson.loads(frame[4 if frame[1] == 126 else 2 :])
            got.append(message.get("data", message)["a"])
        return got


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_only_exact_names_are_served(bench: Bench) -> None:
    right = bench.connect("btcusdt@aggTrade", "ethusdt@aggTrade", combined=True)
    wrong = bench.connect("BTCUSDT@aggTrade", "btcusdt@aggtrade", "btcusdt@trade", "nosuch@aggTrade")
    bench.hub.publish("BTCUSDT", rows(1, 2))
    bench.hub.publish("ETHUSDT", rows(7, 1))
    assert bench.sent(right) == [1, 2, 7]
    assert wrong.queued == 0
    assert bench.exchange["BTCUSDT"].newest_id == 2


def test_connections_of_a_kind_share_the_bytes(bench: Bench) -> None:
    first, second = bench.connect("btcusdt@aggTrade"), bench.connect("btcusdt@aggTrade")
    other = bench.connect("btcusdt@aggTrade", divisor=1000)
    bench.hub.publish("BTCUSDT", rows(1, 1))
    assert first._outbox[0] is second._outbox[0]
    assert first._outbox[0] != other._outbox[0]


def test_unsubscribed_and_ended_connections_get_nothing(bench: Bench) -> None:
    first, second = bench.connect("btcusdt@aggTrade"), bench.connect("btcusdt@aggTrade")
    first.unsubscribe(["btcusdt@aggTrade"])
    second.abort()
    bench.hub.publish("BTCUSDT", rows(1, 1))
    assert (first.queued, second.queued) == (0, 0)
    assert bench.hub.subscribers("BTCUSDT") == ()
    assert bench.hub.open == [first]


def test_faults_decide_what_streams_and_rest_get(bench: Bench) -> None:
    connection = bench.connect("btcusdt@aggTrade")
    bench.hub.stream_faults.add(Rule("skip", left=2))
    bench.hub.stream_faults.add(Rule("skip", left=1, hides_from_rest=True))
    bench.hub.publish("BTCUSDT", rows(1, 4))
    assert bench.sent(connection) == [3, 4]
    assert [row.id for row in bench.exchange["BTCUSDT"].rows()] == [2, 3, 4]


def test_replay(bench: Bench) -> None:
    first, second = bench.connect("btcusdt@aggTrade"), bench.connect("ethusdt@aggTrade")
    bench.hub.replay("BTCUSDT", rows(1, 3), [first, second])
    assert bench.sent(first) == [1, 2, 3]
    assert second.queued == 0
    assert len(bench.exchange["BTCUSDT"]) == 0


async def test_until_sees_every_change(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.hub.until(lambda: len(bench.hub.subscribers("BTCUSDT")) == 2))
    bench.connect("btcusdt@aggTrade")
    await asyncio.sleep(0)
    assert not waiting.done()
    bench.connect("btcusdt@aggTrade")
    async with asyncio.timeout(5):
        await waiting
