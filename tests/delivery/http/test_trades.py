"""`/v1/trades` and `/v1/gaps` over a real engine."""

from orderflow_stream.core.events import BUY, Refill
from tests.delivery.http.world import BTC, NOW, Daemon, trade


async def test_the_newest_by_default(daemon: Daemon) -> None:
    data = await daemon.data("/v1/trades?symbol=BTCUSDT&limit=2")
    assert [row["id"] for row in data["trades"]] == [1003, 1004]
    assert data["trades"][0] == {
        "id": 1003,
        "price": 60000.50000001,
        "qty": 2,
        "side": "sell",
        "time": (NOW - 50_000_000) // 1000,
        "ts_event": NOW - 50_000_000,
        "first_fill": 6,
        "last_fill": 6,
    }
    assert (data["first_id"], data["last_id"], data["next_from_id"]) == (1000, 1004, 1005)


async def test_page_by_page(daemon: Daemon) -> None:
    seen, from_id = [], 0
    for _ in range(4):
        data = await daemon.data(f"/v1/trades?symbol=BTCUSDT&from_id={from_id}&limit=2&numbers=string")
        seen += [row["id"] for row in data["trades"]]
        from_id = data["next_from_id"]
    assert seen == [1000, 1001, 1002, 1003, 1004]
    assert from_id == 1005


async def test_missing_on_a_page(daemon: Daemon) -> None:
    engine = daemon.context.engine
    engine.apply(trade(BTC, 1007, 10**12, 1, BUY, NOW))
    engine.apply(trade(BTC, 1010, 10**12, 1, BUY, NOW))

    async def missing(query: str) -> object:
        data = await daemon.data(f"/v1/trades?symbol=BTCUSDT&{query}")
        assert data["missing_total"] == sum(b - a + 1 for a, b in data["missing"])
        return data["missing"]

    assert await missing("from_id=1000&limit=5") == []
    assert await missing("from_id=1000&limit=6") == [[1005, 1006]]
    assert await missing("from_id=1006") == [[1006, 1006], [1008, 1009]]
    assert await missing("limit=1") == []
    assert await missing("limit=5000") == [[1005, 1006], [1008, 1009]]
    assert await missing("from_id=2000") == []


async def test_never_traded(daemon: Daemon) -> None:
    data = await daemon.data("/v1/trades?symbol=SILENTUSDT")
    assert (data["trades"], data["first_id"], data["next_from_id"], data["missing"]) == ([], None, None, [])


async def test_gaps_open_repaired_and_lost(daemon: Daemon) -> None:
    engine = daemon.context.engine
    engine.apply(trade(BTC, 1006, 10**12, 1, BUY, NOW))
    engine.apply(trade(BTC, 1009, 10**12, 1, BUY, NOW))
    engine.apply(trade(BTC, 1011, 10**12, 1, BUY, NOW))
    filled = trade(BTC, 1005, 10**12, 1, BUY, NOW)
    engine.apply(Refill(BTC.key, (filled,), NOW + 1_000_000, lost=((1007, 1008),), repair=True))
    data = await daemon.data("/v1/gaps?symbol=btcusdt")
    assert [(one["first"], one["last"], one["status"]) for one in data["gaps"]] == [
        (1010, 1010, "open"),
        (1007, 1008, "lost"),
        (1005, 1005, "repaired"),
    ]
    assert (data["open"], data["lost"], data["repaired"], data["missing_total"]) == (1, 1, 1, 3)
    assert data["gaps"][2]["closed"] == NOW // 1000 + 1000
    assert data["gaps"][2]["found"] == NOW // 1000
    assert data["gaps"][0]["closed"] is None


async def test_gaps_say_when_they_will_have_been_asked_for(daemon: Daemon) -> None:
    assert (await daemon.data("/v1/gaps?symbol=BTCUSDT"))["ready_in_s"] == 0
    for seconds, told in ((12.34, 12.3), (None, None)):
        daemon.demand.ready = seconds
        assert (await daemon.data("/v1/gaps?symbol=BTCUSDT"))["ready_in_s"] == told
