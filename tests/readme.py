"""The examples of README.md and docs/api.md: what they ask, how answers are compared, and how they are made anew.

`python -m tests.readme` starts a demo, asks every example, and writes the answers, the configuration table and the
table of faults into both. `tests/test_readme.py` asks the same of a demo and compares the shapes.
"""

from __future__ import annotations

import asyncio
import re
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from orderflow_stream.app import Daemon
from orderflow_stream.cli.demo import exchange, keys
from orderflow_stream.config import load, markdown
from tests import claims
from tests.faults import catalogue

README: Final = Path(__file__).parent.parent / "README.md"
API: Final = README.parent / "docs" / "api.md"
BASE: Final = "http://127.0.0.1:8080"
#: As `orderflow-stream demo` has it: trades a second.
RATE: Final = 60.0

EXAMPLES: Final = (
    ("Order flow of the last 1,000 trades", "/v1/flow?symbol=BTCUSDT&trades=1000"),
    ("… of a time window (any configured one)", "/v1/flow?coin=BTC&quote=USDT&window=5m"),
    ("Large prints, whole taker orders (`group=row` lists rows)", "/v1/large?symbol=BTCUSDT&group=order&limit=1"),
    ("… from a percentile of the symbol's own tape", "/v1/large?symbol=ETHUSDT&group=order&percentile=99.9&limit=1"),
    ("Bars, with the CVD at the end of each", "/v1/bars?symbol=BTCUSDT&interval=1m&limit=2"),
    ("Every symbol in one answer", "/v1/screener?window=5m&sort=delta_quote&limit=1"),
    ("The tape itself", "/v1/trades?symbol=BTCUSDT&limit=1"),
    ("What was missing, and what became of it", "/v1/gaps?symbol=BTCUSDT"),
    ("What can be asked for", "/v1/symbols?quote=BTC"),
    ("Every rule and parameter in force (cut here)", "/v1/meta"),
    ("Does it live, is it ready?", "/healthz"),
    ("", "/readyz"),
    ("What Prometheus scrapes (cut here)", "/metrics"),
)
#: A pipe that the README shows behind a call, by path.
PIPES: Final = {"/metrics": " | grep 'orderflow_cvd.*BTCUSDT'"}
STREAM: Final = "/v1/stream?symbols=BTCUSDT&topics=flow,large"
#: Members whose keys are data: any of them may be there.
TABLES: Final = frozenset({"states", "by_quote"})
ERRORS: Final = ("/v1/flow?symbol=BTCUSDT&trades=99",)

_EXAMPLE: Final = re.compile(
    r"```console\n\$ curl -s[N]* '" + re.escape(BASE) + r"(?P<path>[^']*)'[^\n]*\n(?P<answer>.*?)```", re.DOTALL
)


def examples(text: str) -> Iterator[tuple[str, str]]:
    """(path, answer) of every example in a document."""
    for found in _EXAMPLE.finditer(text):
        yield found["path"], found["answer"]


def shape(value: Any) -> Any:
    """Keys and kinds of a JSON value: lists (and what is keyed by data) by their first element, numbers as one kind,
    null as a wild card."""
    if isinstance(value, dict):
        return {
            key: shape(list(each.values()) if key in TABLES and isinstance(each, dict) else each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "null" if value is None else "string"


def alike(told: Any, found: Any) -> bool:
    """Whether two shapes agree; what is null, or an empty list, in one of them agrees with anything."""
    if "null" in (told, found) or told == [] or found == []:
        return True
    if isinstance(told, dict) and isinstance(found, dict):
        return told.keys() == found.keys() and all(alike(told[key], found[key]) for key in told)
    if isinstance(told, list) and isinstance(found, list):
        return alike(told[0], found[0])
    return bool(told == found)


@asynccontextmanager
async def demo(*, patient: bool = False, rate: float = RATE) -> AsyncIterator[Daemon]:
    """A daemon over the synthetic markets of `orderflow-stream demo`, spot of it whole; `patient`: all of it."""
    async with exchange(7, rate) as simulators:
        daemon = Daemon(load(environ={}, overrides={"server.port": 0, **keys(simulators)}))
        running = asyncio.create_task(daemon.run())
        try:
            await daemon.ready.wait()
            async with aiohttp.ClientSession() as session:
                async with asyncio.timeout(120 if patient else 30):
                    while not await _whole(session, daemon.url, patient):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)  # a poll, as an orchestrator does it
            yield daemon
        finally:
            daemon.stop()
            await running


async def _whole(session: aiohttp.ClientSession, url: str, patient: bool) -> bool:
    """Whether every symbol has all of its past, of all venues or of spot."""
    async with session.get(f"{url}/readyz?strict=1") as response:
        told = orjson.loads(await response.read())["data"]
    spot = told["venues"]["binance"]
    return bool(told["ready"] if patient else spot["instruments"] and not spot["not_ready_total"])


async def stream_events(url: str, names: set[str]) -> dict[str, str]:
    """The first block of each named event of the stream."""
    blocks: dict[str, str] = {}
    async with aiohttp.ClientSession() as session, session.get(url + STREAM) as response:
        block = ""
        async for raw in response.content:
            line = raw.decode()
            block += line
            if line == "\n":
                name = block.split("event: ", 1)[1].split("\n", 1)[0]
                blocks.setdefault(name, block)
                block = ""
                if names <= blocks.keys():
                    break
    return blocks


def cvd_lines(metrics: str) -> list[str]:
    """What the README's grep leaves of a scrape."""
    return [line for line in metrics.splitlines() if re.search("orderflow_cvd.*BTCUSDT", line)]


def _pretty(body: bytes) -> str:
    """As `python3 -m json.tool` prints it, but short lists on one line."""
    text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    return re.sub(r"\{\n\s+(\"trades\": \d+)\n\s+\}", r"{\1}", text) + "\n"


async def _write() -> None:
    parts: list[str] = []
    faults: list[str] = []
    async with demo(patient=True) as daemon, aiohttp.ClientSession() as session:
        for title, path in EXAMPLES:
            body = await (await session.get(daemon.url + path)).read()
            shown = body.decode() + "\n"
            if path == "/v1/meta":
                keys = ", ".join(orjson.loads(body)["data"])
                shown = f"{{…}}   # data: {keys}\n"
            tool = PIPES.get(path, "" if parts else " | python3 -m json.tool")
            if not parts:
                shown = _pretty(body)
            if path == "/metrics":
                shown = "".join(f"{line}\n" for line in cvd_lines(body.decode()))
            parts.append(f"{title}:\n\n" * bool(title) + f"```console\n$ curl -s '{BASE}{path}'{tool}\n{shown}```\n")
        blocks = await stream_events(daemon.url, {"hello", "flow"})
        shown = "".join(blocks[name] for name in ("hello", "flow")).rstrip("\n") + "\n"
        parts.append(f"The stream, until you stop it:\n\n```console\n$ curl -sN '{BASE}{STREAM}'\n{shown}```\n")
        for path in ERRORS:
            body = await (await session.get(daemon.url + path)).read()
            faults.append(f"```console\n$ curl -s '{BASE}{path}'\n{body.decode()}\n```\n")
        bodies = {path: await _answer(session, daemon.url + path) for _, path in claims.EXAMPLES}
    first = "\n".join((parts[0], parts[-1]))
    made = {
        README: {"first": first, "config": markdown(), "faults": catalogue.markdown() + "\n"},
        API: {"futures": futures(bodies), "examples": "\n".join(parts), "errors": "\n".join(faults)},
    }
    for file, marks in made.items():
        text = file.read_text()
        for mark, content in marks.items():
            text = put(text, mark, content)
        file.write_text(text)


async def _answer(session: aiohttp.ClientSession, url: str) -> bytes:
    """The answer, once it lists something: liquidations are rare."""
    async with asyncio.timeout(300):
        while True:
            body = await (await session.get(url)).read()
            if orjson.loads(body)["data"].get("liquidations") != []:
                return body
            await asyncio.sleep(1)


def futures(bodies: Mapping[str, bytes]) -> str:
    """The section on futures, with these answers to its examples by path."""
    wrap = textwrap.TextWrapper(119, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    points = "".join(f"{wrap.fill('* ' + claim.says)}\n" for claim in claims.CLAIMS)
    shown = "\n".join(
        f"{title}:\n\n```console\n$ curl -s '{BASE}{path}'\n{bodies[path].decode()}\n```\n"
        for title, path in claims.EXAMPLES
    )
    return f"```toml\n{claims.CONFIG}```\n\n{points}\n{shown}"


def put(text: str, mark: str, content: str) -> str:
    """`text` with what stands between two marks replaced."""
    head, rest = text.split(f"<!-- {mark}:start -->\n", 1)
    _, tail = rest.split(f"<!-- {mark}:end -->", 1)
    return f"{head}<!-- {mark}:start -->\n{content}<!-- {mark}:end -->{tail}"


def between(text: str, mark: str) -> str:
    """What stands between two marks."""
    return text.split(f"<!-- {mark}:start -->\n", 1)[1].split(f"<!-- {mark}:end -->", 1)[0]


if __name__ == "__main__":
    asyncio.run(_write())
    sys.stdout.write(f"{README} and {API} written\n")
