"""Files, variables and flags: what each gives, and where it says that it came from."""

from decimal import Decimal
from pathlib import Path

import pytest

from orderflow_stream.config.sources import choose_file, from_environment, from_file, from_flags, positions


def test_the_file_is_the_flag_else_the_variable_else_the_one_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert choose_file(None, {}) == (None, "")
    assert choose_file(None, {"ORDERFLOW_CONFIG": ""}) == (None, "")
    Path("config.toml").touch()
    assert choose_file(None, {}) == (Path("config.toml"), "config.toml")
    assert choose_file(None, {"ORDERFLOW_CONFIG": "b.toml"}) == (Path("b.toml"), "ORDERFLOW_CONFIG")
    assert choose_file(Path("a.toml"), {"ORDERFLOW_CONFIG": "b.toml"}) == (Path("a.toml"), "--config")


def test_a_file_keeps_decimals_exact_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xef\xbb\xbf[analytics.flow]\r\npressure_strong = 0.30000000000000000001\r\n")
    source = from_file(path, "--config")
    assert source.values == {"analytics": {"flow": {"pressure_strong": Decimal("0.30000000000000000001")}}}
    assert source.origin(("analytics", "flow", "pressure_strong")) == f"{path}:2"
    assert source.origin(("analytics", "flow", "windows")) == ""


@pytest.mark.parametrize(
    "content,words",
    [
        (b"[server\n", "c.toml:1:8: syntax: Expected ']' at the end of a table declaration"),
        (b"a = 1\na = 2\n", "c.toml:2:6: syntax: Cannot overwrite a value"),
        (b"a = '\xff'", "--config: {path} is not UTF-8: byte 5 is 0xff"),
        (b"#" * ((1 << 20) + 1), "--config: {path} is larger than 1 MiB"),
        (b"a = " + b"[" * 20_000, "--config: {path} is nested too deeply"),
    ],
)
def test_an_unreadable_file_is_one_fault_with_its_place(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    (fault,) = from_file(path, "--config").faults
    assert words.format(path=path) in str(fault)


def test_a_missing_file_or_a_folder_blames_who_named_it(tmp_path: Path) -> None:
    (missing,) = from_file(tmp_path / "no.toml", "ORDERFLOW_CONFIG").faults
    assert (missing.key, missing.message) == (
        "ORDERFLOW_CONFIG",
        f"cannot read {tmp_path}/no.toml: No such file or directory",
    )
    (folder,) = from_file(tmp_path, "--config").faults
    assert "Is a directory" in folder.message


def test_positions_follow_every_form_of_toml() -> None:
    text = """# a comment
top = 1

[server]  # [not.this]
"port" = 5
allowed_hosts = [
  "a", # ]
  "b = [",
]
text = '''
fake = 1
'''
a.b = { c = 1, d = { e = 2 } }
[[many]]
x = 1
[[many]]
x = 2
[ analytics . "large" ]
min_notional = 1
"""
    assert positions(text) == {
        ("top",): 2,
        ("server",): 4,
        ("server", "port"): 5,
        ("server", "allowed_hosts"): 6,
        ("server", "text"): 10,
        ("server", "a"): 13,
        ("server", "a", "b"): 13,
        ("server", "a", "b", "c"): 13,
        ("server", "a", "b", "d"): 13,
        ("server", "a", "b", "d", "e"): 13,
        ("many",): 14,
        ("many", "x"): 15,
        ("analytics", "large"): 18,
        ("analytics", "large", "min_notional"): 19,
    }


def test_variables() -> None:
    source = from_environment(
        {
            "HOME": "/",
            "ORDERFLOW_CONFIG": "x.toml",
            "ORDERFLOW_SERVER__PORT": "0",
            "ORDERFLOW_VENUES__BINANCE__SYMBOLS": " btcusdt, *USDT ,,",
            "ORDERFLOW_ANALYTICS__LARGE__BY_QUOTE__BTC": "2",
            "ORDERFLOW_SERVER__ALLOWED_HOSTS": "",
        }
    )
    assert source.faults == []
    assert source.values == {
        "server": {"port": "0", "allowed_hosts": []},
        "venues": {"binance": {"symbols": ["btcusdt", "*USDT"]}},
        "analytics": {"large": {"by_quote": {"BTC": "2"}}},
    }
    assert source.origin(("venues", "binance", "symbols", 1)) == "ORDERFLOW_VENUES__BINANCE__SYMBOLS"
    assert source.origin(("analytics", "large", "by_quote", "BTC")) == "ORDERFLOW_ANALYTICS__LARGE__BY_QUOTE__BTC"


@pytest.mark.parametrize(
    "name,words",
    [
        ("ORDERFLOW_SERVER__PROT", 'did you mean "ORDERFLOW_SERVER__PORT"?'),
        ("ORDERFLOW_server__port", "unknown variable"),
        ("ORDERFLOW_CONFG", 'did you mean "ORDERFLOW_CONFIG"?'),
        ("ORDERFLOW_SERVER", "unknown variable"),
        ("ORDERFLOW_ANALYTICS__LARGE__BY_QUOTE", "ORDERFLOW_ANALYTICS__LARGE__BY_QUOTE__BTC=2"),
    ],
)
def test_an_unknown_variable_is_a_fault(name: str, words: str) -> None:
    (fault,) = from_environment({name: "1"}).faults
    assert fault.key == name
    assert words in str(fault)


def test_flags() -> None:
    source = from_flags({"server.port": 0, "venues.binance.symbols": "a,b", "log.level": "debug"})
    assert source.values == {
        "server": {"port": 0},
        "venues": {"binance": {"symbols": ["a", "b"]}},
        "log": {"level": "debug"},
    }
    assert source.origin(("server", "port")) == "command line"
