"""What alerts ask for and no other family tells: whether all is ready, how long a hole has been open, whether REST is
barred, how old a connection is. Read at a scrape over all symbols, those without series of their own too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from orderflow_stream.core.book import Book
from orderflow_stream.delivery.http.health import DOWN, TOLERATED

_US: Final = 1e-6
#: Statuses by which a venue says stop, each with a series from the start: an increase from nothing is none.
STOPS: Final = ("418", "429")


def readiness(books: Iterable[Book], venues: Iterable[str], *, started: bool, closing: bool) -> Iterable[Metric]:
    """Whether `/readyz` answers 200: over all, not by venue."""
    total = dict.fromkeys(venues, 0)
    down = dict.fromkeys(total, 0)
    for book in books:
        venue = book.instrument.venue
        if venue in total:
            total[venue] += 1
            down[venue] += book.state in DOWN
    fed = all(down[venue] <= total[venue] // TOLERATED for venue in total)
    yield GaugeMetricFamily(
        "orderflow_ready", "1 while /readyz answers 200, else 0.", value=int(started and not closing and fed)
    )


def holes(books: Iterable[Book], venues: Iterable[str], now: int) -> Iterable[Metric]:
    """Holes that may still be filled; `now` is venue time, µs. The newest end of an order that REST has and no stream
    brought is none yet: that is `stale`."""
    count = dict.fromkeys(venues, 0)
    oldest: dict[str, int] = {}
    for book in books:
        if not book.sequence.open:
            continue
        venue = book.instrument.venue
        for hole in book.sequence.holes:
            if not hole.lost and venue in count:
                count[venue] += 1
                oldest[venue] = max(_known_for(book, hole.found, now), oldest.get(venue, 0))
    gaps = GaugeMetricFamily("orderflow_all_open_gaps", "Open gaps of all symbols together.", labels=["venue"])
    ages = GaugeMetricFamily(
        "orderflow_open_gap_age_seconds",
        "How long the oldest open gap has been known; 0 without one.",
        labels=["venue"],
    )
    for venue, number in count.items():
        gaps.add_metric([venue], number)
        ages.add_metric([venue], oldest.get(venue, 0) * _US)
    yield from (gaps, ages)


def _known_for(book: Book, found: int, now: int) -> int:
    """How long (µs) a hole has been known. It is dated by the trade that showed it, and trades may be late: what passed
    between that trade and the newest one, and since that was received."""
    if book.last_recv < 0:
        return book.now(now) - found
    return max(0, book.tape.newest_ts - found) + max(0, book.now(now) - book.last_recv)


def stops(rests: Mapping[str, tuple[Mapping[tuple[str, str], int], int]]) -> Iterable[Metric]:
    """By venue: REST calls by (path, status), and for how long (µs) none may be made."""
    told = CounterMetricFamily(
        "orderflow_rest_stops", "REST answers by which the venue said stop.", labels=["venue", "status"]
    )
    barred = GaugeMetricFamily(
        "orderflow_rest_blocked_seconds",
        "For how long REST must not be asked, because the venue said so.",
        labels=["venue"],
    )
    for venue, (calls, blocked) in rests.items():
        for status in STOPS:
            told.add_metric([venue, status], sum(count for (_, each), count in calls.items() if each == status))
        barred.add_metric([venue], max(0, blocked) * _US)
    yield from (told, barred)


def connected_since(since: Mapping[str, Mapping[str, int]]) -> Iterable[Metric]:
    """By venue and connection: when (venue time, µs) it was opened."""
    family = GaugeMetricFamily(
        "orderflow_connection_since_timestamp_seconds",
        "When the connection was opened.",
        labels=["venue", "connection"],
    )
    for venue, connections in since.items():
        for name, ts in connections.items():
            family.add_metric([venue, name], ts * _US)
    yield family
