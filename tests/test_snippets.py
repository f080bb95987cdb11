"""Every command and snippet of README.md is run, against a daemon over the simulator in the place of the reader's.

What cannot be run inside a test (it installs, or it is this run) is listed with the tests that show it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from orderflow_stream.config import load
from orderflow_stream.simulator import Simulator
from tests import snippets
from tests.e2e.process import ROOT, environment, started, status, url_of
from tests.faults.market import Steady
from tests.faults.test_catalogue import functions_of
from tests.page.rig import chromium
from tests.readme import README
from tests.snippets import PATIENCE, Snippet, at, commands, endless, run
from tests.tools import needs

ALL: Final = list(snippets.snippets(README.read_text()))
#: Commands that are shown by other tests.
ELSEWHERE: Final = {
    "make demo": "test_snippets.py::test_make_demo_is_the_demo",
    "make test": "test_packaging.py::test_continuous_integration_runs_make_test",
    "pipx install .": "e2e/test_installed.py::test_what_is_installed_serves_the_dashboard",
    "pip install '.[mcp]'": "e2e/test_installed.py::test_the_extras_are_there",
    "docker compose -f deploy/compose.yaml up --build": "deploy/test_image.py::test_readme_and_compose_say_the_same",
}
#: What is only shown, by its first word: answers and screens.
SHOWN: Final = ("$ curl ",)


def of(*kinds: str) -> list[Snippet]:
    return [snippet for snippet in ALL if snippet.kind in kinds]


@asynccontextmanager
async def reader(folder: Path, origin: str) -> AsyncIterator[str]:
    """The address of a daemon such as `orderflow-stream demo` starts it, whole, with fewer trades."""
    settings = folder / "reader.toml"
    settings.write_text(
        f'[server]\nallowed_origins = ["{origin}"]\n[analytics.large]\nmin_notional = 1000\n[log]\nformat = "json"\n'
    )
    async with started("demo", "--port", "0", "--rate", "20", "--config", str(settings), cwd=folder) as demo:
        url = url_of([await demo.line("http://", demo.out)])
        await status(f"{url}/readyz?strict=1", 200, patience=PATIENCE)
        yield url
        demo.kill(signal.SIGINT)
        assert await demo.ended() == 0


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[str, dict[str, str]]]:
    """A server of one page, which is whatever stands in the dict; and its origin."""
    bodies = {"/": ""}

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=bodies["/"], content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", bodies
    finally:
        await runner.cleanup()


def test_every_kind_is_run() -> None:
    kinds = {snippet.kind for snippet in ALL}
    assert kinds <= {"sh", "python", "js", "html", "yaml", "toml", "json", "console"}, kinds
    for snippet in of("console"):  # these are the examples that tests/test_readme.py asks
        assert snippet.text.startswith(SHOWN), snippet.name
    for snippet in of("sh"):
        assert commands(snippet.text), snippet.name


@pytest.mark.parametrize("command, test", ELSEWHERE.items(), ids=list(ELSEWHERE))
def test_what_is_shown_elsewhere_is(command: str, test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions_of(file), test
    assert any(command in commands(snippet.text) for snippet in of("sh")), "the README says it no more"


@pytest.mark.timeout(200)
async def test_commands_programs_and_pages(tmp_path: Path) -> None:
    """One after the other, each a process of its own, all of them over one daemon."""
    async with elsewhere() as (origin, bodies), reader(tmp_path, origin) as url:
        await _commands(url, tmp_path)
        for snippet in of("python", "js"):
            await _program(snippet, url)
        async with chromium() as browser:
            for snippet in of("html"):
                bodies["/"] = at(snippet.text, url)
                tab = await browser.new_page()
                await tab.goto(origin)
                await tab.get_by_text(re.compile(r" live$")).wait_for(timeout=PATIENCE * 1000)


async def _commands(url: str, folder: Path) -> None:
    shutil.copy(ROOT / "config.example.toml", folder)
    wanted = [command for snippet in of("sh") for command in commands(snippet.text) if command not in ELSEWHERE]
    assert wanted
    # Where a command would go to the real exchange, there is the simulator.
    async with Simulator(Steady(dict.fromkeys(load(environ={}).venues.binance.symbols, 1.0))) as simulator:
        real = {
            "ORDERFLOW_VENUES__BINANCE__STREAM_URL": simulator.stream_url,
            "ORDERFLOW_VENUES__BINANCE__REST_URL": simulator.rest_url,
            "ORDERFLOW_SERVER__PORT": "0",
        }
        for command in wanted:
            ran = await run(command, url, folder, real if " serve" in command else {})
            assert ran.code == 0, (command, ran)
            assert ran.out.strip() or ran.err.strip(), command
            assert "Traceback" not in ran.err, (command, ran)


async def _program(snippet: Snippet, url: str) -> None:
    """Run a program; one that goes on for ever is ended once it has printed what it begins with."""
    text = at(snippet.text, url)
    words = [sys.executable, "-u", "-c"] if snippet.kind == "python" else [needs("node"), "--input-type=module", "-e"]
    process = await asyncio.create_subprocess_exec(
        *(*words, text),
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = b""
    try:
        async with asyncio.timeout(PATIENCE):
            if "async for" in text or "for await" in text:
                line = await process.stdout.readline()
                event = asyncio.create_task(process.stdout.readline())
                done, _ = await asyncio.wait({event}, timeout=1.0)  # an event, where one comes soon
                assert not done or event.result(), (snippet.name, line)
                process.kill()
                line += await event
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == (-signal.SIGKILL if line else 0), (snippet.name, out, err)
    assert (line + out).strip(), snippet.name
    assert not err, (snippet.name, err)


def test_settings(tmp_path: Path) -> None:
    """What others read: Prometheus, whoever starts a server of the Model Context Protocol, ourselves."""
    for snippet in of("yaml"):
        file = tmp_path / "prometheus.yml"
        file.write_text(snippet.text)
        told = subprocess.run([needs("promtool"), "check", "config", file], check=False, capture_output=True, text=True)
        assert told.returncode == 0, told
    for snippet in of("toml"):
        file = tmp_path / "config.toml"
        file.write_text(snippet.text)
        load(file, environ={})
    for snippet in of("json"):
        for server in json.loads(snippet.text)["mcpServers"].values():
            assert server["command"] == "orderflow-stream"
            words = [sys.executable, "-m", "orderflow_stream", server["args"][0], "--help"]
            told = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT)
            assert all(word in told.stdout for word in server["args"] if word.startswith("--"))


async def test_make_demo_is_the_demo(tmp_path: Path) -> None:
    """With an environment in which all is installed; `make` finds that nothing is to be done but to start it."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    script = venv / "bin" / "orderflow-stream"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m orderflow_stream "$@"\n')
    script.chmod(0o755)
    (venv / ".python").touch()
    (venv / ".run").touch()
    process = await asyncio.create_subprocess_exec(
        *("make", "--silent", "demo", f"VENV={venv}", "ARGS=--port 0 --rate 10"),
        cwd=ROOT,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        line = (await process.stdout.readline()).decode()
        assert "http://127.0.0.1:" in line, line
        os.killpg(process.pid, signal.SIGINT)
        await process.communicate()
    # The daemon drains (its exit code is the recipe's); make itself, told to end as well, may end by the signal.
    assert process.returncode in {0, 2, -signal.SIGINT}


def test_the_parts_of_a_snippet() -> None:
    text = "a\n```sh\nmake x  # remark\ncurl -sN 'y' \\\n  | head\n# alone\n```\n```python\n1\n```\n"
    first, second = snippets.snippets(text)
    assert (first.kind, first.line, second.name) == ("sh", 2, "python:8")
    assert commands(first.text) == ["make x", "curl -sN 'y' | head"]
    told: list[tuple[str, bool]] = [("orderflow-stream tail A", True), ("orderflow-stream top --once", False)]
    assert [endless(command) for command, _ in told] == [answer for _, answer in told]
    assert at("at http://127.0.0.1:8080/x and 127.0.0.1:8080", "http://h:1") == "at http://h:1/x and h:1"
