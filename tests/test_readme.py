"""The README tells the truth: every example has today's shape, the configuration table is today's."""

from __future__ import annotations

import aiohttp
import orjson

from orderflow_stream.config import markdown
from tests.faults import catalogue
from tests.readme import EXAMPLES, README, STREAM, alike, between, cvd_lines, demo, examples, shape, stream_events


async def test_every_example_answers_as_the_readme_says() -> None:
    told = dict(examples(README.read_text()))
    assert {path for _, path in EXAMPLES} | {STREAM} <= told.keys()
    async with demo() as daemon, aiohttp.ClientSession() as session:
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


def test_the_configuration_table_is_todays() -> None:
    assert between(README.read_text(), "config") == markdown()


def test_the_table_of_faults_is_todays() -> None:
    assert between(README.read_text(), "faults") == catalogue.markdown() + "\n"


def test_shapes_that_differ_are_told_apart() -> None:
    assert alike(shape({"a": 1, "b": [None]}), shape({"a": 2.5, "b": ["x"]}))
    assert not alike(shape({"a": 1}), shape({"a": "1"}))
    assert not alike(shape({"a": 1}), shape({"a": 1, "b": 2}))
    assert not alike(shape([{"a": 1}]), shape([{"b": 1}]))
