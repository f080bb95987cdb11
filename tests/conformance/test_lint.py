"""Our stream under the lint, over tapes on which things go wrong: every kind of event, chunked and plain."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from tests.conformance.lint import TOPICS, Block, NotWellFormed, dechunk, lint
from tests.conformance.tap import Tap
from tests.tapes.kit import Material, made_up, recorded_tapes, until
from tests.tapes.rig import Play, playing

TAPES: Final = [
    made_up("币安人生USDT", "USDT", seed=92, n=6_000, invalid=5),
    *(tape for tape in recorded_tapes() if tape.name.startswith("BTCUSDC")),
]
EVENTS: Final = {"Accept": "text/event-stream"}


def clean(stream: bytes, *, whole: bool = True) -> list[Block]:
    blocks, faults = lint(stream, whole=whole)
    assert faults == []
    return blocks


def comparable(blocks: list[Block]) -> list[bytes]:
    """From the first trade on, without what is each client's own: its retry."""
    first = next(at for at, block in enumerate(blocks) if block.event == "trade")
    return [re.sub(rb"\nretry: \d+\n", b"\n", block.raw) for block in blocks[first:]]


async def play_with_faults(play: Play) -> None:
    """A gap that is repaired, one that is lost, a feed that breaks, and trades around them."""
    play.publish(60)
    await play.arrived()
    play.sim.faults.skip(play.symbol, count=5)
    play.publish(40)
    await play.settled()
    play.sim.faults.skip(play.symbol, count=3, rest=False)
    play.publish(3, hidden=True)
    play.publish(40)
    await play.settled()
    play.sim.faults.cut()
    await play.down()
    play.publish(30)
    await play.subscribed()
    play.publish(40)
    await play.settled()


@pytest.mark.parametrize("tape", TAPES, ids=str)
async def test_every_kind_of_event_chunked_and_plain(tape: Material) -> None:
    overrides: dict[str, Any] = {
        "delivery__heartbeat_s": 0.3,
        "delivery__mailbox_kb": 16,
        "delivery__mailbox_s": 0.5,
        "delivery__max_clients_per_ip": 3,
        "analytics__large__min_notional": 20_000,
    }
    async with playing(tape, **overrides) as play:
        url, hub = play.daemon.url, play.daemon.hub
        query: dict[str, Any] = {"symbols": play.symbol, "topics": "flow,bar,watch,large,trade", "interval": "1s"}
        async with Tap(url, **query) as chunked, Tap(url, version="1.0", **query) as plain:
            for tap in (chunked, plain):
                await tap.until(lambda tap=tap: b"event: watch" in tap.body)  # type: ignore[misc]
            assert "transfer-encoding: chunked" in chunked.head
            assert not plain.chunked
            for tap in (chunked, plain):
                assert {"content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"} <= set(
                    tap.head
                )
                assert not any(line.startswith("content-encoding") for line in tap.head)

            await play_with_faults(play)

            async with Tap(url, lazy=True, symbols=play.symbol, topics="trade") as lazy:
                await until(lambda: hub.stats().clients == 3, "the lazy client is in")
                async with Tap(url, "Accept: text/event-stream", **query) as refused:
                    await refused.until(lambda: refused.ended_properly)
                    (busy,) = clean(refused.body)
                    assert (busy.event, busy.data) == ("busy", {"reason": "over_capacity"})
                    assert busy.retry is not None
                    assert busy.retry >= 15_000
                while not hub.stats().aborted.get("slow"):
                    play.publish(min(play.left, 300))
                    await play.arrived()
                    assert play.left, "the tape has ended and nobody was too slow"
                lazy.read()
                await lazy.until(lambda: lazy.over)
                assert clean(lazy.body)[-1].event == "slow"

            newest = play.daemon.hub.log.seq
            for tap in (chunked, plain):
                await tap.until(lambda tap=tap: int(clean(tap.body, whole=False)[-1].id.rpartition("-")[2]) >= newest)  # type: ignore[misc]
            await hub.drain("shutdown", 5.0)
            for tap in (chunked, plain):
                await tap.until(lambda tap=tap: tap.over)  # type: ignore[misc]
                assert tap.ended_properly
        both = [clean(tap.body) for tap in (chunked, plain)]
    assert comparable(both[0]) == comparable(both[1]), "chunked and plain are not the same bytes"
    for blocks in both:
        assert {block.event for block in blocks} == TOPICS - {"slow", "busy"}
        assert blocks[-1].event == "bye"
        assert (blocks[-1].data, blocks[-1].retry is None) == ({"reason": "shutdown"}, False)
        assert all(block.retry is None for block in blocks[1:-1])


GOOD: Final = b'event: hello\nid: ABCD2345-1\nretry: 900\ndata: {"a":1}\n\n'
NEXT: Final = b'event: flow\nid: ABCD2345-2\ndata: {"b":"\xe5\xb8\x81\xe2\x80\xa8"}\n\n'


def test_a_good_stream_is_clean() -> None:
    assert [block.event for block in clean(GOOD + NEXT)] == ["hello", "flow"]
    assert lint(GOOD + NEXT[:-9], whole=False)[1] == []


@pytest.mark.parametrize(
    "stream",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD + NEXT.replace(b"\n", b"\r"),
        GOOD + b": ping\n\n" + NEXT,
        GOOD + b"retry: 900\n\n" + NEXT,
        GOOD + NEXT.replace(b"id: ABCD2345-2\n", b""),
        GOOD + NEXT.replace(b"ABCD2345-2", "ABCD2345-é".encode()),
        GOOD + NEXT.replace(b"ABCD2345-2", b"A" * 129),
        GOOD + NEXT.replace(b"data: ", b"data: 1\ndata: "),
        GOOD + NEXT.replace(b"data: ", b"data:"),
        GOOD + NEXT.replace(b'{"b"', b"{b"),
        GOOD + NEXT.replace(b"\xe5", b"\xff"),
        GOOD + NEXT.replace(b'"b"', b'"b\0"'),
        GOOD + NEXT.replace(b"flow", b"message"),
        GOOD + NEXT.replace(b'"b"', b'"' + b"b" * 70_000 + b'"'),
        GOOD + NEXT + b"\n",
        GOOD + NEXT[:-1],
        GOOD.replace(b"retry: 900\n", b""),
        NEXT,
        b"",
        GOOD + NEXT.replace(b"-2", b"-0"),
        GOOD + NEXT.replace(b"ABCD", b"EFGH"),
        GOOD + NEXT.replace(b"flow", b"bye") + NEXT,
        GOOD + GOOD,
    ],
    ids=range(24),
)
def test_what_is_wrong_is_found(stream: bytes) -> None:
    assert lint(stream)[1]


def test_chunks() -> None:
    assert dechunk(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") == (b"abcde", True)
    assert dechunk(b"3\r\nabc\r\n2\r\nd") == (b"abc", False)
    for bad in (b"xyz\r\nabc\r\n", b"2\r\nabc\r\n", b"0\r\n\r\nmore"):
        with pytest.raises(NotWellFormed):
            dechunk(bad)
