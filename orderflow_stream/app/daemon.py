"""The roof: builds the graph, holds the order of start and drain. No logic of its own.

What there is once is here: engine, hub, journal, listeners, time. What there is of each venue is a `Market`:

socket -> Connections -> `Market.sink` -> Engine.apply -> Hub.publish -> mailboxes
                                               \\-> Ingest.saw -> Backfiller (REST) -> `Market.sink`
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import structlog

from orderflow_stream import __version__
from orderflow_stream.adapters.minded import minded
from orderflow_stream.adapters.usage import UsageFile
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.app.journal import Journal
from orderflow_stream.app.listeners import GRACE, doors_of, listen
from orderflow_stream.app.live import live, live_venues, tell
from orderflow_stream.app.market import House, Market
from orderflow_stream.app.options import auth_policy, http_options, hub_limits
from orderflow_stream.app.pool import Pool, borrow, pools_of
from orderflow_stream.app.reload import Outcome, Reload
from orderflow_stream.config import Settings
from orderflow_stream.config.venues import DEFAULT
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Instrument, Update
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.delivery.http.auth import Auth
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.hub import Hub
from orderflow_stream.delivery.metrics import LoopNumbers, Metrics, Sources
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from orderflow_stream.venues.catalogue import spec

#: Seconds between two calls of `Engine.advance`: orders are closed 25 ms after their last row.
TICK: Final = 0.01
#: A tick that comes so late (seconds) found the loop busy with something else than the feed.
STALL: Final = 0.015
#: Seconds for the last words to streams where there is no drain.
LAST_WORDS: Final = 0.2
#: Patience with a venue's symbol list before connecting without it, µs.
LIST_PATIENCE: Final = 5 * US_PER_S

log = structlog.get_logger("orderflow_stream")


class Daemon:
    """One daemon. `run` serves until `stop` is called; `ready` is set once it listens, `url` says where."""

    def __init__(self, settings: Settings, *, reread: Callable[[], Settings] | None = None) -> None:
        """`reread` reads the configuration once more, from where `settings` came from; without it there is no
        `reload`."""
        self.settings = settings
        self.drain_s = settings.delivery.drain_s
        self.url = ""
        self.metrics_url = self.pages_url = ""
        self.ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._closing = self._settled = False
        self._loop_numbers = LoopNumbers()
        self.windows = {window.name: window.seconds * US_PER_S for window in settings.analytics.flow.windows}
        specs = [spec(name) for name in settings.venues.tables]
        self.pools = pools_of(specs)
        self.clock = self.pools[specs[0].pool].clock  # of the venue that is always on; everything shared goes by it
        self.options = http_options(settings, self.windows)
        self.engine = Engine(
            windows=tuple(self.windows.values()),
            analytics=lambda book: (LargeTracker(book, self.options.threshold(book.instrument), self.engine.pending),),
            keep_trades=settings.tape.trades,
            budget_bytes=settings.tape.budget_mb * 1_000_000,
        )
        delivery = settings.delivery
        self.hub = Hub(
            Renderer(self.engine, rules=self.options.rules, windows=self.windows, clock=self.clock.now),
            EventLog(_epoch(), events=delivery.ring_events, trades=delivery.ring_trades),
            hub_limits(settings),
            loop=asyncio.get_running_loop(),
            rng=random.Random(),
        )
        self.journal = Journal(settings, self.engine, self.hub.log, self.clock.now)
        house = House(
            self.engine, self.hub, self.journal, settings.tape.trades, max(self.windows.values()), LIST_PATIENCE
        )
        self.markets = {
            spec.name: Market(
                spec, settings.venues.tables[spec.name], self.pools[spec.pool], house, named=len(specs) > 1
            )
            for spec in specs
        }
        self.market = market = self.markets[specs[0].name]
        self.rest, self.budget, self.symbols = market.rest, market.pool.budget, market.symbols
        self.backfiller, self.watcher = market.backfiller, market.watcher
        self.connections, self.ingest = market.connections, market.ingest
        self.doors = doors_of(settings.server)
        self.stats = HttpStats(self.doors)
        self.auth = Auth(auth_policy(settings))
        self.usage = UsageFile(
            Path(settings.auth.usage_file) if settings.auth.usage_file else None,
            state=self.auth.usage_state,
            restore=self.auth.usage_restore,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.metrics = Metrics(self._sources(), max_symbols=settings.metrics.max_symbols)
        self.context = self._build_context()
        if reread is not None:
            self._reload = Reload(settings, reread, {**live(self), **live_venues(self)})
            self.context.reload = self.reload

    # -- time ------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Tell the engine the time; what came of it goes the way of everything else."""
        loop = asyncio.get_running_loop()
        due, held = loop.time() + TICK, False
        while True:
            await asyncio.sleep(due - loop.time())
            lag = max(0.0, loop.time() - due)
            worst = max(lag, self._loop_numbers.worst)
            self._loop_numbers = LoopNumbers(lag=lag, worst=worst)
            due = loop.time() + TICK
            if lag > STALL and not held:
                held = True  # what came meanwhile is read before any order is closed by time
                continue
            held = False  # once, not for as long as the machine is slow: time has to pass all the same
            updates = self.engine.advance(self.clock.now())
            if updates:
                self.hub.publish(None, updates)
                self.journal.saw(None, updates)
                self._route(updates)

    def _route(self, updates: tuple[Update, ...]) -> None:
        """What came of time passing, each to its market."""
        if len(self.markets) == 1:
            self.market.passed(updates)
            return
        for name, market in self.markets.items():
            own = tuple(update for update in updates if update.instrument.startswith(f"{name}:"))
            if own:
                market.passed(own)

    # -- another configuration ------------------------------------------------------------------------------------

    def reload(self) -> Outcome:
        """Read the configuration anew and take up what can change live. Only of a daemon that was given `reread`."""
        outcome = self._reload()
        tell(outcome)
        return outcome

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else; it ends with the daemon."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- start and drain ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Drain and end `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`. Raises `StartError` where it cannot begin."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.journal)
            for market in self.markets.values():
                await stack.enter_async_context(market.rest)
            await stack.enter_async_context(self.usage)
            self._read_journal()
            listeners = await listen(self.settings.server, self.context, self.doors)
            self.url, self.metrics_url, self.pages_url = listeners.url, listeners.metrics_url, listeners.pages_url
            try:
                async with asyncio.TaskGroup() as group:
                    work = [
                        *(task for market in self.markets.values() for task in market.start(group)),
                        *(group.create_task(self._keep_time(pool), name="clock") for pool in self.pools.values()),
                        group.create_task(self._tick(), name="tick"),
                        group.create_task(self.usage.run(), name="usage"),
                        group.create_task(self.journal.run(), name="journal"),
                    ]
                    self.ready.set()
                    log.info(
                        "listening",
                        url=self.url,
                        **({"metrics": f"{self.metrics_url}/metrics"} if self.metrics_url else {}),
                        **({"dashboard": f"{self.pages_url}/"} if self.pages_url else {}),
                        version=__version__,
                        symbols=self._streamed(),
                    )
                    await minded(*work, until=self._stop)
                    self._closing = True
                    log.info("draining", clients=self.hub.stats().clients)
                    # All of it, answers under way too, is to be over after `drain_s`.
                    await self.hub.drain("shutdown", max(0.0, self.drain_s - GRACE))
                    await asyncio.gather(*(market.close() for market in self.markets.values()))
                    for task in work:
                        task.cancel()
            except BaseException as error:
                # A task failed, or we are cut short: clients are told, and nobody is waited for.
                self._closing = True
                await asyncio.gather(*(market.ingest.close() for market in self.markets.values()))
                await self.hub.drain("shutdown" if isinstance(error, asyncio.CancelledError) else "failed", LAST_WORDS)
                raise
            finally:
                for each in self._tasks:
                    each.cancel()
                await listeners.close()
        log.info("stopped")

    def _read_journal(self) -> None:
        """What the process before this one left: books, each for its market, and the place in the event log."""
        off: dict[str, set[str]] = {}

        def wanted(instrument: Instrument) -> bool:
            market = self.markets.get(instrument.venue)
            if market is None:
                off.setdefault(instrument.venue, set()).add(instrument.symbol)
            return market is not None and market.ingest.may_want(instrument)

        restored = self.journal.start(wanted)
        for key, book in self.engine.books.items():
            self.markets[book.instrument.venue].restored(key)
        for hole in restored.holes:
            self.markets[hole.instrument.partition(":")[0]].repair(hole)
        for venue, symbols in off.items():
            log.warning("the journal knows symbols of a venue that is off: dropped", venue=venue, symbols=len(symbols))

    def _keep_time(self, pool: Pool) -> Coroutine[Any, Any, None]:
        """Measures the clock of a pool for ever, by whichever of its venues answers."""
        (rest, codec), *others = [
            (market.rest, market.codec) for market in self.markets.values() if market.pool is pool
        ]
        return pool.clock.run(rest, codec, *others, changed=lambda _: self._measured(pool))

    def _measured(self, pool: Pool) -> None:
        """The clock of that pool was measured: what that says of each venue's time."""
        borrow(self.pools.values(), pool)
        self.engine.clock_offset = base = self.clock.offset
        for market in self.markets.values():
            offset = market.pool.clock.offset
            if market.pool.clock is not self.clock:
                self.engine.set_offset(market.name, offset, offset - base)

    def _streamed(self) -> str:
        """What is configured, for a person."""
        found = {
            name: ", ".join(table.symbols) or "none, on demand only"
            for name, table in self.settings.venues.tables.items()
        }
        return "; ".join(f"{name}: {symbols}" for name, symbols in found.items()) if len(found) > 1 else found[DEFAULT]

    def _sources(self) -> Sources:
        return Sources(
            engine=self.engine,
            now=self.clock.now,
            windows=self.windows,
            version=__version__,
            http=self.stats,
            streams=self.hub.stats,
            loop=lambda: self._loop_numbers,
            refused=lambda: self.auth.refused,
            journal=self.journal.numbers,
            venues={name: market.source() for name, market in self.markets.items()},
            started=lambda: all(market.ingest.started for market in self.markets.values()),
            closing=lambda: self._closing,
        )

    def _build_context(self) -> Context:
        return Context(
            engine=self.engine,
            hub=self.hub,
            symbols=self.market.listing,
            demand=self.ingest,
            options=self.options,
            now=self.clock.now,
            version=__version__,
            started=lambda: all(market.ingest.started for market in self.markets.values()),
            closing=lambda: self._closing,
            metrics=self.metrics.render,
            stats=self.stats,
            auth=self.auth,
            journal=self.journal.state,
            venues={name: market.context() for name, market in self.markets.items()},
        )


def _epoch() -> str:
    """Eight characters of base 32: a new life of the event log."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))
