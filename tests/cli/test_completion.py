"""Shell completion: scripts that the shells read, and that know our commands and options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_stream.cli import main
from tests.e2e.process import ROOT, environment


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for word in ("serve", "check-config", "tail", "min-notional"):
        assert word in told.out


def test_no_other_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "cmd"]) == 2
    assert "cmd" in capsys.readouterr().err


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = " ".join(f"'{word}'" for word in ("orderflow-stream", *words))
    commands = (
        f"source '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMP_LINE=\"${{COMP_WORDS[*]}}\"; "
        "COMP_POINT=${#COMP_LINE}; _orderflow_stream; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [word.strip() for word in done.stdout.splitlines() if word.strip()]


def test_bash_offers_commands_options_and_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert completed(script, "t") == ["tail", "top"]
    assert completed(script, "check") == ["check-config"]
    assert completed(script, "tail", "--min") == ["--min-notional"]
    assert "--json" in completed(script, "top", "--")
    assert completed(script, "key", "n") == ["new"]


def test_it_is_put_in_place(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orderflow_stream", "--install-completion"]
    env = environment(HOME=str(tmp_path), SHELL="/bin/bash")
    for name in ("XDG_DATA_HOME", "BASH_COMPLETION_USER_DIR", "ZSH_CUSTOM"):
        env.pop(name, None)
    done = subprocess.run([*command, "--shell", "bash"], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (script,) = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and "complet" in str(path) and path.stat().st_size > 2_000
    ]
    assert "_orderflow_stream" in script.read_text()
    assert str(script) in done.stdout
