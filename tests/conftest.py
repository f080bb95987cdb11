"""Plugins and settings of the whole suite; fixtures of one package stand in that package's conftest."""

import asyncio.constants
import logging
import signal
import traceback
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from orderflow_stream import logs

pytest_plugins = ["tests.budgets", "tests.faults.summary"]

# A run in the background of a shell ignores Ctrl-C, and so would every process that a test starts and ends by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# asyncio's debug mode keeps for every future, task and callback the stack that made it: ten frames, or all of them with
# their source lines. That was a quarter of what a test of the whole daemon computes; the innermost few say who it was,
# and what debug mode holds to be wrong is the same.
FRAMES = 4
asyncio.constants.DEBUG_STACK_DEPTH = FRAMES  # type: ignore[misc]  # final, but read anew each time
traceback.extract_stack.__defaults__ = (None, FRAMES)  # (f, limit), as _asyncio calls it: without arguments

# No deadline per example: on a shared machine it measures the neighbours. pytest-timeout bounds each test.
settings.register_profile("shared-machine", deadline=None, print_blob=True)
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
