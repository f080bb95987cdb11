"""Crowds as a process of their own (`python -m tests.clients.apart herd|attack|follow URL`), on uvloop, so that they
slow down nobody who measures. Each prints `begun`, and at the end one JSON object."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import uvloop

from tests.clients.crowd import Flood, Loris, Stream, listen, more_files, percentile
from tests.e2e.process import ROOT

Result = dict[str, Any]


async def herd(given: argparse.Namespace) -> Result:
    """`count` streams that are opened at the same instant: how long until the first event of each."""
    began = time.perf_counter()
    streams = await listen(given.url, given.path, given.count, at_once=given.count)
    waits = [each.first for each in streams if each.first is not None]
    return {
        "count": given.count,
        "hello": sum(each.seen["hello"] for each in streams),
        "busy": sum(each.seen["busy"] for each in streams),
        "first_event_p50": round(percentile(waits, 0.5), 3),
        "first_event_p99": round(percentile(waits, 0.99), 3),
        "all_after": round(time.perf_counter() - began, 3),
    }


async def attack(given: argparse.Namespace) -> Result:
    """`slow` clients that send a header now and then, `flood` that send nonsense, for `seconds`; what became of them.
    The slow ones are waited for until each has been cut."""
    dawdling = [Loris(given.url, every=1.0) for _ in range(given.slow)]
    tasks = [asyncio.create_task(each.run()) for each in dawdling]
    shouting = Flood(given.url, given.flood)
    print("begun", flush=True)
    await asyncio.sleep(given.seconds)
    await shouting.stop()
    done, left = await asyncio.wait(tasks, timeout=30) if tasks else (set(), set())
    for task in left:
        task.cancel()
    failed = [task for task in done if not task.cancelled() and task.exception() is not None]
    lived = [each.lived for each in dawdling if each.lived is not None]
    return {
        "slow": given.slow,
        "cut": len(lived),
        "failed": len(failed),
        "longest": round(max(lived, default=0.0), 2),
        "nonsense": sum(shouting.answers.values()),
        "answers": {str(status): count for status, count in sorted(shouting.answers.items())},
    }


async def follow(given: argparse.Namespace) -> Result:
    """`count` streams that are read until standard input ends: what they missed, and the delay from the venue."""
    streams = await listen(given.url, given.path, given.count)
    print("begun", flush=True)
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    while line := await lines.get():  # `mark`: delays from here on are the next measurement
        if line.strip() == "mark":
            print(json.dumps(_delays(streams)), flush=True)
    loop.remove_reader(sys.stdin)
    return {"count": given.count, **_missed(streams), **_delays(streams)}


def _missed(streams: Sequence[Stream]) -> Result:
    first = max((each.trades[0] for each in streams if each.trades), default=0)
    last = min((each.trades[-1] for each in streams if each.trades), default=0)
    return {
        "trades_each": last - first + 1,
        "silent": sum(not each.trades for each in streams),
        "missed": sum(each.missed() for each in streams),
        "went_back": sum(each.went_back for each in streams),
        "ended": sum(each.ended.done() for each in streams),
        "newest": last,
    }


def _delays(streams: Sequence[Stream]) -> Result:
    """Since the last time."""
    delays = [delay for each in streams for delay in each.delays]
    for each in streams:
        each.delays.clear()
    return {
        "events": len(delays),
        "delay_p50_ms": round(1000 * percentile(delays, 0.5), 1),
        "delay_p99_ms": round(1000 * percentile(delays, 0.99), 1),
    }


class Apart:
    """A crowd that is under way."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def mark(self) -> Result:
        """What `follow` measured since the last mark."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"mark\n")
        found: Result = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 60))
        return found

    async def result(self) -> Result:
        """The end of it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        out, _ = await asyncio.wait_for(self._process.communicate(), 90)
        found: Result = json.loads(out)
        return found


@asynccontextmanager
async def begun(command: str, url: str, *arguments: str) -> AsyncIterator[Apart]:
    """The process, from when it has begun."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.clients.apart", command, url, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert (await asyncio.wait_for(process.stdout.readline(), 60)).strip() == b"begun"
        yield Apart(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def apart(command: str, url: str, *arguments: str) -> Result:
    """What such a process says at its end."""
    async with begun(command, url, *arguments) as crowd:
        return await crowd.result()


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], Awaitable[Result]]]] = {
    "herd": herd,
    "attack": attack,
    "follow": follow,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clients.apart", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("url")
    parser.add_argument("--path", default="/v1/stream?symbols=*")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--flood", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    more_files()
    if given.command == "herd":
        print("begun", flush=True)

    async def run() -> Result:
        return await COMMANDS[given.command](given)

    print(json.dumps(uvloop.run(run())))


if __name__ == "__main__":
    main()
