"""The process and its machine: the disk (P5), memory (P6), stalls (P8), a wrong configuration (P10)."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.e2e.process import environment, run
from tests.faults.house import House, house
from tests.faults.market import Steady
from tests.tools import needs

BUSY, SLOW, CALM = "AAAUSDT", "BBBUSDT", "CCCUSDT"
MIB: Final = 1 << 20


def market(busy: float = 80) -> Steady:
    return Steady({BUSY: busy, SLOW: 15, CALM: 0})


def wrap(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Python is started by this command from now on; `$@` is what it is given."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{command.replace('PYTHON', sys.executable)}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


async def journal(home: House) -> dict[str, Any]:
    found: dict[str, Any] = (await home.get("/readyz"))["journal"]
    return found


async def journal_is(home: House, *states: str) -> dict[str, Any]:
    async def holds() -> bool:
        return (await journal(home))["state"] in states

    await home.until(holds, f"the journal is {states}", 30.0)
    return await journal(home)


# -- P5: the disk ------------------------------------------------------------------------------------------------------


async def goes_on(home: House) -> None:
    """What was published until now is held, nothing is missing, ready."""
    await home.until_whole()
    assert (await home.raw("/readyz", strict=1))[0] == 200


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: ENOSPC on a file system of its own. Said once, `/readyz` stays 200 and tells, trades go on; written again
    when there is room, and a restart has all of it."""
    store = tmp_path / "journal"
    store.mkdir()
    cage = f'exec {needs("bwrap")} --dev-bind / / --size {8 * MIB} --tmpfs {store} --die-with-parent PYTHON "$@"'
    wrap(tmp_path, monkeypatch, cage)
    async with house(tmp_path, market(), journal__directory=store) as home:
        inside = Path(f"/proc/{_child(home.daemon.process.pid)}/root{store}")
        await journal_is(home, "ok")
        assert (inside / "journal.sqlite3").stat().st_size
        filler = inside / "filler"
        fill(filler)
        told = await journal_is(home, "failed")
        assert "full" in told["reason"]
        assert "journal" in (await home.get("/v1/meta"))
        assert await home.metric("orderflow_journal_ok") == 0
        await goes_on(home)
        await home.daemon.line("full")
        (line,) = [line for line in home.said("full") if line["level"] in {"error", "warning"}]
        assert line["reason"] in told["reason"]
        dropped = await home.metric("orderflow_journal_dropped_frames_total")
        assert dropped > 0
        filler.unlink()
        await journal_is(home, "ok")
        assert await home.metric("orderflow_journal_ok") == 1
        written = await home.metric("orderflow_journal_trades_total")

        async def more() -> bool:
            return await home.metric("orderflow_journal_trades_total") > written

        await home.until(more, "it is written again")
        await home.assert_whole()
        home.assert_quiet_log()


def fill(file: Path) -> None:
    """Until there is no room at all."""
    try:
        with file.open("wb", buffering=0) as out:
            while True:
                out.write(bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def size_of(pid: int) -> int:
    """Address space of a process, bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _child(pid: int) -> int:
    """The innermost process under this one."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


async def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """P5: every write beyond what is there fails (EFBIG to the program, an I/O error to the journal), from a moment
    on, until it is lifted."""
    store = tmp_path / "journal"
    async with house(tmp_path, market(), journal__directory=store) as home:
        await journal_is(home, "ok")
        pid = home.daemon.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        told = await journal_is(home, "failed")
        assert told["reason"]
        await goes_on(home)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await journal_is(home, "ok")
        await home.assert_whole()
        home.assert_quiet_log()


async def test_a_disk_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: a read-only file system at the start: one line that says what to do, and all is served, but for the journal,
    which is told to be failed for as long as it is."""
    store = tmp_path / "journal"
    store.mkdir()
    bwrap = needs("bwrap")
    wrap(tmp_path, monkeypatch, f'exec {bwrap} --dev-bind / / --ro-bind {store} {store} --die-with-parent PYTHON "$@"')
    async with house(tmp_path, market(), journal__directory=store) as home:
        line, *_ = home.said("ead-only file system")  # by the start, and by the writer when it has tried again
        assert "ead-only" in line["reason"]
        told = await journal_is(home, "failed")
        assert line["reason"] in told["reason"]
        assert line["hint"] in told["reason"]
        await home.assert_whole()
        home.assert_quiet_log()


async def test_a_disk_that_does_not_answer(tmp_path: Path) -> None:
    """P5: a commit that takes for ever, here since another process has the file. Nobody waits for it: trades go on,
    `slow` or `failed` is told, and it is written when the disk is back."""
    store = tmp_path / "journal"
    async with house(tmp_path, market(), journal__directory=store) as home:
        await journal_is(home, "ok")
        other = sqlite3.connect(store / "journal.sqlite3", timeout=5.0, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            lag = await home.metric("orderflow_event_loop_lag_max_seconds")
            told = await journal_is(home, "slow", "failed")
            assert told["reason"]
            await goes_on(home)
            assert await home.metric("orderflow_event_loop_lag_max_seconds") <= max(lag, 0.5)
        finally:
            other.close()
        await journal_is(home, "ok")
        await home.assert_whole()


# -- P6: memory --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mib", [24, 160, 400])
async def test_too_little_memory_to_start(mib: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P6: it ends by itself, not with 0, or it serves: never something between that looks alive."""
    wrap(tmp_path, monkeypatch, f'ulimit -v {mib * 1024}\nexec PYTHON "$@"')
    async with house(tmp_path, market(), serve=False) as home, home.serving(listening=False) as daemon:
        ended = asyncio.create_task(daemon.ended())
        told = asyncio.create_task(daemon.line('"listening"'))
        await asyncio.wait((ended, told), timeout=15.0, return_when=asyncio.FIRST_COMPLETED)
        if told.done() and not told.exception():
            home.url = str(json.loads(told.result())["url"])
            await serves_or_ends(home, ended)
        else:
            assert await ended not in {0, None}
            with pytest.raises(AssertionError):
                await told
        ended.cancel()


async def serves_or_ends(home: House, ended: asyncio.Task[int]) -> None:
    """Within a while it is gone, or every symbol is whole."""
    try:
        await home.until_whole()
        assert (await home.raw("/readyz"))[0] == 200
    except (aiohttp.ClientError, AssertionError):
        assert await asyncio.wait_for(asyncio.shield(ended), 10.0) != 0


async def test_memory_that_runs_out(tmp_path: Path) -> None:
    """P6: the daemon runs, and then gets no more: it ends and is as good as new when started again, or does all its
    work."""
    async with house(tmp_path, market(), journal__directory=tmp_path / "journal") as home:
        pid = home.daemon.process.pid
        ended = asyncio.create_task(home.daemon.ended())
        size = size_of(pid)
        resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
        # Answers of some size, many at a time: more than what is free inside.
        for _ in range(5):
            asked = [home.raw("/v1/trades", symbol=BUSY, from_id=0, limit=5000) for _ in range(30)]
            await asyncio.gather(*asked, return_exceptions=True)
            if ended.done():
                break
        await serves_or_ends(home, ended)
        if not ended.done():
            home.daemon.kill(signal.SIGKILL)
        await ended
        async with home.serving():
            await home.assert_whole()


# -- P8: stalls --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def stopped(home: House) -> AsyncIterator[None]:
    """The daemon stands still: the whole process, as when its machine is too busy or its memory is swapped."""
    home.daemon.kill(signal.SIGSTOP)
    try:
        yield
    finally:
        home.daemon.kill(signal.SIGCONT)


async def test_it_stands_still_for_a_while(tmp_path: Path) -> None:
    """P8: our own stall is not the exchange's: no connection is given up, no symbol called stale, nothing missed."""
    async with house(tmp_path, market(200)) as home:
        attempts, links = home.sim.attempts, len(home.sim.open_connections)
        gaps = await home.metric("orderflow_gaps_total")
        for seconds in (0.2, 0.7, 2.0, 0.1, 1.3, 4.5):
            async with stopped(home):
                await asyncio.sleep(seconds)
            states = set()
            for _ in range(10):
                states |= set((await home.states(BUSY, SLOW, CALM)).values())
                await asyncio.sleep(0.02)
            assert states <= {"live", "quiet"}, seconds
            assert await home.metric("orderflow_event_loop_lag_max_seconds") >= seconds * 0.9
        await home.assert_whole()
        assert home.sim.attempts == attempts, home.log[-5:]
        assert len(home.sim.open_connections) == links
        assert await home.metric("orderflow_gaps_total") == gaps
        home.assert_quiet_log()


# -- P10: configuration ------------------------------------------------------------------------------------------------

WRONG: Final = {
    "of all kinds": (
        """
        [sever]
        port = 8080
        [server]
        prot = 8080
        host = "0.0.0.0"
        port = "eighty"
        [journal]
        frame_ms = 1
        [venues.binance]
        stream_url = "ftp://example.org"
        """,
        ["sever", "server.prot", "server.port", "journal.frame_ms", "venues.binance.stream_url", "ORDERFLOW_LOG__LOUD"],
    ),
    "open to everyone": ('[server]\nhost = "0.0.0.0"\nport = 0\n', ["server.host", "ORDERFLOW_LOG__LOUD"]),
    "no TOML": ("[server\n", ["config.toml"]),
    "no text": ("\xff\xfe", ["config.toml"]),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_configuration(name: str, tmp_path: Path) -> None:
    """P10: refused with exit code 2, all faults at once, each in a line with its key; nothing was begun."""
    text, keys = WRONG[name]
    (tmp_path / "config.toml").write_bytes(text.encode("latin-1"))
    code, out, err = await run("serve", cwd=tmp_path, env=environment(ORDERFLOW_LOG__LOUD="1"))
    assert (code, out) == (2, "")
    for key in keys:
        assert [line for line in err.splitlines() if key in line], (key, err)
    assert len(err.splitlines()) <= len(keys) + 1
    assert "Traceback" not in err
