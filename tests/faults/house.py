"""The daemon as a process of its own, over a simulator in this loop, with a chaos proxy on each of its ways there."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from orderflow_stream.simulator import Simulator
from orderflow_stream.venues.catalogue import spec
from tests.e2e.process import Command, environment, started
from tests.faults.judge import Verdict, exact, judge_flow, judge_tape, sources
from tests.faults.market import listing
from tests.faults.parted import Parted
from tests.faults.proxy import Proxy

PATIENCE: Final = 20.0
#: States in which what is held is all there is to be had.
SETTLED: Final = {"live", "quiet", "partial"}


class House:
    """`sim` is the exchange; `streams` and `rest` the proxies on the daemon's ways to it, `daemon` its process."""

    daemon: Command
    url: str

    def __init__(self, sim: Simulator, folder: Path, venue: str = "binance", aside: Simulator | None = None) -> None:
        """`aside`: who tells of the liquidations; connections for them are none of `streams`."""
        self.sim = sim
        self.aside = aside
        self.venue = venue
        self.folder = folder
        target = (sim.host, sim.port)
        self.streams = Proxy(target) if aside is None else Parted(target, (aside.host, aside.port))
        self.rest = Proxy((sim.host, sim.port), seed=1)
        self.session = aiohttp.ClientSession()
        self.keys: dict[str, str] = {}
        self.arguments: tuple[str, ...] = ()
        self.daemons: list[Command] = []  # every one there was

    # -- the daemon ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self, *, listening: bool = True) -> AsyncIterator[Command]:
        """A daemon for as long as the block lasts."""
        async with started("serve", *self.arguments, cwd=self.folder, env=environment(**self.keys)) as daemon:
            self.daemon = daemon
            self.daemons.append(daemon)
            if listening:
                self.url = str(json.loads(await daemon.line('"listening"'))["url"])
            yield daemon

    @property
    def log(self) -> list[dict[str, Any]]:
        """Every line that was logged so far, decoded; what is no JSON comes as {"event": line}."""
        lines = []
        for line in (line for daemon in self.daemons for line in daemon.err):
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"event": line, "level": "raw"})
        return lines

    def said(self, pattern: str) -> list[dict[str, Any]]:
        """Log lines that hold `pattern` (a regular expression)."""
        return [line for line in self.log if re.search(pattern, json.dumps(line, ensure_ascii=False))]

    def assert_quiet_log(self) -> None:
        """Nothing in the log is a traceback or a line that nobody wrote for a person."""
        bad = [line for line in self.log if line.get("level") in {"raw", "critical"} or "exception" in line]
        assert not bad, bad[:3]

    async def kill(self) -> None:
        """kill -9."""
        self.daemon.kill(signal.SIGKILL)
        await self.daemon.ended()

    # -- what it answers ----------------------------------------------------------------------------------------------

    async def raw(self, path: str, **query: object) -> tuple[int, bytes]:
        asked = {name: str(value) for name, value in query.items()}
        if self.venue != "binance" and path.startswith("/v1/"):
            asked.setdefault("venue", self.venue)
        try:
            async with self.session.get(self.url + path, params=asked) as response:
                return response.status, await response.read()
        except aiohttp.ClientError as error:
            error.add_note("\n".join(self.daemon.err[-30:]))
            raise

    async def get(self, path: str, **query: object) -> Any:
        """`data` of an answer that must be 200, decimals as strings."""
        status, body = await self.raw(path, **query)
        assert status == 200, (path, query, status, body[:300])
        return exact(body)["data"]

    async def flow(self, symbol: str, **query: object) -> dict[str, Any]:
        """`/v1/flow`, exact; the last 1,000 trades unless told otherwise."""
        if "window" not in query:
            query.setdefault("trades", 1000)
        answer: dict[str, Any] = await self.get("/v1/flow", symbol=symbol, numbers="string", **query)
        return answer

    async def coverage(self, symbol: str, **query: object) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.flow(symbol, **query))["coverage"]
        return answer

    async def states(self, *symbols: str) -> dict[str, str]:
        """State by symbol."""
        return {symbol: (await self.coverage(symbol, trades=100))["state"] for symbol in symbols}

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        status, body = await self.raw("/metrics")
        assert status == 200
        return sum(
            sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def until(
        self, holds: Callable[[], Awaitable[object]], what: str, patience: float = PATIENCE, pause: float = 0.02
    ) -> float:
        """Seconds until `holds()`; AssertionError says `what` did not come true, with the last lines of the log."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await holds():
            if loop.time() - began > patience:
                raise AssertionError(
                    f"never came true within {patience} s: {what}\n" + "\n".join(self.daemon.err[-12:])
                )
            await asyncio.sleep(pause)
        return loop.time() - began

    @asynccontextmanager
    async def redialled(self, patience: float = PATIENCE, before: int | None = None) -> AsyncIterator[None]:
        """The block breaks what carries the streams; wait until it was noticed and every symbol is carried again.
        `before`: attempts to connect up to then."""
        before = self.sim.attempts if before is None else before
        yield
        async with asyncio.timeout(patience):
            await self.sim.hub.until(lambda: self.sim.attempts > before)
            await self.sim.subscribed(*self.sim.exchange.tapes)

    async def until_state(self, symbol: str, *states: str, patience: float = PATIENCE, trades: int = 100) -> float:
        """Seconds until an answer over so many trades of the symbol has one of these states."""

        async def holds() -> bool:
            return (await self.coverage(symbol, trades=trades))["state"] in states

        return await self.until(holds, f"{symbol} {' or '.join(states)}", patience)

    async def until_whole(self, *symbols: str, patience: float = PATIENCE) -> float:
        """Seconds until all that was published of these symbols (all) before this call is held, or proven lost."""
        names = symbols or tuple(self.sim.exchange.tapes)
        newest = {name: self.sim.exchange[name].newest_id or 0 for name in names}
        last: dict[str, Any] = {}

        async def holds() -> bool:
            for name in list(newest):
                c = last["coverage"] = await self.coverage(name, trades=5000)
                if c["last_id"] is None or c["last_id"] < newest[name] or c["state"] not in SETTLED:
                    return False
                if any(self._published(name, first, until) for first, until in c["missing"]):
                    return False
                del newest[name]
            return True

        return await self.until(holds, f"{names} whole; left {newest}, {last}", patience, pause=0.05)

    def _published(self, symbol: str, first: int, last: int) -> bool:
        """Whether the venue has any of these ids."""
        tape = self.sim.exchange[symbol]
        return any(tape.row(at).id <= last for at in tape.from_id(first, 1, len(tape)))

    async def tape(self, symbol: str, first: int) -> list[dict[str, Any]]:
        """Every trade held from id `first` on."""
        rows: list[dict[str, Any]] = []
        while True:
            page = await self.get("/v1/trades", symbol=symbol, from_id=first, limit=5000, numbers="string")
            rows += page["trades"]
            if len(page["trades"]) < 5000:
                return rows
            first = page["next_from_id"]

    async def assert_whole(self, *symbols: str, patience: float = PATIENCE) -> None:
        """After all is repaired: the tape is the source, id by id; answers over 100, 1,000 trades and 1 m are exact."""
        await self.until_whole(*symbols, patience=patience)
        names = symbols or tuple(self.sim.exchange.tapes)
        answers = []
        for name in names:
            while True:  # a hole may open at any time; it is no loss while it is declared
                page = await self.get("/v1/trades", symbol=name, from_id=0, limit=5000, numbers="string")
                held = page["trades"] + (await self.tape(name, page["next_from_id"]) if page["count"] == 5000 else [])
                if not any(self._published(name, *hole) for hole in page["missing"]):
                    break
                await self.until_whole(name, patience=patience)
            flows = [await self.flow(name, **query) for query in ({"trades": 100}, {"trades": 1000}, {"window": "1m"})]
            answers.append((name, held, flows))
        truth = sources(self.sim)
        verdict = Verdict()
        for name, held, flows in answers:
            judge_tape(truth[name], held, held[0]["id"], verdict, last=held[-1]["id"])
            for flow in flows:
                judge_flow(truth[name], flow, verdict)
        assert not verdict.problems, verdict.problems[:10]


@asynccontextmanager
async def house(
    folder: Path,
    *played: Any,
    symbols: Sequence[str] | str = "*",
    serve: bool = True,
    sim: dict[str, Any] | None = None,
    venue: str = "binance",
    **keys: object,
) -> AsyncIterator[House]:
    """A house with the exchange playing `played`; `keys` are configuration, tables joined by `__`. The daemon is up and
    every symbol warm unless `serve` is False. Of another `venue` than spot the exchange is that one, and the spot
    exchange, which is always on, has nothing to tell; liquidations come from `aside`, which no fault is made on."""
    market = spec(venue).market
    async with (
        Simulator(*played, **{"weight_limit": 60_000, "market": market, **(sim or {})}) as exchange,
        _bystander(venue) as others,
        _aside(venue) as aside,
    ):
        if aside is not None:
            exchange.mix(aside)
        home = House(exchange, folder, venue, aside)
        async with home.streams, home.rest:
            table = f"venues__{venue.replace('-', '_')}"
            wanted = {
                "server__port": 0,
                **others,
                f"{table}__symbols": symbols if isinstance(symbols, str) else ",".join(symbols),
                f"{table}__stream_url": f"ws://127.0.0.1:{home.streams.port}",
                f"{table}__rest_url": f"http://127.0.0.1:{home.rest.port}",
                "delivery__max_clients_per_ip": 1000,
                **keys,
            }
            home.keys = {f"ORDERFLOW_{name.upper()}": str(value) for name, value in wanted.items()}
            try:
                if not serve:
                    yield home
                else:
                    async with home.serving():
                        await home.until(lambda: _ready(home), "ready")
                        yield home
            finally:
                await home.session.close()


@asynccontextmanager
async def _bystander(venue: str) -> AsyncIterator[dict[str, object]]:
    """The keys of a spot exchange that is there and silent, where the house is of another venue."""
    if venue == "binance":
        yield {}
        return
    async with Simulator(listings=[listing("BTCUSDT")]) as spot:
        yield {
            "venues__binance__symbols": "",
            "venues__binance__stream_url": spot.stream_url,
            "venues__binance__rest_url": spot.rest_url,
        }


@asynccontextmanager
async def _aside(venue: str) -> AsyncIterator[Simulator | None]:
    """Who tells of the liquidations of the venue, where there are any."""
    if not spec(venue).liquidations:
        yield None
        return
    async with Simulator(market=spec(venue).market) as simulator:
        yield simulator


async def _ready(home: House) -> bool:
    with suppress(aiohttp.ClientError):
        status, _ = await home.raw("/readyz", strict=1)
        return status == 200
    return False
