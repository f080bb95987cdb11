"""Programs that some tests need beside Python. `.ci/run` installs them all, and there nothing is left out; where a
person runs the tests without them, those tests say what to install."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

#: The program and the Debian package that has it: also what `.ci/run` installs.
PACKAGES: Final = {
    "bwrap": "bubblewrap",
    "chromium": "chromium",
    "node": "nodejs",
    "npm": "npm",
    "nginx": "nginx-light",
    "faketime": "faketime",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
}


def needs(program: str) -> str:
    """The path of a program. Without it the test fails in CI, and is skipped elsewhere with the remedy."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        reason = f"{program} is missing: install it (Debian, Ubuntu: apt-get install {PACKAGES[program]})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
