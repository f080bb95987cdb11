"""What is installed is all there is: run from another folder, away from the checkout."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from tests.e2e.process import ROOT, environment, started, status, url_of
from tests.page.rig import chromium


@pytest.mark.timeout(120)
async def test_what_is_installed_serves_the_dashboard(tmp_path: Path) -> None:
    """`pip install .`, as pipx does it too, but with the dependencies that are here already."""
    place = tmp_path / "place"
    words = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    words = [sys.executable, *words, "--target", str(place), str(ROOT)]
    await asyncio.to_thread(subprocess.run, words, check=True, cwd=tmp_path, timeout=60)
    assert (place / "bin" / "orderflow-stream").exists()
    env = environment(PYTHONPATH=str(place))
    async with started("demo", "--port", "0", "--rate", "10", cwd=tmp_path, env=env) as demo:
        url = url_of([await demo.line("http://", demo.out)])
        await status(f"{url}/readyz", 200, patience=30)
        failed: list[str] = []
        asked: set[str] = set()
        async with chromium() as browser:
            page = await browser.new_page()
            page.on("requestfailed", lambda request: failed.append(request.url))
            page.on(
                "response", lambda answer: asked.add(answer.url) if answer.status < 400 else failed.append(answer.url)
            )
            await page.goto(url)
            await page.get_by_role("status").filter(has_text=re.compile("live", re.IGNORECASE)).first.wait_for()
            assert await page.title()
            await page.goto(f"{url}/docs")
            await page.wait_for_selector(".opblock")
        assert [path for path in failed if "/v1/" not in path] == []  # a page that is left ends its questions
        assert urljoin(url, "/openapi.json") in asked
        assert any(path.startswith(f"{url}/static/vendor/") for path in asked)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/llms.txt") as answer:
            assert answer.status == 200
        demo.kill(signal.SIGINT)
        assert await demo.ended() == 0


def test_the_extras_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {"mcp", "tui", "dev"} <= extras.keys()
    assert any(line.startswith("mcp>=2") for line in extras["mcp"])
    assert any(line.startswith("rich") for line in extras["tui"])
