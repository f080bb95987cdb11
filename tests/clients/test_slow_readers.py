"""Clients that do not read, among others that do: the others miss nothing, memory is bounded, the slow ones end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from orderflow_stream.simulator import DEFAULT_LISTINGS, SyntheticMarket, SyntheticPlayer
from tests.clients.crowd import listen, more_files, mute, rss, until
from tests.faults.house import house

READERS, MUTE = 270, 30
#: One busy symbol that all readers follow, and others that make the mute ones' streams heavy.
LISTINGS = DEFAULT_LISTINGS[:3]


async def test_the_others_miss_nothing_when_some_never_read(tmp_path: Path) -> None:
    more_files()
    market = SyntheticPlayer(SyntheticMarket(11, LISTINGS, rate=60), 60)
    keys: dict[str, Any] = {"delivery__mailbox_kb": 64, "delivery__mailbox_s": 1, "delivery__tick_ms": 20}
    async with house(tmp_path, market, **keys) as home:
        pid = home.daemon.process.pid
        symbol = LISTINGS[0].symbol
        before = rss(pid)
        readers = await listen(home.url, f"/v1/stream?symbols={symbol}&topics=trade,large", READERS)
        full = rss(pid)
        # Half of them want only states, which collapse and never fill a mailbox.
        silent = await mute(home.url, "/v1/stream?symbols=*&topics=flow,trade", MUTE // 2)
        silent += await mute(home.url, "/v1/stream?symbols=*&topics=flow,watch", MUTE - MUTE // 2)

        async def all_ended() -> bool:
            return await home.metric("orderflow_sse_aborted_total", reason="slow") >= MUTE

        await home.until(all_ended, "every client that does not read is ended", patience=30)
        assert rss(pid) - full < 64  # MiB
        newest = (await home.flow(symbol))["coverage"]["last_id"]
        await until(lambda: all(each.trades and each.trades[-1] >= newest for each in readers), 20)
        last = min(each.trades[-1] for each in readers)
        first = max(each.trades[0] for each in readers)
        assert last - first > 20
        for each in readers:
            assert not each.missed()
            assert not each.went_back
            assert not each.ended.done()
        assert await home.metric("orderflow_sse_clients") == READERS
        assert full - before < 120
        for sock in silent:
            sock.close()
        for each in readers:
            each.close()
        await asyncio.gather(*[each.ended for each in readers])

        async def all_gone() -> bool:
            streams, connections = "orderflow_sse_clients", "orderflow_http_connections"
            return await home.metric(streams) == 0 and await home.metric(connections) <= 2

        await home.until(all_gone, "nothing is left of them")
        home.assert_quiet_log()
