"""The page outlives what happens to its line: a daemon that ends and comes back, streams that die, a key."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser

from orderflow_stream.config.keylines import KeyLine
from orderflow_stream.delivery.http import keys
from orderflow_stream.simulator import Simulator
from tests.page.conftest import House
from tests.page.rig import Market, serving, tab

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_daemon_goes_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    async with (
        Simulator(Market({"BTCUSDT": 10.0, "ETHUSDT": 5.0}, history=100)) as simulator,
        AsyncExitStack() as stack,
    ):
        async with serving(simulator, tmp_path) as daemon:
            url = daemon.url
            page = await stack.enter_async_context(tab(browser, url, refused=True))
            await page.open("/ETHUSDT/1s")
            await page.state("live")
            await page.look("window.kept = 'since the first load'")
        # it has said bye; nobody listens any more
        await page.state("down")
        await page.until("document.title === '⚠ DOWN ETHUSDT'")
        assert await page.look("document.body.hasAttribute('data-dead')")
        assert await page.text("#notice-title") == "The daemon is not heard."
        assert (
            await page.look("getComputedStyle(document.querySelector('#price')).textDecorationLine") == "line-through"
        )
        newest = await page.look("orderflow.store.bars.at(-1).start")
        async with serving(simulator, tmp_path, server__port=urlsplit(url).port):
            await page.page.click("#notice-do")  # Retry now; it would also come by itself
            await page.state("live")
            await page.until(
                f"orderflow.store.bars.at(-1).start > {newest} && document.querySelector('#notice').hidden"
            )
            # what was missed is asked for: no hole in the bars where something was traded
            assert await page.look(
                "orderflow.store.bars.every((bar, at, all) => !at || bar.first_id === all[at - 1].last_id + 1)"
            )
            assert await page.look("window.kept") == "since the first load"
            assert not await page.look("document.body.hasAttribute('data-dead')")


async def test_without_a_hand_it_comes_back_too(browser: Browser, tmp_path: Path) -> None:
    async with (
        Simulator(Market({"BTCUSDT": 10.0}, history=100)) as simulator,
        serving(simulator, tmp_path) as daemon,
        tab(browser, daemon.url, refused=True) as page,
    ):
        await page.open()
        await page.state("live")
        # An engine gives up for good on any answer but 200: the same as this.
        before = await page.look("[orderflow.list.lastId, orderflow.detail.source.url]")
        await page.look("orderflow.detail.source.close(); orderflow.list.source.close()")
        await page.until(
            "orderflow.detail.source?.readyState === 1 && orderflow.list.source?.readyState === 1 && "
            f"orderflow.detail.source.url !== {json.dumps(before[1])}"
        )
        assert f"last_event_id={before[0].partition('-')[0]}" in await page.look("orderflow.list.source.url")
        assert await page.look("orderflow.list.hellos") >= 2
        await page.state("live")


async def test_silence_of_the_line_is_noticed(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open()
        await page.until("orderflow.store.flow && orderflow.list.phase === 'open'")
        # The events stop, as on a dead connection; the clock goes on.
        await page.look(
            "for (const one of [orderflow.list, orderflow.detail]) { one.mute = one.source; "
            "one.source = { readyState: 1, url: '', close() {} };"
            " one.lastEvent -= 5100; }"
        )
        await page.state("down")
        assert "Nothing comes from the daemon" in await page.text("#notice")
        await page.look(
            "for (const one of [orderflow.list, orderflow.detail]) { one.mute.close(); one.lastEvent -= 8000; "
            "one.since -= 13100; one.watch(); }"
        )
        await page.until("orderflow.list.source?.constructor === EventSource")
        await page.state("live")


async def test_a_large_order_is_seen_once_and_at_once(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1s?tape=100000")
        await page.state("live")
        await page.page.click("#sound")
        await page.until("orderflow.sound.count > 0")
        sounded = await page.look(
            "[...orderflow.store.prints.values()].filter((one) => one.symbol === 'BTCUSDT')"
            ".sort((a, b) => b.time - a.time)[0].id"
        )
        await page.until(f"document.querySelectorAll('#tape li[data-id=\"{sounded}\"]').length === 1")
        assert await page.look("document.querySelector('#sound').getAttribute('aria-pressed')") == "true"
        ids = await page.look("[...document.querySelectorAll('#tape li')].map((li) => +li.dataset.id)")
        assert ids == sorted(set(ids), reverse=True)
        assert await page.look(
            "[...document.querySelectorAll('#tape .legs')].some((node) => node.textContent === '×3')"
        )


async def test_a_key_is_asked_for_and_kept_out_of_sight(browser: Browser, tmp_path: Path) -> None:
    key = keys.make()
    line = KeyLine(id=keys.id_of(key) or "", sha256=keys.digest_of(key), stream=keys.anchor_of(key), name="desk")
    async with (
        Simulator(Market({"BTCUSDT": 10.0}, history=50)) as simulator,
        serving(simulator, tmp_path, auth__keys=[str(line)]) as daemon,
        tab(browser, daemon.url, refused=True) as page,
    ):
        await page.open()
        await page.state("key")
        assert "a key is needed" in await page.text("#key-told")
        await page.page.fill("#key", "ofd_wrong")
        await page.page.keyboard.press("Enter")
        await page.until("document.querySelector('#key-told').textContent.includes('not known')")
        await page.page.fill("#key", key)
        await page.page.click("#key-use")
        await page.state("live")
        assert not await page.page.is_visible("#key-form")
        assert all(key[13:] not in url for url in page.asked)
        assert any("ticket=" in url for url in page.asked)
        await page.until("orderflow.store.bars.length && orderflow.store.large")


async def test_answers_alone_are_no_life(browser: Browser, house: House) -> None:
    """What was read by REST may be right and is not live: without the stream the page says so."""
    async with tab(browser, house.url, refused=True) as page:
        await page.page.route("**/v1/stream?*", lambda route: None)  # asked for, never answered
        await page.open("/BTCUSDT/1m")
        await page.until("orderflow.store.rows.size === 6 && orderflow.store.bars.length")
        await page.state("connecting")
        await page.until("document.title === 'connecting · BTCUSDT'")
        await page.look("orderflow.list.watch = () => {}; orderflow.list.since -= 10000")  # nor is it given up yet
        await page.until("document.querySelector('#notice').innerText.includes('has not opened the stream yet')")


async def test_another_symbol_is_no_trouble(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1m")
        await page.until("orderflow.store.flow")
        await page.state("live")
        await page.look(
            "window.states = []; const pill = document.querySelector('#state'); "
            "new MutationObserver(() => states.push(pill.dataset.state))"
            ".observe(pill, { attributes: true })"
        )
        for symbol in ("ETHUSDT", "BTCUSDT"):
            await page.page.click(f"#row-{symbol}")
            await page.until(f"orderflow.store.flow?.symbol === '{symbol}'")
        await page.state("live")
        assert set(await page.look("states")) <= {"live"}
