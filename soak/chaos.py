"""What goes wrong in a run of random faults: a menu, and somebody who orders from it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from orderflow_stream.simulator.garbage import KINDS
from orderflow_stream.simulator.rest_faults import RestKind
from tests.faults.house import House
from tests.faults.observer import Observer
from tests.faults.proxy import Direction, Shape

_REST: Final[tuple[RestKind, ...]] = (
    *("429", "418", "500", "502", "503", "html", "empty", "truncated", "slow", "timeout", "reset"),
)
_WAYS: Final[tuple[Direction, ...]] = ("up", "down")


class Chaos:
    """Does things at random. `story` is what it did, with the second it did it."""

    def __init__(
        self, home: House, observer: Observer, symbols: Sequence[str], draw: random.Random, *, lag: bool
    ) -> None:
        self.home = home
        self.observer = observer
        self.symbols = symbols
        self.draw = draw
        self.story: list[str] = []
        self.kills = 0
        self.worst_lag = 0.0
        self.restart: Callable[[], Awaitable[None]] | None = None
        self._began = time.monotonic()
        self._ends: list[asyncio.Task[None]] = []
        self._menu: list[tuple[int, Callable[[], object]]] = [
            *[(6, self._cut), (3, self._cut_with_code), (4, self._reset), (3, self._hold), (2, self._stall)],
            *[(6, self._skip), (2, self._hide), (4, self._silence), (2, self._silence_all), (3, self._shuffle)],
            *[(3, self._repeat), (3, self._replay), (4, self._garbage), (3, self._corrupt), (8, self._rest)],
            *[(3, self._shutdown), (2, self._drip), (2, self._pause), (2, self._refuse), (3, self._latency)],
            *[(2, self._slow_line), (3, self._client), (2, self._freeze)],
        ]
        if lag:
            self._menu.append((3, self._rest_lag))

    async def run(self, seconds: float, every: float) -> None:
        """Something every `every` seconds on average, for so long; then nothing is in force any more."""
        end = time.monotonic() + seconds
        weights = [weight for weight, _ in self._menu]
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self.draw.expovariate(1 / every)))
            if self.restart is not None and self.draw.random() < 0.08:
                self._tell("kill -9")
                self.kills += 1
                await self.restart()
                continue
            made = self.draw.choices(self._menu, weights)[0][1]()
            if isinstance(made, Awaitable):
                await made
        self.calm()

    async def stop(self) -> None:
        """Nothing is still to come."""
        for task in self._ends:
            task.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)

    def calm(self) -> None:
        """End everything that is in force."""
        for task in self._ends:
            task.cancel()
        self.home.sim.faults.clear()
        self.home.streams.clear()
        self.home.rest.clear()
        self.home.sim.rest.lag = 0.0
        with contextlib.suppress(ProcessLookupError):
            self.home.daemon.kill(signal.SIGCONT)
        self._tell("calm")

    # -- the menu -----------------------------------------------------------------------------------------------------

    def _cut(self) -> None:
        if self.home.sim.open_connections:
            one = self._one()
            self._tell(f"cut {one}")
            self.home.sim.faults.cut(one)

    def _cut_with_code(self) -> None:
        one, code = self._one(), self.draw.choice((1000, 1001, 1006 + 2, 1011, 1013))
        if self.home.sim.open_connections:
            self._tell(f"close {one} with {code}")
            self.home.sim.faults.cut(one, code=code, reason="chaos")

    def _reset(self) -> None:
        links = self.home.streams.open
        if links:
            chosen = links if self.draw.random() < 0.5 else [self.draw.choice(links)]
            self._tell(f"reset {len(chosen)} of {len(links)} links")
            for link in chosen:
                link.reset()

    def _hold(self) -> None:
        links, span = self.home.streams.open, self._span(0.3, 2.5)
        ends_in_reset = self.draw.random() < 0.5
        self._tell(f"hold {len(links)} links for {span:.1f} s{', then reset' if ends_in_reset else ''}")
        for link in links:
            link.hold()
            self._later(span, link.reset if ends_in_reset else link.release)

    def _stall(self) -> None:
        links, span = self.home.streams.open, self._span(0.2, 1.5)
        if links:
            link, way = self.draw.choice(links), self.draw.choice(_WAYS)
            self._tell(f"hold one link {way} for {span:.1f} s")
            link.hold(way)
            self._later(span, link.release)

    def _skip(self) -> None:
        symbol, count = self._symbol(), self.draw.choice((1, 1, 2, 5, 20, 100, 1200))
        self._tell(f"skip {count} of {symbol}")
        self.home.sim.faults.skip(symbol, count)

    def _hide(self) -> None:
        symbol, count = self._symbol(), self.draw.choice((1, 3, 30))
        self._tell(f"hide {count} of {symbol} from everyone")
        self.home.sim.faults.skip(symbol, count, rest=False)

    def _silence(self) -> None:
        symbol, span = self._symbol(), self._span(0.2, 2.5)
        self._tell(f"silence {symbol} for {span:.1f} s")
        self.home.sim.faults.silence(symbol, duration=span)

    def _silence_all(self) -> None:
        span = self._span(0.2, 2.0)
        one = self._one() if self.home.sim.open_connections and self.draw.random() < 0.5 else None
        self._tell(f"silence everything (connection {one}) for {span:.1f} s")
        self.home.sim.faults.silence(connection=one, duration=span)

    def _shuffle(self) -> None:
        symbol, count = self._symbol(), self.draw.choice((2, 5, 50))
        self._tell(f"shuffle {count} of {symbol}")
        self.home.sim.faults.shuffle(symbol, count)

    def _repeat(self) -> None:
        times, count = self.draw.choice((2, 3)), self.draw.choice((10, 200))
        self._tell(f"send the next {count} {times} times")
        self.home.sim.faults.repeat(times, count=count)

    def _replay(self) -> None:
        symbol, count = self._symbol(), self.draw.choice((5, 300, 2000))
        self._tell(f"replay {count} of {symbol}")
        self.home.sim.faults.replay(symbol, count)

    def _garbage(self) -> None:
        kind = self.draw.choice(KINDS)
        self._tell(f"garbage {kind}")
        self.home.sim.faults.garbage(kind, count=self.draw.choice((1, 3)))

    def _corrupt(self) -> None:
        symbol = self._symbol()
        name, value = self.draw.choice(
            (("p", '"1e5"'), ("q", "null"), ("p", '"-1"'), ("a", '"7"'), ("q", '"NaN"'), ("f", "true"), ("l", "1e400"))
        )
        self._tell(f"corrupt {name}={value} of {symbol}")
        self.home.sim.faults.corrupt(symbol, 1, name, value)

    def _rest(self) -> None:
        kind = self.draw.choice(_REST)
        count, delay = self.draw.choice((1, 2, 5)), self.draw.choice((0.05, 0.5))
        self._tell(f"REST {kind} x{count}")
        self.home.sim.faults.rest(
            kind, count=count, path="aggTrades", retry_after=1, delay=delay if kind == "slow" else 0.0
        )

    def _rest_lag(self) -> None:
        lag, span = self.draw.choice((0.05, 0.3)), self._span(0.3, 2.0)
        self._tell(f"REST {lag} s behind for {span:.1f} s")
        self.worst_lag = max(self.worst_lag, lag)
        self.home.sim.rest.lag = lag
        self._later(span, lambda: setattr(self.home.sim.rest, "lag", 0.0))

    def _shutdown(self) -> None:
        if self.home.sim.open_connections:
            one, delay = self._one(), self._span(0.1, 1.0)
            self._tell(f"serverShutdown of {one}, in {delay:.1f} s")
            self.home.sim.faults.shutdown(delay, one)

    def _drip(self) -> None:
        self._tell("drip 20 frames")
        self.home.sim.faults.drip(chunk=self.draw.choice((1, 40)), interval=0.001, count=20)

    def _pause(self) -> None:
        span = self._span(0.1, 1.5)
        self._tell(f"the venue writes nothing for {span:.1f} s")
        self.home.sim.faults.pause(duration=span)

    def _refuse(self) -> None:
        count = self.draw.choice((1, 2))
        self._tell(f"refuse {count} connections")
        self.home.sim.faults.refuse(count, status=self.draw.choice((503, 500, 502)))

    def _latency(self) -> None:
        latency, jitter, span = self.draw.choice((0.02, 0.2)), self.draw.choice((0.0, 0.1)), self._span(0.3, 1.5)
        way = self.draw.choice((self.home.streams, self.home.rest))
        self._tell(f"{'streams' if way is self.home.streams else 'REST'} {latency} + {jitter} s late for {span:.1f} s")
        way.shape = Shape(latency=latency, jitter=jitter)
        self._later(span, lambda: setattr(way, "shape", Shape()))

    def _slow_line(self) -> None:
        span = self._span(0.2, 1.0)
        self._tell(f"20 kB/s for {span:.1f} s")
        self.home.streams.shape = Shape(rate=20_000)
        self._later(span, lambda: setattr(self.home.streams, "shape", Shape()))

    def _client(self) -> None:
        self._tell("a client loses its stream")
        self.observer.cut_client()

    def _freeze(self) -> None:
        span, daemon = self._span(0.1, 1.2), self.home.daemon
        self._tell(f"the daemon is stopped for {span:.1f} s")
        daemon.kill(signal.SIGSTOP)

        def go_on() -> None:
            with contextlib.suppress(ProcessLookupError):
                daemon.kill(signal.SIGCONT)

        self._later(span, go_on)

    # -- how ----------------------------------------------------------------------------------------------------------

    def _one(self) -> int:
        return -1 - self.draw.randrange(max(1, len(self.home.sim.open_connections)))

    def _symbol(self) -> str:
        return self.draw.choice(self.symbols)

    def _span(self, low: float, high: float) -> float:
        return self.draw.uniform(low, high)

    def _tell(self, what: str) -> None:
        self.story.append(f"{time.monotonic() - self._began:6.2f} {what}")

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            action()

        self._ends.append(asyncio.create_task(wait()))
