"""What the daemons of these tests are made of: a small tape in a real engine; REST and the hub are stood in for."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, FeedUp, Instrument, Refill, Trade
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.doors import Doors
from orderflow_stream.feed.repair import Outlook

NOW = 1_760_000_000_000_000  # µs
WINDOWS = {"1m": 60_000_000, "5m": 300_000_000, "1h": 3_600_000_000}

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ETHBTC = Instrument("binance", "ETHBTC", "ETH", "BTC")
CHINESE = Instrument("binance", "币安人生USDT", "币安人生", "USDT")
SILENT = Instrument("binance", "SILENTUSDT", "SILENT", "USDT")
LISTED = (
    BTC,
    ETHBTC,
    CHINESE,
    SILENT,
    Instrument("binance", "SOLUSDT", "SOL", "USDT"),
    Instrument("binance", "0GUSDT", "0G", "USDT"),
    Instrument("binance", "1INCHUSDT", "1INCH", "USDT"),
    Instrument("binance", "OLDUSDT", "OLD", "USDT", trading=False),
    Instrument("binance", "BTCUSDC", "BTC", "USDC"),
)


def trade(
    instrument: Instrument, id_: int, price: int, qty: int, side: int, ts: int, first: int = -1, last: int = -1
) -> Trade:
    return Trade(instrument.key, id_, price, qty, side, ts, first, last, ts + 5_000)


class FakeHub:
    """Positions that the test moves by hand."""

    def __init__(self) -> None:
        self.epoch = "abcd2345"
        self.seq = 7
        self.traded: dict[str, int] = {}
        self.moved = asyncio.Event()
        self.waiting = asyncio.Event()

    def position(self) -> str:
        return f"{self.epoch}-{self.seq}"

    def traded_beyond(self, key: str, position: str) -> bool:
        epoch, _, seq = position.partition("-")
        return epoch != self.epoch or self.traded.get(key, 0) > int(seq)

    async def wait_trade(self, key: str, position: str, timeout: float) -> bool:
        self.waiting.set()
        try:
            async with asyncio.timeout(timeout):
                while not self.traded_beyond(key, position):
                    self.moved.clear()
                    await self.moved.wait()
        except TimeoutError:
            return False
        return True

    def trade(self, key: str) -> None:
        self.seq += 1
        self.traded[key] = self.seq
        self.moved.set()


@dataclass
class FakeSymbols:
    instruments: tuple[Instrument, ...] = LISTED
    refreshed: int | None = NOW - 60_000_000
    stale: bool = False

    def get(self, symbol: str) -> Instrument | None:
        return next((one for one in self.instruments if one.symbol == symbol), None)

    def listed(self) -> Collection[Instrument]:
        return self.instruments


@dataclass
class FakeDemand:
    """Reads "REST": puts `tape` into the engine the first time, or raises `fault`."""

    engine: Engine
    fault: Exception | None = None
    tape: Callable[[Instrument], tuple[Trade, ...]] = lambda instrument: ()
    calls: list[tuple[str, int | None, int | None, bool]] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    asked_for: set[str] = field(default_factory=set)
    left: Outlook = field(default_factory=Outlook)
    ready: float | None = 0.0

    def streams(self, key: str) -> bool:
        book = self.engine.book(key)
        return book is not None and not book.demand

    def attempts(self, key: str, first: int, last: int) -> tuple[int, int | None]:
        return 2, None

    def outlook(self) -> Outlook:
        return self.left

    def ready_in(self, key: str) -> float | None:
        return self.ready

    def fleeting(self, key: str) -> bool:
        return key in self.asked_for

    def touch(self, key: str) -> None:
        self.touched.append(key)

    async def read(
        self, instrument: Instrument, trades: int | None, window: int | None, fresh: bool, deadline: float
    ) -> Book:
        self.calls.append((instrument.symbol, trades, window, fresh))
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        book = self.engine.book(instrument.key)
        if book is None:
            book = self.engine.add(instrument)
            book.demand = True
        self.engine.apply(Refill(instrument.key, self.tape(instrument), NOW, warm=True, origin=True))
        return book


@dataclass
class Daemon:
    """A running server, and everything behind it."""

    context: Context
    hub: FakeHub
    demand: FakeDemand
    symbols: FakeSymbols
    session: aiohttp.ClientSession
    url: str
    port: int

    @property
    def doors(self) -> Doors:
        return self.context.stats.doors

    async def get(self, path: str, **headers: str) -> tuple[int, Any, "aiohttp.ClientResponse"]:
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        async with self.session.get(self.url + path, headers=names) as response:
            body = await response.read()
            json = orjson.loads(body) if body and response.content_type == "application/json" else body
            return response.status, json, response

    async def data(self, path: str) -> Any:
        status, body, _ = await self.get(path)
        assert status == 200, body
        return body["data"]


#: price, qty, side of the last minutes of BTCUSDT: (seconds before NOW, price, qty, side), all at 10^-8.
TAPE = (
    (200.0, 6000000000000, 150000000, BUY),
    (100.0, 6000100000000, 50000000, SELL),
    (50.0, 6000050000000, 1, BUY),
    (50.0, 6000050000001, 200000000, SELL),
    (2.5, 6001000000000, 300000000, BUY),
)


def _tape(instrument: Instrument, first: int) -> tuple[tuple[Trade, ...], tuple[Trade, ...]]:
    """The oldest trade, which a warm-up reads, and the others, which come live. ETHBTC's prices are all the same."""
    rows: list[Trade] = []
    for number, (age, price, qty, side) in enumerate(TAPE):
        ts = NOW - int(age * 1_000_000)
        if instrument is ETHBTC:
            price, qty = 3_123_456, qty + 1  # noqa: PLW2901 - another market with the same rhythm
        rows.append(trade(instrument, first + number, price, qty, side, ts, 2 * number, 2 * number))
    return tuple(rows[:1]), tuple(rows[1:])


def live_engine(instruments: tuple[Instrument, ...] = (BTC, ETHBTC, SILENT)) -> Engine:
    engine = Engine(
        windows=tuple(WINDOWS.values()),
        analytics=lambda book: (LargeTracker(book, 100_000 * NOTIONAL_SCALE, engine.pending),),
    )
    for instrument in instruments:
        engine.add(instrument)
    engine.apply(FeedUp(tuple(one.key for one in instruments), NOW - 400_000_000, 1))
    for instrument in instruments:
        older: tuple[Trade, ...] = ()
        newer: tuple[Trade, ...] = ()
        if instrument is BTC:
            older, newer = _tape(BTC, 1000)
        elif instrument is ETHBTC:
            older, newer = _tape(ETHBTC, 50)
        engine.apply(Refill(instrument.key, older, NOW - 150_000_000, warm=True, origin=True))
        for one in newer:
            engine.apply(one)
    engine.advance(NOW)
    return engine


Start = Callable[..., Awaitable[Daemon]]
