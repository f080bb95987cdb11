"""Somebody who looks all the time: polls REST, follows two event streams, and keeps every byte for the judge."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import aiohttp

from orderflow_stream.simulator.server import wall_clock
from tests.faults.house import House
from tests.faults.judge import Order, Source, Verdict, exact, judge_flow, judge_large, scaled

#: What a client may be gone while the daemon is killed and started again, or held.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)
_PATIENT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5)
_GONE: Final = (aiohttp.ClientError, ConnectionError, TimeoutError)
_QUOTE: Final = 10**16


class Answer(NamedTuple):
    """A REST answer: what was asked, when (venue µs), and what came."""

    path: str
    query: Mapping[str, str]
    asked: int
    status: int
    body: bytes


class Event(NamedTuple):
    """One event of a stream; `connection` counts the follower's connections from 0."""

    topic: str
    id: str
    data: bytes
    connection: int


@dataclass
class Follower:
    """A client of `/v1/stream` that comes back by the id of the last event it has seen, whoever ended it."""

    home: House
    query: Mapping[str, str]
    events: list[Event] = field(default_factory=list)
    connections: int = 0
    _response: aiohttp.ClientResponse | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
            except _GONE:
                await asyncio.sleep(0.05)

    def cut(self) -> None:
        """Lose the connection, wherever it is."""
        if self._response is not None:
            self._response.close()

    async def _follow(self) -> None:
        headers = {"Accept": "text/event-stream"}
        if self.events:
            headers["Last-Event-ID"] = self.events[-1].id
        url = self.home.url + "/v1/stream"
        async with self.home.session.get(url, params=self.query, headers=headers, timeout=_PATIENT) as response:
            self._response = response
            number = self.connections
            self.connections += 1
            buffer = b""
            async for piece in response.content.iter_any():
                *blocks, buffer = (buffer + piece).split(b"\n\n")
                for block in blocks:
                    fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
                    self.events.append(
                        Event(fields[b"event"].decode(), fields[b"id"].decode(), fields[b"data"], number)
                    )

    def of(self, topic: str) -> list[Event]:
        return [event for event in self.events if event.topic == topic]


class Observer:
    """`run` it while things go wrong; `judge` afterwards. `least` is the large threshold in whole quote units."""

    def __init__(self, home: House, symbols: Sequence[str], *, least: int, seed: int, pause: float = 0.03) -> None:
        self._home = home
        self._symbols = tuple(symbols)
        self._least = least
        self._chance = random.Random(f"observer {seed}")
        self._pause = pause
        self.answers: list[Answer] = []
        self.away = 0  # polls that found nobody
        names = ",".join(symbols)
        self._where = {} if home.venue == "binance" else {"venue": home.venue}
        self.steady = Follower(home, {"symbols": names, "topics": "trade,large", "numbers": "string", **self._where})
        self.restless = Follower(home, {"symbols": names, "topics": "flow,large,trade", "trades": "500", **self._where})
        self._tasks: list[asyncio.Task[None]] = []
        #: The newest id of each symbol when both followers had begun: later ones must be told.
        self.begins: dict[str, int] = {}

    async def begin(self) -> None:
        """Start looking; returns once both streams have begun."""
        self._tasks = [asyncio.create_task(work) for work in (self.steady.run(), self.restless.run(), self._poll())]

        async def begun() -> bool:
            return bool(self.steady.events) and bool(self.restless.events)

        await self._home.until(begun, "hello")
        self.begins = {symbol: self._home.sim.exchange[symbol].newest_id or 0 for symbol in self._symbols}

    async def end(self) -> None:
        """Look until both streams have told everything up to now, then no more."""
        position = (await self._home.get("/v1/gaps", symbol=self._symbols[0]))["position"]

        async def told() -> bool:
            return all(_seq(each.events[-1].id) >= _seq(position) for each in (self.steady, self.restless))

        try:
            await self._home.until(told, f"told up to {position}")
        finally:
            await self.stop()

    async def stop(self) -> None:
        """No more questions; safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_client(self) -> None:
        """One follower loses its connection."""
        self.restless.cut()

    async def _poll(self) -> None:
        names = ",".join(self._symbols)
        while True:
            one = self._chance.choice(self._symbols)
            questions: tuple[tuple[str, dict[str, str]], ...] = (
                ("/v1/flow", {"symbols": names, "trades": "100"}),
                ("/v1/flow", {"symbol": one, "trades": str(self._chance.choice((300, 1000, 5000)))}),
                ("/v1/flow", {"symbols": names, "window": self._chance.choice(("1s", "5s", "1m"))}),
                ("/v1/large", {"symbol": one, "group": "order", "min_notional": str(self._least), "limit": "5000"}),
            )
            for path, query in questions:
                await self._ask(path, query)
                await asyncio.sleep(self._pause)

    async def _ask(self, path: str, query: dict[str, str]) -> None:
        asked = wall_clock()
        try:
            async with self._home.session.get(
                self._home.url + path, params={**query, **self._where, "numbers": "string"}, timeout=_TIMEOUT
            ) as response:
                body = await response.read()
                self.answers.append(Answer(path, query, asked, response.status, body))
        except _GONE:
            self.away += 1
            await asyncio.sleep(0.05)

    # -- what came of it ----------------------------------------------------------------------------------------------

    def judge(self, truth: Mapping[str, Source], verdict: Verdict, *, lag: int = 0, killed: bool = False) -> None:
        """Every answer and event against the source. `killed`: the daemon was, so what it told last may come twice."""
        for answer in self.answers:
            if answer.status != 200:
                verdict.add(f"{answer.path} {dict(answer.query)}: {answer.status} {answer.body[:200]!r}")
                continue
            data = exact(answer.body)["data"]
            if answer.path == "/v1/large":
                source = truth[data["symbol"]]
                judge_large(source, data, self._least * _QUOTE, verdict, asked=answer.asked, lag=lag)
                continue
            for each in data if isinstance(data, list) else [data]:
                judge_flow(truth[each["symbol"]], each, verdict, asked=answer.asked, lag=lag)
        for event in self.restless.of("flow"):
            data = exact(event.data)
            judge_flow(truth[data["symbol"]], data, verdict, lag=lag)
        for name, follower in (("steady", self.steady), ("restless", self.restless)):
            self._judge_stream(name, follower, truth, verdict, killed)

    def _judge_stream(
        self, name: str, follower: Follower, truth: Mapping[str, Source], verdict: Verdict, killed: bool
    ) -> None:
        seqs = [_seq(event.id) for event in follower.events]
        if seqs != sorted(seqs):
            verdict.add(f"{name}: ids go back")
        for event in follower.of("hello"):
            if event.connection and not exact(event.data)["recovered"]:
                verdict.add(f"{name}: connection {event.connection} was not recovered: {event.data!r}")
        told: Counter[tuple[str, int]] = Counter()
        large: dict[str, list[dict[str, Any]]] = {}
        for event in follower.events:
            if event.topic == "trade":
                data = exact(event.data)
                told[data["symbol"], data["id"]] += 1
            elif event.topic == "large":
                data = exact(event.data)
                large.setdefault(data["symbol"], []).append(data)
        twice = [key for key, count in told.items() if count > 1]
        if twice and not killed:
            verdict.add(f"{name}: {len(twice)} trades told twice: {twice[:5]}")
        for symbol, source in truth.items():
            begin = source.span(self.begins[symbol] + 1, 2**62)[0]
            lost = [
                id_
                for id_, valid in zip(source.ids[begin:], source.valid[begin:], strict=True)
                if valid and (symbol, id_) not in told
            ]
            if lost:
                verdict.add(f"{name}: {len(lost)} trades of {symbol} were never told: {lost[:5]}")
            self._judge_large(name, source, large.get(symbol, []), verdict, killed)

    def _judge_large(
        self, name: str, source: Source, told: list[dict[str, Any]], verdict: Verdict, killed: bool
    ) -> None:
        """Each large order that began after we listened is told, under the id of its last row, once. A part of an order
        may be told as one where the rest came much later; it is part of a large order all the same."""
        ids = Counter(event["id"] for event in told)
        twice = [id_ for id_, count in ids.items() if count > 1]
        if twice and not killed:
            verdict.add(f"{name}: {source.symbol} large {twice[:5]} told twice")
        orders = source.orders(self._least * _QUOTE, 0, 2**62)
        # Where rows are merged, which of them may be one order depends on where one begins to look: at a hole that was
        # filled since, it was elsewhere.
        otherwise: set[int] = set()
        if source.row_span:
            for event in told:
                otherwise.update(source.group_ending(event["id"], scaled(str(event["qty"])), self._least * _QUOTE))
        for order in orders:
            if order.ids[0] > self.begins[source.symbol] and order.id not in ids and order.id not in otherwise:
                verdict.add(f"{name}: {source.symbol} large {order.ids} was never told")
        whole: dict[int, Order] = {id_: order for order in orders for id_ in order.ids}
        for id_ in ids:
            if id_ not in whole and id_ not in otherwise:
                verdict.add(f"{name}: {source.symbol} large {id_} is part of no large order")


def _seq(id_: str) -> int:
    return int(id_.rpartition("-")[2])
