"""The README's examples: what they ask, how their answers are compared, and how they are made anew.

`python -m tests.readme` starts a demo, asks every example, and writes the answers and the configuration table into
README.md. `tests/test_readme.py` asks the same of a demo and compares the shapes.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from orderflow_stream.app import Daemon
from orderflow_stream.config import load, markdown
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.faults import catalogue

README: Final = Path(__file__).parent.parent / "README.md"
BASE: Final = "http://127.0.0.1:8080"

EXAMPLES: Final = (
    ("Order flow of the last 1,000 trades", "/v1/flow?symbol=BTCUSDT&trades=1000"),
    ("… of a time window (any configured one)", "/v1/flow?coin=BTC&quote=USDT&window=5m"),
    ("Large prints, whole taker orders (`group=row` lists rows)", "/v1/large?symbol=BTCUSDT&group=order&limit=1"),
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
ERRORS: Final = ("/v1/flow?symbol=BTCUSDT&trades=99",)

_EXAMPLE: Final = re.compile(
    r"```console\n\$ curl -s[N]* '" + re.escape(BASE) + r"(?P<path>[^']*)'[^\n]*\n(?P<answer>.*?)```", re.DOTALL
)


def examples(text: str) -> Iterator[tuple[str, str]]:
    """(path, answer) of every example in the README."""
    for found in _EXAMPLE.finditer(text):
        yield found["path"], found["answer"]


def shape(value: Any) -> Any:
    """Keys and kinds of a JSON value: lists by their first element, numbers as one kind, null as a wild card."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
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
async def demo() -> AsyncIterator[Daemon]:
    """A daemon over a synthetic market, ready."""
    async with Simulator(SyntheticPlayer(SyntheticMarket(seed=7, listings=DEFAULT_LISTINGS))) as simulator:
        over = {
            "server.port": 0,
            "venues.binance.stream_url": simulator.stream_url,
            "venues.binance.rest_url": simulator.rest_url,
            "venues.binance.symbols": [listing.symbol for listing in DEFAULT_LISTINGS],
        }
        daemon = Daemon(load(environ={}, overrides=over))
        running = asyncio.create_task(daemon.run())
        try:
            await daemon.ready.wait()
            async with aiohttp.ClientSession() as session:
                async with asyncio.timeout(20):
                    while (await session.get(f"{daemon.url}/readyz?strict=1")).status != 200:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)  # a poll, as an orchestrator does it
            yield daemon
        finally:
            daemon.stop()
            await running


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
    async with demo() as daemon, aiohttp.ClientSession() as session:
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
    text = README.read_text()
    made = {
        "examples": "\n".join(parts),
        "errors": "\n".join(faults),
        "config": markdown(),
        "faults": catalogue.markdown() + "\n",
    }
    for mark, content in made.items():
        text = put(text, mark, content)
    README.write_text(text)


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
    sys.stdout.write(f"{README} written\n")
