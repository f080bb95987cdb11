"""A time budget for each suite: a folder of tests/ (or a file beside them). `--budgets` makes going over one a failure.

What counts is the time inside the tests, summed over all workers. With more workers than cores each test takes longer;
the budgets have room for that.
"""

from collections import defaultdict
from collections.abc import Iterable

import pytest

DEFAULT = 60.0
# Suites that play whole tapes or run the whole daemon.
SECONDS = {
    "adapters": 400.0,
    "analytics": 120.0,
    "app": 180.0,
    "cli": 150.0,
    "clients": 150.0,
    "clients_ts": 100.0,
    "conformance": 120.0,
    "core": 150.0,
    "delivery": 180.0,
    "deploy": 150.0,
    "e2e": 240.0,
    "faults": 900.0,
    "feed": 150.0,
    "fuzz": 150.0,
    "judge": 150.0,
    "page": 300.0,
    "page_chart": 120.0,
    "simulator": 90.0,
    "tapes": 600.0,
    "test_snippets.py": 120.0,
}


def suite(nodeid: str) -> str:
    """`tests/core/test_tape.py::test_x` belongs to `core`, `tests/test_logs.py::test_y` to `test_logs.py`."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return path.partition("/")[0]


def totals(reports: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Seconds a suite from (node id, seconds) of every phase of every test."""
    spent: dict[str, float] = defaultdict(float)
    for nodeid, seconds in reports:
        spent[suite(nodeid)] += seconds
    return dict(spent)


def budget(name: str) -> float:
    """The budget of a suite in seconds."""
    return SECONDS.get(name, DEFAULT)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --budgets."""
    parser.addoption("--budgets", action="store_true", help="print each suite's time; over its budget fails")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a suite went over; the workers of xdist only know their own share and stay silent."""
    if not session.config.getoption("--budgets") or hasattr(session.config, "workerinput"):
        return
    if any(seconds > budget(name) for name, seconds in _spent(session.config).items()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print every suite with its time and budget."""
    if not config.getoption("--budgets"):
        return
    terminalreporter.section("seconds per suite")
    for name, seconds in sorted(_spent(config).items(), key=lambda item: -item[1]):
        over = "  OVER BUDGET" if seconds > budget(name) else ""
        terminalreporter.write_line(f"{name:<24}{seconds:8.1f} of {budget(name):5.0f}{over}")


def _spent(config: pytest.Config) -> dict[str, float]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = (report for group in reporter.stats.values() for report in group) if reporter else ()
    return totals((each.nodeid, each.duration) for each in reports if isinstance(each, pytest.TestReport))
