"""The snippets of the documents: how each kind is found, and run as a reader would run it.

Every fenced block of README.md has a kind (the word after the fence). `sh` is run line by line, `python`, `js` and
`html` as they are, against a daemon over the simulator in the place of the reader's; `toml`, `yaml` and `json` are read
by whatever will read them. A kind that nobody runs is a fault of the document (`tests/test_readme.py`).
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.e2e.process import ROOT, environment

#: Where a reader's daemon listens.
READERS: Final = "http://127.0.0.1:8080"
PATIENCE: Final = 60.0
#: Commands that go on until they are told to end.
ENDLESS: Final = ("serve", "demo", "tail", "top", "mcp", "curl -sN", "curl -N")

_FENCE: Final = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


class Snippet(NamedTuple):
    """One fenced block; `line` is where it begins."""

    kind: str
    text: str
    line: int

    @property
    def name(self) -> str:
        """For the name of a test."""
        return f"{self.kind}:{self.line}"


class Ran(NamedTuple):
    """What a command said, and how it ended (None: it was told to end, and did with 0)."""

    code: int
    out: str
    err: str


def snippets(text: str) -> Iterator[Snippet]:
    """All blocks, in their order."""
    for found in _FENCE.finditer(text):
        yield Snippet(found["kind"], found["text"], text.count("\n", 0, found.start()) + 1)


def commands(text: str) -> list[str]:
    """The commands of a `sh` block: without remarks, lines that go on put together."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def endless(command: str) -> bool:
    """Whether it ends only when it is told to."""
    bare = command.removeprefix(".venv/bin/").removeprefix("orderflow-stream ")
    return bare.startswith(ENDLESS) and "--once" not in bare


def at(text: str, url: str) -> str:
    """The text with another daemon in the place of the reader's."""
    return text.replace(READERS, url).replace(READERS.removeprefix("http://"), url.removeprefix("http://"))


async def run(command: str, url: str, folder: Path, more: Mapping[str, str]) -> Ran:
    """Run one command of a reader in `folder`, with the daemon at `url` in the place of his. One that is endless is
    told to end (Ctrl-C) once it has printed something."""
    words = at(command, url)
    words = re.sub(r"^(\.venv/bin/)?orderflow-stream\b", f"{shlex.quote(sys.executable)} -m orderflow_stream", words)
    if re.search(r"orderflow_stream (tail|top|mcp)\b", words):
        words += f" --url {url}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"exec {words}" if "|" not in words else words),
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), **more),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            if not endless(command):
                out, err = await process.communicate()
            else:
                first = asyncio.create_task(process.stdout.read(64))
                told = asyncio.create_task(process.stderr.readline())
                await asyncio.wait({first, told}, return_when=asyncio.FIRST_COMPLETED)
                ended = asyncio.create_task(process.wait())
                await asyncio.wait({ended}, timeout=0.3)  # some know that nobody is there to look, and end
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                parts = await asyncio.gather(first, told)
                out, err = await process.communicate()
                out, err = parts[0] + out, parts[1] + err
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    code = process.returncode
    assert code is not None
    return Ran(code, out.decode(), err.decode())
