"""The pictures of docs/, taken from a real page over the simulator: `python -m tests.page.screenshots [NAME…]`.

They are looked at by whoever takes them; nothing compares them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from playwright.async_api import Browser

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.page.rig import DESK, PHONE, Tab, chromium, serving, tab

DOCS: Final = Path(__file__).parents[2] / "docs"
#: Without the symbol whose letters few machines can draw.
LISTINGS: Final = tuple(one for one in DEFAULT_LISTINGS if one.symbol.isascii())
PAST: Final = 3_900.0
SYMBOL: Final = "BTCUSDT"
#: Seconds that a page shows itself before its picture is taken: the lines of the watchlist come one by one.
CALM: Final = 6.0
SETTLED: Final = (
    "orderflow.chart() && orderflow.store.bars.length > 30 && orderflow.store.large && "
    f"document.querySelectorAll('#rows .row').length === {len(LISTINGS)}"
)

Shoot = Callable[[Browser, str, Simulator], Awaitable[None]]


async def _taken(page: Tab, name: str) -> None:
    target = DOCS / f"{name}.png"
    await page.page.screenshot(path=target, animations="disabled")
    print(
        f"{target.relative_to(DOCS.parent)}: {target.stat().st_size // 1024} kB, {await page.page.title()}", flush=True
    )


async def _calm(page: Tab, view: str) -> None:
    await page.open(view)
    await page.state("live", 60)
    await page.until(SETTLED, 60)
    await asyncio.sleep(CALM)


async def light(browser: Browser, url: str, _: Simulator) -> None:
    async with tab(browser, url, size=DESK, color_scheme="light") as page:
        await _calm(page, f"/{SYMBOL}/1m?tape=p99")
        await _taken(page, "dashboard-light")


async def dark(browser: Browser, url: str, _: Simulator) -> None:
    async with tab(browser, url, size=DESK) as page:
        await _calm(page, f"/{SYMBOL}/1m")
        await page.page.mouse.move(760, 300)
        await page.look("new Promise((done) => setTimeout(done, 300))")
        await _taken(page, "dashboard-dark")


async def phone(browser: Browser, url: str, _: Simulator) -> None:
    async with tab(browser, url, size=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2) as page:
        await _calm(page, f"/{SYMBOL}/1m")
        await _taken(page, "dashboard-phone")


async def gap(browser: Browser, url: str, simulator: Simulator) -> None:
    """Trades are lost on the way for some seconds, and REST does not answer for them yet."""
    async with tab(browser, url, size=DESK) as page:
        await _calm(page, f"/{SYMBOL}/1s")
        simulator.faults.rest("500", symbol=SYMBOL)
        simulator.faults.skip(SYMBOL, 180)
        await page.state("gap", 60)
        await asyncio.sleep(25)
        await _taken(page, "dashboard-gap")
        simulator.faults.clear()
        await page.state("live", 60)


async def stale(browser: Browser, url: str, simulator: Simulator) -> None:
    async with tab(browser, url, size=DESK) as page:
        await _calm(page, f"/{SYMBOL}/1s")
        simulator.faults.refuse()
        simulator.faults.cut()
        await page.state("stale", 60)
        await asyncio.sleep(15)
        await _taken(page, "dashboard-stale")
        simulator.faults.clear()
        await page.state("live", 60)


ALL: Final[dict[str, Shoot]] = {"light": light, "dark": dark, "phone": phone, "gap": gap, "stale": stale}


async def main(names: list[str]) -> None:
    DOCS.mkdir(exist_ok=True)
    market = SyntheticMarket(seed=20, listings=LISTINGS, rate=80, large_every=900)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Simulator(SyntheticPlayer(market, PAST), weight_limit=60_000) as simulator,
            serving(simulator, Path(folder)) as daemon,
            chromium() as browser,
        ):
            for name in names:
                await ALL[name](browser, daemon.url, simulator)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    parser = argparse.ArgumentParser(prog="tests.page.screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ALL], default=[], help="pictures to take (default: all)")
    asyncio.run(main(parser.parse_args().names or list(ALL)))
