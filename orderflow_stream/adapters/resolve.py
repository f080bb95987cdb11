"""Names to addresses, without a name server that hangs holding anything up.

The loop's own resolver runs in a pool of few threads that the end of the process waits for. Here every name has at most
one thread under way, a daemon: all who ask for it wait together, each as long as it likes, and the end waits for none.
Where a name cannot be resolved, its last known addresses are used: a connection should not fail for want of a DNS
server that it does not need.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

Address = tuple[socket.AddressFamily, tuple[str | int, ...]]
Lookup = Callable[[str, int], list[Address]]

#: Seconds to wait for a name server.
PATIENCE: Final = 5.0


def look_up(host: str, port: int) -> list[Address]:
    """The system's answer, in its order. Blocks; raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, (*address,)) for family, _, _, _, address in found))


class Resolver:
    """`resolve` a host and port. `stale` counts answers given from memory."""

    def __init__(self, lookup: Lookup = look_up, patience: float = PATIENCE) -> None:
        self._lookup = lookup
        self._patience = patience
        self._under_way: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}
        self._known: dict[tuple[str, int], list[Address]] = {}
        self.stale = 0

    async def resolve(self, host: str, port: int) -> list[Address]:
        """At least one address. Raises `socket.gaierror` where there is none to be had, and none was before."""
        if _is_address(host):
            return look_up(host, port)  # a literal: no question to anybody
        key = host, port
        future = self._under_way.get(key)
        if future is None:
            future = self._under_way[key] = self._ask(host, port)
        try:
            async with asyncio.timeout(self._patience):
                found = await asyncio.shield(future)
        except TimeoutError:
            error: OSError = socket.gaierror(socket.EAI_AGAIN, f"no answer from DNS within {self._patience:g} s")
        except OSError as failed:
            error = failed
        else:
            self._known[key] = found
            return found
        if key in self._known:
            self.stale += 1
            return self._known[key]
        raise error

    def _ask(self, host: str, port: int) -> asyncio.Future[list[Address]]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Address]] = loop.create_future()
        # Nobody may be waiting any more when it fails: without this the loop would complain.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())

        def settle(found: list[Address] | None, error: OSError | None) -> None:
            self._under_way.pop((host, port), None)
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            elif found:
                future.set_result(found)
            else:
                future.set_exception(socket.gaierror(socket.EAI_NONAME, "the name has no address"))

        def work() -> None:
            found: list[Address] | None = None
            error: OSError | None = None
            try:
                found = self._lookup(host, port)
            except OSError as failed:
                error = failed
            except UnicodeError as failed:  # a label that IDNA cannot encode
                error = socket.gaierror(socket.EAI_NONAME, str(failed))
            with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                loop.call_soon_threadsafe(settle, found, error)

        threading.Thread(target=work, name=f"resolve {host}", daemon=True).start()
        return future


class Names(AbstractResolver):
    """A `Resolver` as aiohttp wants one."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or Resolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises `OSError` where there is no address (of this family)."""
        found = [
            ResolveResult(
                hostname=host,
                host=_with_zone(address),
                port=int(address[1]),
                family=kind,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in await self._resolver.resolve(host, port)
            if family in {socket.AF_UNSPEC, kind}
        ]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address of this family")
        return found

    async def close(self) -> None:
        """Nothing to wait for."""


def _with_zone(address: tuple[str | int, ...]) -> str:
    """The address as text; a link-local one of IPv6 with its interface."""
    zone = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{zone}" if zone and "%" not in str(address[0]) else str(address[0])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def connect_tcp(addresses: list[Address], patience: float = 3.0) -> socket.socket:
    """The first of the addresses that takes a connection; each gets `patience` seconds while there is another. Raises
    the last one's `OSError`."""
    loop = asyncio.get_running_loop()
    errors: list[OSError] = []
    for at, (family, address) in enumerate(addresses):
        # With its protocol: asyncio switches Nagle off only where it is named.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(patience if at + 1 < len(addresses) else None):
                await loop.sock_connect(sock, address)
        except OSError as error:  # a time-out is one as well
            sock.close()
            errors.append(error)
            continue
        except BaseException:
            sock.close()
            raise
        return sock
    raise errors[-1]
