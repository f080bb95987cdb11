"""The stand-in as one object: start it, point a client at its URLs, play something, break something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from orderflow_stream.simulator.connection import Connection
from orderflow_stream.simulator.contract_info import contract_of
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.facts import MarketName
from orderflow_stream.simulator.faults import Faults
from orderflow_stream.simulator.hub import Hub
from orderflow_stream.simulator.liquidations import Liquidation, Sampler, Side
from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.market import Forced
from orderflow_stream.simulator.markets import facts_of
from orderflow_stream.simulator.player import Source
from orderflow_stream.simulator.rest import RestCall, RestServer
from orderflow_stream.simulator.rest_faults import RestFaults
from orderflow_stream.simulator.stage import Sleep, Stage
from orderflow_stream.simulator.stream_faults import StreamFaults
from orderflow_stream.simulator.weights import Weights
from orderflow_stream.simulator.ws import StreamLimits, StreamServer
from orderflow_stream.venues.binance_archive import ArchiveRow

#: 1024 stream names of up to 30 characters, percent-encoded.
_MAX_LINE = 64 * 1024


def wall_clock() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


class Simulator:
    """A stand-in of one market of Binance on loopback. `async with Simulator(source) as sim:` or `await start()`,
    `await stop()`.

    `sources` are played from the start (`autoplay=False`: from `play()` on); `listings` are symbols with no source,
    published by hand with `publish`. `clock` is the venue's time in µs and `sleep` how a play waits for it.
    `rest_lag` (s) keeps the trades of REST behind the streams. `weights` is shared by markets that share a
    budget (else one of its own, of `weight_limit`, by default the market's). Of the forced orders of a symbol within
    `liquidation_window` seconds the largest is told (0: all, at once). Raises `OSError` where the port is taken.
    """

    def __init__(
        self,
        *sources: Source,
        listings: Iterable[Listing] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], int] = wall_clock,
        sleep: Sleep = asyncio.sleep,
        autoplay: bool = True,
        weight_limit: int | None = None,
        ban_after: int = 10,
        rest_lag: float = 0.0,
        limits: StreamLimits | None = None,
        fault_seed: int = 0,
        market: MarketName = "spot",
        weights: Weights | None = None,
        liquidation_window: float = 1.0,
    ) -> None:
        self.facts = facts = facts_of(market)
        self.market = facts.name
        self.host = host
        self.port = port
        self.clock = clock
        self.autoplay = autoplay
        self._sleep = sleep
        self.exchange = Exchange(facts.wire)
        self.weights = weights or Weights(facts.weight_limit if weight_limit is None else weight_limit, ban_after)
        stream_faults, rest_faults = StreamFaults(time.monotonic, fault_seed), RestFaults(time.monotonic)
        self.hub = Hub(self.exchange, stream_faults, clock, facts.doors)
        self.faults = Faults(self.hub, rest_faults, time.monotonic, self._spawn, says_goodbye=facts.says_goodbye)
        self.rest = RestServer(self.exchange, self.weights, rest_faults, clock, lag=rest_lag, facts=facts)
        self.streams = StreamServer(self.hub, self.faults, facts, limits or facts.limits, time.monotonic)
        self.liquidations = Sampler(self._tell, self._wait, round(liquidation_window * 1e6))
        self._mixed: list[Simulator] = []
        self._stages = [self._stage(source) for source in sources]
        self._plays: dict[Stage, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        for listing in listings:
            self.exchange.add(listing)

    # --- life

    async def start(self) -> None:
        """Publish the history, listen, and (with `autoplay`) begin to play. `port` is then the real one."""
        if self._runner is not None:
            raise RuntimeError("the simulator is running")
        for stage in self._stages:
            await stage.prepare()
        app = web.Application()
        app.add_routes([*self.rest.routes(), *self.streams.routes(), web.get("/sim", self._get_state),
                        web.post("/sim/faults", self._post_fault)])  # fmt: skip
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0, max_line_size=_MAX_LINE
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except BaseException:
            await self._runner.cleanup()
            self._runner = None
            raise
        self.port = self._runner.addresses[0][1]
        if self.autoplay:
            self.play()

    async def stop(self) -> None:
        """End every play, connection and request; safe to call twice."""
        tasks = [*self._plays.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self._plays = {}
        await self.streams.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def rest_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://{self.host}:{self.port}"

    # --- trades

    def play(self) -> None:
        """Begin to play every source that is not being played yet."""
        for stage in self._stages:
            if stage not in self._plays:
                self._plays[stage] = asyncio.create_task(stage.play())

    async def add(self, source: Source, *, play: bool = True) -> None:
        """List one more source and play it, now or (`play=False`) at the next `play()`."""
        stage = self._stage(source)
        await stage.prepare()
        self._stages.append(stage)
        if play:
            self._plays[stage] = asyncio.create_task(stage.play())

    def publish(self, symbol: str, rows: Iterable[ArchiveRow]) -> None:
        """Publish rows by hand, now."""
        self.hub.publish(symbol, rows)

    def add_history(self, symbol: str, rows: Iterable[ArchiveRow]) -> None:
        """Rows published in the past, each at its own time: REST has them, no stream does."""
        self.exchange.add_history(symbol, rows)

    def published(self, symbol: str) -> list[ArchiveRow]:
        """Every row of a symbol that its tape holds: what REST can tell."""
        return list(self.exchange[symbol].rows())

    def publish_liquidation(
        self,
        symbol: str,
        side: Side,
        price: str,
        qty: str,
        *,
        avg_price: str | None = None,
        filled: str | None = None,
        last: str | None = None,
        status: str = "FILLED",
        ts: int | None = None,
        product: int | None = None,
    ) -> None:
        """A forced order happens now (`ts`: µs); whoever listens hears of it when its window is over, if no larger one
        of the symbol came. `product` (1 USD-M, 2 COIN-M; default this market's) may name a symbol of the other market.
        """
        product = product or self.facts.product
        if product is None:
            raise ValueError(f"market {self.market}: there are no liquidations")
        if side not in ("BUY", "SELL"):
            raise ValueError(f"side must be BUY or SELL, not {side!r}")
        pair = contract_of(self.exchange[symbol].listing).pair if product == self.facts.product else symbol
        filled = qty if filled is None else filled
        self.liquidations.offer(
            Liquidation(symbol, side, price, qty, price if avg_price is None else avg_price,
                        filled if last is None else last, filled, self.clock() if ts is None else ts, status, pair,
                        product)
        )  # fmt: skip

    def mix(self, other: Simulator) -> None:
        """From now on the liquidations of both are told on both, as on the exchange since the markets were joined."""
        self._mixed.append(other)
        other._mixed.append(self)

    def _stage(self, source: Source) -> Stage:
        return Stage(source, self.hub, self.clock, self._sleep, self.facts.batch, self._forced)

    def _forced(self, one: Forced) -> None:
        self.publish_liquidation(one.symbol, "BUY" if one.side > 0 else "SELL", one.price, one.qty,
                                 avg_price=one.avg_price, ts=one.ts)  # fmt: skip

    def _tell(self, one: Liquidation) -> None:
        for simulator in (self, *self._mixed):
            simulator.hub.tell(one)

    def _wait(self, symbol: str, window: int) -> None:
        async def later() -> None:
            await self._sleep(window / 1e6)
            self.liquidations.tell(symbol)

        self._spawn(later())

    async def drained(self) -> None:
        """Every frame published so far is written to every connection that is not paused by a fault."""
        await self.hub.drained()

    async def played(self) -> None:
        """Every source that ends has ended, and every frame is written. Errors of a source are raised here."""
        await asyncio.gather(*(play for stage, play in self._plays.items() if not stage.source.endless))
        await self.drained()

    async def subscribed(self, *symbols: str, connections: int = 1) -> None:
        """Return once at least `connections` connections carry every one of these symbols."""
        await self.hub.until(lambda: all(len(self.hub.subscribers(symbol)) >= connections for symbol in symbols))

    # --- what clients did

    @property
    def connections(self) -> list[Connection]:
        """Every websocket connection ever accepted, by index."""
        return self.hub.connections

    @property
    def open_connections(self) -> Sequence[Connection]:
        return self.hub.open

    @property
    def attempts(self) -> int:
        """Websocket connection attempts, refused ones too."""
        return self.streams.attempts

    @property
    def calls(self) -> Sequence[RestCall]:
        """REST calls, oldest first (the newest 100,000)."""
        return self.rest.calls

    def state(self) -> dict[str, Any]:
        """Everything, for people."""
        now = self.clock()
        return {
            "time": now,
            "market": self.market,
            "rest_url": self.rest_url,
            "stream_url": self.stream_url,
            "symbols": {
                symbol: {"status": tape.listing.at(now), "published": tape.published_total, "oldest_id": tape.oldest_id,
                         "newest_id": tape.newest_id}
                for symbol, tape in self.exchange.tapes.items()
            },
            "connections": [
                {"index": each.index, "open": each.is_open, "path": each.door, "streams": len(each.streams),
                 "queued": each.queued,
                 "frames_in": each.frames_in, "frames_out": each.frames_out, "close_code": each.close_code}
                for each in self.connections[-1000:]
            ],
            "attempts": self.attempts,
            "rest_calls": self.rest.calls_total,
            "used_weight": self.weights.used_at(now),
            "faults": self.faults.state(),
        }  # fmt: skip

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _get_state(self, request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(self.state()), content_type="application/json")

    async def _post_fault(self, request: web.Request) -> web.Response:
        try:
            self.faults.command(orjson.loads(await request.read()))
        except (ValueError, TypeError) as error:  # JSON errors are ValueErrors
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"faults": self.faults.state()})
