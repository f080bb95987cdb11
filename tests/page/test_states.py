"""Each state of a feed, forced on the simulator, as a person sees it: word, number, title, what is offered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser

from orderflow_stream.simulator import Simulator
from tests.page.conftest import House
from tests.page.rig import HOLED, QUIET, SLOW, Market, serving, tab

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_live_tells_how_old_a_trade_is_when_it_is_seen(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open()
        await page.state("live")
        await page.until("/^\\d+ ms$/.test(document.querySelector('#state .number').textContent)")
        assert await page.text("#symbol") == "BTCUSDT"
        assert await page.text("#state .word") == "LIVE"
        assert (await page.page.title()).endswith(" BTCUSDT")
        assert not await page.page.is_visible("#notice")
        assert await page.look("location.hash") == "#/BTCUSDT/1m"
        assert await page.look("document.querySelectorAll('#rows .row').length") == 6


async def test_quiet_is_no_fault(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open(f"/{QUIET}/1s")
        await page.state("quiet")
        await page.until(
            "/^no trade 1\\d\\d s|no trade \\d+ min$/.test(document.querySelector('#state .number').textContent)"
        )
        assert not await page.look("document.body.hasAttribute('data-dead')")
        assert not await page.page.is_visible("#notice")


async def test_warming_tells_how_much_of_the_past_is_there(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open(f"/{SLOW}/1m")
        await page.state("warming")
        await page.until("document.querySelector('#state .number').textContent.endsWith(' of 60 min')")
        assert "of 60 min are read" in await page.text("#notice")


async def test_a_gap_is_told_drawn_and_repaired_before_ones_eyes(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open(f"/{HOLED}/1s")
        await page.state("live")
        house.sim.faults.rest("500", symbol=HOLED)
        house.sim.faults.skip(HOLED, 5)
        try:
            await page.state("gap")
            await page.until("orderflow.store.gaps.some((gap) => gap.status === 'open')")
            assert await page.text("#state .number") == "5 missing"
            assert "5 trades are missing." in await page.text("#notice")
            assert (await page.page.title()).startswith("▨ GAP DOGEUSDT")
            gap = await page.look("orderflow.store.gaps[0]")
            assert gap["from_ms"] <= gap["to_ms"]
            await page.page.keyboard.press("g")
            assert "▨ open" in await page.text("#d-gaps")
            assert f"{gap['first']}–{gap['last']}" in await page.text("#d-gaps")
        finally:
            house.sim.faults.clear()
            house.sim.faults.rest("slow", delay=600.0, symbol=SLOW)
        await page.until("document.querySelector('#gaps-rows').innerText.includes('repaired')")
        await page.page.keyboard.press("Escape")
        await page.state("live")
        await page.until("!document.querySelector('#repaired').hidden")
        assert await page.text("#repaired") == "⟲ repaired 1 · 5 trades"
        await page.page.click("#repaired")
        assert "0 open, 1 repaired, 0 lost; 5 trades in all" in await page.text("#d-gaps")
        # a minute later it is no news any more
        await page.page.keyboard.press("Escape")
        await page.look("orderflow.store.gaps[0].closed -= 60000")
        await page.until("document.querySelector('#repaired').hidden")


async def test_lost_trades_stay_lost(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/SOLUSDT/1s")
        await page.state("live")
        house.sim.faults.skip("SOLUSDT", 3, rest=False)
        await page.state("partial")
        await page.until("document.querySelector('#state .number').textContent === '3 lost'")
        assert "3 trades are lost." in await page.text("#notice")
        await page.page.click("#notice-do")
        assert "◧ lost" in await page.text("#d-gaps")


async def test_a_dead_feed_never_looks_alive(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/ETHUSDT/1s")
        await page.state("live")
        house.sim.faults.refuse()
        house.sim.faults.cut()
        try:
            await page.state("stale")
            assert (await page.page.title()).startswith("⚠ STALE")
            assert await page.look("document.body.hasAttribute('data-dead')")
            assert await page.text("#notice-title") == "Old numbers."
            assert (
                await page.look("getComputedStyle(document.querySelector('#price')).textDecorationLine")
                == "line-through"
            )
            await page.until("document.querySelectorAll('#rows .row[data-dead]').length === 6")
        finally:
            house.sim.faults.clear()
            house.sim.faults.rest("slow", delay=600.0, symbol=SLOW)
        await page.state("live")
        await page.until("!document.body.hasAttribute('data-dead')")
        assert (await page.page.title()).endswith(" ETHUSDT")


async def test_connecting_says_why_after_ten_seconds(browser: Browser, tmp_path: Path) -> None:
    async with Simulator(Market({"BTCUSDT": 5.0}, history=50)) as simulator:
        simulator.faults.refuse(status=451)
        async with serving(simulator, tmp_path) as daemon, tab(browser, daemon.url, refused=True) as page:
            await page.open()
            await page.state("connecting")
            assert not await page.page.is_visible("#notice")
            await page.until("orderflow.store.feedOf('BTCUSDT').reason.includes('451')")
            await page.look(
                "orderflow.store.began -= 11000; for (const one of orderflow.store.feeds.values()) one.since -= 11000"
            )
            await page.until("!document.querySelector('#notice').hidden")
            told = await page.text("#notice")
            assert "No trade has come yet" in told
            assert "refuses this country (451)" in told


async def test_nothing_to_watch_says_where_to_name_it(browser: Browser, tmp_path: Path) -> None:
    async with (
        Simulator(Market({"BTCUSDT": 0.0}, history=5)) as simulator,
        serving(simulator, tmp_path, venues__binance__symbols=[]) as daemon,
        tab(browser, daemon.url) as page,
    ):
        await page.open()
        await page.state("empty")
        assert "venues.binance.symbols" in await page.text("#notice")
        assert await page.text("#none") == "no symbol is streamed"


async def test_a_symbol_that_does_not_exist_is_told(browser: Browser, house: House) -> None:
    async with tab(browser, house.url, refused=True) as page:
        await page.open("/NOSUCHUSDT/1m")
        await page.until("!document.querySelector('#notice').hidden")
        assert "NOSUCHUSDT" in await page.text("#notice")
        await page.page.click("#rows .row:has-text('BTCUSDT')")
        await page.state("live")
        await page.until("document.querySelector('#notice').hidden")


async def test_an_unknown_venue_is_told(browser: Browser, house: House) -> None:
    async with tab(browser, house.url, refused=True) as page:
        await page.open(query="?venue=nowhere")
        await page.until("!document.querySelector('#notice').hidden")
        assert "nowhere" in await page.text("#notice")
        assert json.loads(json.dumps(await page.look("orderflow.store.rows.size"))) == 0
