"""Acknowledged and silent: said once with the remedy, told to every symbol, and never held against a calm market."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orderflow_stream.adapters import silent_path
from orderflow_stream.adapters.connections import Connections
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.adapters.silent_path import ANEW, ASK_AGAIN, PATIENCE, Seen, SilentPath
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, FeedDown, FeedUp, Instrument, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.budget import Budget
from orderflow_stream.simulator import Listing, Simulator
from orderflow_stream.venues.binance_archive import ArchiveRow
from orderflow_stream.venues.binance_usdm import BinanceUsdm
from tests.adapters.rest_kit import SECOND, START, Running
from tests.adapters.test_connections import QUICK, ListLog, RealClock
from tests.e2e.process import eventually

KEYS = ("binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT")


class Session:
    def __init__(self) -> None:
        self.ready = True
        self.lost = False
        self.trades = 0
        self.up = dict.fromkeys(KEYS)


class Link:
    """What is seen of a connection."""

    def __init__(self) -> None:
        self.session = Session()
        self.ended = asyncio.Event()
        self.told = False
        self.condemned: list[tuple[str | None, str]] = []
        self.closed: list[str] = []

    def condemn(self, reason: str | None, why: str) -> None:
        self.condemned.append((reason, why))
        self.session.lost = True

    def close(self, reason: str, detail: str) -> None:
        self.closed.append(detail)


class Bench:
    """One shard of links, and a REST that says what moved."""

    def __init__(self, *links: Link) -> None:
        self.us = 0
        self.log = ListLog()
        self.moved: str | None = None
        self.asked: list[tuple[Sequence[str], int]] = []
        self.links = list(links)
        clock = SimpleNamespace(now=lambda: START + self.us, monotonic=lambda: self.us / US_PER_S)
        self.path = SilentPath(BinanceUsdm(), "wss://fstream.binance.com", clock, self.log, self.moves)

    async def moves(self, keys: Sequence[str], since: int) -> str | None:
        self.asked.append((keys, since))
        return self.moved

    async def look(self, after: int = 0) -> None:
        self.us += after
        async with asyncio.TaskGroup() as group:
            self.path.look(self.us, [Seen(0, cast(Any, list(self.links)), lambda number: KEYS)], lambda: group)


@pytest.fixture(autouse=True)
def no_race(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silent_path, "RACE_S", 0.0)


async def test_both_of_a_pair_are_silent_while_rest_moves() -> None:
    bench = Bench(Link(), Link())
    bench.moved = KEYS[0]
    await bench.look()
    await bench.look(PATIENCE - 1)
    assert bench.asked == []
    await bench.look(1)
    assert bench.asked == [(KEYS, START)]
    assert bench.path.silent(0)
    for link in bench.links:
        ((reason, why),) = link.condemned
        assert reason is None
        assert "nothing came, while REST has newer trades" in why
        assert "stream_url in [venues.binance-usdm]" in why
    ((event, fields),) = bench.log.lines
    assert event == "subscriptions are acknowledged and nothing comes, while REST has newer trades"
    assert fields["venue"] == "binance-usdm"
    assert "/market/" in str(fields["url"])
    assert fields["symbols"] == 2
    assert "stream_url" in str(fields["hint"])
    await bench.look(ASK_AGAIN)
    assert len(bench.asked) == 1, "what is known is not asked again"
    assert len(bench.log.lines) == 1


async def test_a_calm_market_is_asked_about_and_let_be() -> None:
    bench = Bench(Link())
    for _ in range(100):
        await bench.look(SECOND)
    assert len(bench.asked) == 9
    assert bench.log.lines == []
    assert not bench.links[0].condemned


async def test_who_has_spoken_once_is_judged_by_others() -> None:
    bench = Bench(Link(), Link())
    bench.moved = KEYS[0]
    bench.links[1].session.trades = 1
    await bench.look()
    await bench.look(10 * PATIENCE)
    assert bench.asked == []


async def test_what_is_not_subscribed_yet_has_its_time() -> None:
    bench = Bench(Link())
    bench.links[0].session.ready = False
    await bench.look()
    await bench.look(10 * PATIENCE)
    bench.links[0].session.ready = True
    await bench.look()
    assert bench.asked == []


async def test_what_comes_while_rest_answers_is_no_silence() -> None:
    bench = Bench(Link())

    async def moves(keys: Sequence[str], since: int) -> str | None:
        bench.links[0].session.trades = 1
        return keys[0]

    bench.path._moves = moves
    await bench.look()
    await bench.look(PATIENCE)
    assert bench.log.lines == []
    assert not bench.path.silent(0)


async def test_after_a_while_another_connection_is_tried_and_said_when_it_speaks() -> None:
    bench = Bench(Link())
    bench.moved = KEYS[0]
    await bench.look()
    await bench.look(PATIENCE)
    (old,) = bench.links
    await bench.look(ANEW)
    assert len(old.closed) == 1
    bench.links = [Link()]
    await bench.look(SECOND)
    await bench.look(PATIENCE)
    assert bench.path.silent(0)
    assert len(bench.log.lines) == 1, "said once an hour"
    bench.links[0].session.trades = 1
    await bench.look(SECOND)
    assert bench.log.events()[-1] == "trades come after all"
    assert not bench.path.silent(0)


def usdm(base: str) -> Instrument:
    return Instrument("binance-usdm", f"{base}USDT", base, "USDT", "usdm", kind="perpetual", row_span=100_000)


async def test_the_old_path_of_a_futures_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over sockets: every symbol's state says why, and recovers when the path speaks."""
    monkeypatch.setattr(silent_path, "PATIENCE", SECOND // 10)
    monkeypatch.setattr(silent_path, "ASK_AGAIN", SECOND // 10)
    clock, log, engine, codec = RealClock(), ListLog(), Engine(windows=(60 * SECOND,)), BinanceUsdm()
    instruments = [usdm("BTC"), usdm("ETH")]
    for one in instruments:
        engine.add(one)
    events: list[Event] = []

    def sink(event: Event) -> None:
        events.append(event)
        engine.apply(event)

    async def moves(keys: Sequence[str], since: int) -> str | None:
        sim.publish(
            "BTCUSDT", [ArchiveRow(len(sim.published("BTCUSDT")) + 1, "1", "1", 1, 1, clock.now(), "us", False)]
        )
        page = await rest.call(codec.trades_request("BTCUSDT", limit=1), "probe")
        trades = codec.decode_trades(instruments[0], page, clock.now())
        return keys[0] if trades and trades[-1].ts_event >= since else None

    listings = [Listing("BTCUSDT", "BTC", "USDT"), Listing("ETHUSDT", "ETH", "USDT")]
    async with (
        Simulator(listings=listings, market="usdm") as sim,
        Rest([sim.rest_url], Budget(2400), now=clock.now, explain=codec.error) as rest,
    ):
        sim.faults.silent_path("/market")
        connections = Connections(codec, sim.stream_url, clock, sink, redundancy=2, timing=QUICK, log=log, moves=moves)
        connections.add(instruments)
        async with Running(connections.run()):
            await eventually(lambda: len([one for one in events if isinstance(one, FeedDown)]) == 2)
            states = {engine.books[one.key].state_reason for one in instruments}
            assert all("nothing came, while REST has newer trades" in reason for reason in states)
            assert {engine.books[one.key].state for one in instruments} == {"stale"}
            assert log.warnings == ["subscriptions are acknowledged and nothing comes, while REST has newer trades"]
            sim.faults.silent_path("/market", silent=False)
            sim.publish("ETHUSDT", [ArchiveRow(1, "1", "1", 1, 1, clock.now(), "us", False)])
            await eventually(lambda: sum(isinstance(one, FeedUp) for one in events) >= 3)
            assert any(isinstance(one, Trade) for one in events)
            await eventually(lambda: "trades come after all" in log.events())
            await connections.aclose()
