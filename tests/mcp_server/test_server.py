"""The server as its clients see it: in memory, and as a process over both transports, before a real daemon."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from orderflow_stream import __version__
from orderflow_stream.mcp_server.server import TITLES, listen
from tests.e2e.inside import market, running
from tests.e2e.process import ROOT, environment, started
from tests.mcp_server.calling import connected, data, refusal


async def test_what_it_says_of_itself() -> None:
    async with connected("http://127.0.0.1:1") as client:
        assert client.server_info is not None
        assert client.server_info.name == "orderflow-stream"
        assert client.server_info.version == __version__
        assert "`complete`" in (client.instructions or "")
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == list(TITLES)
    for tool in tools:
        assert tool.title == TITLES[tool.name]
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.destructive_hint is False
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        for argument in tool.input_schema["properties"].values():
            assert argument["description"]
        assert tool.output_schema is not None
        assert {"summary", "complete", "warning"} <= set(tool.output_schema["required"])
        assert "$ref" not in re.sub(r'"\$ref": "#/\$defs/SymbolHealth"', "", str(tool.output_schema).replace("'", '"'))


async def test_as_a_process_over_both_transports(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        arguments = ["-m", "orderflow_stream", "mcp", "--url", daemon.url]
        program = StdioServerParameters(command=sys.executable, args=arguments, env=environment(), cwd=ROOT)
        with (tmp_path / "stderr").open("w") as errors:
            async with Client(stdio_client(program, errlog=errors)) as client:
                assert len((await client.list_tools()).tools) == len(TITLES)
                flow = await data(client, "get_flow", symbol="BTCUSDT", trades=100)
                assert flow["flow"]["trades_scanned"] == 100
                assert "list_symbols" in await refusal(client, "get_flow", symbol="NOPEUSDT")
        assert (tmp_path / "stderr").read_text() == ""

        async with started(*arguments[2:], "--transport", "http", "--port", "0", cwd=tmp_path) as server:
            found = re.search(r"listening on (http://127\.0\.0\.1:\d+/mcp)", await server.line("listening on"))
            assert found is not None
            async with Client(streamable_http_client(found[1])) as client:
                board = await data(client, "get_screener", sort="symbol")
                assert [row["symbol"] for row in board["screener"]["rows"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
            async with httpx2.AsyncClient() as http:  # a page elsewhere that has got its name to point here
                headers = {"Host": "evil.example", "Accept": "application/json, text/event-stream"}
                answer = await http.post(found[1], headers=headers, json={})
                assert answer.status_code == 421
            server.kill(signal.SIGTERM)
            assert await server.ended() == 0
            assert server.out == []


async def test_ctrl_c_ends_it_though_nobody_closes_its_input(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orderflow_stream", "mcp"),
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    process.stdin.write(json.dumps(ping).encode() + b"\n")
    assert b'"id":1' in await asyncio.wait_for(process.stdout.readline(), 30)
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert process.stderr is not None
    assert await process.stderr.read() == b""


def test_a_socket_that_listens() -> None:
    with listen("127.0.0.1", 0) as one:
        assert one.getsockname()[1]
    with listen("::1", 0) as two:
        assert two.getsockname()[0] == "::1"
