"""A real browser with one tab, by its debugging protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.tools import needs

PATIENCE = 30.0


class Page:
    """The tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self._socket.receive_json()
                if answer.get("id") == self._number:
                    return answer.get("result", answer)

    async def value(self, expression: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait in the page, not here, until it is true."""
        told = await self.value(
            f"new Promise((done) => {{ const until = Date.now() + {PATIENCE * 1000 - 5000}; const look = () => {{ "
            f"if ({expression}) done('yes'); else if (Date.now() > until) done(document.body.innerText); "
            "else setTimeout(look, 20); }; look(); })"
        )
        assert told == "yes", told

    async def use(self, key: str) -> None:
        await self.value(
            f"document.getElementById('key').value = {json.dumps(key)}; document.getElementById('key-use').click()"
        )


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Page]:
    process = await asyncio.create_subprocess_exec(
        *(needs("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *("--disable-dev-shm-usage", f"--user-data-dir={profile}", "about:blank"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            while not (line := await process.stderr.readline()).startswith(b"DevTools listening on ws://"):
                assert line, "the browser has ended"
            host = line.decode().split("ws://")[1].partition("/")[0]
            reader = asyncio.create_task(process.stderr.read())  # or it blocks once the pipe is full
            async with session.get(f"http://{host}/json") as response:
                tabs = [each for each in await response.json() if each["type"] == "page"]
            async with session.ws_connect(tabs[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.kill()
        await process.wait()
        await reader
