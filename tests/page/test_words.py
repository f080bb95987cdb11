"""The page's own arithmetic on decimal texts, run where it runs."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from playwright.async_api import Browser

from tests.page.conftest import House
from tests.page.rig import tab

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORMAT = "await import('/static/page/format.js')"


async def test_texts_become_what_a_person_reads(browser: Browser, house: House) -> None:
    chance = random.Random(7)
    numbers = [Decimal(chance.randint(-(10**14), 10**14)).scaleb(-chance.randint(0, 9)) for _ in range(300)]
    texts = [f"{number:f}" for number in numbers] + ["0", "0.00", "-0.5", "999.95", "1000", "60351.18"]
    async with tab(browser, house.url) as page:
        await page.page.goto(f"{house.url}/static/icon.svg")
        found = await page.look(
            f"(async () => {{ const f = {FORMAT}; const {{ add }} = await import('/static/page/legend.js'); "
            f"const texts = {texts}; "
            "return texts.map((text) => [f.group(text), f.round(text, 2), f.signed(text), add(text, '-12.345')]); })()"
        )
        for text, (group, rounded, signed, total) in zip(texts, found, strict=True):
            number = Decimal(text)
            assert group == f"{number:,f}".replace("-", "−")
            expected = (
                number.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
                if "." in text and len(text.split(".")[1]) > 2
                else number
            )
            assert Decimal(rounded) == expected
            assert signed.startswith("+") == (number > 0)
            assert Decimal(total) == number - Decimal("12.345")
        shorts = {
            "0": "0", "0.00": "0", "0.00421": "0.0042", "0.5": "0.5", "1.5": "1.5", "12.34": "12.3", "-54": "−54",
            "942.5": "942.5", "999.5": "999.5", "1000": "1k", "21400": "21.4k", "-3118": "−3.12k",
            "999400": "999k", "999500": "1M", "-8100000": "−8.1M", "412000": "412k", "638000.4": "638k",
            "1234567890": "1.23B", "2e12": "2T",
        }  # fmt: skip
        assert await page.look(
            f"(async () => {{ const f = {FORMAT}; return {list(shorts)}.map(f.compact); }})()"
        ) == list(shorts.values())
        spans = {
            400: "0.4 s",
            9949: "9.9 s",
            9950: "9 s",
            48_000: "48 s",
            99_999: "99 s",
            120_000: "2 min",
            7_200_000: "2 h",
        }
        assert await page.look(f"(async () => {{ const f = {FORMAT}; return {list(spans)}.map(f.span); }})()") == list(
            spans.values()
        )
