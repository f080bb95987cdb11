"""The examples in the documentation of the calls."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Final

from orderflow_stream.client import calls, calls_about

#: Every call by its method's name.
CALLS: Final = {
    name: call
    for module in (calls, calls_about)
    for name, call in vars(module).items()
    if inspect.isfunction(call) and call.__module__ == module.__name__ and not name.startswith("_")
}
#: Those that want a daemon with futures.
FUTURES: Final = {"combined", "liquidations"}


def example(doc: str | None) -> str:
    """The indented block at the end, of a documentation that is indented by four itself."""
    found = re.search(r"\n\n((?: {8}.*\n?)+)\Z", (doc or "").rstrip() + "\n")
    assert found is not None, doc
    return textwrap.dedent(found[1])


def runnable(code: str, head: str) -> str:
    """The block as the body of a function."""
    return f"{head}\n{textwrap.indent(code, '    ')}"
