"""One page of trades over REST, checked: what a warm-up, a repair and a read on demand have in common."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from orderflow_stream.adapters.rest import Answer, Rest
from orderflow_stream.core.events import Instrument, Trade
from orderflow_stream.feed.backfill import ascending
from orderflow_stream.feed.budget import Kind
from orderflow_stream.feed.upstream import PAGE, RestVenue


class Fetched(Struct, frozen=True):
    """Trades by ascending id, the venue time (µs) at which they were asked for, and what that weighed."""

    trades: list[Trade]
    sent: int
    weight: int


class Pages:
    """Reads pages of any instrument of one venue."""

    def __init__(self, rest: Rest, venue: RestVenue, now: Callable[[], int]) -> None:
        self._rest = rest
        self._venue = venue
        self._now = now
        # Decoding a page and putting it into a tape take some milliseconds each. Many pages may arrive together, and
        # the loop has sockets to read in between: one such piece of work a turn.
        self._turn = asyncio.Lock()

    @property
    def weight(self) -> int:
        """What a page weighs at this venue."""
        return self._venue.trades_request("A", limit=1).weight

    @property
    def lookback(self) -> int | None:
        """How far back (µs) the venue tells of trades; None: to the very first."""
        return getattr(self._venue, "lookback", None)

    def forecast(self, kind: Kind, count: int) -> float | None:
        """Seconds until so many pages will have been asked for; None while REST does not answer."""
        if self._rest.failing is not None:
            return None
        now = self._now()
        return max(0, self._rest.budget.forecast(kind, self.weight, count, now) - now) / 1e6 if count else 0.0

    async def read(
        self,
        instrument: Instrument,
        from_id: int | None,
        limit: int = PAGE,
        *,
        kind: Kind,
        deadline: int | None = None,
    ) -> Fetched:
        """Ids from `from_id` on (None: the newest), at most `limit`. Raises what `Rest.call` raises."""
        request = self._venue.trades_request(instrument.symbol, from_id=from_id, limit=limit)

        def read(answer: Answer) -> Fetched:
            now = self._now()
            trades = ascending(self._venue.decode_trades(instrument, answer.body, now))
            # A proxy or a venue that ignores a parameter would otherwise prove trades lost that are not.
            if len(trades) > limit:
                raise ValueError(f"{len(trades)} trades where {limit} were asked for")
            if from_id is not None and trades and trades[0].id < from_id:
                raise ValueError(f"trades from id {trades[0].id} where {from_id} was asked for")
            return Fetched(trades, now - (time.perf_counter_ns() - answer.sent) // 1000, request.weight)

        async def read_in_turn(answer: Answer) -> Fetched:
            async with self._turn:
                await asyncio.sleep(0)
                return read(answer)

        fetched = await self._rest.fetch_slowly(request, kind, read_in_turn, deadline)
        async with self._turn:
            await asyncio.sleep(0)
        return fetched
