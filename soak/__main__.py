"""The long form of the tests, in pieces: `make soak` works for half an hour and stops, `make soak` again goes on.

What is done is kept in `soak/state/`, one file a part; the figures of all of it go to `soak/RESULTS.md`, which is
written after every piece. `--list` shows how far it is, `--part NAME` works on one, `--minutes N` for how long (up to
30), `--again` forgets what was done. One thing runs at a time, and it stops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from soak.random_faults import USDM, has_journal, short

ROOT: Final = Path(__file__).parents[1]
STATE: Final = ROOT / "soak" / "state"
RESULTS: Final = ROOT / "soak" / "RESULTS.md"
LONGEST: Final = 30.0
#: A piece that is given to another program is given up after this.
PATIENCE_S: Final = 1_750.0

Piece = dict[str, Any]


class Part(NamedTuple):
    """`total` pieces of about `seconds` each; `run(n)` does piece n (from 0) and returns its figures; `good` says
    whether a piece was fine, `tell` makes the figures of all pieces a line for the results."""

    name: str
    about: str
    total: int
    seconds: float
    run: Callable[[int], Piece]
    tell: Callable[[list[Piece]], str]


# -- parts ------------------------------------------------------------------------------------------------------------


def _seed(number: int) -> Piece:
    return _kept(asdict(short(1_000 + number, seconds=4.5)))


def _seed_usdm(number: int) -> Piece:
    """With its journal and `kill -9` in one of four."""
    kills = number % 4 == 3
    return _kept(asdict(short(3_000 + number, seconds=6.0, kills=kills, patience=60.0, venue=USDM)))


def _killed(number: int) -> Piece:
    return _kept(asdict(short(5_000 + number, seconds=8.0, kills=True)))


def _minute(number: int) -> Piece:
    """A minute of faults, one in three seconds beside those that last: an hour of market."""
    return _kept(asdict(short(9_000 + number, seconds=60.0, every=0.4, patience=60.0, kills=number % 2 == 1)))


def _kept(result: Piece) -> Piece:
    """What is worth keeping of it: the story only where it failed."""
    good = not result["problems"]
    del result["log"]
    if good:
        del result["story"]
    return {**result, "good": good}


def _figures(pieces: list[Piece]) -> str:
    """Of random faults."""
    total = {
        name: sum(piece[name] for piece in pieces)
        for name in ("trades", "faults", "kills", "answers", "complete", "events", "lost", "duplicated", "undeclared")
    }
    healed = sorted(piece["healed"] for piece in pieces)
    detection = sorted(piece["detection"] for piece in pieces)
    return (
        f"{total['trades']:,} trades, {total['faults']:,} faults, {total['kills']:,} kills; "
        f"{total['answers']:,} answers ({total['complete']:,} complete) and {total['events']:,} events judged: "
        f"**{total['lost']} lost, "
        f"{total['duplicated']} duplicated, {total['undeclared']} undeclared**; whole again after "
        f"{healed[len(healed) // 2]:.1f} s (median), {healed[-1]:.1f} s (worst); a busy symbol lacked something unsaid "
        f"for {detection[-1]:.1f} s at worst"
    )


def _command(*words: str) -> Callable[[int], Piece]:
    """A piece that another module does: `{n}` in its words is the piece's number from 1. Its last lines are figures."""

    def run(number: int) -> Piece:
        line = [sys.executable, "-m", *(word.replace("{n}", str(number + 1)) for word in words)]
        try:
            done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            return {"good": False, "lines": [f"gave up after {PATIENCE_S:.0f} s"], "not_run": False}
        lines = [each for each in done.stdout.splitlines() if each.strip()][-12:]
        if done.returncode not in {0, 3}:
            lines += done.stderr.splitlines()[-5:]
        return {"good": done.returncode in {0, 3}, "not_run": done.returncode == 3, "lines": lines}

    return run


def _lines(pieces: list[Piece]) -> str:
    return "<br>".join(line.replace("|", "\\|") for piece in pieces[-25:] for line in piece["lines"])


def parts() -> list[Part]:
    """Those there are in this checkout, in the order of their worth."""
    found = [
        Part("seeds", "300 short seeds of random faults, an hour of market a minute", 300, 9.0, _seed, _figures),
        *(
            Part(f"upstream-{name}", f"upstream, long form: {name}", 1, seconds,
                 _command("soak.upstream", name), _lines)
            for name, seconds in (("reconnects", 130.0), ("repairs", 60.0), ("burst", 80.0), ("ban", 130.0),
                                  ("vanished", 60.0), ("resolver", 40.0), ("down", 660.0))
        ),
    ]  # fmt: skip
    found[1:1] = [
        Part("seeds-usdm", "40 short seeds of random faults on USD-M", 40, 30.0, _seed_usdm, _figures),
        Part("upstream-dear", "upstream, long form: 300 symbols of USD-M, an outage of 30 s, 120 calls a minute", 1,
             480.0, _command("soak.upstream", "dear"), _lines),
    ]  # fmt: skip
    if has_journal():
        found.append(
            Part("killed", "60 seeds with `kill -9` and a journal among the faults", 60, 20.0, _killed, _figures)
        )
    for module, about, total, seconds, words in (
        ("kills", "200 kills under load, in tens", 20, 120.0, ("--kills", "10", "--seed", "{n}")),
        ("clients", "2,000 streams of which 200 never read, slow requests, floods, herds", 1, 240.0, ()),
        (
            "fuzz",
            "readers, routes and resumes under anything; 20,000 requests from the OpenAPI document",
            8,
            250.0,
            ("--piece", "{n}"),
        ),
        ("quiet", "whole days through the alert rules, none of which may fire", 4, 600.0, ("{n}",)),
        ("memory", "memory over time", 1, 900.0, ()),
    ):
        if (ROOT / "soak" / f"{module}.py").is_file():
            found.append(Part(module, about, total, seconds, _command(f"soak.{module}", *words), _lines))
    found.append(
        Part("hours", "two hours of faults: 120 minutes, each an hour of market", 120, 85.0, _minute, _figures)
    )
    return found


# -- the account ------------------------------------------------------------------------------------------------------


def load(part: Part) -> list[Piece]:
    """The pieces that were done, in order."""
    file = STATE / f"{part.name}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def keep(part: Part, piece: Piece) -> None:
    """One line more; a line is whole or not there."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f"{part.name}.jsonl").open("a") as file:
        file.write(json.dumps(piece, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def results(all_parts: Iterable[Part]) -> str:
    """The results file."""
    lines = [
        "# What the long form of the tests came to",
        "",
        f"Written by `make soak`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, on {os.cpu_count()} cores "
        f"({platform.machine()}), {platform.system()}, Python {platform.python_version()}, "
        f"{'as root' if os.geteuid() == 0 else 'not as root'}.",
        "",
        "| part | done | failed | figures |",
        "|---|---|---|---|",
    ]
    for part in all_parts:
        pieces = load(part)
        failed = sum(not piece["good"] for piece in pieces)
        ran = [piece for piece in pieces if not piece.get("not_run")]
        done = f"{len(pieces)} of {part.total}" if len(ran) == len(pieces) else "not run here"
        lines.append(f"| {part.about} | {done} | {failed} | {part.tell(pieces) if pieces else '–'} |")
    failures = [
        (part, number, piece) for part in all_parts for number, piece in enumerate(load(part)) if not piece["good"]
    ]
    if failures:
        lines += ["", "## Failures", ""]
        for part, number, piece in failures[:50]:
            what = piece.get("problems") or piece.get("lines") or ["?"]
            lines.append(f"- {part.name} {number}{_seed_of(piece)}: {str(what[0])[:300]}")
    return "\n".join(lines) + "\n"


def _seed_of(piece: Piece) -> str:
    return f" (seed {piece['seed']})" if "seed" in piece else ""


def work(chosen: Sequence[Part], every: Sequence[Part], minutes: float) -> int:
    """Piece after piece until the time is over or all is done; how many failed."""
    end = time.monotonic() + minutes * 60
    failed = 0
    for part in chosen:
        number = len(load(part))
        while number < part.total:
            if time.monotonic() + part.seconds > end:
                print(f"{part.name}: {number} of {part.total}; its next piece takes {part.seconds:.0f} s", flush=True)
                break
            began = time.monotonic()
            piece = part.run(number)
            keep(part, piece)
            number += 1
            failed += not piece["good"]
            took = time.monotonic() - began
            told = "not run" if piece.get("not_run") else "ok" if piece["good"] else "FAILED"
            print(f"{part.name}: {number} of {part.total}{_seed_of(piece)}: {told}, {took:.0f} s", flush=True)
            for line in (piece.get("problems") or piece.get("lines") or []) if not piece["good"] else ():
                print(f"    {str(line)[:500]}", flush=True)
            RESULTS.write_text(results(every))
    RESULTS.write_text(results(every))
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    """0: nothing failed in this sitting, whether or not anything is left; 1: something did."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=LONGEST, help="stop after so many, at most 30 (default)")
    parser.add_argument(
        "--part", action="append", default=[], metavar="NAME", help="only this one (may be given again)"
    )
    parser.add_argument("--list", action="store_true", help="what there is and how far it is")
    parser.add_argument("--again", action="store_true", help="forget what was done (of --part, else of all) first")
    options = parser.parse_args(argv)
    every = parts()
    unknown = [name for name in options.part if name not in {part.name for part in every}]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(part.name for part in every)}")
    if not 0 < options.minutes <= LONGEST:
        parser.error(f"--minutes must be above 0 and at most {LONGEST:.0f}, not {options.minutes}")
    chosen = [part for part in every if not options.part or part.name in options.part]
    if options.list:
        for part in every:
            print(f"{part.name:<22}{len(load(part)):>5} of {part.total:<5}{part.about}")
        return 0
    if options.again:
        for part in chosen:
            (STATE / f"{part.name}.jsonl").unlink(missing_ok=True)
        if not options.part:
            shutil.rmtree(STATE, ignore_errors=True)
    failed = work(chosen, every, options.minutes)
    left = sum(max(0, part.total - len(load(part))) for part in chosen)
    print(f"{failed} failed; {left} pieces left" if left else f"{failed} failed; all is done", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
