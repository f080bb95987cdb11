"""The whole way: sources in, settings or every fault out."""

from decimal import Decimal
from pathlib import Path

import pytest

from orderflow_stream.config import ConfigError, Fault, Window, load


def write(folder: Path, text: str) -> Path:
    """A config file in `folder`."""
    path = folder / "c.toml"
    path.write_text(text)
    return path


def faults(
    path: Path | None, environ: dict[str, str] | None = None, overrides: dict[str, object] | None = None
) -> list[Fault]:
    """What `load` complains of."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {}, overrides or {})
    return caught.value.faults


def test_flag_before_variable_before_file_before_default(tmp_path: Path) -> None:
    path = write(tmp_path, '[server]\nport = 1\nhost = "127.0.0.2"\nallowed_hosts = ["a"]\n[tape]\ntrades = 6000\n')
    environ = {"ORDERFLOW_SERVER__PORT": "2", "ORDERFLOW_SERVER__HOST": "127.0.0.3"}
    settings = load(path, environ, {"server.port": 3})
    assert (settings.server.port, settings.server.host, settings.server.allowed_hosts) == (3, "127.0.0.3", ("a",))
    assert (settings.tape.trades, settings.tape.budget_mb) == (6000, 1024)
    assert settings.source_file == path


def test_the_file_may_be_named_by_a_variable_or_lie_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "[server]\nport = 7\n")
    assert load(None, {"ORDERFLOW_CONFIG": str(path)}).server.port == 7
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).source_file is None
    path.rename(tmp_path / "config.toml")
    assert load(None, {}).server.port == 7


def test_tables_of_file_and_variables_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[analytics.large]\nby_quote = { BTC = 2.5, ETH = 30 }\n[analytics.flow]\nwindows = ["1h", "30s"]\n'
    )
    settings = load(
        path, {"ORDERFLOW_ANALYTICS__LARGE__BY_QUOTE__BTC": "3", "ORDERFLOW_VENUES__BINANCE__SYMBOLS": "bnbbtc"}
    )
    assert dict(settings.analytics.large.by_quote) == {"BTC": Decimal(3), "ETH": Decimal(30)}
    assert settings.analytics.flow.windows == (Window("30s", 30), Window("1h", 3600))
    assert settings.venues.binance.symbols == ("BNBBTC",)


def test_every_fault_at_once_each_with_key_and_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """tpae = 1
port = 5
[server]
host = "0.0.0.0"
trusted_proxies = ["10.0.0.0/8", "nobody"]
[venues.binance]
symbols = [
    "BTCUSDT",
    "ETH USDT",
    7,
]
[log]
level = "inof"
[delivery]
tick_ms = 5
""",
    )
    found = faults(
        path, {"ORDERFLOW_TAPE__TRADES": "4999", "ORDERFLOW_TAPE__TRADE": "1"}, {"metrics.max_symbols": "many"}
    )
    assert {(fault.where, fault.key) for fault in found} == {
        (f"{path}:1", "tpae"),
        (f"{path}:2", "port"),
        (f"{path}:4", "server.host"),
        (f"{path}:5", "server.trusted_proxies[1]"),
        (f"{path}:7", "venues.binance.symbols[1]"),
        (f"{path}:7", "venues.binance.symbols[2]"),
        (f"{path}:13", "log.level"),
        (f"{path}:15", "delivery.tick_ms"),
        ("ORDERFLOW_TAPE__TRADES", "tape.trades"),
        ("", "ORDERFLOW_TAPE__TRADE"),
        ("command line", "metrics.max_symbols"),
    }
    text = {fault.key: str(fault) for fault in found}
    assert 'did you mean "tape"?' in text["tpae"]
    assert 'did you mean "server.port"?' in text["port"]
    assert "server.allow_unauthenticated = true" in text["server.host"]
    assert "must be one of" in text["log.level"]
    assert 'did you mean "info"?' in text["log.level"]
    assert "must be at least 10, got 5" in text["delivery.tick_ms"]
    assert "must be at least 5000, got 4999" in text["tape.trades"]
    assert all(str(fault).count("\n") == 0 for fault in found)


@pytest.mark.parametrize(
    "text,line",
    [
        ("server = 5", "server: expected a table, got 5"),
        ("[server]\nallowed_hosts = 'a'", 'server.allowed_hosts: expected a list, got "a"; put it in brackets: [ … ]'),
        ("[[server]]\nport = 1", "server: expected a table, got a list"),
        ("[analytics.flow]\nwindows = []", "analytics.flow.windows: needs at least 1 entry"),
        ("[analytics.large]\nby_quote = 3", "analytics.large.by_quote: expected a table, got 3"),
        ("[analytics.large]\nby_symbol = { '*' = 3 }", 'analytics.large.by_symbol.*: is a pattern: "*"'),
        ("[delivery]\nheartbeat_s = 0", "delivery.heartbeat_s: must be at least 0.1, got 0"),
        ("[server]\nport = 8080.5", "server.port: expected a whole number, got 8080.5"),
        ("[server]\nport = 2024-01-01", "server.port: expected a whole number, got 2024-01-01 (date)"),
        ("source_file = 'x'", "source_file: unknown key"),
    ],
)
def test_one_line_each(tmp_path: Path, text: str, line: str) -> None:
    (fault,) = faults(write(tmp_path, text))
    assert line in str(fault)
    assert fault.where.startswith(f"{tmp_path}/c.toml:")


def test_a_broken_file_does_not_hide_a_wrong_variable(tmp_path: Path) -> None:
    found = faults(
        write(tmp_path, "[server]\nhost = 127.0.0.1\n"), {"ORDERFLOW_LOG__LEVEL": "x", "ORDERFLOW_SERVER__HOST": "::"}
    )
    assert [(fault.key, fault.where) for fault in found] == [
        ("syntax", f"{tmp_path}/c.toml:2:13"),
        ("log.level", "ORDERFLOW_LOG__LEVEL"),
    ]


def test_an_unknown_flag_is_a_fault_too() -> None:
    (fault,) = faults(None, overrides={"server.prot": 5})
    assert str(fault) == 'command line: server.prot: unknown key; did you mean "port"?'
