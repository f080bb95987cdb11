"""`tail` against a stand-in of the daemon: resuming, being told off, silence about what repeats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from orderflow_stream.cli.tail import Tail, run
from orderflow_stream.cli.tape import Board, TradeLines

TRADE = {"symbol": "BTCUSDT", "id": 1, "price": 63930.5, "qty": 0.1, "side": "buy", "time": 1795328693382}
ONE_DOLLAR = 10**16


def block(event: str, id_: str, data: object, retry: int = 1) -> bytes:
    return f"event: {event}\nid: {id_}\nretry: {retry}\ndata: {json.dumps(data)}\n\n".encode()


def hello(recovered: bool = False) -> bytes:
    return block("hello", "e-1", {"epoch": "e", "seq": 1, "recovered": recovered, "resumed_from": None})


class Server:
    """Answers each connection by the next script; `asked` are the requests."""

    def __init__(self, *scripts: bytes | Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self.scripts = list(scripts)
        self.asked: list[web.Request] = []
        self.done = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if not self.scripts:
            self.done.set()
            await asyncio.sleep(30)
        script = self.scripts.pop(0)
        if not isinstance(script, bytes):
            return await script(request)
        return web.Response(body=script, content_type="text/event-stream")


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    app = web.Application()
    app.router.add_get("/v1/stream", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


async def follow(server: Server, *, least: int | None = None, as_json: bool = False) -> int | None:
    """Tail until the scripts are used up, or it ends by itself; its exit code, None where we ended it."""
    async with serving(server):
        tail = asyncio.create_task(Tail(["BTCUSDT"], server.url, TradeLines(least, as_json=as_json)).run())
        done = asyncio.create_task(server.done.wait())
        await asyncio.wait((tail, done), return_when=asyncio.FIRST_COMPLETED, timeout=10)
        done.cancel()
        if tail.done():
            return tail.result()
        tail.cancel()
        await asyncio.wait((tail,))
        return None


async def test_it_resumes_by_position(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(
        hello() + block("trade", "e-5", TRADE) + block("heartbeat", "e-6", {}),
        hello(recovered=True) + block("trade", "e-7", TRADE),
    )
    assert await follow(server) is None
    assert [request.headers.get("Last-Event-ID") for request in server.asked] == [None, "e-6", "e-7"]
    assert server.asked[0].query == {"symbols": "BTCUSDT", "topics": "trade"}
    told = capsys.readouterr()
    assert told.out.count("BTCUSDT") == 2
    assert "meanwhile" not in told.err


async def test_a_loss_is_said_and_so_are_goodbyes(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(
        hello() + block("trade", "e-5", TRADE) + block("bye", "e-6", {"reason": "shutdown"}),
        hello() + block("slow", "e-9", {}),
        block("busy", "e-9", {}),
    )
    assert await follow(server) is None
    lines = capsys.readouterr().err.splitlines()
    assert [line[3:30] for line in lines] == [
        "the daemon said goodbye (sh",
        "connected again",
        "what was traded meanwhile i",
        "this terminal is too slow f",
        "the daemon has no room for ",
    ]


async def test_gaps_and_states_are_for_the_eye(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(
        hello()
        + block("gap", "e-2", {"symbol": "BTCUSDT", "missing": [[7, 9]]})
        + block("corrected", "e-3", {"symbol": "BTCUSDT", "missing": []})
        + block("state", "e-4", {"symbol": "BTCUSDT", "state": "stale", "reason": "the feed is down"}),
    )
    assert await follow(server) is None
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "-- BTCUSDT: trades are missing (7-9)",
        "-- BTCUSDT: no trade is missing any more",
        "-- BTCUSDT is stale: the feed is down",
    ]


async def test_json_is_passed_on_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    raw = b'{"symbol":"BTCUSDT","price":12345678901.12345678,"qty":1.00000001,"side":"sell","time":1795328693382}'
    server = Server(hello() + b"event: trade\nid: e-2\ndata: " + raw + b"\n\n")
    await follow(server, least=ONE_DOLLAR, as_json=True)
    assert capsys.readouterr().out == raw.decode() + "\n"


async def test_small_trades_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    exactly = {**TRADE, "price": 100, "qty": 0.5}
    server = Server(hello() + block("trade", "e-2", exactly) + block("trade", "e-3", {**exactly, "qty": 0.49999999}))
    await follow(server, least=50 * ONE_DOLLAR)
    assert capsys.readouterr().out.count("\n") == 1


async def test_a_refusal_ends_it_with_the_daemon_s_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"message": 'no symbol "X"'}, status=404)

    server = Server(refuse)
    assert await follow(server) == 1
    assert capsys.readouterr().err == f'tail: {server.url} answers 404: no symbol "X"\n'


@pytest.mark.parametrize("status,text", [(200, "<html>"), (500, "oops"), (200, "[]")])
async def test_something_else_listens_there(status: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type="text/html")

    server = Server(answer)
    assert await follow(server) == 1
    assert "is it an orderflow-stream daemon?" in capsys.readouterr().err


async def test_trouble_after_it_once_worked_is_waited_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderflow_stream.cli.tail.PAUSE", 0.01)

    async def trouble(request: web.Request) -> web.Response:
        return web.Response(status=503)

    server = Server(hello(), trouble, trouble, trouble, hello(recovered=True))
    assert await follow(server) is None
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("-- the connection is lost, trying until it is back (503")
    assert lines[1] == "-- connected again"


async def test_a_key_goes_into_a_header(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(hello())
    async with serving(server):
        task = asyncio.create_task(Tail(["BTCUSDT"], server.url, TradeLines(None, as_json=False), "ofd_x").run())
        await asyncio.wait_for(server.done.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [request.headers["X-API-Key"] for request in server.asked] == ["ofd_x", "ofd_x"]
    assert not any("ofd_x" in str(request.url) for request in server.asked)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"two\nkeys", "schlüssel".encode()])
def test_a_file_without_a_key_is_said(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    assert run(["BTCUSDT"], "http://127.0.0.1:1", None, as_json=False, key_file=file) == 2
    told = capsys.readouterr().err
    assert f"--key-file {file}" in told
    assert told.count("\n") == 1


async def test_a_venue_is_asked_for_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(hello() + block("trade", "e-5", TRADE))
    async with serving(server):
        tail = asyncio.create_task(
            Tail(["BTCUSDT"], server.url, TradeLines(None, as_json=False), venue="binance-usdm").run()
        )
        await asyncio.wait_for(server.done.wait(), 10)
        tail.cancel()
        await asyncio.wait((tail,))
    assert server.asked[0].query == {"symbols": "BTCUSDT", "topics": "trade", "venue": "binance-usdm"}
    assert "BTCUSDT" in capsys.readouterr().out


async def test_what_a_contract_is_worth_decides_what_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    """Three contracts of 100 USD; their base volume is rounded, and times the price it is not quite 300."""
    trade = {**TRADE, "symbol": "BTCUSD_PERP", "price": 63930.5, "qty": 0.00469259, "contracts": 3}
    server = Server(hello() + block("trade", "e-2", trade) + block("trade", "e-3", {**trade, "contracts": 2.0}))
    await follow(server, least=300 * ONE_DOLLAR)
    told = capsys.readouterr().out
    assert told.count("\n") == 2
    assert "300.00" in told


async def test_a_board_is_fed_and_begins_anew_after_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"symbol": "BTCUSDT", "delta_quote": -1234.5, "trades": 3, "state": "gap"}
    server = Server(
        hello() + block("watch", "e-2", [row]) + block("trade", "e-5", TRADE) + block("trade", "e-6", TRADE),
        hello(recovered=True) + block("trade", "e-7", {**TRADE, "side": "sell"}),
        hello() + block("trade", "e-9", {**TRADE, "side": "sell"}),
    )
    board = Board("5m")
    seen: list[str] = []
    before = board.trade

    def trade(data: str) -> None:
        before(data)
        seen.append(board.lines()[0].plain.partition("CVD")[2].split()[1])

    board.trade = trade  # type: ignore[method-assign]
    async with serving(server):
        tail = asyncio.create_task(Tail(["BTCUSDT"], server.url, TradeLines(None, as_json=False), board=board).run())
        await asyncio.wait_for(server.done.wait(), 10)
        tail.cancel()
        await asyncio.wait((tail,))
    assert seen == ["+6,393.05", "+12,786.10", "+6,393.05", "-6,393.05"]
    assert server.asked[0].query == {"symbols": "BTCUSDT", "topics": "trade,watch", "window": "5m"}
    line = board.lines()[0].plain
    assert "Δ 5m     ▼ -1,234.50" in line
    assert line.endswith("  gap")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9])
def test_a_summary_wants_seconds(seconds: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["BTCUSDT"], "http://127.0.0.1:1", None, as_json=False, summary=seconds) == 2
    assert "--summary must be above 0" in capsys.readouterr().err
