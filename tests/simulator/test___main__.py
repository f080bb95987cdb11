"""The stand-in as a command."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest

from orderflow_stream.simulator import Contract, FuturesMarket
from orderflow_stream.simulator.__main__ import main, parse, source_of
from orderflow_stream.simulator.player import ArchivePlayer, SyntheticPlayer
from tests.simulator.kit import get

ROOT = Path(__file__).resolve().parents[2]


def test_options_of_a_market() -> None:
    source = source_of(parse(["--symbols", "20", "--seed", "3", "--rate", "5", "--history-s", "9"]))
    assert isinstance(source, SyntheticPlayer)
    assert (len(source.listings), source.market.seed, source.market.rate, source.history_s) == (20, 3, 5.0, 9.0)


@pytest.mark.parametrize(
    "options, symbol, count",
    [(["--market", "usdm"], "BTCUSDT", 10), (["--market", "coinm"], "BTCUSD_PERP", 7),
     (["--market", "usdm", "--symbols", "300"], "BTCUSDT", 300)],
)  # fmt: skip
def test_options_of_a_futures_market(options: list[str], symbol: str, count: int) -> None:
    source = source_of(parse(options))
    assert isinstance(source, SyntheticPlayer)
    assert isinstance(source.market, FuturesMarket)
    assert (source.listings[0].symbol, len(source.listings)) == (symbol, count)


def test_a_futures_file_is_of_its_contract(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-aggTrades.csv"
    path.write_text("5,64218.5,107,1,1,1750507467356,false\n")
    source = source_of(parse(["--market", "coinm", "--play", str(path)]))
    assert isinstance(source, ArchivePlayer)
    assert isinstance(source.listing, Contract)
    assert source.listing.contract_size == 100


@pytest.mark.parametrize("text, speed", [("max", None), ("2", 2.0), ("0.5", 0.5)])
def test_options_of_a_file(tmp_path: Path, text: str, speed: float | None) -> None:
    path = tmp_path / "tape.csv"
    path.write_text("5,83.29,0.107,,,1750507467356,false\n")
    options = ["--play", str(path), "--symbol", "LTCUSDT", "--speed", text, "--history", "1"]
    source = source_of(parse(options))
    assert isinstance(source, ArchivePlayer)
    assert (source.speed, source.listing.symbol) == (speed, "LTCUSDT")


@pytest.mark.parametrize(
    "options", [["--speed", "0"], ["--speed", "fast"], ["--port", "x"], ["--colour"], ["--rate", "x"]]
)
def test_wrong_usage_is_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, says",
    [
        (["--play", "none.csv"], "SYMBOL-"),
        (["--play", "A-none.csv"], "pass a Listing"),
        (["--play", "BTCUSDT-none.csv"], "No such file"),
        (["--symbols", "0"], "at least 1"),
        (["--rate", "-1"], "rate must be above 0"),
        (["--market", "coinm", "--symbols", "9"], "--symbols"),
    ],
)
def test_wrong_values_are_2_and_named(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == 2
    assert says in capsys.readouterr().err


def test_a_taken_port_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--history-s", "0"]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_runs_until_it_is_told_to_stop(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "orderflow_stream.simulator", "--port", "0", "--history-s", "5",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = (await process.stdout.readline()).decode()
        url = line.split()[1]
        assert (await get(url, "/api/v3/ping"))[0] == 200
        process.send_signal(number)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
