"""The dashboard in a real browser, over a real daemon, over the simulator: all in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import structs
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from orderflow_stream.app import Daemon
from orderflow_stream.simulator import Simulator
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.e2e.inside import build
from tests.faults.market import Steady
from tests.tools import needs

PATIENCE: Final = 20.0
ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--mute-audio"),
)
DESK: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
#: What a page may say to the console without being wrong: an answer that was none.
_ANSWER: Final = "Failed to load resource"

#: Orders a second; 0: nothing has traded for two minutes.
RATES: Final = {"BTCUSDT": 20.0, "ETHUSDT": 6.0, "SOLUSDT": 4.0, "ADAUSDT": 0.0, "XRPUSDT": 4.0, "DOGEUSDT": 8.0}
QUIET, SLOW, HOLED = "ADAUSDT", "XRPUSDT", "DOGEUSDT"
_SILENT: Final = 120_000_000


class Market(Steady):
    """Symbols of a steady pulse, and some that have been silent for two minutes."""

    def history(self, now: int) -> Iterator[tuple[str, Sequence[ArchiveRow]]]:
        for symbol, rows in super().history(now):
            past = 0 if self.rates[symbol] else _SILENT
            yield symbol, [structs.replace(row, ts=row.ts - past) for row in rows]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=needs("chromium"), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def serving(simulator: Simulator, folder: Path, **over: object) -> AsyncIterator[Daemon]:
    """A daemon that listens. Keywords are keys of the configuration, tables joined by `__`."""
    keys: dict[str, object] = {
        "server.port": 0,
        "venues.binance.stream_url": simulator.stream_url,
        "venues.binance.rest_url": simulator.rest_url,
        "venues.binance.symbols": list(simulator.exchange.tapes),
    }
    keys |= {name.replace("__", "."): value for name, value in over.items()}
    daemon = build(keys, folder / "empty.toml")
    task = asyncio.create_task(daemon.run())
    ready = asyncio.create_task(daemon.ready.wait())
    done, _ = await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    ready.cancel()
    if task in done:
        task.result()
    try:
        yield daemon
    finally:
        daemon.stop()
        await asyncio.wait_for(task, PATIENCE)


class Tab:
    """One page, and all that went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.said: list[str] = []
        self.broken: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda told: self.said.append(f"{told.type}: {told.text}"))
        page.on("pageerror", lambda error: self.broken.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    async def open(self, view: str = "", query: str = "") -> None:
        await self.page.goto(f"{self.url}/{query}#{view}" if view else f"{self.url}/{query}")

    async def look(self, script: str) -> Any:
        return await self.page.evaluate(script)

    async def until(self, script: str, patience: float = PATIENCE) -> None:
        """Wait in the page until it is true; else say what it is instead."""
        # The page's policy forbids what Playwright's own waiting does in it.
        told = await self.look(
            f"new Promise((done) => {{ const until = Date.now() + {patience * 1000}; const holds = () => {{ "
            f"try {{ return {script}; }} catch {{ return false; }} }}; const look = () => {{ "  # not there yet
            "if (holds()) done('yes'); else if (Date.now() > until) done(document.body.innerText); "
            "else setTimeout(look, 30); }; look(); })"
        )
        assert told == "yes", f"never: {script}\n{self.broken}\n{self.said[-5:]}\n{' '.join(told.split())}"

    async def state(self, name: str, patience: float = PATIENCE) -> None:
        """Until the pill says so."""
        await self.until(f"document.querySelector('#state').dataset.state === '{name}'", patience)

    async def text(self, selector: str) -> str:
        return " ".join((await self.page.inner_text(selector)).split())

    async def exact(self, selector: str) -> str:
        """The decimal that a node stands for, digit by digit."""
        return await self.page.get_attribute(selector, "data-exact") or ""

    async def policy(self) -> list[str]:
        """Violations of the content security policy."""
        found: list[str] = await self.look("window.violations || []")
        return found

    def clean(self, *, refused: bool = False) -> None:
        """Nothing was wrong. `refused`: a failed answer, which the browser tells by itself, was part of the test."""
        wrong = [line for line in self.said if line.startswith(("error", "warning"))]
        if refused:
            wrong = [line for line in wrong if _ANSWER not in line and "net::ERR" not in line]
        assert wrong == []
        assert self.broken == []
        own = urlsplit(self.url).netloc
        assert {urlsplit(url).netloc for url in self.asked if not url.startswith("data:")} <= {own}


_WATCH: Final = (
    "window.violations = []; addEventListener('securitypolicyviolation', (e) => "
    "violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile))"
)


@asynccontextmanager
async def tab(
    browser: Browser, url: str, *, size: Mapping[str, int] = DESK, refused: bool = False, **options: Any
) -> AsyncIterator[Tab]:
    """A page of a profile of its own; it must have been without fault in the end."""
    options = {"viewport": dict(size), "color_scheme": "dark", **options}
    context: BrowserContext = await browser.new_context(**options)
    try:
        await context.add_init_script(_WATCH)
        made = Tab(await context.new_page(), url)
        yield made
        assert await made.policy() == []
        made.clean(refused=refused)
    finally:
        await context.close()
