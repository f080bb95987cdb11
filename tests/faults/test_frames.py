"""What the exchange sends that it should not, and what it does not send: U8-U17."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from orderflow_stream.simulator.frames import text_frame
from orderflow_stream.simulator.garbage import KINDS
from orderflow_stream.simulator.server import wall_clock
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.faults.house import House, house
from tests.faults.market import Steady

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSY, SLOW, BIG = "AAAUSDT", "BBBUSDT", "EEEUSDT"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("daemon")
    async with house(folder, Steady({BUSY: 60, SLOW: 15, BIG: 0})) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def home(shared: House) -> AsyncIterator[House]:
    """Whole before and after; nothing in force."""
    await shared.until_whole()
    yield shared
    shared.sim.faults.clear()
    await shared.assert_whole()
    shared.assert_quiet_log()


def source_of(home: House) -> Steady:
    source = home.sim._stages[0].source
    assert isinstance(source, Steady)
    return source


def publish(home: House, symbol: str, orders: int) -> list[ArchiveRow]:
    """So many orders of a symbol, now."""
    rows = source_of(home).burst(symbol, orders, wall_clock())
    home.sim.publish(symbol, rows)
    return rows


async def rejected(home: House) -> float:
    return await home.metric("orderflow_frames_rejected_total")


async def reached(home: House, symbol: str, id_: int) -> float:
    async def holds() -> bool:
        return int((await home.coverage(symbol, trades=100))["last_id"] or 0) >= id_

    return await home.until(holds, f"{symbol} {id_}", pause=0.005)


async def test_duplicates(home: House) -> None:
    """U8: each message twice, a whole burst again: dropped and counted, in no sum."""
    before = await home.metric("orderflow_trades_duplicate_total", symbol=BUSY)
    carried = len(home.sim.hub.subscribers(BUSY))
    home.sim.faults.repeat(2, BUSY, count=50)
    home.sim.faults.replay(BUSY, 300)

    async def counted() -> bool:
        return await home.metric("orderflow_trades_duplicate_total", symbol=BUSY) >= before + (300 + 50) * carried

    await home.until(counted, "duplicates are counted")


@pytest.mark.parametrize("count", [1, 10, 5_000])
async def test_missing_ids(home: House, count: int) -> None:
    """U9: ids that the stream skipped: declared at once, read from REST in as few pages as hold them, order kept. A
    thousand are back within a second."""
    rows = publish(home, BIG, 20)
    await reached(home, BIG, rows[-1].id)
    rows = source_of(home).burst(BIG, count, wall_clock())[:count]
    asked = len(home.sim.calls)
    home.sim.faults.skip(BIG, count)
    home.sim.publish(BIG, rows)
    after = publish(home, BIG, 1)
    await reached(home, BIG, after[-1].id)
    coverage = await home.coverage(BIG, trades=100)
    assert coverage["complete"] or coverage["missing_total"] >= min(count, 80) or count < 100
    began = time.monotonic()
    await home.until_whole(BIG)
    assert time.monotonic() - began <= (1.0 if count <= 1_000 else 5.0)
    pages = [
        call for call in list(home.sim.calls)[asked:] if call.query.get("symbol") == BIG and "fromId" in call.query
    ]
    assert len(pages) <= -(-count // 1000) + 2, pages


async def test_missing_from_rest_too(home: House) -> None:
    """U10: what REST does not have either is declared lost and stays so; REST is not asked again and again."""
    home.sim.faults.skip(SLOW, 3, rest=False)
    published = home.sim.exchange[SLOW].published_total

    async def gone() -> bool:
        return bool((await home.coverage(SLOW))["state"] == "partial")

    await home.until(gone, "partial")
    assert home.sim.exchange[SLOW].published_total >= published
    coverage = await home.coverage(SLOW)
    assert coverage["complete"] is False
    assert coverage["missing_total"] == 3
    gap = (await home.get("/v1/gaps", symbol=SLOW))["gaps"][0]
    assert (gap["status"], gap["trades"]) == ("lost", 3)
    asked = len(home.sim.calls)
    await asyncio.sleep(1.5)
    again = [call for call in list(home.sim.calls)[asked:] if call.query.get("symbol") == SLOW]
    assert len(again) <= 1
    assert not (await home.coverage(SLOW))["complete"]


def _close_1005() -> bytes:
    return b"\x88\x02" + (1005).to_bytes(2, "big")


RAW = {
    "bad UTF-8": b"\x81\x04{\xff\xfe}",
    "a reserved bit": b"\xc1\x02{}",
    "a masked frame": b"\x81\x82\x01\x02\x03\x04" + bytes((ord("{") ^ 1, ord("}") ^ 2)),
    "a fragmented ping": b"\x09\x00",
    "an unknown opcode": b"\x83\x00",
    "a close frame with 1005": _close_1005(),
    "a continuation of nothing": b"\x80\x02{}",
}


@pytest.mark.parametrize("name", RAW, ids=lambda name: str(name).replace(" ", "-"))
async def test_frames_that_break_the_protocol(home: House, name: str) -> None:
    """U11: the connection is ended (1002, 1007) and another one opened; nothing is missed, nothing crashes. Bad UTF-8
    in a text frame may also be dropped as one bad frame."""
    before, attempts = await rejected(home), home.sim.attempts
    home.sim.open_connections[0].send(RAW[name])

    async def noticed() -> bool:
        return home.sim.attempts > attempts or await rejected(home) > before

    await home.until(noticed, "noticed")
    if home.sim.attempts > attempts:
        codes = {each.close_code for each in home.sim.connections[-6:] if not each.is_open}
        assert codes & {1002, 1006, 1007}
    await home.sim.subscribed(BUSY, SLOW, BIG)


async def test_a_frame_cut_in_two(home: House) -> None:
    """U11: half a frame, then a reset."""
    async with home.redialled():
        victim = home.sim.open_connections[0]
        victim.send(text_frame(b'{"stream":"' + b"x" * 3000)[:1500])
        await home.sim.drained()
        victim.abort()


async def test_a_frame_that_is_too_large(home: House) -> None:
    """U12: more than 1 MiB: closed with 1009, memory does not follow; compression (and its bombs) is never offered."""
    used = await home.metric("process_resident_memory_bytes")
    async with home.redialled():
        home.sim.open_connections[0].send(text_frame(b" " * 20_000_000))
    assert await home.metric("process_resident_memory_bytes") - used < 32e6
    assert b"GET /" in home.streams.open[-1].request
    assert b"permessage-deflate" not in home.streams.open[-1].request.lower()


STRANGE = {
    "deep nesting": b'{"stream":' * 20_000,
    "4,300 digits": b'{"stream":"aaausdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"AAAUSDT","a":'
    + b"9" * 4_300
    + b"}}",
    "another event": b'{"stream":"aaausdt@kline_1m","data":{"e":"kline","E":1,"s":"AAAUSDT","k":{}}}',
    "a shape of its own": b'[{"a":1},{"a":2}]',
}


async def test_frames_that_are_no_trades(home: House) -> None:
    """U13: skipped, counted by reason; the next trade flows and the connection stays."""
    before, attempts = await rejected(home), home.sim.attempts
    for kind in KINDS:
        home.sim.faults.garbage(kind, connection=0 - len(home.sim.open_connections))
    for frame in STRANGE.values():
        home.sim.open_connections[0].send(text_frame(frame))
    await reached(home, BUSY, publish(home, BUSY, 1)[-1].id)

    async def counted() -> bool:
        return await rejected(home) >= before + len(KINDS) + len(STRANGE)

    await home.until(counted, "counted")
    assert home.sim.attempts == attempts


async def test_more_bad_frames_than_can_be_borne(home: House) -> None:
    """U13: a connection that sends mostly garbage is replaced, the new one before the old one goes: no gap."""
    gaps = await home.metric("orderflow_gaps_total")
    async with home.redialled():
        home.sim.faults.garbage("not_json", count=100, connection=0 - len(home.sim.open_connections))
    assert await home.metric("orderflow_gaps_total") == gaps


CORRUPT = [
    *(("p", '"NaN"'), ("q", '"Infinity"'), ("p", '"-1.5"'), ("q", '"1e308"'), ("p", "1.5"), ("q", "null")),
    *(("p", "true"), ("q", '""'), ("p", '"0"'), ("a", '"5"'), ("a", "true"), ("f", '"x"')),
]


async def test_values_that_are_no_numbers(home: House) -> None:
    """U14: not believed; REST is asked for the trade, and has the truth."""
    for number, (member, value) in enumerate(CORRUPT):
        home.sim.faults.corrupt(SLOW, 1, member, value)
        rows = publish(home, SLOW, 2)
        await reached(home, SLOW, rows[-1].id)
        if number % 4 == 3:
            await home.until_whole(SLOW)
    await home.until_whole(SLOW)


async def test_ids_that_go_back(home: House) -> None:
    """U15: ids far behind the newest are old copies: dropped and counted."""

    async def counted() -> float:
        return await home.metric("orderflow_trades_duplicate_total", symbol=BUSY) + await home.metric(
            "orderflow_trades_dropped_total", symbol=BUSY
        )

    before = await counted()
    home.sim.faults.replay(BUSY, 400)

    async def all_counted() -> bool:
        return await counted() >= before + 400

    await home.until(all_counted, "counted")


async def test_server_shutdown(home: House) -> None:
    """U17: another connection is there before the old one goes: no gap, no doubt."""
    gaps = await home.metric("orderflow_gaps_total")
    states: set[str] = set()
    old = [each.index for each in home.sim.open_connections]
    home.sim.faults.shutdown(delay=8.0)

    async def replaced() -> bool:
        states.update((await home.states(BUSY, SLOW)).values())
        return all(not home.sim.connections[index].is_open for index in old)

    await home.until(replaced, "replaced")
    await home.until_whole()
    assert states == {"live"}
    assert await home.metric("orderflow_gaps_total") == gaps
    assert all(home.sim.connections[index].close_code == 1000 for index in old), "we went before the venue threw us out"


async def _own(tmp: Path, do: Callable[[House], object]) -> None:
    async with house(tmp, Steady({BUSY: 60, BIG: 0})) as home:
        made = do(home)
        assert asyncio.iscoroutine(made)
        await made
        home.assert_quiet_log()


async def test_an_id_far_ahead(tmp_path: Path) -> None:
    """U15: a jump of 10^9 ids is one hole: looked for in a few calls, then declared lost; what follows is complete."""

    async def do(home: House) -> None:
        source = source_of(home)
        source._next_id[BIG] += 10**9
        asked = len(home.sim.calls)
        rows = publish(home, BIG, 150)
        await reached(home, BIG, rows[-1].id)
        await home.until_state(BIG, "partial", trades=1000)
        calls = [call for call in list(home.sim.calls)[asked:] if call.query.get("symbol") == BIG]
        assert len(calls) <= 5
        assert (await home.coverage(BIG))["missing_total"] >= 10**9
        assert not (await home.coverage(BIG))["complete"]
        assert (await home.coverage(BIG, trades=100))["complete"]

    await _own(tmp_path, do)


async def test_ids_begin_anew(tmp_path: Path) -> None:
    """U15: a symbol whose ids start at 1 again, and REST agrees: a new generation; no answer spans two."""

    async def do(home: House) -> None:
        source, tape = source_of(home), home.sim.exchange[BIG]
        tape._trim(len(tape))
        source._next_id[BIG] = 0
        generation = (await home.coverage(BIG))["generation"]
        began = time.monotonic()

        async def anew() -> bool:
            publish(home, BIG, 1)
            await asyncio.sleep(0.1)
            return bool((await home.coverage(BIG))["generation"] > generation)

        await home.until(anew, "a new generation", 30.0)
        assert time.monotonic() - began <= 10.0
        await home.until_whole(BIG)
        coverage = await home.coverage(BIG, trades=5000)
        assert coverage["first_id"] == 1
        assert home.said("ids")

    await _own(tmp_path, do)


async def test_trades_out_of_their_time(tmp_path: Path) -> None:
    """U16: what counts is the id. A trade that claims to be of an hour ago, or of an hour hence, is on the tape; a
    window of a minute still ends about now."""

    async def do(home: House) -> None:
        now = wall_clock()
        for shift in (-3_600_000_000, 3_600_000_000):
            # One row: three that agree would be believed, and be the clock.
            *rows, odd = source_of(home).order(BIG, now)
            rows.append(_at(odd, now + shift))
            home.sim.publish(BIG, rows)
            await reached(home, BIG, rows[-1].id)
            fresh = publish(home, BIG, 5)
            await reached(home, BIG, fresh[-1].id)

            async def counts(first: int = fresh[0].id) -> bool:
                flow = await home.flow(BIG, window="1m")
                ids = [row["id"] for row in await home.tape(BIG, first)]
                return int(flow["trades_scanned"]) >= len(ids) > 4

            await home.until(counts, f"the minute holds what was traded after {shift}", 5.0)
            held = [row["id"] for row in await home.tape(BIG, rows[0].id)]
            assert held[: len(rows)] == [row.id for row in rows]

    await _own(tmp_path, do)


def _at(row: ArchiveRow, ts: int) -> ArchiveRow:
    return ArchiveRow(row.id, row.price, row.qty, row.first, row.last, ts, row.ts_unit, row.buyer_is_maker)
