"""`python -m orderflow_stream` is the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_stream import __version__

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("argument,code,out", [("--version", 0, f"{__version__}\n"), ("nonsense", 2, "")])
def test_it_is_the_command(argument: str, code: int, out: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orderflow_stream", argument], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout) == (code, out)
