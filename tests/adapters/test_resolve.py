"""Names to addresses: together, bounded, from memory where DNS fails, and never in the way of the end."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import aiohttp
import pytest
import uvloop

from orderflow_stream.adapters.resolve import Address, Resolver, connect_tcp
from orderflow_stream.adapters.resolve import Names as HttpNames

HERE: Address = (socket.AF_INET, ("127.0.0.1", 80))


class Names:
    """A name server: answers, fails, or hangs until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: list[Address] | OSError = [HERE]
        self.free = threading.Event()
        self.free.set()

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        assert threading.current_thread().daemon
        self.free.wait(20)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


async def test_all_who_ask_share_one_question() -> None:
    names = Names()
    names.free.clear()
    resolver = Resolver(names)
    waiting = [asyncio.create_task(resolver.resolve("venue.example", 443)) for _ in range(10)]
    await asyncio.sleep(0)
    names.free.set()
    assert await asyncio.gather(*waiting) == [[HERE]] * 10
    assert names.asked == 1
    await resolver.resolve("venue.example", 443)
    assert names.asked == 2  # asked anew every time: addresses change


async def test_a_server_that_hangs_costs_the_patience_and_one_thread() -> None:
    names = Names()
    names.free.clear()
    resolver = Resolver(names, patience=0.1)
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(socket.gaierror, match=r"no answer from DNS within 0\.1 s"):
            await resolver.resolve("venue.example", 443)
    assert time.monotonic() - began < 5
    assert names.asked == 1
    names.free.set()


async def test_the_last_known_addresses_serve_where_dns_fails() -> None:
    names = Names()
    resolver = Resolver(names, patience=0.1)
    await resolver.resolve("venue.example", 443)
    names.answer = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert await resolver.resolve("venue.example", 443) == [HERE]
    names.free.clear()
    assert await resolver.resolve("venue.example", 443) == [HERE]
    assert resolver.stale == 2
    with pytest.raises(socket.gaierror):
        await resolver.resolve("other.example", 443)
    names.free.set()


async def test_new_addresses_take_the_place_of_the_old() -> None:
    names = Names()
    resolver = Resolver(names)
    await resolver.resolve("venue.example", 443)
    names.answer = [(socket.AF_INET, ("127.0.0.2", 443))]
    assert await resolver.resolve("venue.example", 443) == names.answer


async def test_a_name_without_an_address_is_none() -> None:
    names = Names()
    names.answer = []
    with pytest.raises(socket.gaierror, match="no address"):
        await Resolver(names).resolve("venue.example", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_address_asks_nobody(host: str) -> None:
    names = Names()
    ((_, address),) = await Resolver(names).resolve(host, 443)
    assert address[:2] == (host, 443)
    assert names.asked == 0


def test_a_question_under_way_does_not_hold_up_the_end() -> None:
    names = Names()
    names.free.clear()

    async def main() -> None:
        with pytest.raises(socket.gaierror):
            await Resolver(names, patience=0.05).resolve("venue.example", 443)

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 5  # the thread would hang for twenty
    names.free.set()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_an_http_request_under_way_does_not_hold_up_the_end_either(run: Callable[..., None]) -> None:
    names = Names()
    names.free.clear()

    async def main() -> None:
        connector = aiohttp.TCPConnector(resolver=HttpNames(Resolver(names)))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(TimeoutError):
                await session.get("http://venue.example/", timeout=aiohttp.ClientTimeout(total=0.1))

    began = time.monotonic()
    run(main())
    assert names.asked == 1
    assert time.monotonic() - began < 5
    names.free.set()


async def test_http_gets_the_addresses_that_are_known() -> None:
    names = Names()
    six: Address = (socket.AF_INET6, ("fe80::1", 80, 0, 2))
    names.answer = [HERE, six]
    resolver = HttpNames(Resolver(names, patience=0.1))
    found = await resolver.resolve("venue.example", 80)
    assert [(each["hostname"], each["host"], each["port"], each["family"]) for each in found] == [
        ("venue.example", "127.0.0.1", 80, socket.AF_INET),
        ("venue.example", "fe80::1%2", 80, socket.AF_INET6),
    ]
    names.answer = socket.gaierror(socket.EAI_AGAIN, "no")
    assert len(await resolver.resolve("venue.example", 80)) == 2
    assert [each["host"] for each in await resolver.resolve("venue.example", 80, socket.AF_INET)] == ["127.0.0.1"]
    with pytest.raises(socket.gaierror):
        await resolver.resolve("other.example", 80)
    names.answer = [HERE]
    with pytest.raises(socket.gaierror, match="of this family"):
        await resolver.resolve("venue.example", 80, socket.AF_INET6)


async def test_the_first_address_that_takes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dead: Address = (socket.AF_INET, ("127.0.0.1", 9))
        sock = await connect_tcp([dead, (socket.AF_INET, ("127.0.0.1", port))])
        try:
            assert sock.getpeername() == ("127.0.0.1", port)
        finally:
            sock.close()
        with pytest.raises(ConnectionRefusedError):
            await connect_tcp([dead, dead])
