"""Server-sent events, as the standard has them read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orderflow_stream.cli.events import Event, events


async def read(text: str) -> list[Event]:
    async def lines() -> AsyncIterator[bytes]:
        for line in text.encode().splitlines(keepends=True):
            yield line

    return [event async for event in events(lines())]


async def test_fields() -> None:
    text = 'event: hello\nid: a-1\nretry: 2500\ndata: {"a": 1}\n\nevent: trade\nid: a-2\ndata: 2\n\n'
    assert await read(text) == [Event("hello", "a-1", '{"a": 1}', 2.5), Event("trade", "a-2", "2", 2.5)]


@pytest.mark.parametrize(
    "text,expected",
    [
        (": a comment\n\n", []),
        ("event: x\nid: 1\n\n", []),  # no data, no event
        ("data: 1\n\n", [Event("message", "", "1", 0)]),
        ("data:1\r\n\r\n", [Event("message", "", "1", 0)]),
        ("data: 1\ndata: 2\n\n", [Event("message", "", "1\n2", 0)]),
        ("retry: soon\ndata: 1\n\n", [Event("message", "", "1", 0)]),
        ("event: x\ndata: cut off", []),
        ("id: 7\ndata: 1\n\nevent: y\ndata: 2\n\n", [Event("message", "7", "1", 0), Event("y", "7", "2", 0)]),
    ],
)
async def test_the_small_print(text: str, expected: list[Event]) -> None:
    assert await read(text) == expected
