"""`mcp`: what is said where it cannot serve. That it does is tested in tests/mcp_server/test_server.py."""

from __future__ import annotations

import builtins
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from orderflow_stream.cli import FAILED, OK, USAGE, main
from orderflow_stream.cli.mcp import _loopback


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--help"]) == OK
    out = capsys.readouterr().out
    for flag in ("--url", "--key-file", "--transport", "--host", "--port", "--allow-unauthenticated"):
        assert flag in out
    assert "orderflow-stream[mcp]" in out


def test_the_extra_is_named_where_it_lacks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "mcp":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.startswith("orderflow_stream.mcp_server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["mcp"]) == FAILED
    assert capsys.readouterr().err == "mcp: this command needs an extra: pip install 'orderflow-stream[mcp]'\n"


def test_another_module_that_lacks_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("orderflow_stream.mcp_server"):
            raise ModuleNotFoundError("No module named 'other'", name="other")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match="other"):
        main(["mcp"])


@pytest.mark.parametrize(
    "arguments,says",
    [
        (["--url", "ftp://x"], "--url: 'ftp://x' is no address of a daemon; write http://host:port"),
        (["--key-file", "/nowhere"], "cannot read --key-file /nowhere: No such file or directory"),
        (["--transport", "http", "--host", "0.0.0.0"], "--host 0.0.0.0 can be reached from other machines"),
        (["--transport", "http", "--host", "box"], "--host box can be reached from other machines"),
    ],
)
def test_what_cannot_be(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", *arguments]) == USAGE
    assert says in capsys.readouterr().err


def test_a_key_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "key"
    file.write_text("two words\n")
    assert main(["mcp", "--key-file", str(file)]) == USAGE
    said = capsys.readouterr().err
    assert said.startswith("mcp: --key-file: the key is no key")
    assert "two words" not in said


def test_an_unknown_transport(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--transport", "sse"]) == USAGE
    assert "stdio" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["mcp", "--transport", "http", "--port", str(port)]) == FAILED
    said = capsys.readouterr().err
    assert said == f"mcp: cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port\n"


@pytest.mark.parametrize("host,local", [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)])
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert _loopback(host) is local
