"""`/docs` in a real browser: all operations, one tried out, nothing asked of anybody else, nothing that the policy
forbids."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, async_playwright

from orderflow_stream.delivery.http.guard import PAGE_CSP
from tests.delivery.http.world import Daemon
from tests.tools import needs

SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
#: Told to the page itself, before anything of it runs.
WATCH = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));"""
FLOW, STREAM = "#operations-data-v1_flow", "#operations-live-v1_stream"


class Seen:
    """What the browser said and asked for."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=needs("chromium"), args=SWITCHES)
        page = await browser.new_page(viewport={"width": 1000, "height": 800})
        await page.add_init_script(WATCH)
        yield page
        await browser.close()


async def test_the_page_of_the_document(daemon: Daemon, page: Page) -> None:
    seen = Seen(page)
    response = await page.goto(f"{daemon.url}/docs")
    assert response is not None
    assert response.headers["content-security-policy"] == PAGE_CSP
    await page.wait_for_selector(".opblock")
    api = (await daemon.get("/openapi.json"))[1]
    shown = await page.eval_on_selector_all(".opblock-summary-path", "all => all.map(one => one.dataset.path)")
    assert sorted(shown) == sorted(path for path, item in api["paths"].items() for _ in item)

    assert await tried(page) == (200, f"{daemon.url}/v1/flow?symbol=BTCUSDT")

    await page.click(f"{STREAM} .opblock-summary-control")
    await page.wait_for_selector(f"{STREAM} .opblock-body")
    assert await page.locator(f"{STREAM} .try-out__btn").count() == 0
    assert "curl -N" in await page.inner_text(f"{STREAM} .no-try")

    await page.click("section.models .models-control")
    await page.wait_for_selector("section.models .json-schema-2020-12")
    await page.click(".btn.authorize")
    await page.wait_for_selector(".dialog-ux .modal-ux")

    assert await page.evaluate("violations") == []
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith((f"{daemon.url}/", "data:"))] == []

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, body="no")

    await page.route("**/openapi.json", refuse)
    await page.goto(f"{daemon.url}/docs")
    await page.wait_for_selector("text=/openapi.json could not be read")


async def tried(page: Page) -> tuple[int, str]:
    """What "Try it out" of `/v1/flow` is answered, and what it asked, with nothing filled in by hand."""
    await page.click(f"{FLOW} .opblock-summary-control")
    await page.click(f"{FLOW} .try-out__btn")
    async with page.expect_response(lambda response: "/v1/flow" in response.url) as answered:
        await page.click(f"{FLOW} .execute")
    response = await answered.value
    await page.wait_for_selector(f"{FLOW} .live-responses-table")
    return response.status, response.url
