"""The dashboard from end to end: `python -m bench.page [--seconds 60] [--symbols 20] [--rate 10]`.

A simulator and Chromium here, the daemon a process of its own. Every symbol trades `rate` times a second; of the one
that is shown each trade has a price above the one before, so that what is seen tells which trades have been drawn:
*latency* is from the moment a trade leaves the exchange to the first frame that shows it or a later one. *CPU* is what
the renderer (the page: script, layout, and painting where there is no GPU) and all of Chromium used, as shares of one
core. *Heap* is what is left of the page's objects after a collection, at the beginning and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession
from rich.console import Console
from rich.table import Table

from orderflow_stream.simulator import Listing, Simulator, many_listings
from orderflow_stream.simulator.player import Batch
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.e2e.process import environment, started, status
from tests.page.rig import DESK, Tab, chromium, tab

#: Prices rise by this with each trade of the symbol that is shown.
_TICK = 0.01
_HISTORY = 600
#: Notes in the page the moment after the frame in which another price was drawn.
_EYE = """
window.seen = [];
{
  const node = document.querySelector("#price-text");
  const channel = new MessageChannel();
  let waiting = [];
  channel.port1.onmessage = () => {
    for (const price of waiting) seen.push([price, performance.timeOrigin + performance.now()]);
    waiting = [];
  };
  new MutationObserver(() => {
    waiting.push(Number(document.querySelector("#price").dataset.exact || node.textContent.replace(/,/g, "")));
    channel.port2.postMessage(0);
  }).observe(document.querySelector("#price"), { childList: true, subtree: true, attributes: true });
}
"""


class Rising:
    """`listings` that trade `rate` times a second each, at random moments; the price of the first rises trade by
    trade. `sent` are its prices and the moments (s) they were published at."""

    endless = True
    max_rows: int | None = None

    def __init__(self, listings: Sequence[Listing], rate: float) -> None:
        self.listings = listings
        self.rate = rate
        self.sent: list[tuple[float, float]] = []
        self._draw = random.Random(5)
        self._ids = {one.symbol: 1000 for one in listings}
        self._start = 0

    def load(self) -> None:
        """Nothing: it is drawn as it is played."""

    def _row(self, symbol: str, ts: int) -> ArchiveRow:
        self._ids[symbol] += 1
        number = self._ids[symbol]
        price = f"{100 + number * _TICK:.8f}"
        qty = f"{self._draw.uniform(0.1, 4.0):.5f}000"
        return ArchiveRow(number, price, qty, number * 2, number * 2, ts, "us", self._draw.random() < 0.5)

    def history(self, now: int) -> Iterator[tuple[str, Sequence[ArchiveRow]]]:
        self._start = now
        for one in self.listings:
            yield one.symbol, [self._row(one.symbol, now - (_HISTORY - at) * 1_000_000) for at in range(_HISTORY)]

    def live(self) -> Iterator[Batch]:
        due = self._start
        shown = self.listings[0].symbol
        while True:
            due += int(self._draw.expovariate(self.rate * len(self.listings)) * 1e6)
            symbol = self._draw.choice(self.listings).symbol
            rows = _Later(self, symbol, due, note=symbol == shown)
            yield Batch(due, symbol, rows)


class _Later(Sequence[ArchiveRow]):
    """A row that is made when it is published, and noted."""

    def __init__(self, market: Rising, symbol: str, due: int, *, note: bool) -> None:
        self._of = (market, symbol, due, note)
        self._row: ArchiveRow | None = None

    def _made(self) -> ArchiveRow:
        if self._row is None:
            market, symbol, due, note = self._of
            self._row = market._row(symbol, due)
            if note:
                market.sent.append((float(self._row.price), time.time()))
        return self._row

    def __len__(self) -> int:
        return 1

    def __getitem__(self, at: Any) -> Any:
        return [self._made()][at]


async def _processes(session: CDPSession) -> dict[str, float]:
    """CPU seconds by kind of process."""
    told = await session.send("SystemInfo.getProcessInfo")
    spent: dict[str, float] = {}
    for one in told["processInfo"]:
        spent[one["type"]] = spent.get(one["type"], 0.0) + one["cpuTime"]
    return spent


async def _main_thread(session: CDPSession) -> dict[str, float]:
    told = await session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in told["metrics"]}


async def _heap(session: CDPSession) -> float:
    """Kilobytes of objects after a collection."""
    await session.send("HeapProfiler.collectGarbage")
    return (await _main_thread(session))["JSHeapUsedSize"] / 1024


def _latencies(sent: Sequence[tuple[float, float]], seen: Sequence[tuple[float, float]]) -> list[float]:
    """Milliseconds of each trade until it, or a later one, was on the screen."""
    prices = [price for price, _ in seen]  # they rise
    out = []
    for price, at in sent:
        place = bisect_left(prices, price - _TICK / 2)
        if place < len(seen):
            out.append(seen[place][1] - at * 1000)
    return out


async def measure(browser: Browser, url: str, market: Rising, seconds: float) -> dict[str, Any]:
    whole = await browser.new_browser_cdp_session()
    async with tab(browser, url, size=DESK) as page:
        return await _measure(page, whole, market, seconds)


async def _measure(page: Tab, whole: CDPSession, market: Rising, seconds: float) -> dict[str, Any]:
    session = await page.page.context.new_cdp_session(page.page)
    await session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    await session.send("Performance.enable")
    await page.open(f"/{market.listings[0].symbol}/1s")
    await page.state("live")
    await page.until("orderflow.chart() && orderflow.store.bars.length > 10 && orderflow.store.large")
    await asyncio.sleep(10)  # sparklines, code that is compiled once
    await page.look(_EYE)
    heap = await _heap(session)
    before, thread = await _processes(whole), await _main_thread(session)
    drawn = await page.look("[orderflow.painter.draws, orderflow.chart().stats().flushes]")
    market.sent.clear()
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    after, thread_after = await _processes(whole), await _main_thread(session)
    redrawn = await page.look("[orderflow.painter.draws, orderflow.chart().stats().flushes]")
    seen = [(price, at) for price, at in await page.look("seen")]
    last = time.time() - 0.5
    found = sorted(_latencies([one for one in market.sent if one[1] < last], seen))
    left = await _heap(session)
    await asyncio.sleep(0)
    return {
        "seconds": round(took, 1),
        "trades": len(found),
        "latency_p50_ms": round(statistics.median(found), 1),
        "latency_p99_ms": round(found[int(len(found) * 0.99)], 1),
        "latency_max_ms": round(found[-1], 1),
        "page_draws_per_s": round((redrawn[0] - drawn[0]) / took, 1),
        "chart_draws_per_s": round((redrawn[1] - drawn[1]) / took, 1),
        "main_thread_share": round((thread_after["TaskDuration"] - thread["TaskDuration"]) / took, 4),
        "renderer_share": round((after["renderer"] - before["renderer"]) / took, 4),
        "chromium_share": round((sum(after.values()) - sum(before.values())) / took, 4),
        "heap_kb": round(heap),
        "heap_grown_kb": round(left - heap),
        "nodes": int(thread_after["Nodes"]),
        "nodes_grown": int(thread_after["Nodes"] - thread["Nodes"]),
        "listeners_grown": int(thread_after["JSEventListeners"] - thread["JSEventListeners"]),
    }


async def run(seconds: float, symbols: int, rate: float) -> dict[str, Any]:
    market = Rising(many_listings(symbols), rate)
    with tempfile.TemporaryDirectory() as folder:
        async with Simulator(market, weight_limit=60_000) as simulator:
            env = environment(
                ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
                ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
                ORDERFLOW_VENUES__BINANCE__SYMBOLS=",".join(simulator.exchange.tapes),
                ORDERFLOW_SERVER__PORT="0",
            )
            async with started("serve", cwd=Path(folder), env=env) as daemon:
                url = str(json.loads(await daemon.line('"listening"'))["url"])
                await status(f"{url}/readyz", 200, 30)
                async with chromium() as browser:
                    return await measure(browser, url, market, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long is measured (default 60)")
    parser.add_argument("--symbols", type=int, default=20, help="symbols that trade (default 20)")
    parser.add_argument("--rate", type=float, default=10.0, help="trades a second of each (default 10)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args()
    figures = asyncio.run(run(given.seconds, given.symbols, given.rate))
    if given.json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value", title=f"dashboard, {given.symbols} symbols, {given.rate:g} trades/s each")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
