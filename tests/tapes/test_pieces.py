"""However the network cuts the feed, into packets or into websocket fragments, the same tape comes of it."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from orderflow_stream.adapters.clock import Clock
from orderflow_stream.adapters.link import Link
from orderflow_stream.adapters.ws import dial
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, Instrument
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.feed.session import Session
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.test_ws import handshake
from tests.reference.oracle import synthetic

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ROWS = synthetic(11, 400)


def payloads() -> list[bytes]:
    """The tape as the exchange sends it."""
    out = []
    for row in ROWS:
        event = {
            "e": "aggTrade", "E": row.ts_us, "s": "BTCUSDT", "a": row.id,
            "p": format(row.price, "f"), "q": format(row.qty, "f"), "f": row.first,
            "l": row.last, "T": row.ts_us, "m": row.side == "sell", "M": True,
        }  # fmt: skip
        out.append(orjson.dumps({"stream": "btcusdt@aggTrade", "data": event}))
    return out


def frame(payload: bytes, opcode: int, fin: bool) -> bytes:
    head = opcode | (0x80 if fin else 0)
    if len(payload) < 126:
        return struct.pack("!BB", head, len(payload)) + payload
    return struct.pack("!BBH", head, 126, len(payload)) + payload


def framed(rng: random.Random, fragments: int) -> bytes:
    """Every message in up to `fragments` websocket fragments."""
    out = bytearray()
    for payload in payloads():
        cuts = sorted(rng.sample(range(1, len(payload)), rng.randrange(fragments))) if fragments > 1 else []
        parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for i, part in enumerate(parts):
            out += frame(part, 1 if i == 0 else 0, i == len(parts) - 1)
    return bytes(out)


@asynccontextmanager
async def serving(stream: bytes, rng: random.Random, most: int) -> AsyncIterator[int]:
    """Sends the stream in pieces of 1 to `most` bytes, each flushed by a turn of the loop."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        at = 0
        while at < len(stream):
            size = rng.randint(1, most)
            writer.write(stream[at : at + size])
            at += size
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def engine_of() -> tuple[Engine, Book]:
    engine = Engine(
        windows=(60_000_000, 3_600_000_000),
        analytics=lambda book: (LargeTracker(book, 100_000 * NOTIONAL_SCALE, engine.pending),),
    )
    return engine, engine.add(BTC)


def told(book: Book) -> tuple[object, ...]:
    """All that can be asked of a book."""
    now = book.tape.newest_ts
    return (
        list(book.tape.rows(0, 10_000)),
        book.tape.head(),
        [book.window_sums(span, now) for span in book.windows],
        book.bars.second_bars(),
        book.bars.minute_bars(),
        book.sequence.first,
        book.sequence.next,
        book.sequence.holes,
        book.counters.duplicate,
        book.large_count,
    )


async def play(seed: int, most: int, fragments: int) -> tuple[object, ...]:
    rng = random.Random(seed)
    done = asyncio.Event()
    engine, book = engine_of()
    venue = BinanceSpot()
    venue.watch([BTC])
    clock = Clock()

    def sink(event: Event) -> None:
        engine.apply(event)
        if book.sequence.newest == ROWS[-1].id:
            done.set()

    async with serving(framed(rng, fragments), rng, most) as port:
        session = Session(venue, ("BTCUSDT",))
        wire = await dial(session.url(f"ws://127.0.0.1:{port}"), now=clock.now, close_timeout=0.2)
        link = Link(1, "here", wire, session, clock=clock, sink=sink, notice=lambda *_: None)
        running = asyncio.create_task(link.run())
        await asyncio.wait_for(done.wait(), 20)
        link.close("done")
        await running
    return told(book)


@pytest.mark.parametrize("most,fragments", [(1 << 20, 1), (7, 1), (150, 1), (4_000, 1), (90, 4), (1_000, 6)], ids=str)
async def test_any_cut_of_the_stream_gives_the_same_tape(most: int, fragments: int) -> None:
    engine, book = engine_of()
    venue = BinanceSpot()
    venue.watch([BTC])
    for payload in payloads():
        engine.apply(venue.decode(payload, 1))  # type: ignore[arg-type]  # every one of them is a trade
    assert book.sequence.newest == ROWS[-1].id
    assert await play(most * 31 + fragments, most, fragments) == told(book)
