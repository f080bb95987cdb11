"""`coverage`, and the log events and lists about what is missing."""

import orjson

from orderflow_stream.core.book import GapRecord
from orderflow_stream.core.events import Corrected, GapFound, StateChanged
from orderflow_stream.delivery import encode
from tests.delivery.encoding import BTCUSDT, covered


def test_coverage_in_the_order_of_the_contract() -> None:
    body = encode.coverage(covered(missing=((1500, 1509), (1600, 1600)), missing_total=11), "k3v9qd2m-1042")
    assert body == (
        b'{"first_id":1000,"last_id":2999,"expected":2000,"received":2000,"invalid":0,'
        b'"missing":[[1500,1509],[1600,1600]],"missing_total":11,"requested":{"trades":2000},"reaches_back":true,'
        b'"complete":true,"state":"live","as_of":1781228423554,"position":"k3v9qd2m-1042","generation":1,'
        b'"source":"stream","last_trade_age_ms":1,"lag_ms":42,"clock_offset_ms":-1}'
    )


def test_coverage_lists_at_most_a_hundred_ranges() -> None:
    missing = tuple((n * 10, n * 10 + 1) for n in range(250))
    data = orjson.loads(encode.coverage(covered(missing=missing, missing_total=500), None))
    assert data["missing"] == [list(one) for one in missing[:100]]
    assert data["missing_total"] == 500


def test_coverage_of_nothing_and_of_a_window() -> None:
    nothing = covered(first_id=None, last_id=None, requested_trades=None, as_of=None, last_trade_age=None, lag=None)
    data = orjson.loads(encode.coverage(nothing, None))
    for name in ("first_id", "last_id", "requested", "as_of", "position", "last_trade_age_ms", "lag_ms"):
        assert data[name] is None
    window = covered(requested_trades=None, requested_from=1_000_999, requested_to=61_000_999)
    assert orjson.loads(encode.coverage(window, None))["requested"] == {"from": 1000, "to": 61000}


def test_log_events_about_holes_and_states() -> None:
    gap = orjson.loads(encode.gap_event(BTCUSDT, GapFound(BTCUSDT.key, 10, 12, 5_000_999)))
    assert gap == {"symbol": "BTCUSDT", "first": 10, "last": 12, "trades": 3, "time": 5000}
    corrected = Corrected(BTCUSDT.key, ((10, 11),), ((12, 12),), 6_000_000)
    body = encode.corrected_event(BTCUSDT, corrected, covered(missing=((12, 12),), missing_total=1), "e-9")
    data = orjson.loads(body)
    assert (data["filled"], data["lost"], data["missing"]) == ([[10, 11]], [[12, 12]], [[12, 12]])
    assert data["coverage"]["position"] == "e-9"
    state = orjson.loads(encode.state_event(BTCUSDT, StateChanged(BTCUSDT.key, "stale", 7_000_000, 'said "no"\n')))
    assert state == {"symbol": "BTCUSDT", "state": "stale", "since": 7000, "reason": 'said "no"\n'}


def test_gaps_newest_first_with_counts() -> None:
    records = [
        GapRecord(10, 12, 5_000_000, "repaired", 6_000_000, "backfill"),
        GapRecord(20, 20, 7_000_000),
    ]
    data = orjson.loads(
        encode.gaps_data(BTCUSDT, records, 1, "e-1", lambda first, last: (first - 17, last * 1_000_000))
    )
    assert [one["first"] for one in data["gaps"]] == [20, 10]
    assert (data["count"], data["open"], data["repaired"], data["lost"], data["missing_total"]) == (2, 1, 1, 0, 1)
    assert data["gaps"][1] == {
        "first": 10,
        "last": 12,
        "trades": 3,
        "status": "repaired",
        "found": 5000,
        "closed": 6000,
        "source": "backfill",
        "attempts": None,
        "next_attempt": None,
    }
    assert (data["gaps"][0]["attempts"], data["gaps"][0]["next_attempt"]) == (3, 20_000)
