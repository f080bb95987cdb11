"""Tasks of the daemon that are cancelled by somebody whose business it is not: P12.

Whatever vanishes, the daemon either does all of its work afterwards, or ends and says why: never something between.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from orderflow_stream.adapters.minded import Vanished
from orderflow_stream.app import Daemon
from orderflow_stream.core.book import Book
from orderflow_stream.simulator import Simulator
from tests.e2e.inside import build, market, settings_over
from tests.e2e.process import ROOT, Command, environment, get
from tests.faults.proxy import Proxy, Shape
from tests.tapes.kit import until

SYMBOL: Final = "BTCUSDT"
PATIENCE: Final = 15.0
#: Tasks that the daemon cannot do without: that they were met at all is held, so that a change of names is noticed.
VITAL: Final = {
    *("feed", "tick", "clock", "backfill", "usage", "ingest", "watcher", "journal"),
    *("connections", "symbols", "feed pairs", "feed shard 0A", "feed shard 0B"),
    *("warmer", "prober", "joiner", "mender", "worker", "until"),
}

Tasks = dict[str, "asyncio.Task[Any]"]


class Watched:
    """A daemon in this process, and its tasks by what they are."""

    def __init__(self, daemon: Daemon, run: asyncio.Task[None], others: set[asyncio.Task[Any]]) -> None:
        self.daemon = daemon
        self.run = run
        self._others = others

    def tasks(self) -> Tasks:
        found = asyncio.all_tasks() - self._others - {self.run}
        return {_what(task): task for task in found}

    def whole(self) -> bool:
        books = self.daemon.engine.books
        return bool(books) and all(book.warm and book.verified for book in books.values())


def _what(task: asyncio.Task[Any]) -> str:
    name = task.get_name()
    return getattr(task.get_coro(), "__qualname__", "?") if name.startswith("Task-") else name


@asynccontextmanager
async def watched(simulator: Simulator, tmp: Path, **over: object) -> AsyncIterator[Watched]:
    others = asyncio.all_tasks()
    daemon = build(settings_over(simulator, venues__binance__redundancy=2, **over), tmp / "empty.toml")
    run = asyncio.create_task(daemon.run())
    one = Watched(daemon, run, others)
    try:
        await until(lambda: run.done() or one.whole(), "warm")
        yield one
    finally:
        daemon.stop()
        with suppress(ExceptionGroup):
            await asyncio.wait_for(run, 20)


def _has_more(book: Book, since: int) -> bool:
    newest = book.sequence.newest
    return newest is not None and newest > since + 3 and not book.sequence.missing(since, newest)


async def works(one: Watched, simulator: Simulator, without: str) -> None:
    """Everything that is streamed arrives, holes are repaired, answers are complete."""
    daemon = one.daemon
    before = {symbol: tape.newest_id or 0 for symbol, tape in simulator.exchange.tapes.items()}
    for symbol in before:
        simulator.faults.skip(symbol, 3)

    def held() -> bool:
        books = {book.instrument.symbol: book for book in daemon.engine.books.values()}
        return all(_has_more(books[symbol], newest) for symbol, newest in before.items())

    await until(held, f"without {without}: new trades of every symbol, holes repaired")
    for symbol in before:
        status, body = await get(f"{daemon.url}/v1/flow?symbol={symbol}&trades=100")
        assert status == 200, (without, body)
    status, body = await get(f"{daemon.url}/readyz?strict=1")
    assert status == 200, (without, body)


async def test_every_task_is_either_replaced_or_the_daemon_ends(tmp_path: Path) -> None:
    """Each kind of task that there is, whatever it is called."""
    tried: set[str] = set()
    fatal: set[str] = set()
    async with market(rate=60.0) as simulator:
        for life in range(40):
            journal = tmp_path / f"journal{life}"
            async with watched(simulator, tmp_path, journal__directory=str(journal)) as one:
                while left := {what: task for what, task in one.tasks().items() if what not in tried}:
                    what = min(left)
                    tried.add(what)
                    left[what].cancel()
                    await asyncio.wait([one.run], timeout=5.0 if what in VITAL else 0.1)
                    if one.run.done():
                        assert f"the task {what!r} was cancelled" in _why(one.run)
                        fatal.add(what)
                        break
                    assert what not in VITAL, f"{what} vanished, and nothing was noticed"
                    if what.startswith("feed connection"):  # numbered: one stands for all
                        tried |= {each for each in one.tasks() if each.startswith("feed connection")}
                    await works(one, simulator, what)
                else:
                    break
    assert fatal >= VITAL, sorted(VITAL - fatal)
    assert len(tried) > len(fatal), "some can be done without"


def _why(run: asyncio.Task[None]) -> str:
    error: BaseException | None = run.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Vanished), error
    return str(error)


async def test_a_repair_that_is_cancelled_is_made_again(tmp_path: Path) -> None:
    async with market(rate=60.0) as simulator, Proxy((simulator.host, simulator.port)) as rest:
        over = {"venues__binance__rest_url": f"http://127.0.0.1:{rest.port}"}
        async with watched(simulator, tmp_path, **over) as one:
            rest.shape = Shape(latency=1.0)
            for link in rest.open:
                link.shape = Shape(latency=1.0)
            simulator.faults.skip(SYMBOL, 5)
            await until(lambda: "Mender._fill" in one.tasks(), "a repair is under way")
            assert one.tasks()["Mender._fill"].cancel()
            rest.clear()
            await works(one, simulator, "a repair")


async def test_the_process_says_why_and_ends_with_1(tmp_path: Path) -> None:
    """The real process; its hook is a program that starts the command as it is, and cancels one task."""
    program = tmp_path / "hook.py"
    program.write_text(
        """
import asyncio, sys
from orderflow_stream.app import Daemon
from orderflow_stream.cli import main

run = Daemon.run

async def hooked(self):
    async def chaos():
        await self.ready.wait()
        (task,) = [each for each in asyncio.all_tasks() if each.get_name() == "tick"]
        task.cancel()
    chaos = asyncio.create_task(chaos())
    await run(self)

Daemon.run = hooked
sys.exit(main(["serve", "--port", "0"]))
"""
    )
    async with market() as simulator:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(program)),
            cwd=tmp_path,
            env=environment(
                PYTHONPATH=str(ROOT),
                ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
                ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        daemon = Command(process)
        assert await daemon.ended() == 1
    (line,) = [line for line in daemon.err if "the daemon failed" in line]
    assert "the task 'tick' was cancelled from outside" in line


@pytest.mark.parametrize("how", ["return", "raise"])
async def test_a_task_that_raises_ends_it_too(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken invariant anywhere is the end; a task that has nothing more to do is not."""

    async def done(self: object) -> None:
        if how == "raise":
            raise AssertionError("broken")

    monkeypatch.setattr("orderflow_stream.adapters.usage.UsageFile.run", done)
    async with market() as simulator, watched(simulator, tmp_path) as one:
        if how == "raise":
            await asyncio.wait([one.run], timeout=PATIENCE)
            assert isinstance(one.run.exception(), ExceptionGroup)
        else:
            await works(one, simulator, "usage")
