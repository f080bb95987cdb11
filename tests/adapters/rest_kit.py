"""Virtual time, a venue's REST made of Python, and tapes made of sets: what the tests of REST work stand on."""

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from orderflow_stream.adapters.rest import BODY_BOUND, Answer, Rest
from orderflow_stream.core.events import Event, Instrument, Refill, Restarted, Trade
from orderflow_stream.core.units import text
from orderflow_stream.feed.budget import Budget, Kind
from orderflow_stream.feed.upstream import RestRequest
from orderflow_stream.venues.binance import BinanceSpot

T = TypeVar("T")

SECOND = 1_000_000
#: A whole minute and a bit, in µs.
START = 1_760_000_045_000_000
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT")


class ManualClock:
    """A clock that stands still until told."""

    def __init__(self, now: int = START) -> None:
        self.us = now

    def now(self) -> int:
        return self.us

    def advance(self, seconds: float) -> None:
        self.us += round(seconds * SECOND)


class VirtualTime(ManualClock):
    """`sleep` takes no real time: while nothing else is ready, time jumps to the next sleeper. Use as a context.

    `idle` is how the loop is given its turn before a jump; with real sockets it has to be a moment of real time.
    """

    def __init__(self, now: int = START, *, idle: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(now)
        self.slept: list[float] = []
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._idle = idle or _few_turns
        self._held = False

    async def sleep(self, seconds: float) -> None:
        """As `asyncio.sleep`, in virtual time."""
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.us + max(round(seconds * SECOND), 0), next(self._order), future))
        await future

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something is so; a test that waits in vain fails."""
        for _ in range(3_000):
            if condition():
                return
            await self._idle()
            if not condition():
                self._jump()
        raise AssertionError("it never came to be")

    async def pass_by(self, seconds: float) -> None:
        """Let exactly that much time pass."""
        end = self.us + round(seconds * SECOND)
        while True:
            await self._idle()
            self._drop_dead()
            if not self._sleepers or self._sleepers[0][0] > end:
                break
            self._jump()
        self.us = max(self.us, end)

    def _drop_dead(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)

    def _jump(self) -> None:
        self._drop_dead()
        if self._sleepers:
            due, _, future = heapq.heappop(self._sleepers)
            self.us = max(self.us, due)
            future.set_result(None)


async def _few_turns() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


async def socket_moment() -> None:
    """The idle turn where real sockets are in play."""
    await asyncio.sleep(0.002)


class Running:
    """A background task for the length of a `with`; its failure is the test's."""

    def __init__(self, work: Awaitable[None]) -> None:
        self._task = asyncio.ensure_future(work)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def row(trade: Trade) -> dict[str, object]:
    """The wire's row of a trade."""
    return {
        "a": trade.id,
        "p": text(trade.price, 8),
        "q": text(trade.qty, 8),
        "f": trade.first_id,
        "l": trade.last_id,
        "T": trade.ts_event,
        "m": trade.side < 0,
        "M": True,
    }


def trade(id: int, *, ts: int | None = None, instrument: Instrument = BTC, qty: int = 10**8) -> Trade:
    """A trade; ids are one second apart, and 10,000 is at `START`."""
    when = START + (id - 10_000) * SECOND if ts is None else ts
    fills = (id, id) if qty else (-1, -1)
    return Trade(instrument.key, id, 10**8 if qty else 0, qty, 1, when, *fills, 0)


class TapeRest(Rest):
    """REST over tapes in memory, answered at once. `faults` are raised first, one a call (None: none); `visible` hides
    the ids of a symbol beyond one; `calls` is what was asked."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(["http://tape.invalid"], Budget(), now=clock.now, explain=BinanceSpot().error)
        self.tapes: dict[str, dict[int, Trade]] = {}
        self.visible: dict[str, int] = {}
        self.faults: list[Exception | None] = []
        self.calls: list[tuple[Kind, str, int | None, int]] = []
        self.parallel = 0
        self.most_parallel = 0
        self.gate: asyncio.Event | None = None

    def list_trades(self, instrument: Instrument, ids: Iterable[int]) -> None:
        tape = self.tapes.setdefault(instrument.symbol, {})
        tape.update((id_, trade(id_, instrument=instrument)) for id_ in ids)

    def asked(self, instrument: Instrument = BTC) -> list[tuple[int | None, int]]:
        return [(from_id, limit) for _, symbol, from_id, limit in self.calls if symbol == instrument.symbol]

    async def fetch_slowly(
        self,
        request: RestRequest,
        kind: Kind,
        read: Callable[[Answer], Awaitable[T]],
        deadline: int | None = None,
        *,
        bound: int = BODY_BOUND,
    ) -> T:
        symbol, limit = request.params["symbol"], int(request.params["limit"])
        from_id = int(request.params["fromId"]) if "fromId" in request.params else None
        self.calls.append((kind, symbol, from_id, limit))
        sent = time.perf_counter_ns()
        self.parallel += 1
        self.most_parallel = max(self.parallel, self.most_parallel)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.parallel -= 1
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        top = self.visible.get(symbol)
        tape = self.tapes.get(symbol, {})
        ids = sorted(id_ for id_ in tape if top is None or id_ <= top)
        page = ids[-limit:] if from_id is None else [id_ for id_ in ids if id_ >= from_id][:limit]
        body = msgspec.json.encode([row(tape[id_]) for id_ in page])
        return await read(Answer(body, sent, sent))


class SetBooks:
    """Tapes as dictionaries; fed as a sink, read as `Books`."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = {each.key: each for each in instruments}
        self.tapes: dict[str, dict[int, Trade]] = {each.key: {} for each in instruments}
        self.events: list[Event] = []
        self.resets = 0
        self.taken_over: set[str] = set()  # by streams, and not warmed up yet

    def sink(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case Trade():
                self.tapes[event.instrument][event.id] = event
            case Refill() if event.instrument in self.tapes:
                self.tapes[event.instrument].update((each.id, each) for each in event.trades)
            case Restarted():
                self.tapes[event.instrument].clear()
            case _:
                pass

    def refills(self, instrument: Instrument = BTC) -> list[Refill]:
        return [each for each in self.events if isinstance(each, Refill) and each.instrument == instrument.key]

    def ids(self, instrument: Instrument = BTC) -> list[int]:
        return sorted(self.tapes[instrument.key])

    def newest_id(self, key: str) -> int | None:
        return max(self.tapes.get(key, ()), default=None)

    def oldest_id(self, key: str) -> int | None:
        return min(self.tapes.get(key, ()), default=None)

    def newest_ts(self, key: str) -> int | None:
        tape = self.tapes.get(key)
        return tape[max(tape)].ts_event if tape else None

    def oldest_ts(self, key: str) -> int | None:
        tape = self.tapes.get(key)
        return tape[min(tape)].ts_event if tape else None

    def count(self, key: str) -> int:
        return sum(1 for each in self.tapes.get(key, {}).values() if each.qty)

    def warming(self, key: str) -> bool:
        return key in self.taken_over

    def reset(self, key: str) -> None:
        self.resets += 1
        self.tapes[key].clear()


@asynccontextmanager
async def closing(*clients: Rest) -> AsyncIterator[None]:
    """Close REST clients at the end."""
    try:
        yield
    finally:
        for client in clients:
            await client.close()
