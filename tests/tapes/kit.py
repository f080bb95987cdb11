"""Tapes to play, and the daemon over the simulator in one loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import aiohttp

from orderflow_stream.app import Daemon
from orderflow_stream.config import load
from orderflow_stream.core.book import Book
from orderflow_stream.simulator import Simulator
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.reference import oracle, tapefile
from tests.reference.oracle import load_json
from tests.reference.tapefile import Row

_PATIENCE_S: Final = 30.0


# -- tapes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Material:
    """A tape to play: a recorded file, or rows made up for whoever has no recordings."""

    name: str
    symbol: str
    quote: str
    load: Callable[[], list[Row]] = field(repr=False)
    recorded: Path | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        return f"binance:{self.symbol}"

    def rows(self) -> list[Row]:
        """The whole tape, file order; cached, not to be changed."""
        return self.load()

    def head(self, count: int) -> list[Row]:
        """Its first `count` rows; cached, not to be changed."""
        return _head(self, count)

    def file(self, folder: Path) -> Path:
        """The tape as a file that players read; made-up rows are written into `folder`."""
        return self.recorded or tapefile.write_csv(self.rows(), folder / f"{self.symbol}-aggTrades.csv.gz")


@lru_cache(maxsize=32)
def _head(material: Material, count: int) -> list[Row]:
    return tapefile.load_head(material.recorded, count) if material.recorded else material.rows()[:count]


@lru_cache(maxsize=8)
def _made_up(seed: int, n: int, holes: int, invalid: int, thin: bool) -> list[Row]:
    # Thin: as a recorder that keeps no fills and only milliseconds leaves them.
    return oracle.synthetic(
        seed, n, holes=holes, invalid=invalid, unknown_fills=thin, milliseconds=thin, pause_us=30_000
    )


def made_up(
    symbol: str, quote: str, *, seed: int, n: int, holes: int = 0, invalid: int = 0, thin: bool = False
) -> Material:
    """A synthetic tape as a `Material`."""
    return Material(f"synthetic-{symbol}", symbol, quote, lambda: _made_up(seed, n, holes, invalid, thin))


def synthetic_tapes() -> list[Material]:
    """Tapes that everybody has: one plain, one with holes and withdrawn rows, one without fills in ms."""
    return [
        made_up("AAAUSDT", "USDT", seed=11, n=9_000),
        made_up("BBBBTC", "BTC", seed=12, n=8_000, holes=9, invalid=5),
        made_up("CCCTRY", "TRY", seed=13, n=6_500, holes=3, invalid=2, thin=True),
        made_up("DDDUSDC", "USDC", seed=14, n=700),  # shorter than what is asked for
    ]


def recorded_tapes() -> list[Material]:
    """Every recorded aggTrade tape; none where the recordings are not there."""
    return [Material(tape.name, tape.symbol, tape.quote, tape.rows, tape.path) for tape in tapefile.aggtrade_tapes()]


def all_tapes() -> list[Material]:
    """Every tape there is, made up or recorded."""
    return [*synthetic_tapes(), *recorded_tapes()]


def moved(rows: Iterable[Row], shift: Callable[[int], int]) -> list[Row]:
    """The rows at the times at which they were played."""
    return [row._replace(ts_us=shift(row.ts_us)) for row in rows]


def archive_row(row: Row) -> ArchiveRow:
    """A row of the reference as players and `publish` take it."""
    first, last = (-1 if fill is None else fill for fill in (row.first, row.last))
    return ArchiveRow(row.id, f"{row.price:f}", f"{row.qty:f}", first, last, row.ts_us, "us", row.side == "sell")


# -- the daemon -----------------------------------------------------------------------------------------------------


async def until(
    condition: Callable[[], bool],
    what: str | Callable[[], str] = "",
    patience: float = _PATIENCE_S,
    pause: float = 0.002,
) -> None:
    """Return once `condition()` holds; AssertionError says `what` did not come true. It is asked every `pause` seconds;
    0 is at every turn of the loop, for what does not last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not condition():
        if loop.time() > deadline:
            raise AssertionError(f"never came true: {what() if callable(what) else what}")
        await asyncio.sleep(pause)


@asynccontextmanager
async def running(sim: Simulator, *symbols: str, **overrides: object) -> AsyncIterator[Daemon]:
    """A daemon over the simulator, listening; keys of `overrides` are dotted with `__`."""
    settings = load(
        environ={},
        overrides={
            "server.port": 0,
            "venues.binance.symbols": list(symbols),
            "venues.binance.rest_url": sim.rest_url,
            "venues.binance.stream_url": sim.stream_url,
            "venues.binance.redundancy": 1,  # so that a fault of a connection is one of the feed; pairs: test_pair
            "delivery.max_clients_per_ip": 1000,
            **{key.replace("__", "."): value for key, value in overrides.items()},
        },
    )
    daemon = Daemon(settings)
    test = asyncio.current_task()
    assert test is not None

    def died(_: object) -> None:
        if not daemon_may_end:
            test.cancel()  # whatever the test waits for will not come; the reason is raised below

    daemon_may_end = False
    task = asyncio.create_task(daemon.run(), name="daemon")
    task.add_done_callback(died)
    try:
        await daemon.ready.wait()
        yield daemon
    finally:
        if task.done():
            test.uncancel()
        daemon_may_end = True
        daemon.stop()
        await task


def book_of(daemon: Daemon, material: Material) -> Book:
    book = daemon.engine.book(material.key)
    assert book is not None, f"{material.symbol} has no book"
    return book


def settled(daemon: Daemon, material: Material, newest: int) -> bool:
    """Everything up to `newest` has come, the past is read, no hole is open, the feed is proven."""
    book = daemon.engine.book(material.key)
    return (
        book is not None
        and book.sequence.newest == newest
        and book.warm
        and not book.open_ranges()
        and book.state in {"live", "quiet", "partial"}
    )


async def settle(daemon: Daemon, material: Material, newest: int, patience: float = _PATIENCE_S) -> Book:
    """Wait for `settled`."""

    def said() -> str:
        book = daemon.engine.book(material.key)
        if book is None:
            return "no book"
        return (
            f"newest {book.sequence.newest} of {newest}, warm {book.warm}, state {book.state} ({book.state_reason}), "
            f"open {book.open_ranges()[:5]}, verified {book.verified}, {book.counters}, {daemon.backfiller.counters}"
        )

    await until(lambda: settled(daemon, material, newest), said, patience)
    return book_of(daemon, material)


class Api:
    """The daemon's REST side."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def raw(self, path: str, **query: object) -> tuple[int, bytes]:
        asked = {name: str(value) for name, value in query.items()}
        async with self._session.get(self.url + path, params=asked) as response:
            return response.status, await response.read()

    async def get(self, path: str, **query: object) -> dict[str, Any]:
        """`data` of an answer that must be 200."""
        status, body = await self.raw(path, **query)
        assert status == 200, body[:500]
        answer = load_json(body)
        assert answer["status"] == "ok"
        return cast(dict[str, Any], answer["data"])


@asynccontextmanager
async def api_of(daemon: Daemon) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, daemon.url)


# -- tapes for what can go wrong ------------------------------------------------------------------------------------

MADE_UP: Final = made_up("AAAUSDT", "USDT", seed=21, n=6_000, invalid=6)


def tape(number: int) -> Material:
    """One of the tapes that are long enough, another for each number; the made-up one where nothing was recorded."""
    names = ("BTCUSDC", "XRPETH", "BTCUSDT-spot-2024-08-08", "ETHUSDT-um-2024")
    fit = [MADE_UP, *(each for each in recorded_tapes() if each.name.startswith(names))]
    return fit[number % len(fit)]
