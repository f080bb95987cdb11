"""Counting requests."""

from orderflow_stream.delivery.http.stats import BOUNDS, HttpStats


def test_counts_and_durations() -> None:
    stats = HttpStats()
    stats.count("GET", "/v1/flow", 200)
    stats.count("GET", "/v1/flow", 200)
    assert stats.requests == {("GET", "/v1/flow", 200): 2}
    for seconds in (0.0001, 0.0005, 0.003, 60.0):
        stats.time("GET", "/v1/flow", seconds)
    buckets = dict(stats.durations["GET", "/v1/flow"].buckets())
    assert (buckets["0.0005"], buckets["0.001"], buckets["0.005"], buckets["30.0"], buckets["+Inf"]) == (2, 2, 3, 3, 4)
    assert len(buckets) == len(BOUNDS) + 1
