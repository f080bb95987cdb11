"""A real Prometheus with our configuration and rules, pointed at a daemon; and what is asked of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml  # type: ignore[import-untyped]

from tests.deploy.test_nginx import free_port
from tests.e2e.process import ROOT
from tests.tapes.kit import until
from tests.tools import needs

DEPLOY: Final = ROOT / "deploy"
RULES: Final = DEPLOY / "prometheus"
DASHBOARDS: Final = DEPLOY / "grafana" / "dashboards"
TARGET: Final = "orderflow-stream:8080"


def rules(name: str) -> list[dict[str, Any]]:
    """Every rule of a file, in order."""
    groups = yaml.safe_load((RULES / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[tuple[str, dict[str, Any]]]:
    """(dashboard and title, panel) of every dashboard."""
    boards = [json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))]
    return [(f"{board['uid']}: {panel['title']}", panel) for board in boards for panel in board["panels"]]


def plain(expr: str) -> str:
    """A panel's query with everything chosen."""
    return re.sub(r"\$\w+", ".*", expr)


def queries() -> Iterator[tuple[str, str]]:
    """(where it stands, expression): of every panel and every recording rule."""
    for name, panel in panels():
        for each in panel["targets"]:
            yield f"{name} {each['refId']}", plain(each["expr"])
    for rule in rules("records.yml"):
        yield rule["record"], rule["expr"]


#: A metric of ours, or of the process, and what it is narrowed to.
SELECTOR: Final = re.compile(r"\b((?:orderflow|process)_\w+|up\b|\w+:orderflow_\w+)(\{[^}]*\})?")


def selectors(expr: str) -> set[str]:
    """What an expression reads. (Labels that it groups by have no such names.)"""
    return {name + narrowed for name, narrowed in SELECTOR.findall(expr)}


class Prometheus:
    """Its HTTP side."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, expr: str) -> list[dict[str, Any]]:
        """The vector that an expression gives now; AssertionError where it is none."""
        async with self._session.post("/api/v1/query", data={"query": expr}) as response:
            answer = await response.json()
        assert answer["status"] == "success", (expr, answer)
        assert answer["data"]["resultType"] == "vector", expr
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def get(self, path: str) -> Any:
        async with self._session.get(path) as response:
            return (await response.json())["data"]

    async def firing(self) -> dict[str, dict[str, Any]]:
        """Alerts that fire, by name."""
        alerts = (await self.get("/api/v1/alerts"))["alerts"]
        return {each["labels"]["alertname"]: each for each in alerts if each["state"] == "firing"}

    async def until(self, expr: str, patience: float = 12.0) -> list[dict[str, Any]]:
        """The first answer that is not empty."""
        async with asyncio.timeout(patience):
            while True:
                if found := await self.ask(expr):
                    return found
                await asyncio.sleep(0.1)

    async def until_firing(self, name: str, patience: float) -> dict[str, Any]:
        """That alert, once it fires."""
        async with asyncio.timeout(patience):
            while True:
                if alert := (await self.firing()).get(name):
                    return alert
                await asyncio.sleep(0.05)


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """Ours as it is deployed, but for the target; ended afterwards."""
    for name in ("prometheus.yml", "alerts.yml", "records.yml"):
        text = (RULES / name).read_text()
        if name == "prometheus.yml":
            assert text.count(TARGET) == 1
            text = text.replace(TARGET, target)
        (folder / name).write_text(text)
    port = free_port()
    log = folder / "prometheus.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            needs("prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            env={"GOMAXPROCS": "1"},
            stdout=file,
            stderr=file,
        )
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                await until(
                    lambda: process.returncode is not None or b"ready to receive" in log.read_bytes(), "it serves"
                )
                assert process.returncode is None, log.read_text()
                yield Prometheus(session)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
