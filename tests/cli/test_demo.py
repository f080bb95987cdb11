"""What the demo builds: a daemon that knows nothing but the simulator, its flags, and a file that was named."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from orderflow_stream import cli
from orderflow_stream.app import Daemon
from orderflow_stream.cli import FAILED
from orderflow_stream.cli.warmup import LogStream
from orderflow_stream.config import Settings
from orderflow_stream.simulator import DEFAULT_LISTINGS
from tests.e2e.process import get

#: The module: `orderflow_stream.cli.demo` may also be the command of that name.
MODULE = importlib.import_module("orderflow_stream.cli.demo")


class Seen:
    """The settings of the daemon that would have run, and whether its exchange was there meanwhile and is gone."""

    settings: Settings
    answered = 0
    gone = False
    tried: Settings

    async def try_addresses(self, settings: Settings) -> None:
        """Instead of binding them: the machine of this test may use port 8080 for something else."""
        self.tried = settings

    def __call__(self, make: Callable[[], AbstractAsyncContextManager[Daemon]], stream: LogStream) -> int:
        asyncio.run(self._look(make))
        return 0

    async def _look(self, make: Callable[[], AbstractAsyncContextManager[Daemon]]) -> None:
        async with make() as daemon:
            self.settings = daemon.settings
            ping = f"{daemon.settings.venues.binance.rest_url}/api/v3/ping"
            self.answered, _ = await get(ping)
        try:
            await get(ping)
        except OSError:
            self.gone = True


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seen:
    """In a folder and an environment that are about the real thing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text('[venues.binance]\nsymbols = ["REALUSDT"]\n[server]\nport = 1234\n')
    monkeypatch.setenv("ORDERFLOW_SERVER__PORT", "2345")
    monkeypatch.setenv("ORDERFLOW_NONSENSE", "x")
    found = Seen()
    monkeypatch.setattr(MODULE, "run_until_signal", found)
    monkeypatch.setattr(MODULE, "try_addresses", found.try_addresses)
    return found


def run(config: Path | None = None, **flags: object) -> int:
    named = {name.replace("__", "."): value for name, value in flags.items()}
    return int(MODULE.run(config, named, seed=1, rate=0.5))


def test_it_knows_the_simulator_and_nothing_else(seen: Seen) -> None:
    assert run() == 0
    assert (seen.answered, seen.gone) == (200, True)
    binance = seen.settings.venues.binance
    assert binance.rest_url.startswith("http://127.0.0.1:")
    assert binance.stream_url.startswith("ws://127.0.0.1:")
    assert binance.symbols == tuple(listing.symbol for listing in DEFAULT_LISTINGS)
    assert seen.settings.server.port == 8080


def test_flags_count(seen: Seen) -> None:
    assert run(server__port=4567, log__level="error") == 0
    assert (seen.settings.server.port, seen.settings.log.level) == (4567, "error")
    assert seen.tried.server == seen.settings.server


def test_a_named_file_counts_but_for_where_the_exchange_is(seen: Seen, tmp_path: Path) -> None:
    assert run(tmp_path / "config.toml") == 0
    assert seen.settings.server.port == 1234
    assert "REALUSDT" not in seen.settings.venues.binance.symbols


@pytest.mark.parametrize("key", ["server.port", "server.metrics_listen"])
def test_a_port_that_is_taken_is_told_before_the_market_is_made(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(**_: object) -> None:
        raise AssertionError("too early")

    monkeypatch.setattr(MODULE, "SyntheticMarket", make)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags: dict[str, object] = {"server.port": 0}
        flags[key] = port if key == "server.port" else f"127.0.0.1:{port}"
        assert MODULE.run(None, flags, seed=1, rate=0.5) == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {port} of 127.0.0.1 is in use" in line
    assert key in line


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 10_001])
def test_rates_that_make_no_market(rate: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert MODULE.run(None, {}, seed=1, rate=rate) == 2
    assert capsys.readouterr().err == f"demo: --rate must be above 0 and at most 10000, not {rate}\n"


def test_the_command_passes_its_flags_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def record(*arguments: object, **named: object) -> int:
        calls.append((arguments, named))
        return 0

    monkeypatch.setattr(MODULE, "run", record)
    assert cli.main(["demo", "--port", "0", "--host", "::1", "--seed", "3", "--rate", "9"]) == 0
    assert calls == [((None, {"server.host": "::1", "server.port": 0}), {"seed": 3, "rate": 9.0, "as_json": False})]
