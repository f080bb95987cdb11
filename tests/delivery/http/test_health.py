"""`/healthz`, `/readyz`, `/metrics`."""

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, FeedDown, FeedUp, Instrument
from orderflow_stream.feed.repair import Outlook
from orderflow_stream.shapes import futures
from tests.delivery.http.world import BTC, ETHBTC, NOW, WINDOWS, Daemon, FakeDemand, Start, live_engine, trade


async def test_alive(daemon: Daemon) -> None:
    assert await daemon.data("/healthz") == {"status": "ok", "version": "1.2.3"}


async def test_alive_while_closing_but_not_ready(start: Start) -> None:
    daemon = await start(closing=lambda: True)
    assert (await daemon.data("/healthz"))["status"] == "closing"
    assert (await daemon.get("/readyz"))[0] == 503


async def test_ready(daemon: Daemon) -> None:
    data = await daemon.data("/readyz?strict=1")
    assert data == {
        "ready": True,
        "strict": True,
        "reasons": [],
        "instruments": 3,
        "states": {"live": 2, "quiet": 1},
        "journal": {"state": "off", "reason": None},
        "not_ready_total": 0,
        "not_ready": [],
    }


async def test_not_ready_before_start_up_is_over(start: Start) -> None:
    daemon = await start(started=lambda: False)
    status, body, response = await daemon.get("/readyz")
    assert (status, body["success"], body["error"]["code"]) == (503, False, "not_ready")
    assert response.headers["Retry-After"] == "1"
    assert body["data"]["reasons"] == ["start-up is not over"]


async def test_not_ready_without_a_feed(daemon: Daemon) -> None:
    daemon.context.engine.apply(FeedDown((BTC.key, ETHBTC.key), NOW, 1, "closed by the venue"))
    status, body, _ = await daemon.get("/readyz")
    assert status == 503
    assert body["message"] == "not ready: 2 of 3 instruments have no live feed"
    assert body["data"]["not_ready"][0] == {
        "symbol": "BTCUSDT",
        "state": "stale",
        "since": NOW // 1000,
        "reason": "closed by the venue",
        "missing_total": 0,
    }
    assert (await daemon.get("/healthz"))[0] == 200


async def test_one_stalled_symbol_of_many_hundred_is_no_reason(start: Start) -> None:
    many = tuple(Instrument("binance", f"S{n}USDT", f"S{n}", "USDT") for n in range(200))
    daemon = await start(engine=live_engine((BTC, ETHBTC, *many)))
    daemon.context.engine.apply(FeedDown((many[0].key, many[1].key), NOW, 1, "silent"))
    status, body, _ = await daemon.get("/readyz")
    assert (status, body["data"]["not_ready_total"]) == (200, 2)
    assert (await daemon.get("/readyz?strict=1"))[0] == 503
    daemon.context.engine.apply(FeedDown((many[2].key,), NOW, 1, "silent"))
    assert (await daemon.get("/readyz"))[0] == 503


async def test_strict_names_what_is_not_whole(daemon: Daemon) -> None:
    daemon.context.engine.apply(trade(BTC, 1010, 10**12, 1, BUY, NOW))
    assert (await daemon.get("/readyz"))[0] == 200
    status, body, _ = await daemon.get("/readyz?strict=true")
    assert status == 503
    (line,) = body["data"]["not_ready"]
    assert (line["symbol"], line["state"], line["missing_total"]) == ("BTCUSDT", "gap", 5)
    assert line["reason"] == "5 trades missing"


async def test_strict_waits_for_the_warm_up(start: Start) -> None:
    engine = Engine(windows=tuple(WINDOWS.values()))
    engine.add(BTC)
    engine.apply(FeedUp((BTC.key,), NOW, 1))
    daemon = await start(engine=engine)
    assert (await daemon.get("/readyz"))[0] == 200
    status, body, _ = await daemon.get("/readyz?strict=1")
    assert (status, body["data"]["states"]) == (503, {"warming": 1})
    assert body["data"]["not_ready"][0]["reason"] == "does not reach back as far as it should yet"


async def test_metrics(daemon: Daemon) -> None:
    await daemon.get("/v1/flow?symbol=BTCUSDT")
    status, body, response = await daemon.get("/metrics")
    assert status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    (count,) = families["orderflow_http_requests"].samples
    assert count.labels == {"method": "GET", "route": "/v1/flow", "code": "200"}
    assert count.value == 1


async def test_metrics_elsewhere(start: Start) -> None:
    daemon = await start(options={"metrics_here": False})
    assert (await daemon.get("/metrics"))[0] == 404
    assert "/metrics" not in (await daemon.get("/openapi.json"))[1]["paths"]


async def test_what_is_read_again_is_told_as_long_as_it_is(daemon: Daemon) -> None:
    assert "repair" not in await daemon.data("/readyz")
    daemon.demand.left = Outlook(symbols=2, calls=130, trades=123_456, seconds=64.26)
    data = await daemon.data("/readyz")
    assert data["repair"] == {"symbols": 2, "calls": 130, "trades": 123_456, "seconds_left": 64.3}
    daemon.demand.left = Outlook(symbols=1, calls=1, trades=5, seconds=None)
    assert (await daemon.data("/readyz?strict=1"))["repair"]["seconds_left"] is None  # REST does not answer
    daemon.demand.left = Outlook()
    assert "repair" not in await daemon.data("/readyz")


async def test_of_several_venues_the_last_to_be_done_counts(many: Daemon) -> None:
    for name, left in (("binance", Outlook(1, 2, 3, 4.0)), ("binance-usdm", Outlook(10, 20, 30, 40.0))):
        demand = many.context.venue(name).demand
        assert isinstance(demand, FakeDemand)
        demand.left = left
    data = await many.data("/readyz")
    assert data["repair"] == {"symbols": 11, "calls": 22, "trades": 33, "seconds_left": 40.0}
    assert data["venues"]["binance-usdm"]["repair"] == {"symbols": 10, "calls": 20, "trades": 30, "seconds_left": 40.0}
    assert "repair" not in data["venues"]["binance-coinm"]
    perpetuals = many.context.venue("binance-usdm").demand
    assert isinstance(perpetuals, FakeDemand)
    perpetuals.left = Outlook(10, 20, 30, None)
    assert (await many.data("/readyz"))["repair"]["seconds_left"] is None
    document = msgspec.json.encode(await many.data("/readyz"))
    assert msgspec.json.decode(document, type=futures.VenuesReady).repair
