"""The roof: builds the graph, holds the order of start and drain. No logic of its own.

socket -> Connections -> `_sink` -> Engine.apply -> Hub.publish -> mailboxes
                                         \\-> Ingest.saw -> Backfiller (REST) -> `_sink`
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import structlog

from orderflow_stream import __version__
from orderflow_stream.adapters.backfiller import Backfiller
from orderflow_stream.adapters.clock import Clock
from orderflow_stream.adapters.connections import Connections
from orderflow_stream.adapters.ingest import Held, Ingest
from orderflow_stream.adapters.joiner import worthless
from orderflow_stream.adapters.minded import minded
from orderflow_stream.adapters.reader import Reader
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.adapters.usage import UsageFile
from orderflow_stream.adapters.watcher import Watcher
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.app.journal import Journal
from orderflow_stream.app.listeners import GRACE, doors_of, listen
from orderflow_stream.app.listing import Listing
from orderflow_stream.app.live import live, tell
from orderflow_stream.app.options import auth_policy, http_options, hub_limits
from orderflow_stream.app.reload import Outcome, Reload
from orderflow_stream.config import Settings
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, Instrument, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.delivery.http.auth import Auth
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.hub import Hub
from orderflow_stream.delivery.metrics import FeedNumbers, LoopNumbers, Metrics, RestNumbers, Sources
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from orderflow_stream.feed.budget import Budget
from orderflow_stream.feed.demand import Demand
from orderflow_stream.feed.selection import is_pattern, needs_volumes
from orderflow_stream.venues.binance import REST_FALLBACKS, BinanceSpot

#: Seconds between two calls of `Engine.advance`: orders are closed 25 ms after their last row.
TICK: Final = 0.01
#: A tick that comes so late (seconds) found the loop busy with something else than the feed.
STALL: Final = 0.015
#: Seconds for the last words to streams where there is no drain.
LAST_WORDS: Final = 0.2
#: Patience with the venue's symbol list before connecting without it, µs.
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
        binance = settings.venues.binance
        self.windows = {window.name: window.seconds * US_PER_S for window in settings.analytics.flow.windows}
        self.venue = BinanceSpot()
        self.clock = Clock()
        self.budget = Budget()
        bases = (binance.rest_url, *(REST_FALLBACKS if binance.urls_are_default else ()))
        self.rest = Rest(bases, self.budget, now=self.clock.now, explain=self.venue.error)
        self.symbols = Symbols(
            self.rest,
            self.venue,
            now=self.clock.now,
            budget=self.budget,
            volumes=needs_volumes(binance.symbols) or any("*" in pattern for pattern in binance.symbols),
            names=[pattern for pattern in binance.symbols if not is_pattern(pattern)],
        )
        self.options = http_options(settings, self.windows)
        self.engine = Engine(
            windows=tuple(self.windows.values()),
            analytics=lambda book: (LargeTracker(book, self.options.threshold(book.instrument), self.engine.pending),),
            keep_trades=settings.tape.trades,
            budget_bytes=settings.tape.budget_mb * 1_000_000,
        )
        held = Held(self.engine)
        self.backfiller = Backfiller(
            self.rest,
            self.venue,
            held,
            self._sink,
            now=self.clock.now,
            instrument_of=self._instrument_of,
            doubtful=self._doubtful,
            cold=self._cold,
            worthless=lambda gap: worthless(self.engine, gap, self.clock.now()),
            activity=self.symbols.activity,
            trades=settings.tape.trades,
            window=max(self.windows.values()),
        )
        self.watcher = Watcher(
            self.rest,
            self.venue,
            self.engine.books,
            self._sink,
            probe=lambda instrument: self.backfiller.probe(instrument, silent=True),
            now=self.clock.now,
        )
        self.connections = Connections(
            self.venue,
            binance.stream_url,
            self.clock,
            self._sink,
            streams_per_connection=binance.streams_per_connection,
            redundancy=binance.redundancy,
            fallbacks=binance.urls_are_default,
            hushed=self.watcher.hurry,
        )
        delivery = settings.delivery
        self.hub = Hub(
            Renderer(self.engine, rules=self.options.rules, windows=self.windows, clock=self.clock.now),
            EventLog(_epoch(), events=delivery.ring_events, trades=delivery.ring_trades),
            hub_limits(settings),
            loop=asyncio.get_running_loop(),
            rng=random.Random(),
        )
        self.ingest = Ingest(
            engine=self.engine,
            connections=self.connections,
            backfiller=self.backfiller,
            reader=Reader(self.rest, self.venue, held, self._sink, now=self.clock.now, demand=Demand()),
            symbols=self.symbols,
            clock=self.clock,
            patterns=binance.symbols,
            listened=self.hub.listened,
            silent=self.connections.doubt,
        )
        self.journal = Journal(settings, self.engine, self.hub.log, self.clock.now)
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
            self._reload = Reload(settings, reread, live(self))
            self.context.reload = self.reload

    # -- the way of an event --------------------------------------------------------------------------------------

    def _sink(self, event: Event) -> None:
        updates = self.engine.apply(event)
        if updates is None:
            return
        self.hub.publish(event, updates)
        if updates or type(event) is not Trade:
            self.journal.saw(event, updates)
        self.ingest.saw(event, updates)

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
                self.ingest.saw(None, updates)

    def _doubtful(self, key: str) -> bool:
        book = self.engine.book(key)
        return book is not None and not book.verified

    def _cold(self, key: str) -> bool:
        book = self.engine.book(key)
        return book is not None and not book.warm

    def _instrument_of(self, key: str) -> Instrument | None:
        book = self.engine.book(key)
        return None if book is None else book.instrument

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
        async with self.journal, self.rest, self.usage:
            self._read_journal()
            listeners = await listen(self.settings.server, self.context, self.doors)
            self.url, self.metrics_url, self.pages_url = listeners.url, listeners.metrics_url, listeners.pages_url
            try:
                async with asyncio.TaskGroup() as group:
                    work = [
                        group.create_task(self._feed(), name="feed"),
                        group.create_task(self._tick(), name="tick"),
                        group.create_task(self.clock.run(self.rest, self.venue, changed=self._offset), name="clock"),
                        group.create_task(self.backfiller.run(), name="backfill"),
                        group.create_task(self.usage.run(), name="usage"),
                        group.create_task(self.ingest.run(), name="ingest"),
                        group.create_task(self.watcher.run(), name="watcher"),
                        group.create_task(self.journal.run(), name="journal"),
                    ]
                    self.ready.set()
                    log.info(
                        "listening",
                        url=self.url,
                        **({"metrics": f"{self.metrics_url}/metrics"} if self.metrics_url else {}),
                        **({"dashboard": f"{self.pages_url}/"} if self.pages_url else {}),
                        version=__version__,
                        symbols=", ".join(self._patterns) or "none, on demand only",
                    )
                    await minded(*work, until=self._stop)
                    self._closing = True
                    log.info("draining", clients=self.hub.stats().clients)
                    # All of it, answers under way too, is to be over after `drain_s`.
                    await self.hub.drain("shutdown", max(0.0, self.drain_s - GRACE))
                    await self.ingest.close()
                    await self.connections.aclose()
                    for task in work:
                        task.cancel()
            except BaseException as error:
                # A task failed, or we are cut short: clients are told, and nobody is waited for.
                self._closing = True
                await self.ingest.close()
                await self.hub.drain("shutdown" if isinstance(error, asyncio.CancelledError) else "failed", LAST_WORDS)
                raise
            finally:
                for each in self._tasks:
                    each.cancel()
                await listeners.close()
        log.info("stopped")

    def _read_journal(self) -> None:
        """What the process before this one left: books, and the place in the event log."""
        restored = self.journal.start(self.ingest.may_want)
        for key in self.engine.books:
            self.ingest.restored(key)
        for hole in restored.holes:
            self.backfiller.repair(hole)

    @property
    def _patterns(self) -> tuple[str, ...]:
        return self.settings.venues.binance.symbols

    def _offset(self, offset: int) -> None:
        self.engine.clock_offset = offset

    async def _feed(self) -> None:
        """The symbol list first, if it comes soon and no journal knows what was streamed; then the streams, and the
        list again every hour."""
        known = bool(self.journal.restored.instruments)
        had = not known and await self.symbols.refresh(self.clock.now() + LIST_PATIENCE)
        self._refreshed()
        self.ingest.started = True
        async with asyncio.TaskGroup() as group:
            await minded(
                group.create_task(self.connections.run(), name="connections"),
                group.create_task(self.symbols.run(self._refreshed, first=not had), name="symbols"),
            )

    def _refreshed(self) -> None:
        """The symbol list is new. What it selects and no journal brought back, a process before may have told of."""
        self.ingest.refreshed()
        if not self._settled and self.hub.log.began:
            self.hub.lack([key for key in self.ingest.configured if not self.hub.log.knows(key)])
        self._settled = self._settled or self.symbols.fetched_at is not None

    def _sources(self) -> Sources:
        return Sources(
            engine=self.engine,
            now=self.clock.now,
            windows=self.windows,
            version=__version__,
            http=self.stats,
            streams=self.hub.stats,
            feed=self._feed_numbers,
            rest=self._rest_numbers,
            loop=lambda: self._loop_numbers,
            refused=lambda: self.auth.refused,
            journal=self.journal.numbers,
        )

    def _build_context(self) -> Context:
        return Context(
            engine=self.engine,
            hub=self.hub,
            symbols=Listing(self.symbols),
            demand=self.ingest,
            options=self.options,
            now=self.clock.now,
            version=__version__,
            started=lambda: self.ingest.started,
            closing=lambda: self._closing,
            metrics=self.metrics.render,
            stats=self.stats,
            auth=self.auth,
            journal=self.journal.state,
        )

    def _feed_numbers(self) -> FeedNumbers:
        stats = self.connections.stats()
        return FeedNumbers(
            connections=len(stats.connections),
            reconnects=stats.reconnects,
            last_message={f"{one.shard}{one.place}": one.last_frame for one in stats.connections},
            lag={f"{one.shard}{one.place}": one.lag for one in stats.connections if one.lag is not None},
            rejected=stats.bad,
        )

    def _rest_numbers(self) -> RestNumbers:
        counters = self.rest.counters
        weights = self.budget.weights(self.clock.now())
        return RestNumbers(
            calls=counters.calls,
            weight=counters.weight,
            used=weights.used,
            limit=weights.limit,
            retries=counters.retries,
        )


def _epoch() -> str:
    """Eight characters of base 32: a new life of the event log."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))
