"""Subscriptions that are acknowledged and bring nothing, though the venue trades: a path that is not (or no longer)
the one of trades, which no error ever tells.

A connection that has everything subscribed and has never brought a trade looks like a calm market. So REST is asked
about the most active of its symbols: one that has traded since proves it. That is said once for the venue, with what to
do about it, and the symbols' feeds are told to be down, for the same reason. It costs one question in ten seconds, and
only while a whole shard has not spoken at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from orderflow_stream.adapters.dialler import Log
from orderflow_stream.adapters.link import Link
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.protocols import Clock, StreamVenue

#: Silence (µs) from the beginning on after which REST is asked, and how soon again where it knows of nothing either.
PATIENCE: Final = 10 * US_PER_S
ASK_AGAIN: Final = 10 * US_PER_S
#: What REST tells may be on its way by the stream still: seconds until it is held against the stream.
RACE_S: Final = 1.0
#: A connection that was found silent is tried anew after so long (µs): the venue may have been at fault.
ANEW: Final = 600 * US_PER_S
#: Seconds until it is said again.
TELL_AGAIN_S: Final = 3600.0

#: Which of the instruments (by key, most active first) has traded since that venue time (µs); None: none that one
#: could tell of.
Moves = Callable[[Sequence[str], int], Awaitable[str | None]]


class Seen(Struct, frozen=True):
    """A shard now: its open links, and what names its instruments."""

    number: int
    links: list[Link]
    keys: Callable[[int], tuple[str, ...]]


class _Shard(Struct):
    """Since when (µs of the monotonic clock; venue time) its links are subscribed and silent."""

    since: int
    since_venue: int
    ask_at: int
    asking: asyncio.Task[None] | None = None
    silent: bool = False
    anew_at: int = 0


class SilentPath:
    """`look` at all shards, a few times a second."""

    def __init__(self, venue: StreamVenue, url: str, clock: Clock, log: Log, moves: Moves) -> None:
        self._venue = venue
        self._url = url
        self._clock = clock
        self._log = log
        self._moves = moves
        self._shards: dict[int, _Shard] = {}
        self._tell_from = -1.0

    def silent(self, number: int) -> bool:
        """Whether that shard is known to be silent though the venue trades."""
        shard = self._shards.get(number)
        return shard is not None and shard.silent

    def look(self, now: int, shards: Iterable[Seen], group: Callable[[], asyncio.TaskGroup]) -> None:
        """`now` in µs of a clock that never steps back."""
        gone = set(self._shards)
        for seen in shards:
            gone.discard(seen.number)
            ready = [link for link in seen.links if link.session.ready]
            if any(link.session.trades for link in seen.links):
                self._spoke(seen.number)
            elif not ready:
                if not seen.links:
                    self._shards.pop(seen.number, None)  # of those to come nothing is known
            elif (shard := self._shards.get(seen.number)) is None:
                self._shards[seen.number] = _Shard(now, self._clock.now(), now + PATIENCE)
            elif shard.silent:
                if now >= shard.anew_at:
                    del self._shards[seen.number]
                    for link in seen.links:
                        link.close("silence", "never a trade, while REST has newer ones: trying another connection")
                else:
                    self._lose(seen.links, shard)
            elif now >= shard.ask_at and shard.asking is None:
                shard.ask_at = now + ASK_AGAIN
                shard.asking = group().create_task(self._ask(seen, shard), name=f"silent path {seen.number}")
        for number in gone:
            del self._shards[number]

    async def _ask(self, seen: Seen, shard: _Shard) -> None:
        try:
            keys = seen.keys(seen.number)
            moved = await self._moves(keys, shard.since_venue)
            if moved is None:
                return
            await asyncio.sleep(RACE_S)
            links = [link for link in seen.links if not link.ended.is_set()]
            if self._shards.get(seen.number) is not shard or any(link.session.trades for link in links):
                return
            shard.silent, shard.anew_at = True, shard.since + ANEW
            self._lose(links, shard)
            self._tell(moved, len(keys), shard)
        finally:
            shard.asking = None

    def _lose(self, links: Iterable[Link], shard: _Shard) -> None:
        for link in links:
            if not link.session.lost and link.session.up:
                link.told = True  # for all of them together
                what = f"subscribed to {self._seconds(shard)} s ago and nothing came, while REST has newer trades"
                link.condemn(None, f"{what}: {self._remedy()}")

    def _tell(self, moved: str, symbols: int, shard: _Shard) -> None:
        now = self._clock.monotonic()
        if now < self._tell_from:
            return
        self._tell_from = now + TELL_AGAIN_S
        self._log.warning(
            "subscriptions are acknowledged and nothing comes, while REST has newer trades",
            venue=self._venue.name,
            url=self._venue.stream_url(self._url, ()),
            symbols=symbols,
            for_example=moved,
            seconds=self._seconds(shard),
            hint=self._remedy(),
        )

    def _seconds(self, shard: _Shard) -> int:
        return int(self._clock.monotonic()) - shard.since // US_PER_S

    def _remedy(self) -> str:
        default = self._venue.stream_url_default
        if self._url.rstrip("/") == default:
            return f"has the venue moved its streams to another path? Set stream_url in [venues.{self._venue.name}]"
        return f"is the path of stream_url in [venues.{self._venue.name}] right? The venue's own is {default}"

    def _spoke(self, number: int) -> None:
        shard = self._shards.pop(number, None)
        if shard is not None and shard.silent:
            self._tell_from = -1.0
            self._log.info("trades come after all", venue=self._venue.name)
