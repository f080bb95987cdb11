"""Prometheus metrics, read from the state of the daemon at the moment of a scrape: the path of a trade calls none.

Two parts. What the daemon has once (connections, REST, streams, HTTP, the process) goes through `prometheus_client`.
What every symbol has is many times more and is written here, in slices, so that a scrape of 1,370 symbols never holds
the loop for more than a few milliseconds. This is the only place where a price or a volume becomes a float.
"""

from __future__ import annotations

import math
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
from orderflow_stream.core.events import BUY, SELL
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.limits import Stats
from orderflow_stream.delivery.metrics_health import connected_since, holes, readiness, stops
from orderflow_stream.delivery.metrics_journal import JournalNumbers, families
from orderflow_stream.delivery.metrics_symbols import symbol_lines
from orderflow_stream.feed.repair import Outlook

_US: Final = 1e-6


class FeedNumbers(Struct, kw_only=True):
    """What the connections to the venue tell. By connection (shard and place, `0A`): `since` and `last_message` are
    venue time, `lag` how far the newest trade was behind the venue's time of it (µs); the rest monotone."""

    connections: int = 0
    reconnects: Mapping[str, int] = {}
    since: Mapping[str, int] = {}
    last_message: Mapping[str, int] = {}
    lag: Mapping[str, int] = {}
    rejected: Mapping[str, int] = {}


class RestNumbers(Struct, kw_only=True):
    """What the REST client tells. `calls` by (path, status); `used` of `limit` weight in this minute; `blocked` for
    how long (µs) the venue wants no call."""

    calls: Mapping[tuple[str, str], int] = {}
    weight: int = 0
    used: int = 0
    limit: int = 0
    retries: int = 0
    blocked: int = 0


class VenueSource(Struct, frozen=True, kw_only=True):
    """Where a scrape reads what there is of one venue. `offset`: its clock minus ours (µs).

    `pool` names the budget of request weight that it draws on, and that other venues may draw on too: `rest` then tells
    the same `used` and `limit` for each of them. `liquidations`: whether it tells of such. `repair`: what of it is
    missing and still to be read.
    """

    feed: Callable[[], FeedNumbers] = FeedNumbers
    rest: Callable[[], RestNumbers] = RestNumbers
    offset: Callable[[], int] = int
    pool: str = ""
    liquidations: bool = False
    repair: Callable[[], Outlook] = Outlook


class LoopNumbers(Struct, kw_only=True):
    """How late the event loop ran its probe, seconds: the last time, and the worst since the start."""

    lag: float = 0.0
    worst: float = 0.0


class Sources(Struct, frozen=True, kw_only=True):
    """Where a scrape reads; each is called once a scrape and must not wait.

    `venues` has every venue that is on, by name; where it is empty, `venue`, `feed` and `rest` stand for the only one.
    """

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
    venues: Mapping[str, VenueSource] = {}
    started: Callable[[], bool] = lambda: True
    closing: Callable[[], bool] = lambda: False

    def by_venue(self) -> Mapping[str, VenueSource]:
        """Every venue there is."""
        if self.venues:
            return self.venues
        return {self.venue: VenueSource(feed=self.feed, rest=self.rest, offset=lambda: self.engine.clock_offset)}


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
    ordered = sorted(books, key=lambda book: (-book.counters.applied, book.instrument.symbol, book.instrument.venue))
    return ordered[:most]


class DaemonCollector(Collector):
    """The families without a symbol."""

    def __init__(self, sources: Sources, max_symbols: int) -> None:
        self._sources = sources
        self.most = max_symbols

    def collect(self) -> Iterable[Metric]:
        venues = self._sources.by_venue()
        yield from self._engine(venues)
        feeds = {venue: source.feed() for venue, source in venues.items()}
        yield from _feeds(feeds)
        yield from connected_since({venue: feed.since for venue, feed in feeds.items()})
        rests = {venue: source.rest() for venue, source in venues.items()}
        yield from _rests({venue: (source.pool, rests[venue]) for venue, source in venues.items()})
        yield from stops({venue: (rest.calls, rest.blocked) for venue, rest in rests.items()})
        yield from _repairs({venue: source.repair() for venue, source in venues.items()})
        yield from self._streams()
        yield from self._http()
        yield from families(self._sources.journal())

    def _engine(self, venues: Mapping[str, VenueSource]) -> Iterable[Metric]:
        s = self._sources
        info = InfoMetricFamily("orderflow_build", "What is running.")
        info.add_metric([], {"version": s.version, "python": platform.python_version()})
        yield info
        books = [book for book in s.engine.books.values() if not book.demand]
        yield from readiness(books, venues, started=s.started(), closing=s.closing())
        yield from holes(books, venues, s.now())
        yield GaugeMetricFamily(
            "orderflow_symbols_cut",
            "Streamed symbols without series of their own, because of metrics.max_symbols.",
            value=max(0, len(books) - self.most),
        )
        states = GaugeMetricFamily(
            "orderflow_instruments", "Streamed symbols by feed state.", labels=["venue", "state"]
        )
        counted = Counter((book.instrument.venue, book.state) for book in books)
        for venue in venues:
            for state in STATES:
                states.add_metric([venue, state], counted[venue, state])
        yield states
        yield GaugeMetricFamily(
            "orderflow_on_demand_instruments",
            "Symbols held because somebody asked, without a stream.",
            value=len(s.engine.books) - len(books),
        )
        totals = CounterMetricFamily(
            "orderflow_all_trades", "Trades of all symbols together, by what became of them.", labels=["venue", "fate"]
        )
        for venue in venues:
            mine = [book.counters for book in books if book.instrument.venue == venue]
            for fate in ("received", "applied", "duplicate", "late", "invalid", "refilled", "lost"):
                totals.add_metric([venue, fate], sum(getattr(counters, fate) for counters in mine))
        yield totals
        yield from self._liquidations([venue for venue, source in venues.items() if source.liquidations])
        yield GaugeMetricFamily("orderflow_tape_bytes", "Memory of all tapes and bars.", value=s.engine.nbytes)
        offset = GaugeMetricFamily(
            "orderflow_clock_offset_seconds", "The venue's clock minus ours, as last measured.", labels=["venue"]
        )
        for venue, source in venues.items():
            offset.add_metric([venue], source.offset() * _US)
        yield offset
        loop = s.loop()
        yield GaugeMetricFamily("orderflow_event_loop_lag_seconds", "How late the event loop was last.", value=loop.lag)
        yield GaugeMetricFamily(
            "orderflow_event_loop_lag_max_seconds", "How late it was at worst since the start.", value=loop.worst
        )

    def _liquidations(self, venues: list[str]) -> Iterable[Metric]:
        """Of the venues that tell of them; a spot market has none."""
        if not venues:
            return
        listening = GaugeMetricFamily(
            "orderflow_liquidations_listening", "1 while the stream of liquidations is up, else 0.", labels=["venue"]
        )
        told = CounterMetricFamily(
            "orderflow_all_liquidations",
            "Liquidation orders that the venue told of, a sample, by their side (sell closes a long).",
            labels=["venue", "side"],
        )
        for venue in venues:
            mine = [book for book in self._sources.engine.books.values() if book.instrument.venue == venue]
            listening.add_metric([venue], int(any(book.liquidations_since >= 0 for book in mine)))
            for side, name in ((BUY, "buy"), (SELL, "sell")):
                told.add_metric([venue, name], sum(book.liquidation_count[side] for book in mine))
        yield listening
        yield told

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
        yield _counter(
            "orderflow_sse_aborted", "Streams that ended, by reason.", "reason", _from_zero(_ENDS, streams.aborted)
        )
        yield _counter(
            "orderflow_sse_refused", "Streams not begun, by reason.", "reason", _from_zero(_FULL, streams.refused)
        )
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


#: What alerts look for has a series from the start: an increase from nothing is none.
_ENDS: Final = ("slow",)
_FULL: Final = ("max_clients", "max_clients_per_ip")
#: Every state there is, likewise.
STATES: Final = ("connecting", "warming", "live", "quiet", "unverified", "gap", "stale", "partial")


def _feeds(feeds: Mapping[str, FeedNumbers]) -> Iterable[Metric]:
    """What the connections tell, by venue."""
    connections = GaugeMetricFamily("orderflow_connections", "Open connections to the venue.", labels=["venue"])
    reconnects = _by_venue("orderflow_reconnects", "Connections lost or replaced.", "reason")
    rejected = _by_venue("orderflow_frames_rejected", "Frames that were no trade.", "reason")
    last = GaugeMetricFamily(
        "orderflow_last_message_timestamp_seconds", "The newest frame.", labels=["venue", "connection"]
    )
    lag = GaugeMetricFamily(
        "orderflow_feed_lag_seconds", "How late the newest trade came.", labels=["venue", "connection"]
    )
    for venue, feed in feeds.items():
        connections.add_metric([venue], feed.connections)
        _add(reconnects, feed.reconnects, venue)
        _add(rejected, feed.rejected, venue)
        for connection, ts in feed.last_message.items():
            last.add_metric([venue, connection], ts * _US)
        for connection, late in feed.lag.items():
            lag.add_metric([venue, connection], late * _US)
    yield from (connections, reconnects, rejected, last, lag)


def _repairs(outlooks: Mapping[str, Outlook]) -> Iterable[Metric]:
    """How much is missing and still to be read, by venue; the time is NaN where REST does not answer."""
    symbols = GaugeMetricFamily("orderflow_repair_symbols", "Symbols whose missing trades are read.", labels=["venue"])
    calls = GaugeMetricFamily("orderflow_repair_calls", "REST calls that this will take.", labels=["venue"])
    seconds = GaugeMetricFamily("orderflow_repair_seconds_left", "And how long that will take.", labels=["venue"])
    for venue, left in outlooks.items():
        symbols.add_metric([venue], left.symbols)
        calls.add_metric([venue], left.calls)
        seconds.add_metric([venue], math.nan if left.seconds is None else left.seconds)
    yield from (symbols, calls, seconds)


def _rests(rests: Mapping[str, tuple[str, RestNumbers]]) -> Iterable[Metric]:
    """What the REST clients tell, by venue, with the pool of weight that each draws on."""
    calls = CounterMetricFamily(
        "orderflow_rest_requests", "REST calls by path and status.", labels=["venue", "path", "status"]
    )
    used = GaugeMetricFamily(
        "orderflow_rest_weight_used",
        "Request weight used in this minute.",
        labels=["venue"],
    )
    limit = GaugeMetricFamily(
        "orderflow_rest_weight_limit", "Request weight the venue allows a minute.", labels=["venue"]
    )
    weight = CounterMetricFamily("orderflow_rest_weight", "Request weight spent.", labels=["venue"])
    retries = CounterMetricFamily("orderflow_rest_retries", "REST calls that were tried again.", labels=["venue"])
    for venue, (_, rest) in rests.items():
        for (path, status), count in rest.calls.items():
            calls.add_metric([venue, path, str(status)], count)
        used.add_metric([venue], rest.used)
        limit.add_metric([venue], rest.limit)
        weight.add_metric([venue], rest.weight)
        retries.add_metric([venue], rest.retries)
    yield from (calls, used, limit, weight, retries)
    pools = {pool: rest for pool, rest in rests.values() if pool}
    if not pools:
        return
    pool_used = GaugeMetricFamily(
        "orderflow_rest_pool_weight_used", "Request weight used in this minute, by pool.", labels=["pool"]
    )
    pool_limit = GaugeMetricFamily(
        "orderflow_rest_pool_weight_limit", "Request weight allowed a minute, by pool.", labels=["pool"]
    )
    for pool, rest in pools.items():
        pool_used.add_metric([pool], rest.used)
        pool_limit.add_metric([pool], rest.limit)
    yield from (pool_used, pool_limit)


def _by_venue(name: str, help_: str, label: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, help_, labels=["venue", label])


def _add(family: CounterMetricFamily, values: Mapping[str, int], venue: str) -> None:
    for value, count in sorted(values.items()):
        family.add_metric([venue, value], count)


def _from_zero(names: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    return {**dict.fromkeys(names, 0), **counts}


def _counter(name: str, help_: str, label: str, values: Mapping[Any, int]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([str(value)], count)
    return family
