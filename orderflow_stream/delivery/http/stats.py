"""Counts of HTTP requests by method, route template and status. Written on the way out, read at a scrape."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from orderflow_stream.delivery.http.doors import Doors

#: Upper bounds of the duration histogram, seconds.
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Durations:
    """One histogram: a count a bucket (the last is everything above), and the sum in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        out: list[tuple[str, float]] = []
        running = 0
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], self.counts, strict=True):
            running += count
            out.append((bound, float(running)))
        return out


class HttpStats:
    """What the daemon answered. Routes are templates from the route table, so the label set is closed. `doors` has
    the connections."""

    __slots__ = ("doors", "durations", "requests")

    def __init__(self, doors: Doors | None = None) -> None:
        self.doors = doors or Doors()
        self.requests: dict[tuple[str, str, int], int] = {}
        self.durations: dict[tuple[str, str], Durations] = {}

    def count(self, method: str, route: str, status: int) -> None:
        key = (method, route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def time(self, method: str, route: str, seconds: float) -> None:
        """The duration of one answer; streams, which end when somebody leaves, are not timed."""
        found = self.durations.get((method, route))
        if found is None:
            found = self.durations[method, route] = Durations()
        found.add(seconds)
