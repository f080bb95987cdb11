"""The budgets of the suites are added up and held."""

import pytest

from tests import budgets

pytest_plugins = ["pytester"]


def test_suite_of_a_test() -> None:
    assert budgets.suite("tests/core/test_tape.py::test_x[a/b]") == "core"
    assert budgets.suite("tests/delivery/http/test_flow.py::test_x") == "delivery"
    assert budgets.suite("tests/test_logs.py::test_x") == "test_logs.py"


def test_totals() -> None:
    assert budgets.totals(
        [("tests/a/test_x.py::t", 1.0), ("tests/b/test_x.py::t", 2.0), ("tests/a/test_y.py::t", 0.5)]
    ) == {
        "a": 1.5,
        "b": 2.0,
    }


@pytest.mark.parametrize("allowed,code", [(1000.0, 0), (-1.0, 1)])
def test_over_budget_fails_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, allowed: float, code: int
) -> None:
    monkeypatch.setattr(budgets, "DEFAULT", allowed)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile("def test_x() -> None: pass")
    result = pytester.runpytest_inprocess("--budgets", plugins=[budgets])
    assert result.ret == code
    result.stdout.fnmatch_lines(["*seconds per suite*", "*test_over_budget_fails_the_run.py*"])
    assert ("OVER BUDGET" in result.stdout.str()) == bool(code)
