"""The route over real sockets, read as bytes."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, Event, Trade
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.http import stream
from orderflow_stream.delivery.hub import Hub, Limits
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from tests.delivery.http.world import BTC, CHINESE, NOW, WINDOWS, Daemon, Start, live_engine

E8 = 10**8
EPOCH = "ABCD2345"
WAIT = 10.0


@dataclass
class Block:
    """One event as it stood on the wire."""

    event: str
    id: str
    data: Any
    retry: int | None
    raw: bytes


def parse(body: bytes) -> list[Block]:
    """The events of a body, held to our profile."""
    assert body.endswith(b"\n\n") or not body
    assert b"\r" not in body
    assert not body.startswith(b"\xef\xbb\xbf")
    blocks = []
    for raw in body.split(b"\n\n")[:-1]:
        fields: dict[str, str] = {}
        for line in raw.split(b"\n"):
            name, colon, value = line.partition(b": ")
            assert colon, line
            assert name.decode() not in fields, line
            fields[name.decode()] = value.decode()
        assert set(fields) <= {"event", "id", "data", "retry"}
        assert re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", fields["id"])
        retry = fields.get("retry")
        blocks.append(
            Block(fields["event"], fields["id"], orjson.loads(fields["data"]), int(retry) if retry else None, raw)
        )
    return blocks


class Reader:
    """A client that reads the raw bytes of one response."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status, self.headers, self.version = 0, dict[str, str](), ""
        self.body = b""
        self.chunks: list[bytes] = []
        self.ended = False
        self._blocks: list[Block] = []
        self._parsed = 0

    async def head(self) -> None:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT)).decode()
        line, *rest = head.split("\r\n")[:-2]
        self.version, status, _ = line.split(" ", 2)
        self.status = int(status)
        self.headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}

    async def piece(self) -> bool:
        """The next chunk (or whatever comes, where there are none); false at the end of the body."""
        if self.headers.get("transfer-encoding") != "chunked":
            data = await asyncio.wait_for(self.reader.read(65_536), WAIT)
        else:
            size = int((await asyncio.wait_for(self.reader.readuntil(b"\r\n"), WAIT)).strip(), 16)
            data = (await asyncio.wait_for(self.reader.readexactly(size + 2), WAIT))[:-2]
            if not size:
                self.ended = True
        self.body += data
        if data:
            self.chunks.append(data)
        return bool(data)

    def blocks(self) -> list[Block]:
        end = self.body.rfind(b"\n\n") + 2
        if end > self._parsed + 1:
            self._blocks += parse(self.body[self._parsed : end])
            self._parsed = end
        return self._blocks

    async def until(self, found: Callable[[list[Block]], object]) -> list[Block]:
        while not found(self.blocks()):
            assert await self.piece(), f"the stream ended: {self.body!r}"
        return self.blocks()

    async def event(self, topic: str, count: int = 1) -> list[Block]:
        """Read until that many events of a topic have come; those."""
        return [b for b in await self.until(lambda blocks: _count(blocks, topic) >= count) if b.event == topic]

    async def rest(self) -> list[Block]:
        while await self.piece():
            pass
        return self.blocks()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def _count(blocks: list[Block], topic: str) -> int:
    return sum(block.event == topic for block in blocks)


@dataclass
class Service:
    """A daemon whose hub is real."""

    daemon: Daemon
    engine: Engine
    hub: Hub
    readers: list[Reader] = field(default_factory=list)
    id: int = 1005

    async def get(
        self, query: str, *, version: str = "1.1", method: str = "GET", rcvbuf: int = 0, **headers: str
    ) -> Reader:
        sock = socket.socket()
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.daemon.port))
        reader = Reader(*await asyncio.open_connection(sock=sock, limit=2**16 if not rcvbuf else 2**10))
        lines = [f"{method} /v1/stream?{query} HTTP/{version}", f"Host: 127.0.0.1:{self.daemon.port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        reader.writer.write("\r\n".join([*lines, "", ""]).encode())
        self.readers.append(reader)
        await reader.head()
        return reader

    def feed(self, event: Event) -> None:
        updates = self.engine.apply(event)
        if updates is not None:
            self.hub.publish(event, updates)

    def trade(self, qty: int = E8) -> int:
        """The next trade of BTCUSDT, 60,000 each; its id."""
        id_ = self.id
        self.id += 1
        self.feed(Trade(BTC.key, id_, 60_000 * E8, qty, BUY, NOW + id_, 9 * id_, 9 * id_, NOW + id_))
        return id_

    def large(self) -> int:
        """A large order, closed by the trade after it; its id."""
        id_ = self.trade(2 * E8)
        self.trade(1)
        return id_


Serve = Callable[..., Awaitable[Service]]


@pytest.fixture
async def serve(start: Start) -> AsyncIterator[Serve]:
    services: list[Service] = []

    async def begin(trades: int = 10_000, options: dict[str, Any] | None = None, **limits: Any) -> Service:
        engine = live_engine()
        limits.setdefault("max_clients_per_ip", 2_000)
        hub = Hub(
            Renderer(engine, rules=Rules(), windows=WINDOWS, clock=lambda: NOW),
            EventLog(EPOCH, trades=trades, events=1_000),
            Limits(**limits),
            loop=asyncio.get_running_loop(),
            rng=random.Random(3),
        )
        daemon = await start(engine=engine, hub=hub, options=options or {})
        daemon.demand.engine = engine
        services.append(Service(daemon, engine, hub))
        return services[-1]

    yield begin
    for service in services:
        for reader in service.readers:
            await reader.close()
        await service.hub.drain("test over", 5.0)


async def test_head_and_first_events(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=btcusdt")
    assert (reader.version, reader.status) == ("HTTP/1.1", 200)
    assert reader.headers["content-type"] == "text/event-stream"
    assert reader.headers["cache-control"] == "no-store"
    assert reader.headers["x-accel-buffering"] == "no"
    assert reader.headers["transfer-encoding"] == "chunked"
    assert "content-encoding" not in reader.headers
    blocks = await reader.until(lambda blocks: len(blocks) >= 2)
    assert [block.event for block in blocks] == ["hello", "flow"]
    hello, flow = blocks
    assert set(hello.data) == {"epoch", "seq", "recovered", "resumed_from", "server_time", "heartbeat_ms"}
    assert hello.id == f"{EPOCH}-{hello.data['seq']}"
    assert hello.retry is not None
    answer = await service.daemon.data("/v1/flow?symbol=BTCUSDT&window=1m")
    told = {key: value for key, value in flow.data.items() if key not in {"windows", "skipped"}}
    assert told == answer
    assert list(flow.data["windows"]) == list(WINDOWS)


async def test_bars_of_the_interval_and_anchor_asked_for(serve: Serve) -> None:
    service = await serve()
    query = "symbols=BTCUSDT&topics=bar&interval=5s&anchor=oldest&numbers=string"
    reader = await service.get(query)
    (bar,) = await reader.event("bar")
    answer = await service.daemon.data("/v1/bars?symbol=BTCUSDT&interval=5s&anchor=oldest&limit=3&numbers=string")
    assert bar.data == {
        key: answer[key] for key in ("symbol", "venue", "market", "interval", "anchor", "state", "bars")
    }
    service.trade()
    told = await reader.event("bar", 2)
    assert told[-1].data["bars"][-1]["last_id"] == 1005
    # a parameter of a topic that is not asked for
    plain = await service.get("symbols=BTCUSDT&topics=large&interval=1h")
    await plain.event("hello")


async def test_large_prints_come_at_once_each_in_a_chunk(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=BTCUSDT&topics=large")
    await reader.event("hello")
    id_ = service.large()
    (large,) = await reader.event("large")
    assert (large.data["id"], large.data["symbol"], large.data["notional_usd"]) == (id_, "BTCUSDT", 120_000)
    assert all(chunk.startswith(b"event: ") and chunk.endswith(b"\n\n") for chunk in reader.chunks)


async def test_http_1_0_gets_the_same_bytes_unchunked(serve: Serve) -> None:
    service = await serve()
    new = await service.get("symbols=BTCUSDT&topics=large,trade")
    old = await service.get("symbols=BTCUSDT&topics=large,trade", version="1.0")
    assert "transfer-encoding" not in old.headers
    await new.event("hello")
    await old.event("hello")
    service.large()
    after = await new.event("large")
    assert [block.raw for block in await old.event("large")] == [block.raw for block in after]
    await service.hub.drain("shutdown", 5.0)
    assert (await old.rest())[-1].event == "bye"
    assert old.reader.at_eof()


async def test_resume_by_header_which_wins_over_the_parameter(serve: Serve) -> None:
    service = await serve()
    first = await service.get("symbols=BTCUSDT&topics=large,trade")
    await first.event("hello")
    service.large()
    last = (await first.event("large"))[-1]
    await first.close()
    missed = [service.large(), service.large()]
    again = await service.get("symbols=BTCUSDT&topics=large,trade&last_event_id=ZZZZ2345-1", Last_Event_ID=last.id)
    blocks = await again.until(lambda blocks: _count(blocks, "large") >= 2)
    assert blocks[0].data["recovered"] is True
    assert blocks[0].data["resumed_from"] == last.id == blocks[0].id
    assert [block.data["id"] for block in blocks if block.event == "large"] == missed
    by_query = await service.get(f"symbols=BTCUSDT&topics=large,trade&last_event_id={last.id}")
    same = await by_query.until(lambda blocks: _count(blocks, "large") >= 2)
    assert [block.raw for block in same[1:6]] == [block.raw for block in blocks[1:6]]


async def test_resume_with_a_larger_filter_is_not_recovered(serve: Serve) -> None:
    service = await serve()
    first = await service.get("symbols=BTCUSDT&topics=large")
    await first.event("hello")
    service.large()
    last = (await first.event("large"))[-1]
    more = await service.get("symbols=BTCUSDT,ETHBTC&topics=large", Last_Event_ID=last.id)
    (hello,) = await more.event("hello")
    assert hello.data["recovered"] is False


@pytest.mark.parametrize("last", ["ZZZZ2345-1", f"{EPOCH}-99999", "what?"])
async def test_an_unknown_position_starts_anew(serve: Serve, last: str) -> None:
    service = await serve()
    reader = await service.get("symbols=BTCUSDT", Last_Event_ID=last)
    blocks = await reader.until(lambda blocks: len(blocks) >= 2)
    assert [block.event for block in blocks] == ["hello", "flow"]
    assert blocks[0].data["recovered"] is False


async def test_heartbeats_and_states_come_without_being_asked_for(serve: Serve) -> None:
    service = await serve(heartbeat=0.05)
    reader = await service.get("symbols=BTCUSDT,ETHBTC&topics=large")
    beats = await reader.event("heartbeat", 2)
    assert beats[0].data["symbols"] == {"BTCUSDT": 1004, "ETHBTC": 54}


async def test_a_non_ascii_symbol_and_patterns(serve: Serve) -> None:
    service = await serve()
    service.engine.add(CHINESE)
    reader = await service.get(f"symbols={quote(CHINESE.symbol)},*btc&topics=flow")
    flows = await reader.event("flow", 2)
    assert sorted(block.data["symbol"] for block in flows) == ["ETHBTC", CHINESE.symbol]


async def test_watch_has_the_screeners_rows(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=*&topics=watch&window=5m")
    (watch,) = await reader.event("watch")
    answer = await service.daemon.data("/v1/screener?window=5m")
    assert sorted(watch.data, key=lambda row: row["symbol"]) == sorted(answer["rows"], key=lambda row: row["symbol"])


async def test_spans_and_numbers(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=ETHBTC&topics=flow&trades=100&numbers=string")
    (flow,) = await reader.event("flow")
    assert flow.data["coverage"]["requested"] == {"trades": 100}
    assert isinstance(flow.data["last_price"], str)


async def test_a_symbol_on_demand_becomes_a_stream(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=SOLUSDT&topics=flow")
    (flow,) = await reader.event("flow")
    assert flow.data["symbol"] == "SOLUSDT"
    assert [call[0] for call in service.daemon.demand.calls] == ["SOLUSDT", "SOLUSDT"]
    assert service.hub.listened("binance:SOLUSDT")


@pytest.mark.parametrize(
    "query, status, code, param",
    [
        ("", 400, "missing_parameter", "symbols"),
        ("symbols=", 400, "bad_parameter", "symbols"),
        ("symbols=BTCUSDT,,ETHBTC", 400, "bad_parameter", "symbols"),
        ("symbols=NOSUCH", 404, "unknown_symbol", "symbols"),
        ("symbols=NOSUCH*", 404, "unknown_symbol", "symbols"),
        ("symbols=BTCUSDT&topics=depth", 400, "bad_parameter", "topics"),
        ("symbols=BTCUSDT&topics=", 400, "bad_parameter", "topics"),
        ("symbols=BTCUSDT&topics=flow,", 400, "bad_parameter", "topics"),
        ("symbols=BTCUSDT&topics=bar&interval=2s", 400, "bad_parameter", "interval"),
        ("symbols=BTCUSDT&topics=bar&anchor=noon", 400, "bad_parameter", "anchor"),
        ("symbols=BTCUSDT&window=7m", 400, "bad_parameter", "window"),
        ("symbols=BTCUSDT&trades=99", 400, "bad_parameter", "trades"),
        ("symbols=BTCUSDT&trades=5001", 400, "bad_parameter", "trades"),
        ("symbols=BTCUSDT&window=1m&trades=100", 400, "conflicting_parameters", "trades"),
        ("symbols=BTCUSDT&min_notional=99999.99", 400, "bad_parameter", "min_notional"),
        ("symbols=*&min_notional=99999.99", 400, "bad_parameter", "min_notional"),
        ("symbols=BTCUSDT&min_notional=nan", 400, "bad_parameter", "min_notional"),
        ("symbols=BTCUSDT&group=row,order", 400, "bad_parameter", "group"),
        ("symbols=BTCUSDT&venue=kraken", 400, "bad_parameter", "venue"),
        ("symbols=BTCUSDT&symbol=BTCUSDT", 400, "unknown_parameter", "symbol"),
        ("symbols=BTCUSDT&last_event_id=", 400, "bad_parameter", "last_event_id"),
    ],
)
async def test_bad_requests(serve: Serve, query: str, status: int, code: str, param: str) -> None:
    service = await serve()
    got, body, _ = await service.daemon.get(f"/v1/stream?{query}", Accept="text/event-stream")
    assert got == status
    assert body["error"] == {"code": code, "param": param}
    assert service.hub.stats().clients == 0


async def test_a_threshold_of_its_own_counts_for_a_named_symbol(serve: Serve) -> None:
    service = await serve(options={"large_by_symbol": {"ETHBTC": 50 * NOTIONAL_SCALE}})
    status, _, _ = await service.daemon.get("/v1/stream?symbols=BTCUSDT,ETHBTC&min_notional=50")
    assert status == 400
    one = await service.get("symbols=ETHBTC&min_notional=50")
    every = await service.get("symbols=*&min_notional=50")
    assert (one.status, every.status) == (200, 200)


async def test_head_has_the_headers_and_no_body(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=BTCUSDT", method="HEAD")
    assert reader.status == 200
    assert reader.headers["content-type"] == "text/event-stream"
    assert await reader.rest() == []
    assert service.hub.stats().clients == 0


async def test_over_capacity_a_browser_is_told_in_band(serve: Serve) -> None:
    service = await serve(max_clients=1)
    first = await service.get("symbols=BTCUSDT")
    await first.event("flow")
    busy = await service.get("symbols=BTCUSDT", Accept="text/html, text/event-stream;q=0.9", Last_Event_ID="OTHER234-7")
    assert busy.status == 200
    (block,) = await busy.rest()
    assert (block.event, block.id) == ("busy", "OTHER234-7")
    assert block.retry is not None
    assert 15_000 <= block.retry <= 30_000
    assert busy.ended
    status, body, response = await service.daemon.get("/v1/stream?symbols=BTCUSDT", Accept="*/*")
    assert (status, body["error"]["code"]) == (503, "over_capacity")
    assert 15 <= int(response.headers["Retry-After"]) <= 30
    await first.close()
    async with asyncio.timeout(WAIT):
        while not next(iter(service.hub._roster.open)).sink.closing:
            service.trade()  # writing is how the server learns of it
            await asyncio.sleep(0)
    again = await service.get("symbols=BTCUSDT", Accept="text/event-stream")
    assert (await again.event("flow"))[0].data["symbol"] == "BTCUSDT"


async def test_over_capacity_of_one_address(serve: Serve) -> None:
    service = await serve(max_clients_per_ip=2)
    for _ in range(2):
        await (await service.get("symbols=BTCUSDT")).event("hello")
    refused = await service.get("symbols=BTCUSDT", Accept="text/event-stream")
    assert [block.event for block in await refused.rest()] == ["busy"]


async def test_shutdown_says_bye_and_ends_the_body_properly(serve: Serve) -> None:
    service = await serve()
    readers = [await service.get("symbols=BTCUSDT&topics=large") for _ in range(20)]
    for reader in readers:
        await reader.event("hello")
    drained = asyncio.create_task(service.hub.drain("shutdown", 5.0))
    retries = set()
    for reader in readers:
        last = (await reader.rest())[-1]
        assert (last.event, last.data) == ("bye", {"reason": "shutdown"})
        assert reader.ended
        assert await reader.reader.read() == b""  # and the connection
        retries.add(last.retry)
    await asyncio.wait_for(drained, WAIT)
    assert len(retries) > 15
    late = await service.get("symbols=BTCUSDT", Accept="text/event-stream")
    assert [block.event for block in await late.rest()] == ["busy"]


async def test_a_reader_that_stops_is_told_slow_and_misses_nothing(serve: Serve) -> None:
    service = await serve(mailbox_bytes=131_072)
    stopped = await service.get("symbols=BTCUSDT&topics=trade", rcvbuf=4_096)
    other = await service.get("symbols=BTCUSDT&topics=trade")
    await stopped.event("hello")
    await other.event("hello")
    first = service.id
    fed = 0
    while service.hub.stats().aborted.get("slow") != 1:
        for _ in range(50):
            service.trade()
            fed += 1
        assert fed < 20_000  # it is cut after some hundred kilobytes, not megabytes
        await other.event("trade", fed)
    got = await stopped.rest()
    assert got[-1].event == "slow"
    assert got[-1].retry is not None
    ids = [block.data["id"] for block in got if block.event == "trade"]
    assert ids == list(range(first, first + len(ids)))
    assert got[-1].id == got[-2].id
    assert len(stopped.body) < 1_000_000
    again = await service.get("symbols=BTCUSDT&topics=trade", Last_Event_ID=got[-1].id)
    resumed = await again.event("trade", fed - len(ids))
    assert again.blocks()[0].data["recovered"] is True
    assert [block.data["id"] for block in resumed] == list(range(first + len(ids), first + fed))


async def test_the_socket_holds_little_and_gives_dead_peers_up(serve: Serve) -> None:
    service = await serve()
    reader = await service.get("symbols=BTCUSDT&topics=large")
    await reader.event("hello")
    (client,) = service.hub._roster.open
    sock = client.sink._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * 65_536
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


async def test_a_client_that_leaves_is_noticed_without_a_word_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    service = await serve(heartbeat=0.02)
    for _ in range(5):
        reader = await service.get("symbols=BTCUSDT")
        await reader.event("hello")
        reader.writer.transport.abort()
    async with asyncio.timeout(WAIT):
        while service.hub.stats().clients:
            service.trade()
            await asyncio.sleep(0)
    assert service.hub.stats().aborted == {"gone": 5}
    assert not caplog.records


async def test_a_thousand_clients_get_the_same(serve: Serve) -> None:
    asyncio.get_running_loop().set_debug(False)  # it takes a traceback for each of a hundred thousand callbacks
    service = await serve()
    readers: list[Reader] = []
    for start in range(0, 1_000, 100):
        readers += await asyncio.gather(*[service.get("symbols=BTCUSDT&topics=trade,large") for _ in range(100)])
        assert start < service.hub.stats().clients
    await asyncio.gather(*[reader.event("hello") for reader in readers])
    for _ in range(5):
        service.large()
    every = await asyncio.gather(*[reader.event("trade", 10) for reader in readers])
    assert {tuple(block.raw for block in blocks) for blocks in every} == {tuple(block.raw for block in every[0])}
    assert len(every) == 1_000
    await asyncio.gather(*[reader.event("large", 5) for reader in readers])
    await service.hub.drain("shutdown", 10.0)
    ends = await asyncio.gather(*[reader.rest() for reader in readers])
    assert {blocks[-1].event for blocks in ends} == {"bye"}


async def test_a_light_stream_that_nobody_reads_is_given_up_by_the_system(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little comes for its buffers ever to be full; but nothing is acknowledged, and the reason is told."""
    monkeypatch.setattr(stream, "USER_TIMEOUT_MS", 600)
    service = await serve(heartbeat=0.05)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", service.daemon.port))
    head = f"GET /v1/stream?symbols=BTCUSDT&topics=trade HTTP/1.1\r\nHost: 127.0.0.1:{service.daemon.port}\r\n\r\n"
    await loop.sock_sendall(sock, head.encode())
    async with asyncio.timeout(20):
        while not service.hub.stats().aborted:
            service.trade()
            await asyncio.sleep(0.01)
    # The hub may look at the transport before the transport has said why it is closed.
    assert service.hub.stats().aborted in ({"timeout": 1}, {"gone": 1})
    sock.close()
