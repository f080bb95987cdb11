"""`python -m tests.deploy.reference` writes deploy/reference/metrics.md and logs.md anew from the code.

Of a metric all of it comes from a scrape. Of a log line the level, the words and the fields come from the calls; what
it means is written by hand into the table, and kept.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.limits import Stats
from orderflow_stream.delivery.metrics import FeedNumbers, Metrics, RestNumbers, Sources, VenueSource
from orderflow_stream.delivery.metrics_journal import JournalNumbers
from tests.delivery.scraping import NOW, WINDOWS
from tests.delivery.test_metrics_venues import engine_of_three
from tests.e2e.process import ROOT

FOLDER: Final = ROOT / "deploy" / "reference"
PACKAGE: Final = ROOT / "orderflow_stream"

# -- metrics --------------------------------------------------------------------------------------------------------

METRICS_HEAD: Final = """# Metrics

Every family of `/metrics`, written by `python -m tests.deploy.reference`. Counters begin at 0 with the process. Series
with `symbol` exist for the `metrics.max_symbols` most active symbols (100 unless told otherwise); how many have none,
`orderflow_symbols_cut` says. Those of all symbols together begin with `orderflow_all_`, and alerts read these.
`orderflow_liquidations*` exist on futures only, `orderflow_journal_*` where there is a journal.

| metric | type | unit | labels | meaning |
|---|---|---|---|---|
"""

#: How a name ends says what it counts in; first match.
UNITS: Final = (
    (r"_timestamp_seconds$|_start_time_seconds$", "seconds since 1970"),
    (r"_seconds(_left|_total)?$", "seconds"),
    (r"_bytes(_total)?$", "bytes"),
    (r"_ratio$", "0 to 1"),
    (r"_base(_total)?$", "base asset"),
    (r"_quote(_total)?$|_last_price$", "quote asset"),
    (r"_weight(_used|_limit|_total)?$", "request weight"),
    (r"_info$|_state$|_ready$|_ok$|_listening$", "1 or 0"),
    (r"", "count"),
)


def families() -> list[Metric]:
    """Of a daemon that has everything: futures beside spot, a journal, streams; and of each kind of thing one."""
    http = HttpStats()
    http.count("GET", "/v1/flow", 200)
    http.time("GET", "/v1/flow", 0.002)
    http.doors.cut["headers"] += 1
    http.doors.refused["max_connections"] += 1
    numbers = FeedNumbers(
        connections=2,
        reconnects={"age": 1},
        since={"0A": NOW},
        last_message={"0A": NOW},
        lag={"0A": 1},
        rejected={"json": 1},
    )
    rest = RestNumbers(calls={("/api/v3/time", "200"): 1}, limit=6000)
    sources = Sources(
        engine=engine_of_three(),
        now=lambda: NOW,
        windows=WINDOWS,
        version="1",
        http=http,
        streams=lambda: Stats(1, {"flow": 1}, 0, 0, {"slow": 1}, {"max_clients": 1}, 0),
        refused=lambda: {"wrong": 1},
        journal=lambda: JournalNumbers(ok=True),
        venues={
            name: VenueSource(feed=lambda: numbers, rest=lambda: rest, pool=name, liquidations=name != "binance")
            for name in ("binance", "binance-usdm", "venue-x")
        },
    )
    return list(text_string_to_metric_families(asyncio.run(Metrics(sources).render()).decode()))


def exposed(family: Metric) -> str:
    """Its name as it is asked for."""
    return f"{family.name}_total" if family.type == "counter" and not family.name.endswith("_total") else family.name


def metrics_text(found: list[Metric]) -> str:
    rows = []
    for family in found:
        labels = dict.fromkeys(
            name for sample in family.samples for name in sample.labels if name not in {"le", "quantile"}
        )
        name = exposed(family)
        unit = next(unit for pattern, unit in UNITS if re.search(pattern, name))
        shown = " ".join(f"`{label}`" for label in labels)
        assert "|" not in family.documentation
        rows.append(f"| `{name}` | {family.type} | {unit} | {shown} | {family.documentation} |\n")
    return METRICS_HEAD + "".join(sorted(rows, key=lambda row: (not row.startswith("| `orderflow_"), row)))


# -- logs -----------------------------------------------------------------------------------------------------------

LOGS_HEAD: Final = """# Log events

Every line that the daemon writes, by its words; levels, words and fields by `python -m tests.deploy.reference` from the
code, meanings by hand. As JSON (`log.format = "json"`, and wherever the output is no terminal) a line is an object with
`timestamp`, `level`, `logger`, `event` and these fields; `venue` is there too where there are several. `…` stands for
what differs. Values are cut at 256 characters, keys of clients are never written.

| event | level | fields | meaning |
|---|---|---|---|
"""

LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical")


class Line(NamedTuple):
    """A kind of log line."""

    event: str
    levels: tuple[str, ...]
    fields: tuple[str, ...]


_RANGES: Final = ("instrument", "ids", "count", "not_logged")
#: Where the words are in a variable: the module, its name, and what it may have. (That these words are in the module is
#: checked, and that there still is such a variable.)
VARIABLES: Final = {
    ("adapters/notes.py", "message"): (
        Line("trades are missing: asking REST for them", ("info",), _RANGES),
        Line("missing trades came in", ("info",), _RANGES),
        Line("feed is stale", ("warning",), ("instrument", "reason", "not_logged")),
        Line("feed is live again", ("info",), ("instrument", "not_logged")),
    ),
    ("adapters/usage.py", "told"): (
        Line("what keys have used is not kept: a restart would forget it", ("error",), ("file", "reason")),
    ),
}


@lru_cache(maxsize=1)
def lines() -> dict[str, Line]:
    """Every event that a call in the package can write."""
    found: dict[str, Line] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if not re.search(r"\blog|_log\b|_LOG\b", path.read_text()):
            continue
        for event, levels, fields in _calls(path):
            before = found.get(event, Line(event, (), ()))
            found[event] = Line(
                event, tuple(dict.fromkeys(before.levels + levels)), tuple(dict.fromkeys(before.fields + fields))
            )
    return found


def _calls(path: Path) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    tree = ast.parse(path.read_text())
    module = str(path.relative_to(PACKAGE))
    chosen = {  # tell = log.info if … else log.warning
        node.targets[0].id: levels
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and (levels := _levels(node.value, {}))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and (levels := _levels(node.func, chosen)):
            fields = tuple(name for word in node.keywords for name in _names(word) if name != "exc_info")
            words = node.args[0]
            if isinstance(words, ast.Name) and (module, words.id) in VARIABLES:
                yield from VARIABLES[module, words.id]
                continue
            for event in _events(words, module):
                yield event, levels, fields


def _levels(node: ast.expr, chosen: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The levels of what is called, if it is a logger's method."""
    match node:
        case ast.Attribute(value, attr) if (
            attr in LEVELS and ast.unparse(value).rpartition(".")[2].lower().strip("_") == "log"
        ):
            return (attr,)
        case ast.IfExp(_, body, orelse) if _levels(body, {}) and _levels(orelse, {}):
            return _levels(body, {}) + _levels(orelse, {})
        case ast.Name(name):
            return chosen.get(name, ())
    return ()


def _names(word: ast.keyword) -> list[str]:
    """The field of a keyword; of a `**` those whose names stand in it."""
    if word.arg:
        return [word.arg]
    return [
        key.value
        for node in ast.walk(word.value)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]


def _events(node: ast.expr, module: str) -> tuple[str, ...]:
    match node:
        case ast.Constant(str(text)):
            if text == "%s from %s: %s%s":
                return tuple(f"{kind} from …" for kind in quiet_kinds())
            return (re.sub(r"(%s)+", "…", text),)
        case ast.IfExp(_, body, orelse):
            return _events(body, module) + _events(orelse, module)
    raise AssertionError(f"{module}: which words has {ast.unparse(node)}? (tests/deploy/reference.py, VARIABLES)")


@lru_cache(maxsize=1)
def quiet_kinds() -> list[str]:
    """What `Quiet(…)`, the line that is said seldom, is made for."""
    return [
        node.args[0].value
        for path in sorted(PACKAGE.rglob("*.py"))
        if "Quiet(" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Quiet"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def meanings(text: str) -> dict[str, str]:
    """What stands in the table by hand."""
    rows = re.findall(r"^\| `(.+?)` \|.*?\|.*?\| (.*) \|$", text, re.MULTILINE)
    return {event: meaning for event, meaning in rows if meaning}


def logs_text(known: dict[str, str]) -> str:
    """The table; `known` are the meanings by event."""
    rows = [
        f"| `{line.event}` | {', '.join(line.levels)} | {' '.join(f'`{name}`' for name in line.fields)} "
        f"| {known.get(line.event, '')} |\n"
        for line in sorted(lines().values())
    ]
    return LOGS_HEAD + "".join(rows)


def main() -> None:
    """Write both."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "metrics.md").write_text(metrics_text(families()))
    logs = FOLDER / "logs.md"
    logs.write_text(logs_text(meanings(logs.read_text() if logs.exists() else "")))


if __name__ == "__main__":
    main()
