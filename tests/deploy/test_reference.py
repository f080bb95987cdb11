"""The references of metrics and log lines against the code: nothing is missing, nothing is made up."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp

from tests.deploy import reference
from tests.deploy.reference import FOLDER, PACKAGE, VARIABLES
from tests.e2e.inside import market, running

#: What only a futures market has.
FUTURES = {"orderflow_all_liquidations_total", "orderflow_liquidations_listening"}
ANEW = "run `python -m tests.deploy.reference`"


def described() -> dict[str, str]:
    """Type by metric, of the reference."""
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", (FOLDER / "metrics.md").read_text(), re.MULTILINE))


def test_the_metrics_are_as_the_code_has_them() -> None:
    found = reference.families()
    assert (FOLDER / "metrics.md").read_text() == reference.metrics_text(found), ANEW
    assert len(described()) == len(found) > 80


async def test_a_real_daemon_has_these_and_no_others(tmp_path: Path) -> None:
    async with (
        market() as simulator,
        running(simulator, tmp_path, journal__directory=str(tmp_path / "journal")) as daemon,
        aiohttp.ClientSession(daemon.url) as session,
        session.get("/metrics") as answer,
    ):
        text = await answer.text()
    assert dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)) == {
        name: kind for name, kind in described().items() if name not in FUTURES
    }


def test_the_log_lines_are_as_the_code_has_them_and_each_is_explained() -> None:
    text = (FOLDER / "logs.md").read_text()
    known = reference.meanings(text)
    assert text == reference.logs_text(known), ANEW
    assert set(known) == set(reference.lines()), f"{ANEW}, and say what it means"


def test_words_in_variables_are_still_there() -> None:
    for (module, name), lines in VARIABLES.items():
        source = (PACKAGE / module).read_text()
        assert re.search(rf"\b{name}\b", source), (module, name)
        assert all(f'"{line.event}"' in source for line in lines), module


def test_entries_of_the_runbook_that_logs_name_exist() -> None:
    runbook = (FOLDER.parent / "runbook.md").read_text()
    for name in re.findall(r"OrderFlow\w+", (FOLDER / "logs.md").read_text()):
        assert f"\n## {name}\n" in runbook, name
