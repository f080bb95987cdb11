"""What is shipped: the files around the code, the rules that hold over all of them, and the deployment files."""

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orderflow_stream import __version__
from orderflow_stream.config import describe, markdown
from tests.tools import PACKAGES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "orderflow_stream"
LONGEST_MODULE = 400
MODULES = sorted(PACKAGE.rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Cut by "~" so that this file does not contain them itself.
FORBIDDEN = [
    re.compile(pattern.replace("~", ""), re.IGNORECASE if ignore_case else 0)
    for pattern, ignore_case in [
        (r"cla~ude|anth~ropic|op~enai|chat~gpt|cop~ilot", True),
        (r"\bA~I\b|\bLL~M\b", False),
        (r"(?<!user[- ])\bage~nts?\b", True),
        (r"\b(iss~ue|fix~es|clo~ses) #?\d+\b", True),
        (r"(?<![\w.])/wo~rk/", False),
        (r"/o~pt/py~pi|/o~pt/whe~els", False),
        (r"py~pi\.org|pythonhos~ted|artifact~ory|index-~url|find-~links", True),
    ]
]
# pip-compile's own switches, which keep such things out of constraints.txt.
SWITCHES = re.compile(r"--no-emit-\S+")


def tracked() -> list[Path]:
    """Every file that is or would be in the repository; in an unpacked sdist every file that is there."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not {".venv", "__pycache__"} & set(path.parts)]


def test_the_files_of_a_project_are_there() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert "orderflow_stream contributors" in (ROOT / "LICENSE").read_text()
    assert (PACKAGE / "py.typed").exists()
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert (ROOT / "README.md").read_text().strip()


def test_the_command_can_be_called() -> None:
    module, _, name = PROJECT["scripts"]["orderflow-stream"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_nothing_tells_how_it_was_made_or_where_packages_came_from() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path.stat().st_size < 1 << 20 and path.suffix != ".png"
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if any(pattern.search(SWITCHES.sub("", line)) for pattern in FORBIDDEN)
    ]
    assert found == []


def test_the_forbidden_words_are_found() -> None:
    for line in (
        "by Cla" + "ude",
        "an age" + "nt",
        "fix" + "es #3",
        "/wo" + "rk/main",
        "https://py" + "pi.org/simple",
        "A" + "I",
    ):
        assert any(pattern.search(line) for pattern in FORBIDDEN), line
    for line in ("User-Agent: x", "main", "network/main", "#648FFF", "PAIR", "agency"):
        assert not any(pattern.search(line) for pattern in FORBIDDEN), line


def test_every_module_is_small_and_says_what_it_is() -> None:
    texts = {str(path.relative_to(PACKAGE)): path.read_text() for path in MODULES}
    assert [name for name, text in texts.items() if len(text.splitlines()) > LONGEST_MODULE] == []
    assert [name for name, text in texts.items() if text and not text.lstrip().startswith(('"""', 'r"""'))] == []


def test_every_module_has_its_tests() -> None:
    assert [
        str(path.relative_to(PACKAGE)) for path in MODULES if not any(place.exists() for place in places(path))
    ] == []


def places(module: Path) -> list[Path]:
    """Where the tests of a module may stand: tests/<its folders>/test_<module>.py, deeper folders also flat."""
    inside = module.relative_to(PACKAGE).with_suffix("")
    if inside.name in {"__init__", "__main__"}:
        return [module]
    name, tests = inside.name.lstrip("_"), ROOT / "tests"
    top, *rest = inside.parts
    deep = [*rest[:-1], name]
    return [
        tests / inside.parent / f"test_{name}.py",
        *([tests / top / f"test_{name}.py", tests / top / f"test_{'_'.join(deep)}.py"] if len(rest) > 1 else []),
    ]


def test_constraints_pin_everything_inside_the_declared_bounds() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pins = {}
    for line in lines:
        pin = Requirement(line)
        (only,) = pin.specifier
        assert only.operator == "==", line
        assert pin.url is None, line
        pins[pin.name] = only.version
    declared = [Requirement(each) for each in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])]
    for requirement in declared:
        assert {each.operator for each in requirement.specifier} == {">=", "<"}, f"{requirement} needs both bounds"
        assert requirement.specifier.contains(pins[requirement.name]), requirement


def locked() -> dict[str, tuple[Requirement, set[str]]]:
    """The entries of the lock file with their hashes, by name."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    out = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin, *hashes = line.split(" --hash=")
            requirement = Requirement(pin.strip())
            out[requirement.name] = (requirement, {each.strip() for each in hashes})
    return out


def test_the_lock_file_has_every_hash_and_agrees_with_the_constraints() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pins = {Requirement(line).name: Requirement(line).specifier for line in lines}
    entries = locked()
    for name, (requirement, hashes) in entries.items():
        assert requirement.specifier == pins[name], f"{requirement} is {pins[name]} in constraints.txt: run `make lock`"
        assert hashes, f"{name} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), name
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert dependency.name in entries, f"{dependency.name} is not locked: run `make lock`"
        assert str(entries[dependency.name][0].marker) == str(dependency.marker)


def test_the_lock_file_is_closed_under_what_its_entries_require() -> None:
    """`pip install --require-hashes` refuses whatever is needed and not listed."""
    entries = locked()
    extras: dict[str, set[str]] = {name: {"", *requirement.extras} for name, (requirement, _) in entries.items()}
    for name in entries:
        for need in map(Requirement, metadata.requires(name) or ()):
            if any(need.marker is None or need.marker.evaluate({"extra": extra}) for extra in extras[name]):
                assert canonicalize_name(need.name) in entries, f"{name} needs {need}, which is not locked"


def test_the_wheel_carries_the_package_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"orderflow_stream-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read(f"orderflow_stream-{__version__}.dist-info/METADATA").decode()
        scripts = archive.read(f"orderflow_stream-{__version__}.dist-info/entry_points.txt").decode()
        licences = {Path(name).name for name in archive.namelist() if ".dist-info/licenses/" in name}
    assert names == {str(path.relative_to(ROOT)) for path in tracked() if path.is_relative_to(PACKAGE)}
    assert "orderflow-stream = orderflow_stream.cli:main" in scripts
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: MIT" in metadata
    assert licences == {"LICENSE", "THIRD_PARTY_NOTICES"}


def test_the_readme_has_the_table_of_keys() -> None:
    readme = (ROOT / "README.md").read_text()
    between = re.search(r"<!-- config:start -->\n(.*?)<!-- config:end -->", readme, re.DOTALL)
    assert between is not None, "no <!-- config:start --> … <!-- config:end -->"
    assert between[1].strip() == markdown().strip(), "run: python -m orderflow_stream.config"


def test_continuous_integration_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_continuous_integration_installs_what_the_tests_need() -> None:
    listed = dict(re.findall(r"^    \[([\w-]+)\]=([\w-]+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    assert PACKAGES.items() <= listed.items()


def test_the_clients_in_javascript_are_locked() -> None:
    folder = ROOT / "tests" / "conformance" / "js"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    for name, entry in packages.items():
        assert not name or entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry


@pytest.mark.parametrize("target", ["demo", "test", "bench", "lock", "audit", "clean", "help"])
def test_make_knows_its_targets(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target], check=False, cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr


def test_the_variables_of_the_deployment_files_exist() -> None:
    known = {each.env for each in describe()} | {"ORDERFLOW_CONFIG"}
    for path in [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]:
        for name in re.findall(r"ORDERFLOW_[A-Z_]*[A-Z]", path.read_text()):
            assert name in known or name == "ORDERFLOW", f"{path.name}: {name}"


def dockerfile() -> str:
    """Its text with continued lines joined."""
    return (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", "")


def test_the_image_is_slim_pinned_and_not_root() -> None:
    text = dockerfile()
    assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 2
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.MULTILINE)
    assert "\nSTOPSIGNAL SIGTERM\n" in text
    assert "\nEXPOSE 8080\n" in text
    locked_install, own_install = re.findall(r"pip install.*", text)
    assert locked_install == "pip install --require-hashes --no-deps -r requirements.lock"
    assert own_install.startswith("pip install --no-deps . ")
    assert "PIP_CONSTRAINT=/src/constraints.txt" in text
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()}
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert all((ROOT / name).exists() and f"!{name}" in ignored for name in copied)


@pytest.mark.parametrize("status,healthy", [(200, True), (503, False)])
async def test_the_health_check_of_the_image_works(status: int, healthy: bool) -> None:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(status=status)

    found = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    assert found is not None
    program, *arguments = json.loads(found[1])
    assert program == "python"
    app = web.Application()
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        environ = {
            **os.environ,
            "ORDERFLOW_SERVER__PORT": str(runner.addresses[0][1]),
            "http_proxy": "http://127.0.0.1:9",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environ, stderr=asyncio.subprocess.DEVNULL
        )
        assert (await asyncio.wait_for(process.wait(), 30) == 0) is healthy
    finally:
        await runner.cleanup()
