"""One connection at work: order, slices, timers, and who learns of what."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from orderflow_stream.adapters.link import Link
from orderflow_stream.adapters.ws import dial
from orderflow_stream.core.events import Event, Instrument, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.session import Notice, Policy, Replace, Session, SubscribeRefused, Up
from orderflow_stream.venues.binance import BinanceSpot

S = US_PER_S


class Clock:
    """Real time, but each look at the interval clock costs `step` seconds."""

    def __init__(self, step: float = 0.0) -> None:
        self._step = step
        self._looks = 0

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        self._looks += 1
        return time.monotonic() + self._looks * self._step


def trade(id_: int, symbol: str = "AUSDT") -> str:
    event = {
        "e": "aggTrade", "s": symbol, "a": id_, "p": "1.00000000", "q": "1.00000000", "f": 1, "l": 1,
        "T": 1_700_000_000_000_000, "m": False,
    }  # fmt: skip
    return json.dumps({"stream": "x", "data": event})


class Bench:
    def __init__(self, link: Link, log: list[Event | Notice]) -> None:
        self.link = link
        self.log = log
        self.task = asyncio.create_task(link.run())

    def trades(self) -> list[int]:
        return [entry.id for entry in self.log if isinstance(entry, Trade)]


@asynccontextmanager
async def linked(
    handler: Callable[[ServerConnection], object],
    *symbols: str,
    clock: Clock | None = None,
    policy: Policy | None = None,
    sink: Callable[[Event], None] | None = None,
    notice: Callable[[Link, Notice, int], None] | None = None,
) -> AsyncIterator[Bench]:
    clock = clock or Clock()
    venue = BinanceSpot()
    venue.watch(Instrument("binance", symbol, symbol[:-4], "USDT") for symbol in symbols)
    log: list[Event | Notice] = []
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:  # type: ignore[arg-type]
        session = Session(venue, symbols, policy=policy)
        base = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        wire = await dial(session.url(base), now=clock.now)
        link = Link(
            1, "here", wire, session, clock=clock, sink=sink or log.append,
            notice=notice or (lambda _, told, ts: log.append(told)),
        )  # fmt: skip
        bench = Bench(link, log)
        try:
            yield bench
        finally:
            link.close("stopped")
            async with asyncio.timeout(5):
                await asyncio.gather(bench.task, return_exceptions=True)


async def wait(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 5)


async def test_up_comes_before_the_first_trade_also_when_both_are_there_already() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(trade(1))
        await peer.send(trade(2))
        await peer.close()

    async with linked(handler, "AUSDT") as bench:
        await wait(bench.link.ended)
        assert bench.log[0] == Up(("AUSDT",))
        assert bench.trades() == [1, 2]
        assert (bench.link.reason, bench.link.detail) == ("closed", "the connection was closed with 1000")
        assert bench.link.ready.is_set()
        await bench.task


async def test_notices_keep_their_place_between_the_trades() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(trade(1))
        await peer.send('{"code":2,"msg":"no"}')
        await peer.send(trade(2))
        await peer.send('{"e":"serverShutdown","E":1}')
        await peer.send(trade(3))
        await peer.close()

    async with linked(handler, "AUSDT") as bench:
        await wait(bench.link.ended)
        kinds = [entry.id if isinstance(entry, Trade) else type(entry) for entry in bench.log]
        assert kinds == [Up, 1, SubscribeRefused, 2, Replace, 3]
        assert bench.link.turn_over.is_set()
        assert bench.link.turn_over_reason == "shutdown"


async def test_a_backlog_gives_way_to_the_loop() -> None:
    """With a clock on which every look costs a millisecond, 4,000 frames must not be one stretch."""
    blob = [trade(n) for n in range(4_000)]

    async def handler(peer: ServerConnection) -> None:
        for one in blob:
            await peer.send(one)
        await peer.wait_closed()

    turns: list[int] = []
    done = asyncio.Event()

    def sink(event: Event) -> None:
        assert isinstance(event, Trade)
        turns.append(turn)
        if event.id == 3_999:
            done.set()

    turn = 0
    async with linked(handler, "AUSDT", clock=Clock(step=0.001), sink=sink):
        async with asyncio.timeout(10):
            while not done.is_set():
                turn += 1
                await asyncio.sleep(0)
    # A slice of 3 ms is at most four looks of 32 frames here.
    longest = max(turns.count(one) for one in set(turns))
    assert longest <= 4 * 32


async def test_the_session_is_ticked_and_obeyed() -> None:
    asked: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def handler(peer: ServerConnection) -> None:
        async for message in peer:
            await asked.put(message)
            await peer.send(json.dumps({"result": None, "id": json.loads(message)["id"]}))

    symbols = [f"S{n}USDT" for n in range(100)]
    async with linked(handler, *symbols, policy=Policy(tick=S // 100, control_interval=S // 100)) as bench:
        first = json.loads(await asyncio.wait_for(asked.get(), 5))
        assert first["params"] == ["s99usdt@aggTrade"]
        await wait(bench.link.ready)
        bench.link.add(("NEWUSDT",))
        assert not bench.link.ready.is_set()
        second = json.loads(await asyncio.wait_for(asked.get(), 5))
        assert (second["method"], second["params"]) == ("SUBSCRIBE", ["newusdt@aggTrade"])
        await wait(bench.link.ready)
        bench.link.remove(("S5USDT",))
        third = json.loads(await asyncio.wait_for(asked.get(), 5))
        assert (third["method"], third["params"]) == ("UNSUBSCRIBE", ["s5usdt@aggTrade"])
        assert bench.link.stats(3).symbols == 100
        assert (bench.link.stats(3).shard, bench.link.stats(3).state) == (3, "open")


async def test_a_refused_subscription_does_not_keep_it_from_being_ready() -> None:
    async def handler(peer: ServerConnection) -> None:
        async for message in peer:
            await peer.send(json.dumps({"code": 2, "msg": "no", "id": json.loads(message)["id"]}))

    async with linked(handler, *(f"S{n}USDT" for n in range(100))) as bench:
        await wait(bench.link.ready)
        assert len(bench.link.session.up) == 99


async def test_what_fails_in_a_timer_fails_the_run() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()

    def notice(link: Link, told: Notice, ts: int) -> None:
        if isinstance(told, Replace):
            raise RuntimeError("a broken invariant")

    policy = Policy(max_age=S // 50, age_spread=0, tick=S // 100)
    async with linked(handler, "AUSDT", policy=policy, notice=notice) as bench:
        await wait(bench.link.ended)
        with pytest.raises(RuntimeError, match="a broken invariant"):
            await bench.task


async def test_the_session_may_close_it() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()

    policy = Policy(ack_timeout=S // 50, tick=S // 100, control_interval=S // 100)
    async with linked(handler, *(f"S{n}USDT" for n in range(100)), policy=policy) as bench:
        await wait(bench.link.ended)
        assert bench.link.reason == "unanswered"
        assert bench.link.session.mark == "closed"


async def test_the_first_reason_stays() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()

    async with linked(handler, "AUSDT") as bench:
        bench.link.close("age", "replaced")
        bench.link.close("stopped")
        await wait(bench.link.ended)
        assert (bench.link.reason, bench.link.detail) == ("age", "replaced")
        assert bench.link.stats(0).state == "closing"
