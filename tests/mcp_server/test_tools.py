"""The tools through the protocol, in memory: what they answer, and what they say when they cannot."""

from __future__ import annotations

import json

import pytest
from mcp.types import TextContent

from orderflow_stream.client import BadAnswer, RateLimited, Unauthorized, Unavailable, UpstreamFailed
from orderflow_stream.mcp_server.tools import remedy
from tests.client.scripted import Connection, serving
from tests.delivery.http.world import Daemon
from tests.mcp_server.calling import connected, data, refusal


async def test_each_tool_answers_the_daemons_numbers(daemon: Daemon) -> None:
    async with connected(daemon.url) as client:
        flow = await data(client, "get_flow", symbol="BTCUSDT", window="5m")
        asked = await daemon.data("/v1/flow?symbol=BTCUSDT&window=5m&numbers=string")
        assert flow["flow"]["taker_buy_quote"] == asked["taker_buy_quote"]
        assert flow["flow"]["coverage"]["first_id"] == asked["coverage"]["first_id"]
        assert (flow["complete"], flow["warning"]) == (True, None)
        large = await data(client, "get_large_prints", symbol="BTCUSDT", min_notional="100000", limit=1)
        asked = await daemon.data("/v1/large?symbol=BTCUSDT&min_notional=100000&group=order&limit=1&numbers=string")
        assert [one["id"] for one in large["large"]["largest"]] == [one["id"] for one in asked["largest"]]
        bars = await data(client, "get_bars", symbol="BTCUSDT", interval="1m", limit=2)
        assert bars["bars"]["count"] == 2
        board = await data(client, "get_screener", window="5m", limit=2)
        assert board["screener"]["count"] == 2
        symbols = await data(client, "list_symbols", quote="USDT", contains="BTC")
        assert symbols["symbols"] == ["BTCUSDT"]
        health = await data(client, "get_data_health")
        assert health["instruments"] == 3
        gaps = await data(client, "get_gaps", symbol="BTCUSDT")
        assert gaps["gaps"]["missing_total"] == 0


async def test_the_text_is_the_data(daemon: Daemon) -> None:
    async with connected(daemon.url) as client:
        found = await client.call_tool("get_flow", {"symbol": "BTCUSDT", "trades": 100})
    (content,) = found.content
    assert isinstance(content, TextContent)
    assert json.loads(content.text) == found.structured_content
    assert list(json.loads(content.text))[:3] == ["summary", "complete", "warning"]


async def test_a_venue_of_futures(many: Daemon) -> None:
    async with connected(many.url) as client:
        flow = await data(client, "get_flow", symbol="BTCUSDT", venue="binance-usdm")
        assert flow["flow"]["market"] == "usdm"


async def test_no_daemon() -> None:
    async with serving() as server:
        url = server.url
    async with connected(url) as client:
        for name, arguments in (("get_flow", {"symbol": "X"}), ("get_data_health", {}), ("list_symbols", {})):
            said = await refusal(client, name, **arguments)
            assert f"no daemon at {url} (connection refused); start one: orderflow-stream serve" in said
            assert "orderflow-stream demo" in said


async def test_refusals_come_with_a_remedy(daemon: Daemon) -> None:
    async with connected(daemon.url) as client:
        said = await refusal(client, "get_flow", symbol="NOPEUSDT")
        assert 'no symbol "NOPEUSDT"' in said
        assert "list_symbols" in said
        assert "configured are 1m, 5m, 1h" in await refusal(client, "get_flow", symbol="BTCUSDT", window="7m")
        assert "window and trades" in (
            await refusal(client, "get_flow", symbol="BTCUSDT", window="5m", trades=100)
        ).replace("trades and window", "window and trades")


async def test_arguments_are_held_to_their_schema(daemon: Daemon) -> None:
    async with connected(daemon.url) as client:
        assert "windows" in await refusal(client, "get_flow", symbol="BTCUSDT", windows="5m")  # not passed over
        assert "symbol" in await refusal(client, "get_flow")
        assert "greater than or equal to 100" in await refusal(client, "get_flow", symbol="BTCUSDT", trades=1)


async def test_a_key_is_wanted() -> None:
    async def unauthorized(connection: Connection) -> None:
        await connection.fail("401 Unauthorized", "unauthorized", "this daemon asks for a key")

    async with serving(unauthorized) as server, connected(server.url) as client:
        said = await refusal(client, "get_gaps", symbol="X")
        assert "this daemon asks for a key. Start this server with --key-file FILE" in said


@pytest.mark.parametrize(
    "error,says",
    [
        (RateLimited(429, "rate_limited", "slow down", retry_after=3), "slow down (in 3 s). Ask less often"),
        (Unauthorized(401, "unauthorized", "no."), "no. Start this server with --key-file"),
        (UpstreamFailed(502, "upstream_failed", "x"), "still be asked for"),
        (Unavailable(503, "over_capacity", "x"), "in a few seconds"),
        (BadAnswer("x"), "--url"),
    ],
)
def test_remedies(error: BadAnswer, says: str) -> None:
    assert says in remedy(error)
