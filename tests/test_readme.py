"""The documents tell the truth: every example has today's shape, the tables are today's. (What README.md has of
commands and programs is run by `test_snippets.py`.)"""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import orjson
import pytest
from msgspec.structs import replace

from orderflow_stream.config import load, markdown
from orderflow_stream.core.events import Instrument, Kind
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.selection import select
from orderflow_stream.venues.catalogue import spec
from tests import claims
from tests.faults import catalogue
from tests.faults.test_catalogue import functions_of
from tests.readme import (
    API,
    EXAMPLES,
    RATE,
    README,
    STREAM,
    alike,
    between,
    cvd_lines,
    demo,
    examples,
    futures,
    shape,
    stream_events,
)


async def test_every_example_answers_as_the_documents_say() -> None:
    first, told = dict(examples(README.read_text())), dict(examples(API.read_text()))
    assert {path for _, path in EXAMPLES} | {STREAM} <= told.keys()
    assert {path for _, path in claims.EXAMPLES} <= told.keys()
    assert first.items() <= told.items(), "the README shows some of them"
    # Shapes are compared, no numbers: fewer trades are as good.
    async with demo(rate=RATE / 4) as daemon, aiohttp.ClientSession() as session:
        for path, answer in told.items():
            if path == STREAM:
                blocks = await stream_events(daemon.url, {"hello", "flow"})
                for block in answer.strip().split("\n\n"):
                    name = block.split("event: ", 1)[1].split("\n", 1)[0]
                    lines = {line.split(": ", 1)[0]: line.split(": ", 1)[1] for line in block.splitlines()}
                    found = {
                        line.split(": ", 1)[0]: line.split(": ", 1)[1] for line in blocks[name].splitlines() if line
                    }
                    assert lines.keys() == found.keys()
                    assert alike(shape(orjson.loads(lines["data"])), shape(orjson.loads(found["data"]))), name
                continue
            response = await session.get(daemon.url + path)
            if path == "/metrics":
                scraped = cvd_lines(await response.text())
                assert [line.split()[0] for line in answer.splitlines()] == [line.split()[0] for line in scraped]
                continue
            body = orjson.loads(await response.read())
            if path == "/v1/meta":
                keys = answer.split("# data: ", 1)[1].strip().split(", ")
                assert keys == list(body["data"])
                continue
            assert alike(shape(orjson.loads(answer)), shape(body)), path
        scrape = await (await session.get(f"{daemon.url}/metrics")).text()
        for name in re.findall(r"`(orderflow_\w+)", between(API.read_text(), "futures")):
            assert f'\n{name}{{venue="binance-usdm"}} ' in scrape


def test_the_section_on_futures_is_todays() -> None:
    text = API.read_text()
    told = dict(examples(text))
    answers = {path: told[path].rstrip("\n").encode() for _, path in claims.EXAMPLES}
    assert between(text, "futures") == futures(answers)


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.says[:30])
def test_what_is_said_of_futures_is_tested(claim: claims.Claim) -> None:
    assert claim.tests
    for test in claim.tests:
        file, _, name = test.partition("::")
        assert name in functions_of(file), test


def test_the_example_of_a_configuration_turns_both_venues_on(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(claims.CONFIG)
    tables = load(file, environ={}).venues.tables
    assert list(tables) == ["binance", "binance-usdm", "binance-coinm"]
    assert (tables["binance-usdm"].symbols, tables["binance-coinm"].symbols) == (("BTCUSDT", "ETHUSDT"), ())


def test_the_budget_of_futures() -> None:
    usdm, coinm = spec("binance-usdm"), spec("binance-coinm")
    assert usdm.pool == coinm.pool != spec("binance").pool
    assert [(one.weight_limit, one.codec().trades_weight) for one in (usdm, coinm)] == [(2400, 20), (2400, 20)]
    assert [(one.lookback or 0) // US_PER_S for one in (usdm, coinm)] == [48 * 3600, 24 * 3600]


def test_a_pattern_takes_up_the_next_quarter() -> None:
    kinds: tuple[tuple[str, Kind], ...] = (
        ("BTCUSDT", "perpetual"),
        ("BTCUSDT_260327", "delivery"),
        ("BTCUSDT_260626", "delivery"),
    )
    first, old, new = (Instrument("binance-usdm", name, "BTC", "USDT", "usdm", kind=kind) for name, kind in kinds)
    assert set(select(("BTCUSDT*",), (first, old)).instruments) == {first, old}
    delivered = replace(old, trading=False)
    assert set(select(("BTCUSDT*",), (first, delivered, new)).instruments) == {first, new}


def test_the_configuration_table_is_todays() -> None:
    assert between(README.read_text(), "config") == markdown()


def test_the_table_of_faults_is_todays() -> None:
    assert between(README.read_text(), "faults") == catalogue.markdown() + "\n"


def test_shapes_that_differ_are_told_apart() -> None:
    assert alike(shape({"a": 1, "b": [None]}), shape({"a": 2.5, "b": ["x"]}))
    assert not alike(shape({"a": 1}), shape({"a": "1"}))
    assert not alike(shape({"a": 1}), shape({"a": 1, "b": 2}))
    assert not alike(shape([{"a": 1}]), shape([{"b": 1}]))
