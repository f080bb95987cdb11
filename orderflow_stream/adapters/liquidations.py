"""The stream of a venue's liquidations: the same keeping of connections as of trades, of one stream that all share.

Nothing is known of its rhythm (hours of silence are a calm market) and there is no REST that could be asked, so only
the connection itself is judged: by its pings and its age. Of what came while none was up nobody tells:
`LiquidationFeed` says since when it is listened to.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from typing import Final, cast

import structlog

from orderflow_stream.adapters.connections import Connections, FeedStats, Redundancy, Timing
from orderflow_stream.adapters.dialler import Log
from orderflow_stream.adapters.resolve import Resolver
from orderflow_stream.core.events import Event, FeedDown, FeedUp, Instrument, Liquidation, LiquidationFeed
from orderflow_stream.feed.orders import Policy
from orderflow_stream.feed.protocols import Clock, StreamVenue
from orderflow_stream.venues.codec import LIQUIDATIONS, LiquidationStream

Sink = Callable[[Liquidation | LiquidationFeed], None]

_LOG: Final = structlog.get_logger(__name__)


class Liquidations:
    """`run` keeps the stream flowing into `sink`: each `Liquidation`, from either of two connections (the engine drops
    the second copy), and a `LiquidationFeed` for each connection that comes or goes.

    `venue` is what `codec.liquidations_venue()` gives; the rest as of `Connections`.
    """

    def __init__(
        self,
        venue: LiquidationStream,
        url: str,
        clock: Clock,
        sink: Sink,
        *,
        redundancy: Redundancy = 2,
        fallbacks: bool = True,
        policy: Policy | None = None,
        timing: Timing | None = None,
        log: Log | None = None,
        chance: Callable[[], float] = random.random,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._name = venue.name
        self._sink = sink
        self._connections = Connections(
            cast(StreamVenue, venue),  # it is, but for what its frames tell
            url,
            clock,
            self._fed,
            streams_per_connection=1,
            redundancy=redundancy,
            fallbacks=fallbacks,
            policy=policy,
            timing=timing,
            log=log or _LOG.bind(stream="liquidations"),
            chance=chance,
            tls=tls,
            resolver=resolver,
            liquidated=sink,
        )
        self._connections.add([Instrument(venue.name, LIQUIDATIONS, "", "")])

    async def run(self) -> None:
        """Until `aclose`, or cancelled."""
        await self._connections.run()

    async def aclose(self) -> None:
        """Close every connection and wait for `run` to return."""
        await self._connections.aclose()

    def stats(self) -> FeedStats:
        """A picture of now, for metrics."""
        return self._connections.stats()

    def set_redundancy(self, redundancy: Redundancy) -> None:
        """From now on."""
        self._connections.set_redundancy(redundancy)

    def _fed(self, event: Event) -> None:
        if isinstance(event, FeedUp):
            self._sink(LiquidationFeed(self._name, True, event.ts, "", event.connection))
        elif isinstance(event, FeedDown):
            self._sink(LiquidationFeed(self._name, False, event.ts, event.reason, event.connection))
