"""The dashboard over a daemon with several venues."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.markets import exchange, over, symbols_of
from tests.page.rig import tab

pytestmark = pytest.mark.asyncio(loop_scope="session")

USDM = "binance-usdm"


async def test_a_page_is_of_one_venue_and_knows_the_way_to_the_others(browser: Browser, tmp_path: Path) -> None:
    async with exchange("binance", USDM) as markets:
        daemon = over(markets, tmp_path)
        running = asyncio.create_task(daemon.run())
        try:
            await asyncio.wait_for(daemon.ready.wait(), 20)
            async with tab(browser, daemon.url) as page:
                await page.open()
                await page.until("orderflow.store.flow && document.querySelectorAll('#venues a').length === 2")
                assert await page.text("#venues") == f"binance {USDM}"
                assert await page.text("#venues [aria-current]") == "binance"
                assert await page.text("#venue-name") == "binance · spot"
                await page.until("document.querySelector('#tape-title').title.startsWith('taker orders of at least')")
                async with page.page.expect_navigation():
                    await page.page.click(f"#venues a:has-text('{USDM}')")
                await page.until(f"orderflow.store.flow?.venue === '{USDM}'")
                assert await page.look("[...orderflow.store.rows.keys()]") == sorted(symbols_of(USDM))
                assert await page.look(f"[...orderflow.store.rows.values()].every((row) => row.venue === '{USDM}')")
                assert await page.text("#venues [aria-current]") == USDM
                await page.until("document.querySelector('#tape-title').title.includes('of one side within 100 ms')")
                assert f"venue={USDM}" in (await page.page.get_attribute("#bars-json", "href") or "")
        finally:
            daemon.stop()
            await asyncio.wait_for(running, 20)
