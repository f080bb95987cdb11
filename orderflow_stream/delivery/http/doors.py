"""How many connections may be open at once, in all and from one address: aiohttp knows no such bound.

One `Doors` stands before all listeners of a daemon, since file descriptors are shared by all of them. What is beyond a
bound is closed at once, before a parser or a task is made for it.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from orderflow_stream.delivery.http.quiet import Quiet

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_CONNECTIONS: Final = 12_000
MAX_PER_ADDRESS: Final = 128

Refusal = Literal["max_connections", "max_connections_per_ip"]
#: What a connection was cut for: too slow with its headers, its body, or with reading the answer.
Cut = Literal["headers", "body", "answer"]

#: Stands for all whose address is not counted: the machine itself and trusted proxies, behind which are many.
EXEMPT: Final = ""


class Doors:
    """Counts connections. `open` are now; `refused` and `cut` count by reason and only grow."""

    def __init__(
        self, most: int = MAX_CONNECTIONS, per_address: int = MAX_PER_ADDRESS, exempt: Sequence[Network] = ()
    ) -> None:
        """`exempt`: proxies whose connections are counted in all, but not by address."""
        self.open = 0
        self.refused: Counter[Refusal] = Counter()
        self.cut: Counter[Cut] = Counter()
        self._by_address: dict[str, int] = {}  # no longer than there are connections
        self._quiet = Quiet("connections refused")
        self.set_limits(most, per_address, exempt)

    def set_limits(self, most: int, per_address: int, exempt: Sequence[Network] = ()) -> None:
        """From now on; connections that are open stay so."""
        self.most = most
        self.per_address = per_address
        self._exempt = tuple(exempt)

    def enter(self, peername: object) -> str | None:
        """Let a connection in: the address to `leave` by, or None where it must be closed."""
        peer = str(peername[0]) if isinstance(peername, tuple) and peername else "unknown"
        if self.open >= self.most:
            self._refuse("max_connections", peer, f"more than {self.most} in all")
            return None
        address = self._address(peer)
        if address != EXEMPT:
            count = self._by_address.get(address, 0)
            if count >= self.per_address:
                self._refuse("max_connections_per_ip", peer, f"more than {self.per_address} of one address")
                return None
            self._by_address[address] = count + 1
        self.open += 1
        return address

    def leave(self, address: str) -> None:
        """It is closed."""
        self.open -= 1
        if address != EXEMPT:
            left = self._by_address[address] - 1
            if left:
                self._by_address[address] = left
            else:
                del self._by_address[address]

    def _refuse(self, reason: Refusal, peer: str, words: str) -> None:
        self.refused[reason] += 1
        self._quiet.say(peer, words)

    def _address(self, peer: str) -> str:
        """What a connection counts as: its address, an IPv6 one as its /64, which is what one customer is given."""
        try:
            parsed = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return EXEMPT  # no IP at all: a local socket
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        if parsed.is_loopback or any(parsed.version == net.version and parsed in net for net in self._exempt):
            return EXEMPT
        if isinstance(parsed, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((parsed, 64), strict=False))
        return str(parsed)
