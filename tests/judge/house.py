"""The daemon's process over exchanges of our own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

from tests.e2e.process import Command, environment, started
from tests.judge.exchange import Exchange, Weights, stream_of
from tests.judge.judge import Judge
from tests.judge.markets import Tape
from tests.judge.oracle import Contract

PATIENCE: Final = 40.0


class House:
    """`exchanges` by venue; `judge` once a daemon serves."""

    judge: Judge
    daemon: Command

    def __init__(self, exchanges: Mapping[str, Exchange], folder: Path, keys: Mapping[str, str]) -> None:
        self.exchanges = exchanges
        self.folder = folder
        self.session = aiohttp.ClientSession()
        self.doubt: object = None
        #: Of instruments whose ids began anew.
        self.generations: dict[Contract, int] = {}
        self.keys: dict[str, str] = dict(keys)
        for venue, exchange in exchanges.items():
            table = f"ORDERFLOW_VENUES__{venue.upper().replace('-', '_')}__"
            self.keys |= {
                table + "STREAM_URL": exchange.streams,
                table + "REST_URL": exchange.rest,
                table + "SYMBOLS": ",".join(exchange.listed),
            }

    @asynccontextmanager
    async def serving(self, early: Callable[[Judge], Awaitable[None]] | None = None) -> AsyncIterator[Judge]:
        """A daemon for as long as the block lasts, whole at its beginning; what is asked `early` is asked before."""
        arguments = ("serve", "--port", "0", "--config", str(self.folder / "none.toml"))
        (self.folder / "none.toml").touch()
        async with started(*arguments, cwd=self.folder, env=environment(**self.keys)) as daemon:
            self.daemon = daemon
            url = str(json.loads(await daemon.line('"listening"'))["url"])
            self.judge = Judge(self.session, url, list(self.exchanges.values()))
            self.judge.generations = self.generations
            try:
                if early is not None:
                    await early(self.judge)
                await self.whole()
                yield self.judge
            except BaseException as error:
                error.add_note("\n".join(daemon.err[-30:]))
                raise

    async def whole(self) -> None:
        """Until every instrument has all that was published, warm and without a hole."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    if await self._whole():
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            async with self.session.get(self.judge.url + "/readyz?strict=1") as response:
                told = await response.text()
            raise AssertionError(f"never whole: {self.doubt} {told}") from None

    async def _whole(self) -> bool:
        async with self.session.get(self.judge.url + "/readyz?strict=1") as response:
            if response.status != 200:
                return False
        for (venue, symbol), listed in self.judge.listed.items():
            data = await self.judge.get("/v1/trades", symbol=symbol, venue=venue, limit=1)
            if data["last_id"] != listed.rows[-1].id or data["state"] not in {"live", "quiet"}:
                self.doubt = data["symbol"], data["last_id"], listed.rows[-1].id, data["state"]
                return False
            flow = await self.judge.get("/v1/flow", symbol=symbol, venue=venue, window="1h")
            if flow["coverage"]["missing_total"]:
                self.doubt = venue, symbol, flow["coverage"]
                return False
        return True

    async def carried(self) -> None:
        """Until every symbol is streamed."""
        for exchange in self.exchanges.values():
            await exchange.carries(*(stream_of(symbol) for symbol in exchange.listed))


@asynccontextmanager
async def house(tapes: Sequence[Tape], folder: Path, **keys: str) -> AsyncIterator[House]:
    """Exchanges that list these tapes' symbols (nothing is published yet); futures share one budget of weight."""
    by_venue: dict[str, list[Tape]] = {}
    for tape in tapes:
        by_venue.setdefault(tape.contract.venue, []).append(tape)
    futures = Weights(2_400)
    async with AsyncExitStack() as stack:
        exchanges = {}
        for venue, some in by_venue.items():
            weights = futures if some[0].contract.market != "spot" else Weights(6_000)
            exchange = Exchange([tape.contract for tape in some], weights)
            for tape in some:
                exchange.listed[tape.contract.symbol].nq.update(tape.nq)
            await exchange.start()
            stack.push_async_callback(exchange.stop)
            exchanges[venue] = exchange
        found = House(exchanges, folder, keys)
        stack.push_async_callback(found.session.close)
        yield found
