"""The dashboard over a daemon with several venues, in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.delivery.http.browser import browser
from tests.e2e.markets import exchange, over, symbols_of

USDM = "binance-usdm"


async def test_a_page_is_of_one_venue_and_knows_the_way_to_the_others(tmp_path: Path) -> None:
    async with exchange("binance", USDM) as markets:
        daemon = over(markets, tmp_path)
        running = asyncio.create_task(daemon.run())
        try:
            await asyncio.wait_for(daemon.ready.wait(), 20)
            async with browser(tmp_path / "profile") as page:
                await page.call("Page.enable")
                await page.call("Page.navigate", url=f"{daemon.url}/")
                await page.until("typeof byId === 'function' && byId('venues').children.length === 2 && lastId")
                assert await page.value("byId('venues').innerText.split(/\\s+/).join(' ')") == f"binance {USDM}"
                assert await page.value("document.querySelector('#venues [aria-current]').textContent") == "binance"
                assert "taker order" in await page.value("byId('orders').textContent")
                there = await page.value("byId('venues').lastElementChild.href")
                await page.call("Page.navigate", url=there)
                await page.until(f"typeof byId === 'function' && venue === '{USDM}' && lastId")
                await page.until(f"symbols.size === {len(symbols_of(USDM))}")
                await page.until("[...symbols.values()].every((each) => each.data && each.data.venue === venue)")
                assert await page.value("document.querySelector('#venues [aria-current]').textContent") == USDM
                assert "within 100 ms" in await page.value("byId('orders').textContent")
                await page.call("Page.navigate", url=f"{daemon.url}/?venue=nowhere")
                await page.until("typeof byId === 'function' && byId('detail').textContent.includes('nowhere')")
                assert await page.value("byId('state').textContent") == "down"
        finally:
            daemon.stop()
            await asyncio.wait_for(running, 20)
