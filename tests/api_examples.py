"""Real answers, refusals and events for the document: `python -m tests.api_examples` records them from the demo's
market into the package; the tests record them anew and hold both against the stated shapes.

What there is no waiting for is brought about as it would happen: the market skips trades and fails to answer, the
daemon is full, has keys, cannot reach the venue.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp
import orjson
from msgspec import structs

from orderflow_stream.app import Daemon
from orderflow_stream.cli.demo import exchange, keys
from orderflow_stream.config import load
from orderflow_stream.config.keylines import KeyLine
from orderflow_stream.delivery.http.keys import anchor_of, digest_of, id_of, make
from orderflow_stream.shapes.stream import EVENTS
from orderflow_stream.shapes.units import CODES
from orderflow_stream.simulator import Simulator

FILE: Final = Path(__file__).parents[1] / "orderflow_stream" / "shapes" / "examples.json"
USDM: Final = "binance-usdm"
PATIENCE: Final = 30.0
#: Trades a second of the recorded market.
RATE: Final = 30.0
Example = dict[str, Any]

#: Name of the example, and what is asked. Every GET of the document that answers JSON is among them.
ASKED: Final = (
    ("the last 1000 trades", "/v1/flow?symbol=BTCUSDT&trades=1000"),
    ("a window, exact decimals", "/v1/flow?symbol=BTCUSDT&window=5m&numbers=string"),
    ("several symbols", "/v1/flow?symbols=BTCUSDT,ETHUSDT&window=1m"),
    ("a USD-M perpetual", "/v1/flow?coin=BTC&venue=binance-usdm&window=5m"),
    ("an inverse contract", "/v1/flow?coin=BTC&venue=binance-coinm&trades=500"),
    ("one coin, spot and perpetual", "/v1/flow?coin=BTC&venues=binance,binance-usdm&window=5m"),
    ("single rows", "/v1/large?symbol=BTCUSDT&min_notional=20000&limit=3"),
    ("taker orders", "/v1/large?symbol=BTCUSDT&min_notional=20000&group=order&limit=3&numbers=string"),
    ("a USD-M perpetual", "/v1/large?coin=BTC&venue=binance-usdm&min_notional=5000&group=order&limit=2"),
    ("the largest hundredth", "/v1/large?symbol=BTCUSDT&percentile=99&group=order&limit=2"),
    ("minutes of this session", "/v1/bars?symbol=BTCUSDT&interval=1m&limit=3"),
    ("seconds, exact decimals", "/v1/bars?symbol=BTCUSDT&interval=1s&anchor=oldest&limit=2&numbers=string"),
    ("the newest trades", "/v1/trades?symbol=BTCUSDT&limit=3"),
    ("a USD-M perpetual", "/v1/trades?coin=BTC&venue=binance-usdm&limit=2&numbers=string"),
    ("a gap that was repaired", "/v1/gaps?symbol=BTCUSDT"),
    ("the most bought", "/v1/screener?window=5m&sort=delta_quote&limit=3"),
    ("pairs in USDT", "/v1/symbols?quote=USDT"),
    ("inverse contracts", "/v1/symbols?venue=binance-coinm"),
    ("the default venue", "/v1/meta"),
    ("what a venue's rows mean", "/v1/meta?venue=binance-usdm"),
    ("of one symbol", "/v1/liquidations?symbol=BTCUSDT&venue=binance-usdm&limit=2"),
    ("alive", "/healthz"),
    ("ready", "/readyz"),
)


async def record(folder: Path, rate: float) -> Example:
    """All of it: `answers` and `failures` (by code) with what was asked, `events` (by name) as they went over the wire.
    `rate`: trades a second of the spot market."""
    async with exchange(7, rate) as market:
        async with running(folder, {**keys(market), "server.port": 0}) as daemon, Caller(daemon) as caller:
            await warm(daemon)
            events = await streamed(daemon, caller, market["binance"], market[USDM])
            answers = [await caller.answer(name, f"GET {path}") for name, path in ASKED]
            answers.append(await caller.answer("a ticket", "POST /v1/ticket"))
            failures = await refused(daemon, caller, market["binance"])
            refusal, busy = await full(daemon, caller)
            events |= busy | await ended(daemon, caller)
        more, others = await closed(folder)
    failures |= refusal | others
    return {
        "answers": answers + more,
        "failures": {code: failures[code] for code in CODES},
        "events": {name: events[name] for name in EVENTS},
    }


class Caller:
    """A client of one daemon."""

    def __init__(self, daemon: Daemon, **headers: str) -> None:
        self._url = daemon.url
        self._headers = headers

    async def __aenter__(self) -> Caller:
        self._session = aiohttp.ClientSession(self._url, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, ask: str, **headers: str) -> Example:
        method, path = ask.split(" ", 1)
        async with self._session.request(method, path, headers=headers) as response:
            return {"ask": ask, "status": response.status, "body": orjson.loads(await response.read())}

    async def answer(self, name: str, ask: str) -> Example:
        found = await self.ask(ask)
        assert found["status"] == 200, found
        return {"name": name, **found}

    async def refusal(self, ask: str, **headers: str) -> dict[str, Example]:
        found = await self.ask(ask, **headers)
        assert found["status"] >= 400, found
        return {found["body"]["error"]["code"]: found}

    async def stream(self, path: str) -> AsyncGenerator[tuple[str, str], None]:
        """The events of a stream, each with its name and as it came."""
        async with self._session.get(path, headers={"Accept": "text/event-stream"}) as response:
            assert response.status == 200, await response.text()
            text = ""
            async for data in response.content.iter_any():
                *blocks, text = (text + data.decode()).split("\n\n")
                for block in blocks:
                    yield block.partition("\n")[0].removeprefix("event: "), block + "\n\n"


@asynccontextmanager
async def running(folder: Path, over: dict[str, object], **more: Any) -> AsyncIterator[Daemon]:
    """A daemon that listens."""
    empty = folder / "empty.toml"
    empty.touch()
    settings = load(empty, {}, over)
    daemon = Daemon(settings, **({"reread": lambda: load(empty, {}, over)} | more))
    task = asyncio.create_task(daemon.run())
    ready = asyncio.create_task(daemon.ready.wait())
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    try:
        yield daemon
    finally:
        ready.cancel()
        daemon.stop()
        await asyncio.wait_for(task, PATIENCE)


async def warm(daemon: Daemon) -> None:
    """Until what is asked for here is whole."""
    async with asyncio.timeout(PATIENCE):
        while not all(book.warm for book in daemon.engine.books.values()) or not daemon.engine.books:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def streamed(daemon: Daemon, caller: Caller, spot: Simulator, perp: Simulator) -> dict[str, str]:
    """One of each event that a stream brings while it lasts; of spot where both have it."""
    found: dict[str, str] = {}

    async def listen(path: str, wanted: set[str], started: asyncio.Event) -> None:
        async for name, text in caller.stream(path):
            started.set()
            if name in wanted and not (name == "corrected" and '"filled":[]' in text):
                found[name] = text
                wanted = wanted - {name}
            if not wanted:
                return

    both = asyncio.Event(), asyncio.Event()
    first = {*EVENTS} - {"liquidation", "bye", "slow", "busy"}
    topics = "flow,watch,large,trade" + (",bar" if "bar" in EVENTS else "")
    async with within(lambda: f"only {sorted(found)}"), asyncio.TaskGroup() as group:
        symbols = ",".join(list(spot.exchange.tapes)[:3])
        group.create_task(listen(f"/v1/stream?symbols={symbols}&topics={topics}", first, both[0]))
        group.create_task(
            listen(f"/v1/stream?symbols=BTCUSDT&topics=liquidation&venue={USDM}", {"liquidation"}, both[1])
        )
        for each in both:
            await each.wait()
        big(spot, "BTCUSDT")
        spot.faults.skip("BTCUSDT", 6)
        perp.publish_liquidation("BTCUSDT", "SELL", "59000.1", "2.5", avg_price="59010.2")
        for _ in range(4):  # three of them are skipped, on both connections
            big(spot, "BTCUSDT")
    return found


@asynccontextmanager
async def within(told: Callable[[], str]) -> AsyncIterator[None]:
    """So long and no longer; what was `told` up to then is in the error."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise AssertionError(f"not in {PATIENCE} s: {told()}") from None


def big(spot: Simulator, symbol: str) -> None:
    """A trade beyond the threshold, after the newest."""
    newest = spot.published(symbol)[-1]
    spot.publish(
        symbol,
        [type(newest)(newest.id + 1, newest.price, "2.5", newest.last + 1, newest.last + 1, spot.clock(), "us", False)],
    )


async def ended(daemon: Daemon, caller: Caller) -> dict[str, str]:
    """How a stream ends, each way."""
    found: dict[str, str] = {}

    async def listen(started: asyncio.Event) -> None:
        async for name, text in caller.stream("/v1/stream?symbols=BTCUSDT&topics=watch"):
            started.set()
            if name in {"bye", "slow"}:
                found[name] = text

    for end in (daemon.hub.behind, daemon.stop):
        started = asyncio.Event()
        task = asyncio.create_task(listen(started))
        async with asyncio.timeout(PATIENCE):
            await started.wait()
            end()
            await task
    return found


async def refused(daemon: Daemon, caller: Caller, spot: Simulator) -> dict[str, Example]:
    """What a daemon refuses that is well."""
    flow = "GET /v1/flow"
    found: dict[str, Example] = {}
    for ask in (
        f"{flow}",
        f"{flow}?symbol=BTCUSDT&trades=7",
        f"{flow}?symbl=BTCUSDT",
        f"{flow}?symbol=BTCUSDT&trades=500&window=5m",
        f"{flow}?symbol=BTCUSD",
        "GET /v1/nothing",
        f"DELETE {flow.removeprefix('GET ')}",
    ):
        found |= await caller.refusal(ask)
    found |= await caller.refusal(f"{flow}?symbol=BTCUSDT", Host="evil.example")
    for kind in ("500", "429"):
        spot.faults.rest(kind, path="aggTrades", retry_after=5)
        found |= await caller.refusal(f"{flow}?symbol=BTCUSDT&fresh=true")
        spot.faults.clear()
    journal = daemon.context.journal
    daemon.context.journal = broken
    found |= await caller.refusal("GET /v1/meta")
    daemon.context.journal = journal
    return found


def broken() -> dict[str, object]:
    """A fault of the daemon."""
    raise RuntimeError("on purpose, for an example of a 500")


async def full(daemon: Daemon, caller: Caller) -> tuple[dict[str, Example], dict[str, str]]:
    """There is room for one stream only: the refusal and the event for the second."""
    path = "/v1/stream?symbols=BTCUSDT&topics=watch"
    limits = daemon.hub.limits
    stream = caller.stream(path)
    await anext(stream)
    daemon.hub.set_limits(structs.replace(limits, max_clients=1))
    failure = await caller.refusal(f"GET {path}")
    (busy,) = [event async for event in caller.stream(path)]
    await stream.aclose()
    daemon.hub.set_limits(limits)
    return failure, dict([busy])


async def closed(folder: Path) -> tuple[list[Example], dict[str, Example]]:
    """What a daemon answers that asks for a key, and what one refuses that cannot reach its venue and is asked too
    often."""
    (folder / "config.toml").touch()
    secret = make()
    line = KeyLine(
        id_of(secret) or "", digest_of(secret), anchor_of(secret), plan="free", scopes=frozenset({"read", "admin"})
    )
    right = {
        "server.port": 0,
        "auth.keys": [str(line)],
        "venues.binance.stream_url": "ws://127.0.0.1:9",
        "venues.binance.rest_url": "http://127.0.0.1:9",
        "venues.binance.symbols": ["BTCUSDT"],
    }
    now = [right, {**right, "delivery.tick_ms": 250}, {**right, "delivery.tick_ms": 0}]
    found: dict[str, Example] = {}
    async with (
        running(folder, right, reread=lambda: load(folder / "config.toml", {}, now[0])) as daemon,
        Caller(daemon) as stranger,
        Caller(daemon, **{"x-api-key": secret}) as caller,
    ):
        found |= await caller.refusal("GET /readyz")
        found |= await stranger.refusal("GET /v1/meta")
        now.pop(0)
        answer = await caller.answer("one key has changed", "POST /admin/reload")
        now.pop(0)
        found |= await caller.refusal("POST /admin/reload")
        while "rate_limited" not in found:
            told = await caller.ask("GET /v1/meta")
            if told["status"] >= 400:
                found[told["body"]["error"]["code"]] = told
    return [answer], found


def main() -> int:
    """Record, and write the file."""
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        told = asyncio.run(record(Path(folder), RATE))
    FILE.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    print(f"{FILE}: {len(told['answers'])} answers, {len(told['failures'])} failures, {len(told['events'])} events")
    return 0


if __name__ == "__main__":
    sys.exit(main())
