"""The roof: builds the graph, holds the order of start and drain. No logic of its own.

socket -> Connections -> `_sink` -> Engine.apply -> Hub.publish -> mailboxes
                                         \\-> Ingest.saw -> Backfiller (REST) -> `_sink`
"""

from __future__ import annotations

import asyncio
import random
import secrets
from typing import Final

import structlog
from aiohttp import web

from orderflow_stream import __version__
from orderflow_stream.adapters.backfiller import Backfiller
from orderflow_stream.adapters.clock import Clock
from orderflow_stream.adapters.connections import Connections
from orderflow_stream.adapters.ingest import Held, Ingest
from orderflow_stream.adapters.reader import Reader
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.app.addresses import METRICS_KEY, PORT_KEYS, bind
from orderflow_stream.app.listing import Listing
from orderflow_stream.app.options import http_options
from orderflow_stream.config import Settings
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, Instrument
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.delivery.http.app import build_app, build_metrics_app
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.server import Runner
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.hub import Hub, Limits
from orderflow_stream.delivery.metrics import FeedNumbers, LoopNumbers, Metrics, RestNumbers, Sources
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from orderflow_stream.feed.budget import Budget
from orderflow_stream.feed.demand import Demand
from orderflow_stream.feed.selection import needs_volumes
from orderflow_stream.venues.binance import REST_FALLBACKS, BinanceSpot

#: Seconds between two calls of `Engine.advance`: orders are closed 25 ms after their last row.
TICK: Final = 0.01
#: Seconds that answers under way get at the end, after the streams were drained: long polls are cut.
GRACE: Final = 1.0
#: Seconds for the last words to streams where there is no drain.
LAST_WORDS: Final = 0.2
#: Patience with the venue's symbol list before connecting without it, µs.
LIST_PATIENCE: Final = 5 * US_PER_S

log = structlog.get_logger("orderflow_stream")


class Daemon:
    """One daemon. `run` serves until `stop` is called; `ready` is set once it listens, `url` says where."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = ""
        self.metrics_url = ""
        self.ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._closing = False
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
            activity=self.symbols.activity,
            trades=settings.tape.trades,
            window=max(self.windows.values()),
        )
        self.connections = Connections(
            self.venue,
            binance.stream_url,
            self.clock,
            self._sink,
            streams_per_connection=binance.streams_per_connection,
        )
        delivery = settings.delivery
        self.hub = Hub(
            Renderer(self.engine, rules=self.options.rules, windows=self.windows, clock=self.clock.now),
            EventLog(_epoch(), events=delivery.ring_events, trades=delivery.ring_trades),
            Limits(
                tick=delivery.tick_ms / 1000,
                heartbeat=delivery.heartbeat_s,
                max_clients=delivery.max_clients,
                max_clients_per_ip=delivery.max_clients_per_ip,
                mailbox_bytes=delivery.mailbox_kb * 1024,
                mailbox_age=delivery.mailbox_s,
                backlog=delivery.ring_events + delivery.ring_trades,
            ),
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
        )
        self.stats = HttpStats()
        self._context = self._build_context()

    # -- the way of an event --------------------------------------------------------------------------------------

    def _sink(self, event: Event) -> None:
        updates = self.engine.apply(event)
        if updates is None:
            return
        self.hub.publish(event, updates)
        self.ingest.saw(event, updates)

    async def _tick(self) -> None:
        """Tell the engine the time; what came of it goes the way of everything else."""
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK
        while True:
            await asyncio.sleep(due - loop.time())
            lag = max(0.0, loop.time() - due)
            worst = max(lag, self._loop_numbers.worst)
            self._loop_numbers = LoopNumbers(lag=lag, worst=worst)
            due = loop.time() + TICK
            updates = self.engine.advance(self.clock.now())
            if updates:
                self.hub.publish(None, updates)
                self.ingest.saw(None, updates)

    def _doubtful(self, key: str) -> bool:
        book = self.engine.book(key)
        return book is not None and not book.verified

    def _instrument_of(self, key: str) -> Instrument | None:
        book = self.engine.book(key)
        return None if book is None else book.instrument

    # -- start and drain ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Drain and end `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`. Raises `StartError` where it cannot begin."""
        async with self.rest:
            runners = await self._listen()
            try:
                async with asyncio.TaskGroup() as group:
                    work = [
                        group.create_task(self._feed(), name="feed"),
                        group.create_task(self._tick(), name="tick"),
                        group.create_task(self.clock.run(self.rest, self.venue, changed=self._offset), name="clock"),
                        group.create_task(self.backfiller.run(), name="backfill"),
                        group.create_task(self.ingest.run(), name="ingest"),
                    ]
                    self.ready.set()
                    log.info(
                        "listening",
                        url=self.url,
                        **({"metrics": f"{self.metrics_url}/metrics"} if self.metrics_url else {}),
                        version=__version__,
                        symbols=", ".join(self._patterns) or "none, on demand only",
                    )
                    await self._stop.wait()
                    self._closing = True
                    log.info("draining", clients=self.hub.stats().clients)
                    await self.hub.drain("shutdown", self.settings.delivery.drain_s)
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
                for runner in runners:
                    await runner.cleanup()
        log.info("stopped")

    @property
    def _patterns(self) -> tuple[str, ...]:
        return self.settings.venues.binance.symbols

    def _offset(self, offset: int) -> None:
        self.engine.clock_offset = offset

    async def _feed(self) -> None:
        """The symbol list first, if it comes soon; then the streams, and the list again every hour."""
        had = await self.symbols.refresh(self.clock.now() + LIST_PATIENCE)
        self.ingest.refreshed()
        self.ingest.started = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self.connections.run(), name="connections")
            group.create_task(self.symbols.run(self.ingest.refreshed, first=not had), name="symbols")

    async def _listen(self) -> list[web.AppRunner]:
        server = self.settings.server
        runner = Runner(build_app(self._context), shutdown_timeout=GRACE)
        runners: list[web.AppRunner] = [runner]
        try:
            await runner.setup()
            self.url = await bind(runner, server.host, server.port, PORT_KEYS)
            if server.metrics_listen is not None:
                metrics = Runner(build_metrics_app(self._context, server.metrics_listen.host), shutdown_timeout=GRACE)
                runners.append(metrics)
                await metrics.setup()
                address = server.metrics_listen
                self.metrics_url = await bind(metrics, address.host, address.port, METRICS_KEY)
        except BaseException:
            for each in runners:
                await each.cleanup()
            raise
        return runners

    def _build_context(self) -> Context:
        sources = Sources(
            engine=self.engine,
            now=self.clock.now,
            windows=self.windows,
            version=__version__,
            http=self.stats,
            streams=self.hub.stats,
            feed=self._feed_numbers,
            rest=self._rest_numbers,
            loop=lambda: self._loop_numbers,
        )
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
            metrics=Metrics(sources, max_symbols=self.settings.metrics.max_symbols).render,
            stats=self.stats,
        )

    def _feed_numbers(self) -> FeedNumbers:
        stats = self.connections.stats()
        return FeedNumbers(
            connections=len(stats.connections),
            reconnects=stats.reconnects,
            last_message={str(one.number): one.last_frame for one in stats.connections},
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
