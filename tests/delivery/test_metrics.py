"""A scrape of the whole daemon, and whose series it has."""

import platform

import pytest

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.http.doors import Doors
from orderflow_stream.delivery.http.stats import HttpStats
from tests.delivery.scraping import BTC, NOW, ODD, engine_of, scrape


async def test_the_daemon() -> None:
    found = await scrape(engine_of(BTC, ODD))
    (build,) = found["orderflow_build_info"]
    assert set(build) == {"1.2.3", platform.python_version()}
    assert found["orderflow_symbols_cut"][()] == 0
    assert found["orderflow_instruments"]["gap", "binance"] == 1
    assert found["orderflow_instruments"]["quiet", "binance"] == 1
    assert found["orderflow_instruments"]["stale", "binance"] == 0
    assert found["orderflow_all_trades_total"]["received", "binance"] == 3
    assert found["orderflow_connections"]["binance",] == 2
    assert found["orderflow_reconnects_total"]["silence", "binance"] == 3
    assert found["orderflow_last_message_timestamp_seconds"]["0A", "binance"] == pytest.approx(NOW / 1e6)
    assert found["orderflow_feed_lag_seconds"]["0A", "binance"] == pytest.approx(8.25)
    assert found["orderflow_frames_rejected_total"]["garbage", "binance"] == 1
    assert found["orderflow_rest_requests_total"]["/api/v3/aggTrades", "200", "binance"] == 9
    assert found["orderflow_rest_weight_used"]["binance",] == 12
    assert found["orderflow_rest_weight_limit"]["binance",] == 6000
    assert found["orderflow_rest_weight_total"]["binance",] == 36
    assert found["orderflow_event_loop_lag_seconds"][()] == 0.001
    assert found["orderflow_event_loop_lag_max_seconds"][()] == 0.02
    assert found["orderflow_sse_clients"][()] == 3
    assert found["orderflow_sse_events_total"]["flow",] == 10
    assert found["orderflow_sse_aborted_total"]["slow",] == 1
    assert found["orderflow_sse_mailbox_dropped_total"][()] == 5
    assert found["orderflow_sse_buffer_bytes"][()] == 700
    assert found["orderflow_http_requests_total"]["200", "GET", "/v1/flow"] == 1
    assert found["orderflow_auth_refused_total"] == {("wrong",): 4, ("ip",): 2}
    assert found["orderflow_http_request_duration_seconds_count"]["GET", "/v1/flow"] == 1
    assert found["orderflow_tape_bytes"][()] > 0
    assert "process_resident_memory_bytes" in found


async def test_connections_of_clients() -> None:
    stats = HttpStats(Doors(most=2))
    stats.doors.enter(("192.0.2.1", 1))
    stats.doors.enter(("192.0.2.2", 1))
    stats.doors.enter(("192.0.2.3", 1))
    stats.doors.cut["headers"] += 7
    found = await scrape(engine_of(BTC), http=stats)
    assert found["orderflow_http_connections"][()] == 2
    assert found["orderflow_http_connections_refused_total"] == {("max_connections",): 1}
    assert found["orderflow_http_connections_cut_total"] == {("headers",): 7}


async def test_the_most_active_keep_their_series() -> None:
    others = tuple(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(5))
    engine = engine_of(*others, BTC)
    found = await scrape(engine, most=3)
    assert {key[0] for key in found["orderflow_feed_state"]} == {"BTCUSDT", "S0USDT", "S1USDT"}
    assert found["orderflow_symbols_cut"][()] == 3
    none = await scrape(engine, most=0)
    assert "orderflow_feed_state" not in none
    assert none["orderflow_symbols_cut"][()] == 6


async def test_symbols_on_demand_have_no_series() -> None:
    engine = engine_of(BTC)
    engine.add(ODD).demand = True
    found = await scrape(engine)
    assert {key[0] for key in found["orderflow_feed_state"]} == {"BTCUSDT"}
    assert found["orderflow_on_demand_instruments"][()] == 1
    assert sum(found["orderflow_instruments"].values()) == 1
