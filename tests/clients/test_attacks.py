"""Clients that mean harm: slow requests by the hundred, a flood of nonsense, resets at every moment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from orderflow_stream.simulator import DEFAULT_LISTINGS, SyntheticMarket, SyntheticPlayer
from tests.clients.apart import begun
from tests.clients.crowd import Asker, ask, cpu, files, listen, more_files, percentile, raw, reset
from tests.faults.house import House, house

SYMBOL = DEFAULT_LISTINGS[0].symbol
FLOW = f"/v1/flow?symbol={SYMBOL}&trades=1000"


def market() -> SyntheticPlayer:
    return SyntheticPlayer(SyntheticMarket(12, DEFAULT_LISTINGS[:2], rate=20), 60)


async def ready(home: House) -> bool:
    status, _ = await home.raw("/readyz", strict=1)
    return status == 200


async def back_to(home: House, open_files: int) -> None:
    """Every connection and file of the clients that were is gone."""

    async def gone() -> bool:
        return files(home.daemon.process.pid) <= open_files

    await home.until(gone, f"at most {open_files} open files again")


async def test_a_bot_is_answered_while_hundreds_dawdle_and_others_shout(tmp_path: Path) -> None:
    more_files()
    async with house(tmp_path, market()) as home:
        pid = home.daemon.process.pid
        asker = Asker(home.url, FLOW)
        calm = await asker.run(1.5)
        before = files(pid)
        async with begun("attack", home.url, "--slow", "200", "--flood", "8", "--seconds", "4") as attack:
            attacked = await asker.run(3.5)
            result = await attack.result()
        assert result["nonsense"] > 100
        assert set(result["answers"]) <= {"0", "400", "403", "404", "405"}, result
        assert not asker.bad
        # Attackers, daemon and we share two cores: a wide bound, which anything that waits for them would still break.
        said = (result, percentile(calm, 0.99), percentile(attacked, 0.99))
        assert percentile(attacked, 0.5) < 0.1, said
        assert percentile(attacked, 0.99) < 0.5, said
        assert (result["cut"], result["failed"]) == (200, 0)
        assert result["longest"] < 12
        assert await home.metric("orderflow_http_connections_cut_total", reason="headers") >= 200
        await back_to(home, before)
        assert len(home.said("malformed request")) <= 3  # one in ten seconds
        home.assert_quiet_log()


async def test_leaving_at_any_moment_leaks_nothing(tmp_path: Path) -> None:
    """Reset after the request, in the middle of an answer, of a stream, of a hundred pipelined requests."""
    more_files()
    async with house(tmp_path, market()) as home:
        pid = home.daemon.process.pid
        assert (await home.raw("/healthz"))[0] == 200
        before = files(pid)
        requests = [
            ask(home.url, FLOW),
            ask(home.url, "/v1/trades?symbol=" + SYMBOL + "&limit=5000"),
            ask(home.url, f"/v1/stream?symbols={SYMBOL}&topics=flow,trade", "Accept: text/event-stream"),
            ask(home.url, FLOW) * 100,
            ask(home.url, FLOW + "&wait=1&after=x-1"),
            ask(home.url, FLOW)[:-10],
            b"",
        ]
        for _ in range(10):
            socks = [await raw(home.url, request, rcvbuf=4096) for request in requests]
            for number, sock in enumerate(socks):
                if number % 2:
                    reset(sock)
                else:
                    sock.close()
        await back_to(home, before + 1)

        async def none_open() -> bool:
            streams, connections = "orderflow_sse_clients", "orderflow_http_connections"
            return await home.metric(streams) == 0 and await home.metric(connections) <= 1

        await home.until(none_open, "no connection is left")
        home.assert_quiet_log()
        assert (await home.raw(FLOW))[0] == 200


async def test_with_few_open_files_clients_are_refused_and_the_feed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ulimit -n 64`."""
    limited = tmp_path / "limited"
    limited.write_text(f'#!/bin/sh\nulimit -n 64\nexec {sys.executable} "$@"\n')
    limited.chmod(0o755)
    async with house(tmp_path, market(), serve=False) as home:
        monkeypatch.setattr(sys, "executable", str(limited))
        async with home.serving():
            await home.until(lambda: ready(home), "every symbol is streamed")
            pid = home.daemon.process.pid
            (told,) = home.said("the system allows fewer open files")
            assert told["connections"] == 24
            attempts = home.sim.attempts
            socks = [await raw(home.url) for _ in range(200)]
            assert files(pid) < 64
            before = cpu(pid)
            await asyncio.sleep(1.0)  # a busy loop would show in this second, and in nothing else
            assert cpu(pid) - before < 0.7
            newest = home.sim.exchange[SYMBOL].newest_id
            for sock in socks:
                sock.close()

            async def refused() -> bool:
                name = "orderflow_http_connections_refused_total"
                return await home.metric(name, reason="max_connections") >= 150

            await home.until(refused, "the others were refused")
            assert (await home.coverage(SYMBOL))["last_id"] >= newest
            assert home.sim.attempts == attempts  # what carries the feed was never in danger
            home.assert_quiet_log()
            assert len(home.said("connections refused")) <= 2


async def test_addresses_are_told_apart_behind_a_proxy_and_only_there(tmp_path: Path) -> None:
    """Streams by address: one each, so a second one of the same client is refused."""
    forwarded: list[tuple[tuple[str, ...], str]] = [
        (("203.0.113.1",), "203.0.113.1"),
        (("203.0.113.2, 127.0.0.1",), "203.0.113.2"),  # two proxies of ours
        (("6.6.6.6, 203.0.113.3",), "203.0.113.3"),  # what the client wrote itself is on the left
        (("6.6.6.6", "203.0.113.4"), "203.0.113.4"),  # two lines are one list
        (("nonsense",), "127.0.0.1"),
        (("2001:db8::1",), "2001:db8::/64"),
        (("2001:db8::2",), "2001:db8::/64"),
    ]
    keys: dict[str, Any] = {"server__trusted_proxies": "127.0.0.0/8", "delivery__max_clients_per_ip": 1}
    async with house(tmp_path, market(), **keys) as home:
        seen: set[str] = set()
        open_: list[asyncio.StreamWriter] = []
        for lines, client in forwarded:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(home.url.rpartition(":")[2]))
            more = [f"X-Forwarded-For: {line}" for line in lines]
            writer.write(ask(home.url, f"/v1/stream?symbols={SYMBOL}", *more))
            status = int((await reader.readline()).split()[1])
            assert status == (503 if client in seen else 200), (lines, client)
            seen.add(client)
            open_.append(writer)
        for writer in open_:
            writer.close()


async def test_without_a_trusted_proxy_nobody_believes_the_header(tmp_path: Path) -> None:
    async with house(tmp_path, market(), delivery__max_clients_per_ip=1) as home:
        first = await listen(home.url, f"/v1/stream?symbols={SYMBOL}", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(home.url.rpartition(":")[2]))
        writer.write(ask(home.url, f"/v1/stream?symbols={SYMBOL}", "X-Forwarded-For: 203.0.113.9"))
        assert b" 503 " in await reader.readline()
        writer.close()
        first[0].close()
