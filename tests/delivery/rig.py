"""A hub over a real engine on a clock that only the test moves."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, Event, FeedUp, Instrument, Refill, Trade
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.client import Client
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.hub import Hub, Limits
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.sse import Frame, batch
from orderflow_stream.delivery.topics import Filter, Renderer, Spec

EPOCH = "ABCD2345"
START = 1_760_000_000_000_000  # µs
MINUTE = 60_000_000
WINDOWS = {"1m": MINUTE, "5m": 5 * MINUTE}
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT")
E8 = 10**8


class Timer:
    def __init__(self, when: float, number: int, callback: Callable[[], None]) -> None:
        self.when, self.number, self.callback, self.cancelled = when, number, callback, False

    def cancel(self) -> None:
        self.cancelled = True

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.number) < (other.when, other.number)


class Loop:
    """Time that stands still until told to move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ready: deque[Callable[[], None]] = deque()
        self.timers: list[Timer] = []
        self.turns = 0

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], None], /) -> None:
        self.ready.append(callback)

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        timer = Timer(when, len(self.timers) + self.turns, callback)
        heapq.heappush(self.timers, timer)
        return timer

    def turn(self) -> None:
        """One turn: what is ready now, and nothing that becomes ready in it."""
        self.turns += 1
        for _ in range(len(self.ready)):
            self.ready.popleft()()

    def settle(self) -> None:
        """Turns until nothing is ready."""
        for _ in range(100_000):
            if not self.ready:
                return
            self.turn()
        raise AssertionError("it never comes to rest")

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        self.settle()
        while self.timers and self.timers[0].when <= until + 1e-9:
            timer = heapq.heappop(self.timers)
            self.now = max(self.now, timer.when)
            if not timer.cancelled:
                timer.callback()
            self.settle()
        self.now = until


class FakeSink:
    """A connection that takes what it is given, or holds it while `stalled`."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.writes: list[bytes] = []
        self.stalled = False
        self.held = 0
        self.closing = False
        self.ended = False
        self.aborted = False
        self.lost = "gone"

    @property
    def buffered(self) -> int:
        if not self.stalled:
            self.held = 0
        return self.held

    def write(self, frames: Sequence[Frame]) -> None:
        data = batch(frames, chunked=False)
        self.frames += frames
        self.writes.append(data)
        if self.stalled:
            self.held += len(data)

    def end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    # -- what a client would see

    def topics(self) -> list[str]:
        return [frame.topic for frame in self.frames]

    def of(self, topic: str) -> list[Any]:
        return [orjson.loads(frame.body) for frame in self.frames if frame.topic == topic]

    def ids(self) -> list[int]:
        return [frame.seq for frame in self.frames]

    def clear(self) -> None:
        self.frames.clear()
        self.writes.clear()


class Rig:
    """Engine and hub, joined as the daemon joins them. Venue time is the loop's."""

    def __init__(
        self,
        *instruments: Instrument,
        limits: Limits | None = None,
        trades: int = 1000,
        events: int = 1000,
        elapsed: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.loop = Loop()
        self.engine = Engine(windows=tuple(WINDOWS.values()), analytics=self._analytics)
        self.log = EventLog(EPOCH, trades=trades, events=events)
        self.renderer = Renderer(self.engine, rules=Rules(), windows=WINDOWS, clock=self.clock)
        self.hub = Hub(
            self.renderer,
            self.log,
            limits or Limits(),
            loop=self.loop,
            rng=random.Random(7),
            elapsed=elapsed,
        )
        self.next_id: dict[str, int] = {}
        for instrument in instruments or (BTC,):
            self.add(instrument)

    def _analytics(self, book: Any) -> tuple[LargeTracker, ...]:
        return (LargeTracker(book, 100_000 * NOTIONAL_SCALE, self.engine.pending),)

    def clock(self) -> int:
        return START + round((self.loop.now - 1000.0) * 1e6)

    def add(self, instrument: Instrument) -> None:
        """An instrument, live and warm, its tape empty and next id 1."""
        self.engine.add(instrument)
        now = self.clock()
        self.feed(FeedUp((instrument.key,), now, 1))
        self.feed(Refill(instrument.key, (), now, warm=True, origin=True))
        self.next_id[instrument.key] = 1

    def feed(self, event: Event) -> None:
        updates = self.engine.apply(event)
        if updates is not None:
            self.hub.publish(event, updates)

    def trade(
        self, instrument: Instrument = BTC, *, price: int = 50_000, qty: int = E8 // 100, side: int = BUY, skip: int = 0
    ) -> Trade:
        """The next trade, `skip` ids after the one before; not large by default."""
        id_ = self.next_id[instrument.key] + skip
        self.next_id[instrument.key] = id_ + 1
        now = self.clock()
        trade = Trade(instrument.key, id_, price * E8, qty, side, now, 10 * id_, 10 * id_, now + 1500)
        self.feed(trade)
        return trade

    def large(self, instrument: Instrument = BTC) -> Trade:
        """A trade of 150,000; the prints are out once the next one, or 25 ms, closes its order."""
        return self.trade(instrument, qty=3 * E8)

    def advance(self) -> None:
        self.hub.publish(None, self.engine.advance(self.clock()))

    def run(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass for both."""
        until = self.loop.now + seconds
        while self.loop.now < until - 1e-9:
            self.loop.run(min(step, until - self.loop.now))
            self.advance()
            self.loop.settle()

    def filter(
        self,
        *instruments: Instrument,
        topics: str = "flow,large",
        patterns: tuple[str, ...] = (),
        group: str = "order",
        min_notional: int = 0,
        trades: int | None = None,
        window: str = "1m",
        exact: bool = False,
    ) -> Filter:
        return Filter(
            spec=Spec(window, WINDOWS[window], trades, exact),
            keys=frozenset(one.key for one in (instruments or (() if patterns else (BTC,)))),
            patterns=patterns,
            topics=frozenset(topics.split(",")),
            group=group,
            min_notional=min_notional,
        )

    def attach(
        self, filter_: Filter | None = None, *, last: str | None = None, remote: str = "192.0.2.1"
    ) -> tuple[Client, FakeSink]:
        sink = FakeSink()
        client = self.hub.attach(filter_ or self.filter(), sink, remote=remote, last_event_id=last)
        return client, sink
