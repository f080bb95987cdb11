"""The long form of the fuzz tests: the same surfaces and the same rules as in tests/fuzz, many more cases.

    python -m soak.fuzz                         every part, with a fresh seed that is printed
    python -m soak.fuzz schemathesis --seed 7   one part again
    python -m soak.fuzz --share 0.01            a hundredth of each

Each part prints one line of figures; the first finding ends its part and makes the exit code 1. The part `guided` needs
atheris (pip install -e '.[fuzz]'); without it that line says "not run", and nothing is claimed for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.fuzz import checks, inputs

ROOT: Final = Path(__file__).parents[1]
#: Seconds after which a guided run is given up.
GUIDED_PATIENCE: Final = 1_500.0


class Figures(NamedTuple):
    """What a part came to. `cases` is None where it was not run, `finding` empty where nothing was found."""

    part: str
    seed: int
    cases: int | None
    seconds: float
    finding: str = ""
    more: str = ""

    def __str__(self) -> str:
        if self.cases is None:
            return f"{self.part}: not run ({self.more})"
        what = f"FOUND {self.finding}" if self.finding else "0 findings"
        more = f", {self.more}" if self.more else ""
        return f"{self.part}: {self.cases:,} cases in {self.seconds:.0f} s, seed {self.seed}, {what}{more}"


class NotRun(Exception):
    """What the part needs is not here."""


def drawn(strategy: st.SearchStrategy[Any], check: Callable[[Any], object], seed: int, cases: int) -> int:
    """So many values of a strategy through a check; how many distinct ones there were."""
    done = 0

    @seeded(seed)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(value: Any) -> None:
        nonlocal done
        done += 1
        check(value)

    one()
    return done


# -- parts ------------------------------------------------------------------------------------------------------------


def codec(seed: int, cases: int) -> tuple[int, str]:
    return drawn(inputs.frames(), checks.frame, seed, cases), ""


def rest(seed: int, cases: int) -> tuple[int, str]:
    from tests.fuzz.test_codec import ROWS

    bodies = st.one_of(inputs.mutated(ROWS), inputs.nested(), inputs.json_values().map(inputs.orjson_bytes))
    return drawn(bodies, checks.rest, seed, cases), ""


def archives(seed: int, cases: int) -> tuple[int, str]:
    from tests.fuzz.test_files import ARCHIVES

    return drawn(st.one_of(inputs.mutated(ARCHIVES), st.binary(max_size=500)), checks.archive, seed, cases), ""


def configuration(seed: int, cases: int) -> tuple[int, str]:
    from tests.fuzz.test_files import SNIPPETS, assignments, environments

    half = cases // 2
    done = drawn(st.one_of(assignments(), inputs.mutated(SNIPPETS)), checks.config_file, seed, half)
    return done + drawn(environments(), checks.config_environment, seed, half), ""


def requests(seed: int, cases: int) -> tuple[int, str]:
    from tests.fuzz.house import served
    from tests.fuzz.requests import assert_answered, targets

    statuses: Counter[int] = Counter()
    with served(delivery__max_clients_per_ip=1000) as house:

        def check(target: bytes) -> None:
            statuses[assert_answered(house, target).status] += 1

        done = drawn(targets(), check, seed, cases)
        assert house.complaints == [], house.complaints[:3]
    return done, " ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))


def schemathesis(seed: int, cases: int) -> tuple[int, str]:
    from tests.fuzz import openapi
    from tests.fuzz.house import served

    with served(delivery__max_clients_per_ip=1000) as house:
        swept = re.search(r"(\d+) generated", openapi.sweep(house, seed))
        assert swept is not None
        total: openapi.Counts = Counter()
        operations = len(house.get("/openapi.json").json["paths"])
        number = seed
        while total.total() + int(swept[1]) < cases:  # not every operation has so many different cases
            left = cases - total.total() - int(swept[1])
            total += openapi.cases(house, number, max(20, min(400, left // operations)))
            number += 1
        assert house.complaints == [], house.complaints[:3]
    bad = sum(count for (_, status), count in total.items() if status >= 500)
    assert not bad, f"{bad} answers of 500 and above"
    return total.total() + int(swept[1]), f"0 answers >= 500, 0 tracebacks, seeds {seed} to {number - 1}"


def disconnects(seed: int, cases: int) -> tuple[int, str]:
    from tests.fuzz.disconnects import World

    counts: Counter[str] = Counter()
    number = seed
    while counts["cuts"] < cases:
        counts += World(number).run(min(500, cases))
        number += 1
    return counts[
        "cuts"
    ], f"{counts['recovered']} complete, {counts['not recovered']} said recovered:false, 0 silent holes"


def guided(seed: int, cases: int) -> tuple[int, str]:
    """By coverage: the frame parser most of all, the other readers of bytes a little."""
    if importlib.util.find_spec("atheris") is None:
        raise NotRun("atheris is not installed: pip install -e '.[fuzz]'")
    done = {}
    for surface in checks.BYTES:
        runs = cases if surface == "codec" else max(1, cases // 250)
        done[surface] = _guided(surface, seed, runs)
    return sum(done.values()), ", ".join(f"{surface} {runs:,}" for surface, runs in done.items())


def _guided(surface: str, seed: int, runs: int) -> int:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "soak.guided", surface, str(seed), str(runs), folder]
        try:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=GUIDED_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{surface}: no end after {GUIDED_PATIENCE:.0f} s") from None
    said = ended.stdout + ended.stderr
    found = re.search(r"Done (\d+) ", said)
    assert ended.returncode == 0, said[-3_000:]
    assert found is not None, said[-1_000:]
    return int(found[1])


#: Every part with the number of cases of its long form.
PARTS: Final[dict[str, tuple[Callable[[int, int], tuple[int, str]], int]]] = {
    "codec": (codec, 50_000),
    "rest": (rest, 20_000),
    "archives": (archives, 20_000),
    "configuration": (configuration, 10_000),
    "requests": (requests, 20_000),
    "schemathesis": (schemathesis, 20_000),
    "disconnects": (disconnects, 10_000),
    "guided": (guided, 5_000_000),
}


def run(part: str, seed: int, share: float = 1.0) -> Figures:
    """One part; never raises for a finding."""
    body, cases = PARTS[part]
    began = time.monotonic()
    try:
        done, more = body(seed, max(1, round(cases * share)))
    except NotRun as missing:
        return Figures(part, seed, None, 0.0, more=str(missing))
    except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
        print("".join(traceback.format_exception(error)), file=sys.stderr)
        line = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return Figures(part, seed, 0, time.monotonic() - began, line)
    return Figures(part, seed, done, time.monotonic() - began, more=more)


def main(argv: Sequence[str] | None = None) -> int:
    """0: no findings; 1: at least one; 3: nothing of what was asked for could be run."""
    parser = argparse.ArgumentParser(prog="python -m soak.fuzz", description="long fuzz runs")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--seed", type=int, default=None, help="default: a fresh one, printed")
    parser.add_argument("--share", type=float, default=1.0, help="part of the full number of cases")
    parser.add_argument("--json", type=Path, default=None, help="append the figures to this file, a line a part")
    parser.add_argument("--piece", type=int, default=None, help=f"one part by its number, 1 to {len(PARTS)}")
    asked = parser.parse_args(argv)
    if asked.piece is not None:
        if not 1 <= asked.piece <= len(PARTS):
            parser.error(f"--piece is 1 to {len(PARTS)}")
        asked.parts = [list(PARTS)[asked.piece - 1]]
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown or asked.share <= 0:
        parser.error(f"no part {', '.join(unknown)}" if unknown else "--share must be above 0")
    seed = random.SystemRandom().randrange(1 << 31) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    done: list[Figures] = []
    for part in asked.parts or PARTS:
        figures = run(part, seed, asked.share)
        done.append(figures)
        print(figures, flush=True)
        if asked.json is not None:
            with asked.json.open("a") as file:
                file.write(json.dumps(figures._asdict()) + "\n")
    if any(figures.finding for figures in done):
        return 1
    return 3 if all(figures.cases is None for figures in done) else 0


if __name__ == "__main__":
    sys.exit(main())
