"""Plugins and settings of the whole suite; fixtures of one package stand in that package's conftest."""

import asyncio.format_helpers
import logging
import signal
import sys
import traceback
from collections.abc import Iterator
from types import FrameType

import pytest
import structlog
from hypothesis import settings

from orderflow_stream import logs

pytest_plugins = ["tests.budgets", "tests.faults.summary"]

# A run in the background of a shell ignores Ctrl-C, and so would every process that a test starts and ends by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# asyncio's debug mode keeps for every future, task and callback the stack that made it: ten frames, or all of them with
# their source lines, and asks the disk each time whether the sources are still the same. That was a third of what a
# test of the whole daemon computes; the innermost few frames say who it was, their lines are read where they are shown,
# and what debug mode holds to be wrong is the same.
FRAMES = 4


def _stack(f: FrameType | None = None, limit: int | None = FRAMES) -> traceback.StackSummary:
    # It runs with the names of `traceback`.
    f = sys._getframe().f_back if f is None else f
    frames: list[traceback.FrameSummary] = []
    while f is not None and (limit is None or len(frames) < limit):
        code = f.f_code
        frames.append(FrameSummary(code.co_filename, f.f_lineno, code.co_name, lookup_line=False))  # type: ignore[name-defined]  # noqa: F821
        f = f.f_back
    frames.reverse()
    return StackSummary(frames)  # type: ignore[name-defined, no-any-return]  # noqa: F821


# _asyncio has taken hold of the function itself, and calls it without arguments.
traceback.extract_stack.__code__ = _stack.__code__
traceback.extract_stack.__defaults__ = _stack.__defaults__
asyncio.format_helpers.extract_stack = traceback.extract_stack

# No deadline per example: on a shared machine it measures the neighbours. pytest-timeout bounds each test.
settings.register_profile("shared-machine", deadline=None, print_blob=True, max_examples=60)
settings.load_profile("shared-machine")


@pytest.fixture
def logs_restored() -> Iterator[None]:
    """For tests that configure the logging of the process: afterwards it is as it was."""
    root = logging.getLogger()
    names = ("aiohttp.access", "asyncio", "websockets")
    before = root.level, {name: logging.getLogger(name).level for name in names}
    yield
    for handler in [each for each in root.handlers if each.get_name() == logs.HANDLER_NAME]:
        root.removeHandler(handler)
    server = logging.getLogger("aiohttp.server")
    for each in [each for each in server.filters if isinstance(each, logs.ServerFilter)]:
        server.removeFilter(each)
    root.setLevel(before[0])
    for name, level in before[1].items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()
