"""A daemon with a journal, killed and started again: what it still knows, what it says, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from orderflow_stream.app import daemon as daemon_module
from orderflow_stream.core.book import Book
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.inside import market, running
from tests.e2e.process import ROOT, Command, environment, eventually, get, run, started, status

SYMBOLS = [listing.symbol for listing in DEFAULT_LISTINGS[:2]]


@asynccontextmanager
async def exchange(folder: Path, **more: str) -> AsyncIterator[tuple[Simulator, dict[str, str]]]:
    """A simulator, and the environment of a daemon that reads it and keeps a journal."""
    market = SyntheticMarket(seed=8, listings=DEFAULT_LISTINGS[:2], rate=60)
    async with Simulator(SyntheticPlayer(market, 600)) as simulator:
        yield (
            simulator,
            environment(
                ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
                ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
                ORDERFLOW_VENUES__BINANCE__SYMBOLS=",".join(SYMBOLS),
                ORDERFLOW_JOURNAL__DIRECTORY=str(folder / "journal"),
                **more,
            ),
        )


async def ready(daemon: Command) -> str:
    """Its address, once all of it is warm and complete."""
    url = str(json.loads(await daemon.line('"listening"'))["url"])
    await status(f"{url}/readyz?strict=1", 200, 20)
    return url


async def data(url: str) -> Any:
    code, body = await get(url)
    assert code == 200, body
    return json.loads(body)["data"]


async def written(url: str, least: int) -> None:
    """Until the journal has so many trades on the disk: what a kill takes with it before that is another story."""
    async with asyncio.timeout(20):
        while True:
            _, body = await get(f"{url}/metrics")
            (line,) = [one for one in body.decode().splitlines() if one.startswith("orderflow_journal_trades_total ")]
            if float(line.split()[1]) >= least:
                return


async def end(daemon: Command, number: signal.Signals) -> list[dict[str, Any]]:
    """Its log."""
    daemon.kill(number)
    await daemon.ended()
    return [json.loads(line) for line in daemon.err]


async def test_killed_three_times_under_load_it_is_whole_again() -> None:
    arguments = ("--kills", "3", "--seed", "3", "--rate", "60", "--past", "600")
    loop = await asyncio.create_subprocess_exec(  # a process of its own: the exchange in it has a market to keep up
        *(sys.executable, "-m", "soak.kills", *arguments),
        cwd=ROOT,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out = (await asyncio.wait_for(loop.communicate(), 55))[0].decode()
    assert loop.returncode == 0, out
    assert "seed 3: kills 3, full windows after" in out
    assert " 0 wrong; 0 corrupt stores; " in out
    assert " 0 missed, " in out


async def test_a_clean_end_loses_nothing_and_counts_on(tmp_path: Path) -> None:
    async with exchange(tmp_path) as (simulator, env):
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = await ready(daemon)
            first = (await data(f"{url}/v1/flow?symbol=BTCUSDT"))["coverage"]
            log = await end(daemon, signal.SIGTERM)
            assert log[-1]["event"] == "stopped"
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = await ready(daemon)
            told = json.loads(await daemon.line("journal read"))
            assert told["instruments"] == 2
            cover = (await data(f"{url}/v1/flow?symbol=BTCUSDT"))["coverage"]
            epoch, seq = first["position"].split("-")
            again, then = cover["position"].split("-")
            assert again == epoch
            assert int(seq) < int(then) < int(seq) + 100_000  # no block is skipped: the end was written down
            assert cover["generation"] == first["generation"]
            assert cover["complete"]
            headers = {"Last-Event-ID": first["position"], "Accept": "text/event-stream"}
            query = {"symbols": "BTCUSDT", "topics": "trade"}
            ids: list[int] = []
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{url}/v1/stream", params=query, headers=headers) as response,
            ):
                topic = ""
                async for raw in response.content:
                    name, _, value = raw.decode().rstrip("\n").partition(": ")
                    topic = value if name == "event" else topic
                    if name == "data" and topic == "hello":
                        assert json.loads(value)["recovered"]
                    if name == "data" and topic == "trade":
                        ids.append(json.loads(value)["id"])
                        if ids[-1] > cover["last_id"]:
                            break
            source = [row.id for row in simulator.published("BTCUSDT") if first["last_id"] < row.id <= ids[-1]]
            valid = {row.id for row in simulator.published("BTCUSDT") if float(row.qty)}
            assert sorted(set(ids)) == [id_ for id_ in source if id_ in valid]
            _, body = await get(f"{url}/metrics")
            lines = dict(line.rsplit(" ", 1) for line in body.decode().splitlines() if line.startswith("orderflow_jou"))
            assert float(lines["orderflow_journal_ok"]) == 1
            assert float(lines["orderflow_journal_restored_trades"]) == told["trades"]
            assert (await data(f"{url}/readyz"))["journal"] == {"state": "ok", "reason": None}
            assert (await data(f"{url}/v1/meta"))["journal"]["state"] == "ok"


async def test_damage_is_said_set_aside_and_made_good(tmp_path: Path) -> None:
    async with exchange(tmp_path) as (simulator, env):
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            await ready(daemon)
            await end(daemon, signal.SIGTERM)
        file = tmp_path / "journal" / "journal.sqlite3"
        damage(file)
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = await ready(daemon)
            body = await data(f"{url}/v1/flow?symbol=BTCUSDT&trades=5000&numbers=string")
            source = [row for row in simulator.published("BTCUSDT") if float(row.qty)]
            ids = {row.id for row in source if body["coverage"]["first_id"] <= row.id <= body["coverage"]["last_id"]}
            assert len(ids) == 5000
            assert body["coverage"]["complete"]
            log = await end(daemon, signal.SIGTERM)
        assert [line["reason"] for line in log if line["event"] == "journal" and line["level"] == "warning"]
        assert list((tmp_path / "journal").glob("journal.sqlite3.damaged-*"))


def damage(file: Path) -> None:
    """Overwrite a stretch in the middle of what is used."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with file.open("r+b") as opened:
        size = file.stat().st_size
        opened.seek(size // 3)
        opened.write(b"\xa5" * (size // 3))


async def test_the_configuration_of_now_decides_what_comes_back(tmp_path: Path) -> None:
    async with exchange(tmp_path) as (_, env):
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = await ready(daemon)
            held = [(await data(f"{url}/v1/flow?symbol={one}&trades=5000"))["trades_scanned"] for one in SYMBOLS]
            await written(url, sum(held))
            await end(daemon, signal.SIGKILL)
        env |= {"ORDERFLOW_VENUES__BINANCE__SYMBOLS": f"{SYMBOLS[1]},{DEFAULT_LISTINGS[2].symbol}"}
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = str(json.loads(await daemon.line('"listening"'))["url"])
            assert json.loads(await daemon.line("journal read"))["instruments"] == 1
            assert (await data(f"{url}/v1/flow?symbol={SYMBOLS[1]}"))["trades_scanned"] == 1000
            await end(daemon, signal.SIGKILL)


async def test_a_second_daemon_does_not_get_the_same_journal(tmp_path: Path) -> None:
    async with exchange(tmp_path) as (_, env), started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
        await daemon.line('"listening"')
        code, out, err = await run("serve", "--port", "0", cwd=tmp_path, env=env)
        assert (code, out) == (1, "")
        assert err.startswith("orderflow-stream: journal.directory: ")
        assert f"in use by another daemon (process {daemon.process.pid})" in err
        assert "\n" not in err
        await end(daemon, signal.SIGTERM)


async def test_without_a_journal_nothing_is_said_of_one(tmp_path: Path) -> None:
    async with exchange(tmp_path) as (_, env):
        del env["ORDERFLOW_JOURNAL__DIRECTORY"]
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = await ready(daemon)
            assert (await data(f"{url}/readyz"))["journal"] == {"state": "off", "reason": None}
            _, body = await get(f"{url}/metrics")
            assert b"orderflow_journal" not in body
            await end(daemon, signal.SIGTERM)
        assert not (tmp_path / "journal").exists()


async def test_a_journal_needs_no_symbol_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "LIST_PATIENCE", 60_000_000)
    more: dict[str, object] = {"venues__binance__symbols": ["*"], "journal__directory": tmp_path / "journal"}
    async with market() as simulator:
        async with running(simulator, tmp_path, **more) as daemon:
            await eventually(lambda: len(daemon.engine.books) == 3 and all(map(whole, daemon.engine.books.values())))
        simulator.faults.rest("timeout", path="exchangeInfo")
        async with running(simulator, tmp_path, **more) as daemon:
            await eventually(lambda: len(daemon.engine.books) == 3 and all(map(whole, daemon.engine.books.values())))
            assert daemon.symbols.fetched_at is None


def whole(book: Book) -> bool:
    return book.warm and book.state in {"live", "quiet"}
