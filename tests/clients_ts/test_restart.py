"""A daemon is killed and started again: the client in Node, the client in Chromium and Chromium's own EventSource have
heard the same large prints, and they are those that the daemon has."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.clients_ts.declarations import FOLDER
from tests.delivery.http.browser import Page, browser
from tests.e2e.process import Command, environment, get, started, status
from tests.tools import needs

HERE: Final = Path(__file__).parent
LISTINGS: Final = DEFAULT_LISTINGS[:2]
SYMBOLS: Final = [listing.symbol for listing in LISTINGS]
#: Low enough that there are several a second.
LEAST: Final = 2_000
PATIENCE: Final = 40.0
#: Beyond every id.
EVER: Final = dict.fromkeys(SYMBOLS, 1 << 62)
Heard = list[dict[str, Any]]


@asynccontextmanager
async def page_server() -> AsyncIterator[str]:
    """A server of pages that is not the daemon; its origin."""

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "page.html")

    async def script(request: web.Request) -> web.FileResponse:
        return web.FileResponse(FOLDER / "orderflow.js", headers={"Content-Type": "text/javascript"})

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/orderflow.js", script)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


class Node:
    """The client in Node."""

    def __init__(self) -> None:
        self.heard: Heard = []
        self.retries: list[str | None] = []

    @asynccontextmanager
    async def listening(self, url: str) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            *(needs("node"), str(HERE / "listen.mjs"), url, ",".join(SYMBOLS)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        assert process.stdout is not None
        reading = asyncio.create_task(self._read(process.stdout))
        try:
            yield
            assert process.returncode is None, "it has ended by itself"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading

    async def _read(self, pipe: asyncio.StreamReader) -> None:
        while line := await pipe.readline():
            said = json.loads(line)
            if "retry" in said:
                self.retries.append(said["retry"])
            else:
                self.heard.append(said)


async def listening(daemon: Command) -> str:
    url = str(json.loads(await daemon.line('"listening"'))["url"])
    await status(f"{url}/readyz?strict=1", 200, 20)
    return url


async def newest(url: str) -> dict[str, int]:
    """The newest trade id of each symbol."""
    code, body = await get(f"{url}/v1/flow?symbols={','.join(SYMBOLS)}")
    assert code == 200, body
    return {one["symbol"]: one["coverage"]["last_id"] for one in json.loads(body)["data"]}


async def beyond(url: str, ids: dict[str, int], more: int) -> dict[str, int]:
    """Once every symbol has traded on: orders that were being filled then are whole by now."""
    async with asyncio.timeout(PATIENCE):
        while True:
            last = await newest(url)
            if all(last[symbol] >= ids[symbol] + more for symbol in SYMBOLS):
                return last
            await asyncio.sleep(0.1)


async def daemons_own(url: str) -> set[tuple[str, int]]:
    """The large orders that the daemon answers with."""
    found: set[tuple[str, int]] = set()
    async with aiohttp.ClientSession() as session:
        for symbol in SYMBOLS:
            query = {"symbol": symbol, "group": "order", "min_notional": str(LEAST), "limit": "5000"}
            async with session.get(f"{url}/v1/large", params=query) as response:
                data = (await response.json())["data"]
                assert data["coverage"]["complete"]
                found |= {(symbol, one["id"]) for one in data["largest"]}
    return found


async def everything(node: Node, page: Page) -> dict[str, Heard]:
    """What each has heard so far."""
    told = await page.value("JSON.stringify(heard)")
    in_page = json.loads(told)
    assert not in_page["failed"]
    return {"node": list(node.heard), "chromium": in_page["client"], "EventSource": in_page["source"]}


def large(heard: Heard, after: dict[str, int], until: dict[str, int]) -> list[tuple[str, int]]:
    """The large prints of a span of ids, as they were told."""
    told = [(each["data"]["symbol"], each["data"]["id"]) for each in heard if each["type"] == "large"]
    return [(symbol, id_) for symbol, id_ in told if after[symbol] < id_ <= until[symbol]]


def again(heard: Heard) -> set[tuple[str, int]]:
    """Those that were told more than once. Of the last ones before it is killed a daemon cannot know whether they were
    told: it tells them once more, and says that they are late."""
    told: set[tuple[str, int]] = set()
    repeated: set[tuple[str, int]] = set()
    for each in heard:
        if each["type"] == "large":
            key = (each["data"]["symbol"], each["data"]["id"])
            if key in told:
                assert each["data"]["late"]
                assert key not in repeated
                repeated.add(key)
            told.add(key)
    return repeated


def hellos(heard: Heard) -> list[bool]:
    return [each["data"]["recovered"] for each in heard if each["type"] == "hello"]


async def until(node: Node, page: Page, enough: Callable[[Heard], bool]) -> dict[str, Heard]:
    """What each has heard, once it is enough for every one of them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            told = await everything(node, page)
            if all(map(enough, told.values())):
                return told
            await asyncio.sleep(0.1)


async def test_no_large_print_is_lost_in_a_restart(tmp_path: Path) -> None:
    market = SyntheticMarket(seed=12, listings=LISTINGS, rate=60)
    node = Node()
    async with (
        page_server() as origin,
        Simulator(SyntheticPlayer(market, 120)) as exchange,
        browser(tmp_path / "profile") as page,
        AsyncExitStack() as clients,
    ):
        env = environment(
            ORDERFLOW_VENUES__BINANCE__STREAM_URL=exchange.stream_url,
            ORDERFLOW_VENUES__BINANCE__REST_URL=exchange.rest_url,
            ORDERFLOW_VENUES__BINANCE__SYMBOLS=",".join(SYMBOLS),
            ORDERFLOW_ANALYTICS__LARGE__MIN_NOTIONAL=str(LEAST),
            ORDERFLOW_JOURNAL__DIRECTORY=str(tmp_path / "journal"),
            ORDERFLOW_SERVER__ALLOWED_ORIGINS=origin,
        )
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = await listening(daemon)
            await clients.enter_async_context(node.listening(url))
            await page.call("Page.navigate", url=f"{origin}/#daemon={url}&symbols={','.join(SYMBOLS)}")
            await page.until("typeof heard !== 'undefined'")
            await until(node, page, lambda heard: len(hellos(heard)) == 1)
            began = await newest(url)
            await beyond(url, began, 40)
            daemon.kill(signal.SIGKILL)
            await daemon.ended()
            before = await everything(node, page)
            killed_before = {key for heard in before.values() for key in large(heard, began, EVER)}
        async with started("serve", "--port", url.rpartition(":")[2], cwd=tmp_path, env=env) as daemon:
            await listening(daemon)
            await until(node, page, lambda heard: len(hellos(heard)) == 2)
            ended = await beyond(url, await newest(url), 40)
            await beyond(url, ended, 40)
            own = {(symbol, id_) for symbol, id_ in await daemons_own(url) if began[symbol] < id_ <= ended[symbol]}
            told = await until(node, page, lambda heard: own <= set(large(heard, began, ended)))
            retries = await page.value("heard.retries.length")
            daemon.kill(signal.SIGTERM)
            await daemon.ended()
    assert len(own) > 20
    for name, heard in told.items():
        assert set(large(heard, began, ended)) == own, name  # every one of them, and no other
        assert again(heard) <= killed_before, name
        assert hellos(heard)[1:] == [True], name
        assert any(each["data"]["late"] for each in heard if each["type"] == "large"), name
    orders = [large(heard, began, ended) for heard in told.values()]
    assert orders[0] == orders[1] == orders[2]
    assert node.retries
    assert retries
