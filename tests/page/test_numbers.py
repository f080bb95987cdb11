"""What stands on the page is what the API says, digit by digit; what the page computes of it is right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser

from tests.page.conftest import House
from tests.page.rig import QUIET, Tab, tab

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(house: House, path: str, **query: str) -> Any:
    params = {"numbers": "string", **query}
    async with aiohttp.ClientSession() as session, session.get(f"{house.url}/v1/{path}", params=params) as response:
        body = await response.json()
        assert response.status == 200, body
        return body["data"]


def grouped(text: str) -> str:
    """As a person writes it."""
    return f"{Decimal(text):,f}".replace("-", "−")


async def settled(page: Tab) -> None:
    """The list, the bars, the tape and the sums are there."""
    await page.until(
        "orderflow.store.flow && orderflow.store.bars.length && orderflow.store.large && "
        f"document.querySelector('#tape li') && document.querySelector('#row-{QUIET} .delta').dataset.exact"
    )


async def test_every_number_is_the_answers_own(browser: Browser, house: House) -> None:
    """Of a symbol that does not trade, so that both stand still."""
    async with tab(browser, house.url) as page:
        await page.open(f"/{QUIET}/1s?window=15m")
        await settled(page)
        flow = await ask(house, "flow", symbol=QUIET, window="1h")
        assert flow["trades_scanned"] > 0
        assert await page.exact("#price") == flow["last_price"]
        assert await page.text("#price") == f"{Decimal(flow['last_price']):,.2f}"
        rows = (await ask(house, "screener", window="15m"))["rows"]
        (row,) = [one for one in rows if one["symbol"] == QUIET]
        line = f"#row-{QUIET}"
        await page.until(f"document.querySelector('{line} .delta').dataset.exact === '{row['delta_base']}'")
        assert await page.exact(f"{line} .last") == row["last_price"]
        assert await page.exact(f"{line} .share") == row["buy_volume_share"]
        assert await page.text(f"{line} .share") == f"{Decimal(row['buy_volume_share']) * 100:.1f} %"
        assert f"delta {'+' if row['delta_base'][0] != '-' else ''}{grouped(row['delta_base'])} ADA" in (
            await page.page.get_attribute(line, "title") or ""
        )
        bar = (await ask(house, "bars", symbol=QUIET, interval="1s", limit="1"))["bars"][0]
        for name in ("open", "high", "low", "close"):
            assert await page.exact(f"#l-{name}") == bar[name]
            assert await page.text(f"#l-{name}") == grouped(bar[name])
        assert await page.exact("#l-delta") == bar["delta_base"]
        assert await page.exact("#l-cvd") == bar["cvd_base"]
        volume = Decimal(bar["taker_buy_base"]) + Decimal(bar["taker_sell_base"])
        assert Decimal(await page.exact("#l-volume")) == volume
        assert await page.text("#l-trades") == str(bar["buy_trades"] + bar["sell_trades"])
        for number, name in enumerate(("1m", "5m", "15m", "1h")):
            told = await ask(house, "flow", symbol=QUIET, window=name)
            item = f"#shares li:nth-child({number + 1})"
            if told["buy_volume_share"] is None:
                assert await page.text(f"{item} .delta") == "–"
                continue
            assert await page.exact(f"{item} .delta") == told["delta_base"]
            assert await page.exact(f"{item} .bar2") == told["buy_volume_share"]
        large = await ask(house, "large", symbol=QUIET, group="order", percentile="99", limit="300")
        newest = sorted(large["largest"], key=lambda one: (one["time"], one["id"]), reverse=True)
        assert await page.exact("#tape-from") == large["min_notional"]
        shown = await page.look(
            "[...document.querySelectorAll('#tape li')].map((li) => [+li.dataset.id, li.dataset.exact])"
        )
        assert shown == [[one["id"], one["notional_usd"]] for one in newest]


async def test_the_other_unit_is_the_quote_asset(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open(f"/{QUIET}/1s?unit=quote&tape=1000&window=1h")
        await settled(page)
        bar = (await ask(house, "bars", symbol=QUIET, interval="1s", limit="1"))["bars"][0]
        told = await ask(house, "flow", symbol=QUIET, window="1h")
        assert await page.exact("#l-cvd") == bar["cvd_quote"]
        assert await page.exact("#shares li:nth-child(4) .delta") == told["delta_quote"]
        assert await page.text("#shares-unit") == "in USDT"
        assert await page.exact("#tape-from") == "1000"
        assert await page.text("#tape-from") == "≥ $1k"


async def test_a_live_bar_ends_as_the_answer_has_it(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open("/BTCUSDT/1s")
        await settled(page)
        await page.until("orderflow.store.bars.length > 5 && orderflow.chart()?.stats().received > 10")
        start = await page.look("orderflow.store.bars.at(-1).start")
        await page.until(f"orderflow.store.bars.some((bar) => bar.start === {start} && bar.closed && bar.complete)")
        bars = (await ask(house, "bars", symbol="BTCUSDT", interval="1s", limit="60"))["bars"]
        (bar,) = [one for one in bars if one["start"] == start]
        assert await page.look(f"orderflow.store.bars.find((bar) => bar.start === {start})") == bar


async def test_the_cross_hair_shows_the_bar_under_it(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open(f"/{QUIET}/1s")
        await settled(page)
        await page.until("orderflow.chart()?.stats().bars > 10")
        await page.page.focus("#chart")
        for _ in range(4):
            await page.page.keyboard.press("Shift+ArrowLeft")
        bars = (await ask(house, "bars", symbol=QUIET, interval="1s", limit="10"))["bars"]
        await page.until(f"document.querySelector('#l-cvd').dataset.exact !== '{bars[-1]['cvd_base']}'")
        cvd = await page.exact("#l-cvd")
        assert cvd in {bar["cvd_base"] for bar in bars[:-1]}


async def test_the_table_has_the_same_bars(browser: Browser, house: House) -> None:
    async with tab(browser, house.url) as page:
        await page.open(f"/{QUIET}/1s")
        await settled(page)
        await page.page.click("#table")
        bars = (await ask(house, "bars", symbol=QUIET, interval="1s", limit="120"))["bars"]
        rows = await page.look(
            "[...document.querySelectorAll('#table-rows tr')].map((tr) => [...tr.children].map((td) => td.textContent))"
        )
        assert len(rows) == len(bars)
        signed = [f"{'' if bar['cvd_base'][0] == '-' else '+'}{grouped(bar['cvd_base'])}" for bar in reversed(bars)]
        assert [row[8] for row in rows] == signed
        assert [row[1] for row in rows] == [grouped(bar["open"]) for bar in reversed(bars)]
        assert await page.page.get_attribute("#bars-json", "href") == (
            f"/v1/bars?symbol={QUIET}&interval=1s&limit=1000&anchor=session&numbers=string"
        )


async def test_a_page_that_is_open_for_days_stays_small(browser: Browser, house: House) -> None:
    """A day of one-second bars in a moment: the oldest go, in the page as in the chart."""
    async with tab(browser, house.url) as page:
        await page.open(f"/{QUIET}/1s")
        await settled(page)
        await page.until("orderflow.chart()")
        held = await page.look(
            "(() => { const { store, loader } = orderflow; const last = store.bars.at(-1); let most = 0; let cut = 0; "
            "for (let at = 1; at <= 5000; at++) { const bar = { ...last, start: last.start + at * 1000, "
            "end: last.end + at * 1000 }; store.mergeBars({ anchor: store.barsInfo.anchor, bars: [bar] }); "
            "if (store.trim()) { cut += 1; loader.showBars(); } most = Math.max(most, store.bars.length); } "
            "return [most, cut, store.bars.at(-1).start - last.start, orderflow.chart().stats().bars]; })()"
        )
        assert held[0] <= 1500
        assert held[1] >= 5
        assert held[2] == 5_000_000
        assert held[3] <= 1500
