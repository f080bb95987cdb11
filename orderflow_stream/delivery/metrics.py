"""Prometheus metrics, read from the state of the daemon at the moment of a scrape: the path of a trade calls none.

Two parts. What the daemon has once (connections, REST, streams, HTTP, the process) goes through `prometheus_client`.
What every symbol has is many times more and is written here, in slices, so that a scrape of 1,370 symbols never holds
the loop for more than a few milliseconds. This is the only place where a price or a volume becomes a float.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.limits import Stats
from orderflow_stream.delivery.metrics_journal import JournalNumbers, families
from orderflow_stream.delivery.metrics_symbols import symbol_lines

_US: Final = 1e-6


class FeedNumbers(Struct, kw_only=True):
    """What the connections to the venue tell. By connection (shard and place, `0A`): `last_message` is venue time,
    `lag` how far the newest trade was behind the venue's time of it (µs); the rest monotone."""

    connections: int = 0
    reconnects: Mapping[str, int] = {}
    last_message: Mapping[str, int] = {}
    lag: Mapping[str, int] = {}
    rejected: Mapping[str, int] = {}


class RestNumbers(Struct, kw_only=True):
    """What the REST client tells. `calls` by (path, status); `used` of `limit` weight in this minute."""

    calls: Mapping[tuple[str, str], int] = {}
    weight: int = 0
    used: int = 0
    limit: int = 0
    retries: int = 0


class LoopNumbers(Struct, kw_only=True):
    """How late the event loop ran its probe, seconds: the last time, and the worst since the start."""

    lag: float = 0.0
    worst: float = 0.0


class Sources(Struct, frozen=True, kw_only=True):
    """Where a scrape reads; each is called once a scrape and must not wait."""

    engine: Engine
    now: Callable[[], int]
    windows: Mapping[str, int]
    version: str
    venue: str = "binance"
    http: HttpStats
    streams: Callable[[], Stats | None] = lambda: None
    feed: Callable[[], FeedNumbers] = FeedNumbers
    rest: Callable[[], RestNumbers] = RestNumbers
    loop: Callable[[], LoopNumbers] = LoopNumbers
    refused: Callable[[], Mapping[str, int]] = dict
    journal: Callable[[], JournalNumbers | None] = lambda: None


class Metrics:
    """`render` is the body of one scrape. `max_symbols` is how many symbols have series of their own."""

    def __init__(self, sources: Sources, *, max_symbols: int = 100) -> None:
        self._sources = sources
        self._collector = DaemonCollector(sources, max_symbols)
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self._collector)

    @property
    def max_symbols(self) -> int:
        """How many symbols have series of their own; may change while running."""
        return self._collector.most

    @max_symbols.setter
    def max_symbols(self, most: int) -> None:
        self._collector.most = most

    async def render(self) -> bytes:
        """Text format 0.0.4."""
        books = [book for book in self._sources.engine.books.values() if not book.demand]
        chosen = most_active(books, self.max_symbols)
        per_symbol = await symbol_lines(chosen, self._sources.windows, self._sources.now)
        return generate_latest(self._registry) + per_symbol


def most_active(books: Iterable[Book], most: int) -> list[Book]:
    """The books with the most trades since the start; equals by symbol, so that the choice does not flicker."""
    ordered = sorted(books, key=lambda book: (-book.counters.applied, book.instrument.symbol))
    return ordered[:most]


class DaemonCollector(Collector):
    """The families without a symbol."""

    def __init__(self, sources: Sources, max_symbols: int) -> None:
        self._sources = sources
        self.most = max_symbols

    def collect(self) -> Iterable[Metric]:
        yield from self._engine()
        yield from self._feed()
        yield from self._rest()
        yield from self._streams()
        yield from self._http()
        yield from families(self._sources.journal())

    def _engine(self) -> Iterable[Metric]:
        s = self._sources
        info = InfoMetricFamily("orderflow_build", "What is running.")
        info.add_metric([], {"version": s.version, "python": platform.python_version()})
        yield info
        books = [book for book in s.engine.books.values() if not book.demand]
        yield GaugeMetricFamily(
            "orderflow_symbols_cut",
            "Streamed symbols without series of their own, because of metrics.max_symbols.",
            value=max(0, len(books) - self.most),
        )
        states = GaugeMetricFamily(
            "orderflow_instruments", "Streamed symbols by feed state.", labels=["venue", "state"]
        )
        counted = Counter(book.state for book in books)
        for state in STATES:
            states.add_metric([s.venue, state], counted[state])
        yield states
        yield GaugeMetricFamily(
            "orderflow_on_demand_instruments",
            "Symbols held because somebody asked, without a stream.",
            value=len(s.engine.books) - len(books),
        )
        totals = CounterMetricFamily(
            "orderflow_all_trades", "Trades of all symbols together, by what became of them.", labels=["venue", "fate"]
        )
        for fate in ("received", "applied", "duplicate", "late", "invalid", "refilled", "lost"):
            totals.add_metric([s.venue, fate], sum(getattr(book.counters, fate) for book in books))
        yield totals
        yield GaugeMetricFamily("orderflow_tape_bytes", "Memory of all tapes and bars.", value=s.engine.nbytes)
        offset = GaugeMetricFamily(
            "orderflow_clock_offset_seconds", "The venue's clock minus ours, as last measured.", labels=["venue"]
        )
        offset.add_metric([s.venue], s.engine.clock_offset * _US)
        yield offset
        loop = s.loop()
        yield GaugeMetricFamily("orderflow_event_loop_lag_seconds", "How late the event loop was last.", value=loop.lag)
        yield GaugeMetricFamily(
            "orderflow_event_loop_lag_max_seconds", "How late it was at worst since the start.", value=loop.worst
        )

    def _feed(self) -> Iterable[Metric]:
        venue, feed = self._sources.venue, self._sources.feed()
        connections = GaugeMetricFamily("orderflow_connections", "Open connections to the venue.", labels=["venue"])
        connections.add_metric([venue], feed.connections)
        yield connections
        yield _counter("orderflow_reconnects", "Connections lost or replaced.", "reason", feed.reconnects, venue)
        yield _counter("orderflow_frames_rejected", "Frames that were no trade.", "reason", feed.rejected, venue)
        last = GaugeMetricFamily(
            "orderflow_last_message_timestamp_seconds", "The newest frame.", labels=["venue", "connection"]
        )
        for connection, ts in feed.last_message.items():
            last.add_metric([venue, connection], ts * _US)
        yield last
        lag = GaugeMetricFamily(
            "orderflow_feed_lag_seconds", "How late the newest trade came.", labels=["venue", "connection"]
        )
        for connection, late in feed.lag.items():
            lag.add_metric([venue, connection], late * _US)
        yield lag

    def _rest(self) -> Iterable[Metric]:
        venue, rest = self._sources.venue, self._sources.rest()
        calls = CounterMetricFamily(
            "orderflow_rest_requests", "REST calls by path and status.", labels=["venue", "path", "status"]
        )
        for (path, status), count in rest.calls.items():
            calls.add_metric([venue, path, str(status)], count)
        yield calls
        for name, help_, value in (
            ("orderflow_rest_weight_used", "Request weight used in this minute.", rest.used),
            ("orderflow_rest_weight_limit", "Request weight the venue allows a minute.", rest.limit),
        ):
            gauge = GaugeMetricFamily(name, help_, labels=["venue"])
            gauge.add_metric([venue], value)
            yield gauge
        for name, help_, value in (
            ("orderflow_rest_weight", "Request weight spent.", rest.weight),
            ("orderflow_rest_retries", "REST calls that were tried again.", rest.retries),
        ):
            counter = CounterMetricFamily(name, help_, labels=["venue"])
            counter.add_metric([venue], value)
            yield counter

    def _streams(self) -> Iterable[Metric]:
        streams = self._sources.streams()
        if streams is None:
            return
        yield GaugeMetricFamily("orderflow_sse_clients", "Open event streams.", value=streams.clients)
        yield _counter("orderflow_sse_events", "Events written to clients.", "event", streams.events)
        yield CounterMetricFamily(
            "orderflow_sse_conflated",
            "States replaced by a newer one before they were written.",
            value=streams.conflated,
        )
        yield CounterMetricFamily(
            "orderflow_sse_mailbox_dropped",
            "Log events dropped with a client that was too slow.",
            value=streams.dropped,
        )
        yield _counter("orderflow_sse_aborted", "Streams that ended, by reason.", "reason", streams.aborted)
        yield _counter("orderflow_sse_refused", "Streams not begun, by reason.", "reason", streams.refused)
        yield GaugeMetricFamily("orderflow_sse_buffer_bytes", "Bytes not sent yet.", value=streams.buffer_bytes)

    def _http(self) -> Iterable[Metric]:
        http = self._sources.http
        doors = http.doors
        yield GaugeMetricFamily("orderflow_http_connections", "Open connections of clients.", value=doors.open)
        for name, help_, counts in (
            ("orderflow_http_connections_refused", "Connections closed at once, by the bound.", doors.refused),
            ("orderflow_http_connections_cut", "Connections cut, by what came or went too slowly.", doors.cut),
        ):
            yield _counter(name, help_, "reason", counts)
        refused = self._sources.refused()
        yield _counter("orderflow_auth_refused", "Requests refused by key, scope or rate.", "reason", refused)
        requests = CounterMetricFamily(
            "orderflow_http_requests", "Requests answered.", labels=["method", "route", "code"]
        )
        for (method, route, code), count in sorted(http.requests.items()):
            requests.add_metric([method, route, str(code)], count)
        yield requests
        durations = HistogramMetricFamily(
            "orderflow_http_request_duration_seconds",
            "Time to an answer, long polls included, streams not.",
            labels=["method", "route"],
        )
        for (method, route), found in sorted(http.durations.items()):
            durations.add_metric([method, route], buckets=found.buckets(), sum_value=found.total)
        yield durations


#: Every state there is, so that each has a series from the start.
STATES: Final = ("connecting", "warming", "live", "quiet", "unverified", "gap", "stale", "partial")


def _counter(name: str, help_: str, label: str, values: Mapping[Any, int], venue: str | None = None) -> Metric:
    family = CounterMetricFamily(name, help_, labels=[label] if venue is None else ["venue", label])
    for value, count in sorted(values.items()):
        family.add_metric([str(value)] if venue is None else [venue, str(value)], count)
    return family
