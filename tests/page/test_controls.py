"""What a hand can do: by keyboard alone, by links, on a phone, at twice the size."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.page.conftest import House
from tests.page.rig import DESK, PHONE, tab

pytestmark = pytest.mark.asyncio(loop_scope="session")

READY = "orderflow.store.flow && orderflow.store.bars.length && orderflow.chart() && document.querySelector('#tape li')"


async def test_by_keyboard_alone(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1m")
        await page.until(READY)
        keys = page.page.keyboard

        async def becomes(view: str) -> None:
            await page.until(f"location.hash === {json.dumps(view)}")

        await keys.press("1")
        await becomes("#/BTCUSDT/1s")
        await page.until("orderflow.store.barsInfo?.interval === '1s'")
        await keys.press("9")  # there is no ninth
        for letter in "eth":  # the first opens the search
            await keys.press(letter)
        assert await page.look("document.activeElement.id") == "filter"
        assert await page.look("[...document.querySelectorAll('#rows .row')].map((row) => row.dataset.symbol)") == [
            "ETHUSDT"
        ]
        await keys.press("Enter")
        await becomes("#/ETHUSDT/1s")
        assert await page.look("document.querySelectorAll('#rows .row').length") == 6
        await page.until("orderflow.store.flow?.symbol === 'ETHUSDT'")
        await keys.press("Shift+m")  # a letter, not mute
        assert await page.look("document.activeElement.value") == "M"
        await keys.press("1")
        await keys.press("Escape")
        assert await page.look("document.activeElement.id") == ""
        await becomes("#/ETHUSDT/1s")
        await keys.press(".")
        await becomes("#/SOLUSDT/1s")
        await keys.press(",")
        await keys.press(",")
        await becomes("#/DOGEUSDT/1s")
        await keys.press("c")
        await becomes("#/DOGEUSDT/1s?cvd=oldest")
        await page.until("document.querySelector('#anchor-name').textContent === 'oldest'")
        await keys.press("c")
        await keys.press("p")
        await becomes("#/DOGEUSDT/1s?palette=classic")
        assert await page.look("document.documentElement.dataset.palette") == "classic"
        await keys.press("m")
        assert await page.text("#sound") == "sound on"
        await keys.press("m")
        await keys.press("?")
        assert await page.look("document.querySelector('#d-help').open")
        await keys.press("4")  # not while something is open
        await keys.press("Escape")
        assert not await page.look("document.querySelector('#d-help').open")
        await keys.press("Control+1")
        await becomes("#/DOGEUSDT/1s?palette=classic")
        # the list and the tape by arrows
        await page.page.focus("#rows")
        await keys.press("ArrowDown")
        await becomes("#/ETHUSDT/1s?palette=classic")
        await keys.press("Home")
        await becomes("#/ADAUSDT/1s?palette=classic")
        await page.until(
            "orderflow.store.symbol === 'ADAUSDT' && document.querySelector('#tape li') && "
            "orderflow.chart().stats().bars > 5"
        )
        await page.page.focus("#tape")
        await keys.press("ArrowDown")
        await keys.press("Enter")
        assert await page.look("document.querySelectorAll('#tape li.at').length") == 1


async def test_every_control_has_the_focus_in_turn_and_shows_it(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/ADAUSDT/1m")
        await page.until(READY)
        seen: list[str] = []
        for _ in range(40):
            await page.page.keyboard.press("Tab")
            at = await page.look(
                "(() => { const node = document.activeElement; const style = getComputedStyle(node); "
                "return [node === document.body ? '' : node.id || node.dataset.interval || node.textContent, "
                "style.outlineStyle, node.getBoundingClientRect().width > 0]; })()"
            )
            if at[0] in seen:
                break
            if at[0] != "":
                seen.append(at[0])
                assert at[1] != "none", at
                assert at[2], at
        wanted = {
            "skip",
            "1s",
            "1h",
            "anchor",
            "sound",
            "pause",
            "view",
            "help",
            "window",
            "filter",
            "sort",
            "rows",
            "chart",
            "tape-threshold",
            "tape",
        }
        assert wanted <= set(seen), wanted - set(seen)


async def test_pause_freezes_and_counts_what_comes(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1s")
        await page.until(READY)
        await page.page.keyboard.press(" ")
        frozen = await page.look(
            "[document.querySelector('#price-text').textContent, document.querySelector('#l-cvd').textContent]"
        )
        await page.until("/^\\+[1-9]\\d* new$/.test(document.querySelector('#paused-new').textContent)")
        assert frozen == await page.look(
            "[document.querySelector('#price-text').textContent, document.querySelector('#l-cvd').textContent]"
        )
        assert await page.text("#state .word") == "LIVE"  # the state goes on
        await page.page.keyboard.press(" ")
        await page.until(f"document.querySelector('#price-text').textContent !== {json.dumps(frozen[0])}")
        await page.until("document.querySelector('#paused').hidden")


async def test_the_rate_is_the_viewers(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1s?rate=1s")
        await page.until(READY)
        await page.look(
            "window.drawn = []; new MutationObserver(() => drawn.push(performance.now()))"
            ".observe(document.querySelector('#shares'), { childList: true, subtree: true, characterData: true })"
        )
        await page.until("drawn.length >= 3")
        drawn = await page.look("drawn.slice(0, 3)")
        assert all(after - before > 900 for before, after in pairwise(drawn))


async def test_a_link_restores_the_view(browser: Browser, house: House) -> None:
    view = "/SOLUSDT/5s?window=15m&sort=volume&tape=p95&unit=quote&theme=light&palette=reversed&from=all"
    async with tab(browser, house.url) as page:
        await page.open(view)
        await page.until(READY)
        assert await page.look("location.hash") == f"#{view}"
        assert await page.page.input_value("#window") == "15m"
        assert await page.page.input_value("#sort") == "volume"
        assert await page.page.input_value("#tape-threshold") == "p95"
        assert await page.page.input_value("#tape-scope") == "all"
        assert await page.look("document.querySelector('#intervals [aria-pressed=true]').textContent") == "5s"
        assert await page.look("getComputedStyle(document.documentElement).colorScheme") == "light"
        volumes = "orderflow.loader.watchlist.shown.map((name) => Number(orderflow.store.rows.get(name).quote_volume))"
        # (A row that has just come is put into its place at the next drawing.)
        await page.until(f"{volumes}.every((volume, place, all) => place === 0 || all[place - 1] >= volume)")
        # wrong words are no words
        await page.look("location.hash = '#/SOLUSDT/7m?theme=purple&tape=-1&cvd=moon'")
        await page.until(
            "orderflow.store.barsInfo?.interval === '1m' && document.documentElement.dataset.theme === 'auto'"
        )
        assert await page.page.input_value("#tape-threshold") == "p99"


async def test_a_wall_display_has_no_controls(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1s", query="?kiosk=1")
        await page.until(READY)
        await page.state("live")
        for control in ("#intervals", "#anchor", "#pause", "#filter", "#tape-threshold"):
            assert not await page.page.is_visible(control)
        assert await page.page.is_visible("#price")


async def test_a_threshold_in_numbers(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/ADAUSDT/1m")
        await page.until(READY)
        await page.page.select_option("#tape-threshold", "number")
        await page.page.fill("#tape-number", "500k")
        await page.page.keyboard.press("Enter")
        await page.until("orderflow.store.large?.min_notional === '500000'")
        assert await page.look("location.hash") == "#/ADAUSDT/1m?tape=500000"
        await page.page.fill("#tape-number", "a lot")
        await page.page.keyboard.press("Enter")
        assert await page.page.get_attribute("#tape-number", "aria-invalid") == "true"
        assert await page.look("location.hash") == "#/ADAUSDT/1m?tape=500000"


@pytest.mark.parametrize(
    "size", [PHONE, {"width": DESK["width"] // 2, "height": DESK["height"] // 2}], ids=["phone", "200%"]
)
async def test_nothing_is_lost_on_a_phone_or_at_twice_the_size(
    browser: Browser, house: House, size: dict[str, int]
) -> None:
    async with tab(browser, house.url, size=size, has_touch=True) as page:
        await page.open("/ADAUSDT/1m")
        await page.until(READY)
        wide = await page.look("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        for part in (
            "#symbol",
            "#price",
            "#state",
            "#intervals",
            "#pause",
            "#filter",
            "#rows",
            "#legend",
            "#chart",
            "#shares",
            "#tape",
            "footer",
        ):
            box: Any = await page.page.locator(part).bounding_box()
            assert box is not None, part
            assert box["width"] > 20, part
            assert box["x"] >= -1, part
            assert box["x"] + box["width"] <= size["width"] + 1, part
        cut = await page.look(
            "[...document.querySelectorAll('header *, #legend *, #shares *, footer *')].filter((node) => "
            "node.children.length === 0 && node.textContent.trim() && node.getClientRects().length "
            "&& !node.closest('.unseen, svg, option') && node.scrollWidth > node.clientWidth + 1 "
            "&& getComputedStyle(node).display !== 'inline').map((node) => node.textContent)"
        )
        assert cut == []


async def test_a_hidden_page_rests(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1s")
        await page.until(READY)
        await page.look(
            "Object.defineProperty(document, 'hidden', { value: true, configurable: true }); "
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        before = await page.look("orderflow.painter.draws")
        await page.look("new Promise((done) => setTimeout(done, 1500))")
        jobs = await page.look("orderflow.painter.jobs.size")
        assert await page.look("orderflow.painter.draws") - before <= 3 * jobs
        await page.look("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        await page.state("live")
