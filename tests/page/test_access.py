"""axe-core over the page, in both themes, on a desk and on a phone, and over what opens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser

from tests.page.conftest import House
from tests.page.rig import DESK, PHONE, Tab, tab
from tests.page.test_controls import READY

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE: Final = Path(sys.prefix) / "js" / "node_modules" / "axe-core" / "axe.min.js"


async def findings(page: Tab) -> list[str]:
    """What axe holds to be wrong, moderate faults too."""
    if not await page.look("Boolean(window.axe)"):
        await page.look(AXE.read_text() + "; 0")
    result: dict[str, Any] = await page.look(
        "axe.run(document, { resultTypes: ['violations'], "
        "runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
    )
    return [
        f"{one['impact']} {one['id']}: {node['target']} {node['failureSummary']}"
        for one in result["violations"]
        for node in one["nodes"]
        if one["impact"] != "minor"
    ]


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_on_a_desk(browser: Browser, house: House, scheme: str) -> None:
    async with tab(browser, house.url, size=DESK, color_scheme=scheme) as page:
        await page.open("/ADAUSDT/1m")
        await page.until(READY)
        assert await findings(page) == []
        for palette in ("classic", "reversed"):
            await page.look(f"orderflow.settings.set({{ palette: '{palette}' }})")
            await page.until(f"document.documentElement.dataset.palette === '{palette}'")
            assert await findings(page) == []
        for name in ("help", "view", "about"):
            await page.page.click(f"#{name}")
            assert await findings(page) == []
            await page.page.keyboard.press("Escape")
        await page.page.keyboard.press("g")
        assert await findings(page) == []


async def test_on_a_phone_with_old_numbers(browser: Browser, house: House) -> None:
    async with tab(browser, house.url, size=PHONE, has_touch=True) as page:
        await page.open("/ADAUSDT/1m")
        await page.until(READY)
        assert await findings(page) == []
        await page.page.click("#table")
        assert await findings(page) == []


async def test_what_is_spoken(browser: Browser, house: House) -> None:
    async with tab(browser, house.url, reduced_motion="reduce") as page:
        await page.open("/BTCUSDT/1s")
        await page.until(READY)
        assert await page.page.get_attribute("#state", "role") == "status"
        assert await page.page.get_attribute("#state .number", "aria-hidden") == "true"  # or it would speak each second
        assert (
            await page.look("document.querySelector('#tape').closest('[aria-live], [role=status], [role=log]')") is None
        )
        assert await page.text("#summary") == ""
        await page.page.click("#view")
        await page.page.check("#v-summary")
        await page.until(
            "/^BTCUSDT [\\d.]+; last 1m: buyers \\d+ percent/.test(document.querySelector('#summary').textContent)"
        )
        # nothing moves for who does not want it
        await page.until("document.querySelector('#tape li')")
        assert await page.look("getComputedStyle(document.querySelector('#tape li')).animationName") == "none"
