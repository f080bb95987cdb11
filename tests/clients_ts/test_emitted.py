"""What is committed is what the compiler makes of the source, and what a user of it needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from orderflow_stream import __version__
from tests.clients_ts.declarations import FOLDER
from tests.tools import needs

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
#: Where `make` puts the packages of tests/conformance/js/package-lock.json.
COMPILER: Final = Path(sys.prefix) / "js" / "node_modules" / ".bin" / "tsc"


def compiler() -> str:
    needs("node")
    if not COMPILER.exists():
        pytest.fail(f"{COMPILER} is missing: run `make {os.path.relpath(Path(sys.prefix), ROOT)}/.js`", pytrace=False)
    return str(COMPILER)


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_compiler_makes_the_same_of_the_source(tmp_path: Path) -> None:
    for name in ("orderflow.ts", "tsconfig.json"):
        shutil.copy(FOLDER / name, tmp_path)
    run(compiler(), "-p", ".", cwd=tmp_path)
    for name in ("orderflow.js", "orderflow.d.ts"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), f"run tsc -p {FOLDER.relative_to(ROOT)}"


def test_what_users_write_compiles_and_what_is_wrong_does_not(tmp_path: Path) -> None:
    for name in ("orderflow.js", "orderflow.d.ts"):
        shutil.copy(FOLDER / name, tmp_path)
    shutil.copy(HERE / "usage.ts", tmp_path)
    options = ["--strict", "--noEmit", "--target", "ES2022", "--module", "nodenext", "--types", "", "--skipLibCheck"]
    run(compiler(), *options, "--lib", "ES2022,DOM", "usage.ts", cwd=tmp_path)


def test_it_does_what_it_says() -> None:
    told = run(needs("node"), "--test", "--test-reporter=tap", "client.test.mjs", cwd=HERE)
    declared = len(re.findall(r"^test\(", (HERE / "client.test.mjs").read_text(), re.MULTILINE))
    assert f"# pass {declared}\n" in told
    assert "# fail 0\n" in told
    assert "# skipped 0\n" in told


def test_the_package_says_what_it_is() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    assert package["version"] == __version__
    assert not {"dependencies", "peerDependencies", "scripts"} & set(package)
    assert all((FOLDER / name).is_file() for name in package["files"])
    assert (FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert not re.search(
        r"^\s*import\b|\brequire\(", (FOLDER / "orderflow.ts").read_text().split("*/", 1)[1], re.MULTILINE
    )
