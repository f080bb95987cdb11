"""`kill -9` at random moments under load: what a daemon with a journal is worth after it.

A client follows the large orders all the while and resumes by id. After every kill the daemon is started again over
the same journal and timed until it has full windows; then its answers are held against the decimal reference of all
that the exchange has published.

    python -m soak.kills --kills 200 --seed 1          a figure line at the end, and one for each kill with --verbose
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import aiohttp

from orderflow_stream.simulator import DEFAULT_LISTINGS, Listing, Simulator, SyntheticMarket, SyntheticPlayer
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.e2e.process import Command, environment, eventually, started, status
from tests.reference import oracle
from tests.reference.oracle import assert_same
from tests.reference.tapefile import Row
from tests.tapes.listener import Listener

#: Large from here on, in the quote asset: low enough that there are several a second.
LEAST: Final = 2_000
#: Seconds of market before the first start.
PAST: Final = 900.0
PATIENCE: Final = 30.0
#: What the reference does not know, or knows under another name.
_IGNORE: Final = ("note", "coverage", "window", "group", "notional_usd")


@dataclass
class Result:
    """What so many kills came to. `worst` and `median`: seconds from the start of the process to full windows."""

    kills: int = 0
    seconds: list[float] = field(default_factory=list)
    restores: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    corrupt: int = 0
    answers: int = 0
    trades: int = 0
    large: int = 0
    missed: int = 0
    repeated: int = 0
    refused: int = 0

    @property
    def good(self) -> bool:
        return not (self.wrong or self.corrupt or self.missed or self.refused)

    def line(self) -> str:
        """One line of figures."""
        ordered = sorted(self.seconds) or [0.0]
        return (
            f"kills {self.kills}, full windows after {ordered[len(ordered) // 2]:.2f} s (median),"
            f" {ordered[-1]:.2f} s (worst; {max(self.cpu, default=0.0):.2f} s of CPU),"
            f" journal read in {max(self.restores, default=0.0):.2f} s at most; {self.answers} answers,"
            f" {len(self.wrong)} wrong; {self.corrupt} corrupt stores; {self.large} large orders, {self.missed} missed,"
            f" {self.repeated} told twice, {self.refused} resumes refused; {self.trades} trades"
        )


class Kills:
    """One exchange, one journal, one client; daemons come and go."""

    def __init__(self, folder: Path, simulator: Simulator, listings: Sequence[Listing], draw: random.Random) -> None:
        self.folder = folder
        self.simulator = simulator
        self.listings = listings
        self.draw = draw
        self.result = Result()
        self.heard: Counter[tuple[str, int]] = Counter()
        self.told_late: set[tuple[str, int]] = set()
        self.since: dict[str, int] = {}
        self.settings: dict[str, str] = {}
        self._rows: dict[str, list[Row]] = {}

    def environment(self) -> dict[str, str]:
        return environment(
            ORDERFLOW_VENUES__BINANCE__STREAM_URL=self.simulator.stream_url,
            ORDERFLOW_VENUES__BINANCE__REST_URL=self.simulator.rest_url,
            ORDERFLOW_VENUES__BINANCE__SYMBOLS=",".join(one.symbol for one in self.listings),
            ORDERFLOW_ANALYTICS__LARGE__MIN_NOTIONAL=str(LEAST),
            ORDERFLOW_JOURNAL__DIRECTORY=str(self.folder / "journal"),
            **self.settings,
        )

    def source(self, symbol: str) -> list[Row]:
        """All that the exchange has published, ascending; not to be changed."""
        rows = self._rows.setdefault(symbol, [])
        rows += map(reference, self.simulator.published(symbol)[len(rows) :])
        return rows

    async def live(self, session: aiohttp.ClientSession, last: Sequence[Any], *, end: bool) -> list[Any]:
        """One life of a daemon, to its violent end; `last` are the events that the client has."""
        began = time.perf_counter()
        async with started("serve", "--port", "0", cwd=self.folder, env=self.environment()) as daemon:
            url = str(json.loads(await daemon.line('"listening"'))["url"])
            client = Listener(session, url, symbols="*", topics="large", group="order")
            client.events.extend(last)
            await client.connect()
            await status(f"{url}/readyz?strict=1", 200, PATIENCE)
            took = time.perf_counter() - began
            if last:
                self.result.seconds.append(took)
                self.result.cpu.append(cpu_seconds(daemon.process.pid))
            await self.look(session, url)
            if not end:
                await asyncio.sleep(self.draw.uniform(0.0, 1.5))
                daemon.kill(signal.SIGKILL)
                self.result.kills += 1
                await daemon.ended()
            else:
                await self.settle(session, url, client)
                daemon.kill(signal.SIGTERM)
                await daemon.ended()
            with suppress(aiohttp.ClientError):  # it was cut off in the middle of something
                await client.leave()
            self.account(daemon, client.events[len(last) :], resumed=bool(last))
            return client.events[-1:]

    def account(self, daemon: Command, events: Sequence[Any], *, resumed: bool) -> None:
        """What the client heard and the log says."""
        for event in events:
            if event.topic == "hello" and resumed and not event.data["recovered"]:
                self.result.refused += 1
            elif event.topic == "large":
                self.heard[event.data["symbol"], event.data["id"]] += 1
        for line in daemon.err:
            told = json.loads(line) if line.startswith("{") else {"event": line}
            if told["event"] == "journal read":
                self.result.restores.append(float(told["seconds"]))
            elif told["event"] == "journal" or "Traceback" in line:
                self.result.corrupt += 1
                self.result.wrong.append(line[:500])

    async def look(self, session: aiohttp.ClientSession, url: str) -> None:
        """Ask everything, and hold it against the reference."""
        for one in self.listings:
            for query in ({"trades": 5000}, {"trades": 777}, {"window": "1m"}, {"window": "1h"}):
                data = await get(session, f"{url}/v1/flow", symbol=one.symbol, **query)
                coverage = data["coverage"]
                rows = self.source(one.symbol)
                begin, end = (bisect_left(rows, coverage[name], key=_id) for name in ("first_id", "last_id"))
                scanned = rows[begin : end + 1]
                self.hold(
                    one.symbol, query, data, oracle.flow(scanned, trades=10**9, symbol=one.symbol, quote=one.quote)
                )
                if "trades" in query and data["trades_scanned"] != query["trades"]:
                    self.result.wrong.append(f"{one.symbol}: {data['trades_scanned']} trades, asked for {query}")
                if not coverage["complete"]:
                    self.result.wrong.append(f"{one.symbol} {query}: not complete though ready: {coverage}")
            self.since.setdefault(one.symbol, self.source(one.symbol)[-1].id)
            data = await get(session, f"{url}/v1/large", symbol=one.symbol, min_notional=LEAST, group="order")
            coverage = data["coverage"]
            rows = self.source(one.symbol)
            rows = rows[: bisect_right(rows, coverage["last_id"], key=_id)]
            expected = oracle.orders_large(
                rows, trades=5000, limit=100, min_notional=Decimal(LEAST), symbol=one.symbol, quote=one.quote
            )
            self.hold(one.symbol, {"large": LEAST}, data, expected)

    def hold(self, symbol: str, query: object, data: Any, expected: Any) -> None:
        self.result.answers += 1
        try:
            assert_same(data, expected, ignore=_IGNORE)
        except AssertionError as error:
            self.result.wrong.append(f"{symbol} {query}: {error}"[:2000])

    async def settle(self, session: aiohttp.ClientSession, url: str, client: Listener) -> None:
        """Let the client have all that was large until now; what it never got is missed, what came twice counted."""
        expected: set[tuple[str, int]] = set()
        for one in self.listings:
            data = await get(session, f"{url}/v1/flow", symbol=one.symbol, trades=5000)
            rows = self.source(one.symbol)
            rows = rows[: bisect_right(rows, data["coverage"]["last_id"], key=_id)]
            self.result.trades += len(rows)
            orders = oracle.orders(rows)[:-1]  # the last may go on
            expected |= {
                (one.symbol, order.id)
                for order in orders
                if order.notional >= LEAST and order.legs[0].id > self.since[one.symbol]
            }

        def missing() -> set[tuple[str, int]]:
            now = {(event.data["symbol"], event.data["id"]) for event in client.events if event.topic == "large"}
            return expected - now - self.heard.keys()

        with suppress(TimeoutError):
            await eventually(lambda: not missing())
        self.result.large = len(expected)
        self.result.missed = len(missing())
        self.result.wrong += [f"never told: {lost}" for lost in sorted(missing())[:5]]


def reference(row: ArchiveRow) -> Row:
    """A row of the exchange as the reference reads it."""
    told = row.first >= 0
    side = "sell" if row.buyer_is_maker else "buy"
    first, last = (row.first, row.last) if told else (None, None)
    return Row(row.id, Decimal(row.price), Decimal(row.qty), first, last, row.ts, side)  # type: ignore[arg-type]


def _id(row: Row) -> int:
    return row.id


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def get(session: aiohttp.ClientSession, url: str, **query: object) -> Any:
    """The data of a good answer, every number exact."""
    async with session.get(url, params={name: str(value) for name, value in query.items()}) as response:
        body = await response.read()
        assert response.status == 200, body
        return oracle.load_json(body)["data"]


async def run(kills: int, seed: int, *, rate: float = 150.0, past: float = PAST, verbose: bool = False) -> Result:
    """So many kills. `rate`: trades a second of all symbols; `past`: seconds of them before the first start."""
    listings = DEFAULT_LISTINGS[:3]
    place = Path(tempfile.mkdtemp(prefix="orderflow-kills-"))
    market = SyntheticMarket(seed=seed, listings=listings, rate=rate)
    try:
        async with AsyncExitStack() as stack:
            simulator = await stack.enter_async_context(Simulator(SyntheticPlayer(market, past)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            one = Kills(place, simulator, listings, random.Random(seed))
            last: list[Any] = []
            for number in range(kills + 1):
                last = await one.live(session, last, end=number == kills)
                if verbose:
                    print(f"{number + 1}/{kills}: {one.result.line()}", flush=True)
            one.result.repeated = sum(count > 1 for count in one.heard.values())
            return one.result
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="python -m soak.kills", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=150.0, help="trades a second of all symbols")
    parser.add_argument("--past", type=float, default=PAST, help="seconds of market before the first start")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(argv)
    result = asyncio.run(run(given.kills, given.seed, rate=given.rate, past=given.past, verbose=given.verbose))
    for line in result.wrong[:20]:
        print(line)
    print(f"seed {given.seed}: {result.line()}")
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
