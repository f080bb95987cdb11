"""The seven clients that nobody here wrote, each in a process of its own, told apart by nothing but their name."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import aiohttp
import pytest

from tests.conformance.listen import CLIENTS

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
#: Where `make` puts the packages of js/package-lock.json.
MODULES: Final = Path(sys.prefix) / "js" / "node_modules"
PATIENCE: Final = 30.0
#: Events that are logged: every client that asks for them gets each of them once.
LOGGED: Final = frozenset({"large", "trade", "gap", "corrected", "state"})
NODE_CLIENTS: Final = ("undici", "eventsource")
NAMES: Final = ("chromium", *NODE_CLIENTS, *CLIENTS)


class Event(NamedTuple):
    """One event as a client handed it on."""

    event: str
    id: str
    data: str


class Referee:
    """What one client has told so far."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.events: list[Event] = []
        self.errors: list[str] = []
        self.other: list[str] = []
        self._news = asyncio.Event()

    @property
    def logged(self) -> list[Event]:
        return [each for each in self.events if each.event in LOGGED]

    def of(self, topic: str) -> list[Any]:
        return [json.loads(each.data) for each in self.events if each.event == topic]

    def take(self, line: str) -> None:
        """A line that the client's process has written."""
        try:
            said = json.loads(line)
        except ValueError:
            self.other.append(line)
            return
        if "event" in said:
            self.events.append(Event(said["event"], said["id"], said["data"]))
        elif "error" in said:
            self.errors.append(said["error"])
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what it has told makes `condition` true."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name}: {len(self.events)} events, {self.errors}, {self.other[-5:]}") from None


def program(name: str, package: str) -> str:
    """Where a program is; without it the conformance tests fail and say what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} is missing, and without it the stream is not held against clients that others wrote: install it "
            f"(Debian, Ubuntu: apt-get install {package}), or let .ci/run do so",
            pytrace=False,
        )
    return found


def _modules() -> Path:
    if not (MODULES / "undici").is_dir():
        program("npm", "npm")
        pytest.fail(f"{MODULES} is missing: run `make {os.path.relpath(Path(sys.prefix), ROOT)}/.js`", pytrace=False)
    return MODULES


@asynccontextmanager
async def refereed(name: str, url: str) -> AsyncIterator[Referee]:
    """That client, reading `url`."""
    referee = Referee(name)
    if name == "chromium":
        async with _browsing(referee, url):
            yield referee
        return
    environ = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    if name in CLIENTS:
        command = [sys.executable, "-m", "tests.conformance.listen", name, url]
    else:
        command = [program("node", "nodejs"), str(HERE / "js" / "listen.cjs"), name, url]
        environ["NODE_PATH"] = str(_modules())
    async with _process(command, environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        tasks = [asyncio.create_task(_lines(pipe, referee)) for pipe in (process.stdout, process.stderr)]
        try:
            yield referee
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _process(command: list[str], environ: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else the pipes are closed by the collector, loudly


async def _lines(pipe: asyncio.StreamReader, referee: Referee) -> None:
    while line := await pipe.readline():
        referee.take(line.decode(errors="replace").rstrip("\n"))


# -- the browser ------------------------------------------------------------------------------------------------------

_SCRIPT: Final = """
    const source = new EventSource(%s)
    const tell = (line) => window.tell(JSON.stringify(line))
    const heard = (event) => tell({event: event.type, id: event.lastEventId, data: event.data})
    for (const topic of ['hello', 'flow', 'watch', 'large', 'trade', 'gap', 'corrected', 'state', 'heartbeat', 'slow',
                         'bye', 'busy', 'message'])
        source.addEventListener(topic, heard)
    source.onerror = () => tell({error: source.readyState === 2 ? 'closed' : 'connecting'})
"""


@asynccontextmanager
async def _browsing(referee: Referee, url: str) -> AsyncIterator[None]:
    """Chromium on a page of the daemon's own (its documentation), where our lines of script open the stream."""
    chromium = program("chromium", "chromium")
    page = f"{url.partition('/v1/')[0]}/docs"
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
            "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        async with _process(command, {**os.environ, "HOME": profile}) as process:
            assert process.stderr is not None
            async with asyncio.timeout(PATIENCE):
                while "DevTools listening on " not in (line := (await process.stderr.readline()).decode()):
                    assert line, "chromium ended before it listened"
            drain = asyncio.create_task(_lines(process.stderr, Referee("chromium's log")))
            address = line.partition("DevTools listening on ")[2].strip()
            async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
                browser = _Browser(socket, referee)
                reading = asyncio.create_task(browser.read())
                try:
                    await browser.open(page)
                    await browser.ask("Runtime.evaluate", expression=f"{{{_SCRIPT % json.dumps(url)}}}")
                    yield
                finally:
                    reading.cancel()
                    drain.cancel()
                    await asyncio.gather(reading, drain, return_exceptions=True)


class _Browser:
    """As much of the DevTools protocol as is needed."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, referee: Referee) -> None:
        self._socket = socket
        self._referee = referee
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._session: str | None = None
        self._loaded = asyncio.Event()

    async def open(self, page: str) -> None:
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self.ask("Runtime.enable")
        await self.ask("Page.enable")
        await self.ask("Runtime.addBinding", name="tell")
        await self.ask("Page.navigate", url=page)
        async with asyncio.timeout(PATIENCE):
            await self._loaded.wait()

    async def ask(self, method: str, **params: object) -> Any:
        number = len(self._answers) + 1
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json({**message, "sessionId": self._session} if self._session else message)
        async with asyncio.timeout(PATIENCE):
            answer = await future
        assert "error" not in answer, answer
        assert "exceptionDetails" not in answer["result"], answer
        return answer["result"]

    async def read(self) -> None:
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers[said["id"]].set_result(said)
            elif said["method"] == "Runtime.bindingCalled":
                self._referee.take(said["params"]["payload"])
            elif said["method"] == "Page.loadEventFired":
                self._loaded.set()
