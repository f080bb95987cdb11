"""SSE over a tape with faults, and a client that is cut off twice: each trade and each large order exactly once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.reference import oracle
from tests.reference.oracle import assert_same
from tests.reference.tapefile import Row
from tests.tapes.answers import IGNORE
from tests.tapes.kit import Material, made_up, recorded_tapes, until
from tests.tapes.listener import Listener
from tests.tapes.rig import Play, playing

TAPES = [
    made_up("AAAUSDT", "USDT", seed=61, n=6_000),
    made_up("BBBBTC", "BTC", seed=62, n=5_000, invalid=8),
    *(tape for tape in recorded_tapes() if tape.name.startswith(("BTCUSDC", "TRXUSDT", "BTCUSDT-spot-2024"))),
]


class Heard:
    """A tape on its way to a listener: which rows came late, and which have been published since it listens."""

    def __init__(self, play: Play, listener: Listener) -> None:
        self.play = play
        self.listener = listener
        self.begin = play.at
        self.late: set[int] = set()

    @property
    def rows(self) -> list[Row]:
        """What is to be heard."""
        return [row for row in self.play.rows[self.begin : self.play.at] if row.valid]

    async def some(self, least: int) -> None:
        """Whole orders in little pieces: a machine that is held up must not split one by time."""
        while least > 0:
            count = self.play.up_to_order(min(least, 60))
            self.play.publish(count)
            await self.play.arrived()
            least -= count

    def missed(self, least: int) -> list[Row]:
        """Whole orders that no connection brings."""
        count = self.play.up_to_order(least)
        self.play.sim.faults.skip(self.play.symbol, count=count)
        rows = self.play.publish(count)
        self.late.update(row.id for row in rows)
        return rows


@asynccontextmanager
async def listening(material: Material, least: Any, **query: object) -> AsyncIterator[Heard]:
    async with (
        playing(material, analytics__large__min_notional=f"{least:f}") as play,
        aiohttp.ClientSession() as session,
    ):
        listener = Listener(session, play.daemon.url, symbols=play.symbol, **query)
        await listener.connect()
        await until(lambda: bool(listener.of("hello")), "hello")
        try:
            yield Heard(play, listener)
        finally:
            await listener.leave()


def threshold(material: Material) -> Any:
    """Reached by some forty orders of the part that is played."""
    sizes = sorted((order.notional for order in oracle.orders(material.head(6_000))), reverse=True)
    return sizes[40]


def assert_trades(heard: Heard) -> None:
    """Each trade once, as it is on the tape, late exactly where it came late."""
    told = heard.listener.of("trade")
    assert [count for count in Counter(trade["id"] for trade in told).values() if count > 1] == []
    assert {trade["id"] for trade in told} == {row.id for row in heard.rows}
    by_id = {trade["id"]: trade for trade in told}
    for row in heard.rows:
        expected = {
            "symbol": heard.play.symbol,
            "id": row.id,
            "price": row.price,
            "qty": row.qty,
            "side": row.side,
            "time": row.ts_us // 1000,
            "ts_event": row.ts_us,
            "first_fill": row.first,
            "last_fill": row.last,
            "late": row.id in heard.late,
        }
        assert_same(by_id[row.id], expected)


def assert_large(heard: Heard, least: Any) -> None:
    """Each large order of the reference once, with its fields, late exactly where it came late."""
    told = heard.listener.of("large")
    about: dict[str, Any] = {"symbol": heard.play.symbol, "quote": heard.play.material.quote}
    expected = oracle.orders_large(heard.rows, least, trades=10**6, limit=10**6, **about)["largest"]
    assert expected, "the threshold is too high to show anything"
    assert Counter(order["id"] for order in told) == Counter(order["id"] for order in expected)
    by_id = {order["id"]: order for order in told}
    for order in expected:
        more = {"symbol": heard.play.symbol, "group": "order", "late": order["id"] in heard.late}
        assert_same(by_id[order["id"]], order | more)


@pytest.mark.parametrize("material", TAPES, ids=str)
async def test_each_trade_and_each_large_order_once(material: Material) -> None:
    least = threshold(material)
    async with listening(material, least, topics="trade,large") as heard:
        play, listener = heard.play, heard.listener
        await heard.some(300)
        # A hole, repaired while we listen.
        heard.missed(40)
        await heard.some(100)
        await play.settled()
        # We are cut off; a hole is found and repaired meanwhile.
        await listener.leave()
        play.sim.faults.repeat(2, count=100)
        await heard.some(100)
        heard.missed(25)
        await heard.some(60)
        await play.settled()
        await heard.some(40)
        await listener.connect()
        await heard.some(50)
        # The feed is cut: what traded meanwhile comes late.
        play.sim.faults.cut()
        await play.down()
        rows = play.publish(play.up_to_order(150))
        heard.late.update(row.id for row in rows)
        await play.subscribed()
        await heard.some(60)
        # We are cut off while a hole is open.
        heard.missed(30)
        await heard.some(20)
        await listener.leave()
        await play.settled()
        await listener.connect()
        play.sim.faults.replay(play.symbol, 500)
        play.sim.faults.garbage("not_json", count=2)
        await heard.some(200)
        await play.settled()
        last = heard.rows[-1].id
        await until(lambda: any(trade["id"] == last for trade in listener.of("trade")[-5:]), "the last trade is told")
        await until(lambda: not play.daemon.engine.pending, "no order is open")
        position = play.daemon.hub.position()
        await until(lambda: listener.events[-1].id == position, lambda: f"{listener.events[-1].id} is {position}")
        hellos = listener.of("hello")
        assert [hello["recovered"] for hello in hellos] == [False, True, True]
        assert hellos[1]["resumed_from"] is not None
        assert_trades(heard)
        assert_large(heard, least)
        seqs = [int(event.id.partition("-")[2]) for event in listener.events]
        assert seqs == sorted(seqs)
        # Holes that stood open long enough to be told of were told of as filled too, wherever we were.
        told = [(gap["first"], gap["last"]) for gap in listener.of("gap")]
        assert [tuple(each) for corrected in listener.of("corrected") for each in corrected["filled"]] == told
        await play.assert_whole()


@pytest.mark.parametrize("seed", range(2))
async def test_each_trade_once_whatever_happens(seed: int) -> None:
    """Random faults, and a client that comes and goes: no trade is missing, none is told twice."""
    material, rng = TAPES[seed], random.Random(seed)
    async with listening(material, threshold(material), topics="trade") as heard:
        play, listener = heard.play, heard.listener
        faults = play.sim.faults
        away = False
        while play.left > 60:
            choice = rng.randrange(8)
            if choice == 0:
                faults.skip(play.symbol, count=rng.randrange(1, 30))
            elif choice == 1:
                faults.shuffle(play.symbol, rng.randrange(2, 40))
            elif choice == 2:
                faults.repeat(2, count=rng.randrange(1, 40))
            elif choice == 3 and not away:
                await listener.leave()
                away = True
            elif choice == 4 and away:
                await listener.connect()
                away = False
            elif choice == 5:
                await play.sim.drained()
            play.publish(min(play.left - 50, rng.randrange(1, 100)))
        faults.clear()
        if away:
            await listener.connect()
        play.publish(play.left)
        await play.settled()
        ids = {row.id for row in heard.rows}
        await until(lambda: len(listener.of("trade")) >= len(ids), lambda: f"{len(listener.of('trade'))} of {len(ids)}")
        assert Counter(trade["id"] for trade in listener.of("trade")) == Counter(ids)
        assert all(hello["recovered"] for hello in listener.of("hello")[1:])
        assert len(listener.of("hello")) > 2
        assert any(trade["late"] for trade in listener.of("trade"))


@pytest.mark.parametrize("query", [{"trades": 1000}, {"trades": 777, "numbers": "string"}, {"window": "1h"}], ids=str)
async def test_the_last_flow_event_is_the_answer_of_rest(query: dict[str, object]) -> None:
    material = TAPES[0]
    async with listening(material, threshold(material), topics="flow", **query) as heard:
        play, listener = heard.play, heard.listener
        await heard.some(500)
        heard.missed(30)
        await heard.some(200)
        await play.settled()
        newest = play.told[-1].id
        strings = "numbers" in query

        def final() -> bool:
            coverage = listener.of("flow")[-1]["coverage"]
            return bool(coverage["last_id"] == newest and not coverage["missing_total"] and coverage["complete"])

        await until(final, "the last state is told")
        event = listener.of("flow")[-1]
        data = await play.api.get("/v1/flow", symbol=play.symbol, **query)
        told = {name: value for name, value in event.items() if name not in {"windows", "skipped", "coverage"}}
        if "trades" in query:
            assert told == {name: value for name, value in data.items() if name != "coverage"}
            about: dict[str, Any] = {"symbol": play.symbol, "quote": material.quote, "exact": strings}
            expected = oracle.flow(play.told, trades=int(str(query["trades"])), **about)
            assert_same(told, expected, ignore=IGNORE, strings=strings)
            moving = {"position", "last_trade_age_ms", "as_of", "lag_ms", "clock_offset_ms"}
            for name in data["coverage"].keys() - moving:
                assert event["coverage"][name] == data["coverage"][name], name
        else:
            to = event["coverage"]["requested"]["to"] * 1000
            candidates = [
                oracle.flow(play.told, window=(to + edge, 3_600_000_000), symbol=play.symbol, quote=material.quote)
                for edge in (0, 999)
            ]
            for expected in candidates:
                assert_same(told, expected, ignore=IGNORE)
            assert set(event["windows"]) == {"1m", "5m", "15m", "1h"}
            for expected in (
                oracle.window_summary(play.told, window=(to + edge, 3_600_000_000), quote=material.quote)
                for edge in (0, 999)
            ):
                assert_same(event["windows"]["1h"], expected)
