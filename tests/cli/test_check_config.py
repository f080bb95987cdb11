"""`check-config` names every fault with its key, or what was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow_stream import cli


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("ORDERFLOW_CONFIG", "ORDERFLOW_SERVER__PORT", "ORDERFLOW_LOG__LEVEL"):
        monkeypatch.delenv(name, raising=False)


def test_all_faults_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[server]\nport = "eighty"\nhots = 3\n[delivery]\ntick_ms = 1\n')
    monkeypatch.setenv("ORDERFLOW_LOG__LEVLE", "info")
    monkeypatch.setenv("ORDERFLOW_LOG__FORMAT", "xml")
    assert cli.main(["check-config", "--config", str(config)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert len(lines) == 5
    assert f'{config}:2: server.port: expected a whole number, got "eighty"' in lines
    assert f'{config}:3: server.hots: unknown key; did you mean "host"?' in lines
    assert f"{config}:5: delivery.tick_ms: must be at least 10, got 1" in lines
    assert any(line.startswith("ORDERFLOW_LOG__LEVLE: unknown variable") for line in lines)
    assert any(line.startswith("ORDERFLOW_LOG__FORMAT: log.format: ") for line in lines)


def test_right_says_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text('[venues.binance]\nsymbols = ["BTCUSDT", "*USDC"]\n')
    monkeypatch.setenv("ORDERFLOW_SERVER__PORT", "9000")
    assert cli.main(["check-config"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == (
        "ok: config.toml, ORDERFLOW_SERVER__PORT: listens on 127.0.0.1:9000, "
        "streams 2 symbols or patterns (BTCUSDT, *USDC)\n"
    )


def test_nothing_at_all_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config"]) == 0
    assert capsys.readouterr().out.startswith("ok: no file, no variable: all defaults: listens on 127.0.0.1:8080, ")


def test_every_venue_that_is_on_is_said_with_its_symbols(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDERFLOW_VENUES__BINANCE__SYMBOLS", "BTCUSDT")
    monkeypatch.setenv("ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS", "btcusdt,*USDC")
    assert cli.main(["check-config"]) == 0
    assert capsys.readouterr().out == (
        "ok: ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS, ORDERFLOW_VENUES__BINANCE__SYMBOLS: listens on 127.0.0.1:8080, "
        "binance streams 1 symbols or patterns (BTCUSDT); "
        "binance-usdm streams 2 symbols or patterns (BTCUSDT, *USDC)\n"
    )
    monkeypatch.setenv("ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS", "")
    assert cli.main(["check-config"]) == 0
    assert capsys.readouterr().out.endswith("; binance-usdm streams nothing, reads on demand only\n")
