"""Streams that are open and have nothing to tell: what each of them costs (C10)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.clients.crowd import cpu, listen, rss
from tests.faults.house import house
from tests.faults.market import Steady

BUSY, CALM = "AAAUSDT", "CCCUSDT"
MANY = 500
#: Of memory for a stream, KiB. 18 were measured; sockets' buffers are the kernel's and not in it.
MOST_KIB = 40.0
#: Of a core for all of them together, for a heartbeat every two seconds each; 0.04 were measured.
MOST_CPU = 0.3


async def test_idle_streams(tmp_path: Path) -> None:
    """C10, the short form (`python -m soak.clients` has more): streams of a symbol that does not trade."""
    async with house(tmp_path, Steady({BUSY: 20, CALM: 0}), delivery__max_clients_per_ip=2 * MANY) as home:
        pid = home.daemon.process.pid
        path = f"/v1/stream?symbols={CALM}&topics=trade,large"
        warm = await listen(home.url, path, 50)  # what the first ones cost once is not theirs
        before = rss(pid)
        streams = await listen(home.url, path, MANY)
        grown = rss(pid) - before
        used = cpu(pid)
        beats = [each.seen["heartbeat"] for each in streams]
        await asyncio.sleep(4.0)
        share = (cpu(pid) - used) / 4.0
        assert 1024 * grown / MANY <= MOST_KIB
        assert share <= MOST_CPU
        assert not any(each.ended.done() for each in streams)
        assert all(each.seen["heartbeat"] > beat for each, beat in zip(streams, beats, strict=True))
        assert {each.seen["trade"] for each in streams} == {0}
        assert await home.metric("orderflow_sse_clients") == MANY + 50
        for each in (*warm, *streams):
            each.close()

        async def none() -> bool:
            return await home.metric("orderflow_sse_clients") == 0

        await home.until(none, "all have gone")
        await home.assert_whole()
