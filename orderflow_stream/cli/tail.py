"""`tail`: the live tape of a running daemon, in a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import orjson
from rich.console import Console
from rich.text import Text

from orderflow_stream.cli import FAILED, OK, USAGE

#: Seconds without any event after which the connection is taken for dead (the daemon sends a heartbeat every 2 s).
SILENCE = 15.0
#: Seconds between attempts when the daemon states none.
PAUSE = 2.0


def run(symbols: list[str], url: str, min_notional: Decimal | None, *, as_json: bool) -> int:
    """Print trades as they come until Ctrl-C."""
    try:
        return asyncio.run(_tail(symbols, url.rstrip("/"), min_notional, as_json=as_json))
    except KeyboardInterrupt:
        return OK


async def _tail(symbols: list[str], url: str, min_notional: Decimal | None, *, as_json: bool) -> int:
    console = Console(highlight=False)
    params = {"symbols": ",".join(symbols), "topics": "trade"}
    position: str | None = None
    reached = False
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            pause = PAUSE
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": position} if position else {})}
            try:
                async with session.get(f"{url}/v1/stream", params=params, headers=headers) as response:
                    if response.status != 200:
                        return await _refused(response)
                    reached = True
                    async for name, id_, data, retry in _events(response.content):
                        position = id_ or position
                        pause = retry or pause
                        _print(console, name, data, min_notional, as_json=as_json)
            except aiohttp.InvalidURL:
                print(f"tail: {url} is not a URL; write --url http://host:port", file=sys.stderr)
                return USAGE
            except (aiohttp.ClientError, TimeoutError) as error:
                if not reached:
                    print(
                        f"tail: no daemon at {url} ({error}); start one with `orderflow-stream serve`", file=sys.stderr
                    )
                    return FAILED
                print(f"tail: the connection is lost, trying again ({error})", file=sys.stderr)
            await asyncio.sleep(pause)


async def _refused(response: aiohttp.ClientResponse) -> int:
    try:
        message = orjson.loads(await response.read())["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = "not an orderflow_stream daemon?"
    print(f"tail: {response.status} from {response.url.origin()}: {message}", file=sys.stderr)
    return FAILED


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str, Any, float]]:
    """Server-sent events as (name, id, data, retry in seconds or 0)."""
    name = id_ = data = ""
    retry = 0.0
    async for raw in content:
        line = raw.decode().rstrip("\n")
        if not line:
            if data:
                yield name, id_, orjson.loads(data), retry
            name, data = "", ""
            continue
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            id_ = value
        elif field == "data":
            data = value
        elif field == "retry" and value.isdecimal():
            retry = int(value) / 1000


def _print(console: Console, name: str, data: Any, min_notional: Decimal | None, *, as_json: bool) -> None:
    if name == "trade":
        if min_notional is not None and Decimal(str(data["price"])) * Decimal(str(data["qty"])) < min_notional:
            return
        if as_json:
            sys.stdout.buffer.write(orjson.dumps(data) + b"\n")
            sys.stdout.flush()
            return
        at = datetime.fromtimestamp(data["time"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        sign, style = ("▲", "#648FFF") if data["side"] == "buy" else ("▼", "#FE6100")
        late = " late" if data.get("late") else ""
        line = f"{at} {data['symbol']:<12} {sign} {data['side']:<4} {data['price']:>14} x {data['qty']}{late}"
        console.print(Text(line, style=style))
    elif name in {"gap", "corrected", "state", "bye", "slow", "busy"} or (name == "hello" and data.get("resumed_from")):
        print(f"-- {name}: {orjson.dumps(data).decode()}", file=sys.stderr)
