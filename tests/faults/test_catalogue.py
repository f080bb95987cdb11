"""The catalogue and the tests say the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.catalogue import ROWS, Fault, markdown

TESTS = Path(__file__).parents[1]
#: Files here that test the tools, not the daemon.
TOOLS = {"test_catalogue.py", "test_judge.py", "test_proxy.py"}


def functions_of(file: str) -> set[str]:
    """The test functions in a file."""
    tree = ast.parse((TESTS / file).read_text())
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_tests_of_a_row_exist(row: Fault) -> None:
    assert bool(row.tests) != bool(row.why), "either tests, or a reason why there are none"
    if row.tests:
        assert row.how
        assert row.sees.endswith(".")
    for test in row.tests:
        file, _, name = test.partition("::")
        assert (TESTS / file).is_file(), file
        assert name == "*" or name in functions_of(file), test


def test_every_fault_has_a_row() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids))
    wanted = [*(f"U{n}" for n in range(1, 26)), *(f"P{n}" for n in range(1, 14)), *(f"C{n}" for n in range(1, 13))]
    assert [id_ for id_ in wanted if id_ not in ids] == []


def test_every_test_of_the_suite_has_a_row() -> None:
    named = {test for row in ROWS for test in row.tests}
    found = {
        f"faults/{path.name}::{name}"
        for path in (TESTS / "faults").glob("test_*.py")
        if path.name not in TOOLS
        for name in functions_of(f"faults/{path.name}")
    }
    assert sorted(test for test in found if test not in named and test.partition("::")[0] + "::*" not in named) == []


def test_the_table_is_one_line_a_fault() -> None:
    lines = markdown().splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert all(line.count("|") == 4 for line in lines)
