"""schemathesis against our own OpenAPI document: every answer is one that the document promises.

Two ways in: its command line (each example, each boundary of each parameter, each method that is not documented), and
cases drawn one by one, so that they can be counted and seeded. The latter name a real symbol where they should be
right, since a random one is only ever unknown.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from tests.fuzz.house import SYMBOLS, House

STREAM: Final = "/v1/stream"
#: A query may be right in every part and wrong as a whole (window with trades, a venue that is not there).
NOT_PROMISED: Final = "positive_data_acceptance"
PATIENCE: Final = 10.0

Counts = Counter[tuple[str, int]]


class Broken(AssertionError):
    """An answer that the document does not promise; the message has what reproduces it."""


def sweep(house: House, number: int) -> str:
    """Examples and boundaries, by the command line; its report. The stream has no end, so it is left to `cases`."""
    beside = Path(sys.executable).with_name("schemathesis")
    command = str(beside) if beside.exists() else shutil.which("schemathesis")
    assert command is not None, "schemathesis is not installed"
    done = subprocess.run(
        [command, "run", f"{house.url}/openapi.json", "--exclude-path", STREAM, "--exclude-checks", NOT_PROMISED,
         "--phases", "examples,coverage", "--seed", str(number), "--no-color"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Broken(done.stdout + done.stderr)
    return done.stdout


def cases(house: House, number: int, examples: int) -> Counts:
    """At most `examples` cases of each operation, half of them wrong on purpose; counts by (operation, status).

    Raises `Broken` at the first answer that is not as documented.
    """
    counts: Counts = Counter()
    schema = schemathesis.openapi.from_dict(house.get("/openapi.json").json)
    with requests.Session() as session:
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), f"an operation that the document does not describe: {result}"
            operation = result.ok()
            for mode in GenerationMode:
                if mode is GenerationMode.NEGATIVE and not operation.query:
                    continue  # nothing that could be wrong
                _draw(house, session, operation, mode, number, max(1, examples // 2), counts)
    return counts


def _draw(
    house: House,
    session: requests.Session,
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    number: int,
    examples: int,
    counts: Counts,
) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.randoms(use_true_random=False))
    def one(case: Case[Any], chance: random.Random) -> None:
        if mode is GenerationMode.POSITIVE and chance.random() < 0.8:
            _make_sense(case, chance)
        counts[case.operation.path, _ask(case, house, session).status_code] += 1

    one()


def _make_sense(case: Case[Any], chance: random.Random) -> None:
    """Values that a document cannot tell: which symbols and windows there are, and what goes together."""
    query: dict[str, Any] = dict(case.query or {})
    known = {parameter.name for parameter in case.operation.query}
    for name in ("coin", "quote", "symbols", "after", "venues"):
        query.pop(name, None)
    if "symbol" in known:
        query["symbol"] = chance.choice(SYMBOLS)
    elif "symbols" in known:
        query["symbols"] = chance.choice([*SYMBOLS, "*"])
    if "venue" in query:
        query["venue"] = "binance"
    if "window" in query:
        query["window"] = chance.choice(["1m", "5m", "1h"])
    if {"window", "trades"} <= query.keys():
        del query[chance.choice(["window", "trades"])]
    if "wait" in query:
        query["wait"] = 0
    if "topics" in query:
        query["topics"] = chance.choice(["flow", "large,trade", "watch"])
    if "min_notional" in query:
        query["min_notional"] = chance.choice(["100000", "250000.5", "1000000"])
    case.query = query


def _ask(case: Case[Any], house: House, session: requests.Session) -> requests.Response:
    arguments = {
        name: value for name, value in case.as_transport_kwargs(base_url=house.url).items() if value is not None
    }
    streams = case.operation.path == STREAM
    with session.request(stream=streams, timeout=PATIENCE, **arguments) as response:
        if streams and response.status_code == 200:
            if not response.headers["Content-Type"].startswith("text/event-stream"):
                raise Broken(f"{response.url}: {response.headers}")
            first = next(response.iter_content(64))
            if not first.startswith(b"event: hello\nid: "):
                raise Broken(f"{response.url} begins {first!r}")
            return response
        _ = response.content
        try:
            case.validate_response(response, excluded_checks=[_excluded()])
        except FailureGroup as failure:
            raise Broken(f"{response.url}\n{failure}") from failure
        return response


def _excluded() -> Any:
    return schemathesis.checks.CHECKS.get_one(NOT_PROMISED)
