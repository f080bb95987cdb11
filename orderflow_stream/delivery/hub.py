"""The hub: what the engine returns goes in, events for every open stream come out.

`publish` is on the path of a trade: it counts, remembers and marks, and leaves the rest to the turns of the outbox.
Each event is encoded once; clients with the same wishes share it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Literal

from orderflow_stream.core.events import (
    AnyEvent,
    AnyUpdate,
    Corrected,
    Forget,
    GapFound,
    LargePrint,
    LateTrades,
    Liquidation,
    Refill,
    Restarted,
    Trade,
)
from orderflow_stream.delivery.audience import Audience, Watched
from orderflow_stream.delivery.bar_events import snapshot_of
from orderflow_stream.delivery.client import Client, Group, Sink
from orderflow_stream.delivery.conflate import Conflator, Held, HeldGaps
from orderflow_stream.delivery.deliveries import Deliveries
from orderflow_stream.delivery.limits import Limits, Stats
from orderflow_stream.delivery.mailbox import Mailbox
from orderflow_stream.delivery.outbox import Outbox, Scheduler
from orderflow_stream.delivery.resumes import Resumes
from orderflow_stream.delivery.ring import Entry, EventLog, Late, Notice, Payload
from orderflow_stream.delivery.roster import Roster
from orderflow_stream.delivery.sse import Frame, block, echo, to_json
from orderflow_stream.delivery.timers import Timers
from orderflow_stream.delivery.topics import Filter, Renderer
from orderflow_stream.delivery.waiters import Waiters

__all__ = ["Hub", "Limits", "Stats"]

#: How far the age at which a stream is ended may be from the average, as a share of it.
_AGE_SPREAD: Final = 0.2


class Hub:
    """One per daemon. Everything happens on the loop's thread."""

    def __init__(
        self,
        renderer: Renderer,
        log: EventLog,
        limits: Limits,
        *,
        loop: Scheduler,
        rng: random.Random,
        elapsed: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`elapsed` measures how long a turn has worked; `loop.time` is what everything else goes by."""
        self.log: Final = log
        self.limits = limits
        self.draining = False
        self.renderer: Final = renderer
        self._loop: Final = loop
        self._rng: Final = rng
        self._conflator: Final = Conflator(limits.tick)
        self._audience: Final = Audience(renderer.books, self._conflator)
        self._deliveries: Final = Deliveries(renderer, log, self._audience, self._conflator, loop)
        self._outbox: Final = Outbox(self._deliveries, self, loop, elapsed, limits.piece, limits.stall, limits.backlog)
        self._deliveries.queue = self._outbox
        self._watched: Final = self._audience.watched
        self._gaps: Final = HeldGaps()
        self._roster: Final = Roster()
        self._resumes: Final = Resumes(log, self._roster)
        self._waiters: Final = Waiters(log)
        self._timers: Final = Timers(loop)
        self._conflated = self._dropped = 0

    # -- in -------------------------------------------------------------------------------------------------------

    def publish(self, event: AnyEvent | None, updates: tuple[AnyUpdate, ...]) -> None:
        """What the engine made of `event` (None: of time passing)."""
        if type(event) is Trade and not updates:
            self._trade(event)
        else:
            self._publish(event, updates)

    def _trade(self, trade: Trade) -> None:
        key = trade.instrument
        seq = self.log.trade(trade)
        watched = self._watched.get(key)
        if watched is not None:
            if watched.states:
                watched.version += 1
                if self._conflator.touch(key):
                    self._outbox.wake()
            if watched.trades and trade.qty:
                self._enqueue(seq, trade, watched.trades)
        if self._waiters:
            self._waiters.tell(key)

    def _publish(self, event: AnyEvent | None, updates: tuple[AnyUpdate, ...]) -> None:
        late = any(type(update) is LateTrades for update in updates)
        counted = ""  # the instrument whose new state is counted: one event makes one
        if type(event) is Trade and not late:
            self._trade(event)
            counted = event.instrument
        elif isinstance(event, Refill | Restarted | Forget):
            self.log.moved(event.instrument)
            if not isinstance(event, Refill):  # what the ids that are given up came to is not known
                self.lack((event.instrument,))
            self._changed(event.instrument)
            self._waiters.tell(event.instrument)
            counted = event.instrument
        for update in updates:
            key = update.instrument
            watched = self._watched.get(key)
            if isinstance(update, LargePrint | Liquidation):
                self._enqueue(self.log.event(update), update, watched.hear(update) if watched is not None else ())
                continue
            if isinstance(update, LateTrades):
                self._late(update, watched)
            elif isinstance(update, GapFound):
                due = self._loop.time() + self.limits.gap_delay
                self._gaps.add(key, Held(update.first, update.last, update.ts, due))
                self._timers.at("gaps", due, self._tell_gaps)
            elif isinstance(update, Corrected):
                self._correct(update)
            else:
                self._notice(key, "state", self.renderer.state(update))
            self._changed(key, again=key == counted)
            counted = key

    def _late(self, update: LateTrades, watched: Watched | None) -> None:
        for trade in update.trades:
            late = Late(trade, update.instrument)
            self._enqueue(self.log.trade(late), late, watched.trades if watched is not None else ())
        self._waiters.tell(update.instrument)

    def _changed(self, key: str, *, again: bool = False) -> None:
        """The state of an instrument is another one, otherwise than by a live trade; `again` by the same event."""
        watched = self._watched.get(key)
        if watched is not None and watched.states:
            watched.version += not again
            if self._conflator.touch(key):
                self._outbox.wake()

    def _correct(self, update: Corrected) -> None:
        key = update.instrument
        if update.lost:  # whoever hears that a hole is lost must have heard of the hole
            for hole in self._gaps.take(key):
                self._gap(key, hole)
        told = self._gaps.fill(key, update.filled)
        if told or update.lost:
            left = Corrected(key, told, update.lost, update.ts)
            self._notice(key, "corrected", self.renderer.corrected(left, self.log.position))

    def _tell_gaps(self) -> None:
        for key, hole in self._gaps.due(self._loop.time()):
            # Told is what lacks at this moment: of what REST knew first, a part may have come in turn.
            for first, last in self.renderer.missing(key, hole.first, hole.last):
                self._gap(key, Held(first, last, hole.ts, hole.due))
        following = self._gaps.next_due()
        if following is not None:
            self._timers.at("gaps", following, self._tell_gaps)

    def _gap(self, key: str, hole: Held) -> None:
        self._notice(key, "gap", self.renderer.gap(GapFound(key, hole.first, hole.last, hole.ts)))

    def _notice(self, key: str, topic: Literal["gap", "corrected", "state"], body: bytes | None) -> None:
        if body is None:
            return
        notice = Notice(key, topic, body)
        watched = self._watched.get(key)
        self._enqueue(self.log.event(notice), notice, watched.groups if watched is not None else ())

    def _enqueue(self, seq: int, payload: Payload, groups: Sequence[Group]) -> None:
        if groups:
            self._outbox.deliver(self._deliveries.logged(Entry(seq, payload), groups), seq)

    # -- connections ----------------------------------------------------------------------------------------------

    def room(self, remote: str) -> str | None:
        """Why one more stream for that address cannot be had now; None where it can."""
        reason = "closing" if self.draining else self._roster.full(remote, self.limits)
        if reason is not None and not self.draining:
            for client in list(self._roster.open):  # one that has left unnoticed may not hold a place
                if client.sink.closing:
                    self.gone(client)
            reason = self._roster.full(remote, self.limits)
        if reason is not None:
            self._roster.refused[reason] += 1
        return reason

    def attach(self, filter_: Filter, sink: Sink, *, remote: str, last_event_id: str | None = None) -> Client:
        """Open a stream: `hello` waits in its mailbox, then come the replay, the snapshot, and what is live.

        All of it stands before this returns, with nothing in between that could be missed.
        """
        now = self._loop.time()
        log, limits, topics = self.log, self.limits, filter_.topics
        group = self._audience.join(filter_)
        position, entries = self._resumes.find(group.scope, remote, last_event_id, now)
        first = log.seq if position is None else position.seq
        client = Client(
            group,
            sink,
            remote,
            Mailbox(limits.mailbox_bytes, limits.mailbox_age),
            first=first,
            start=log.seq,
            most_backlog=limits.backlog,
        )
        hello = {
            "epoch": log.epoch,
            "seq": log.seq,
            "recovered": position is not None,
            "resumed_from": None if position is None else str(position),
            "server_time": self.renderer.clock() // 1_000,
            "heartbeat_ms": round(limits.heartbeat * 1_000),
        }
        client.mailbox.put_state("hello", Frame("hello", log.epoch, first, to_json(hello), retry=self.retry()))
        client.backlog.extend(entries)
        client.born = client.moved = now
        client.span = self._rng.uniform(1 - _AGE_SPREAD, 1 + _AGE_SPREAD)
        client.snapshot.update(dict.fromkeys(snapshot_of(filter_, group.instruments)))
        group.clients[client] = None
        self._roster.add(client)
        if "watch" in topics:
            board = self._audience.boards[filter_.spec.watched]
            board.fresh.add(client)
            self._deliveries.look(board)
        self._outbox.mark(client)
        self._timers.at("beat", now + limits.heartbeat, self._beat)
        self._timers.at("second", now + 1.0, self._second)
        return client

    def lack(self, keys: Collection[str]) -> None:
        """Of these instruments a process before this one may have told what cannot be gone on from: a stream that was
        resumed from before and hears of one is ended, and finds when it comes back that it is not recovered."""
        self._audience.sync()
        for client in self._resumes.lack(keys):
            self.bye(client, "restart")

    def retry(self, *, busy: bool = False) -> int:
        """A random `retry` (ms): everybody comes back at a time of their own."""
        return self._rng.randint(*(self.limits.busy_retry_ms if busy else self.limits.retry_ms))

    def busy(self, last_event_id: str | None) -> bytes:
        """The one event for a client that there is no room for. Its id is the position the client asked to resume
        from, so that the next attempt asks for the same."""
        self._outbox.written["busy"] += 1
        at = echo(last_event_id) or self.log.position
        return block("busy", at, to_json({"reason": "over_capacity"}), self.retry(busy=True))

    def detach(self, client: Client) -> None:
        """The response is over, whoever ended it."""
        self.gone(client)
        self._roster.over(client)

    def gone(self, client: Client) -> None:
        """The connection is closed from the other side."""
        if client.ended is None:
            self._forget(client, client.sink.lost)
            client.sink.end()

    def slow(self, client: Client, reason: str) -> None:
        """The client cannot keep up: it is told, and resumes by id."""
        self._end(client, "slow", reason, "slow", self.retry())

    def behind(self) -> None:
        """The machine is too slow for all this: every stream is ended and resumes by id, from what the log holds."""
        for client in list(self._roster.open):
            self.slow(client, "behind")

    def bye(self, client: Client, reason: str, retry: int | None = None) -> None:
        """End a stream at a time of our choosing; what waits for the client goes first, if its transport takes it.
        `retry` (ms) is when the client is to come back, otherwise a random time."""
        if client.ended is not None:
            return
        if client.sink.closing:
            self.gone(client)
            return
        if client.mailbox and not client.backlog and not self._outbox.blocked(client):
            self._outbox.send(client, client.mailbox.take(2 * self.limits.mailbox_bytes))
        self._end(client, "bye", reason, reason, self.retry() if retry is None else retry)

    def _end(self, client: Client, event: str, reason: str, counted: str, retry: int) -> None:
        data = to_json({"reason": reason})
        last = Frame(event, self.log.epoch, client.written, data, retry=retry)
        self._outbox.send(client, [last])
        self._forget(client, counted)
        client.sink.end()

    def _forget(self, client: Client, reason: str) -> None:
        mailbox = client.mailbox
        self._roster.ended(client, reason)
        if reason == "slow":
            self._dropped += mailbox.logs + len(client.backlog)
        self._conflated += mailbox.conflated
        mailbox.clear()
        client.backlog.clear()
        client.snapshot.clear()
        self._outbox.forget(client)
        self._resumes.remember(client, self._loop.time())
        self._audience.leave(client)

    def set_limits(self, limits: Limits) -> None:
        """Other limits from now on, for open streams too; none is ended for a smaller number of clients. What a
        stream was promised in `hello` cannot change while it lasts: with another heartbeat all are told to come
        back."""
        promised = self.limits.heartbeat
        self.limits = limits
        self._conflator.tick = limits.tick
        self._outbox.piece, self._outbox.stall = limits.piece, limits.stall
        for client in self._roster.live():
            client.mailbox.limit, client.mailbox.patience = limits.mailbox_bytes, limits.mailbox_age
            client.most_backlog = limits.backlog
            if limits.heartbeat != promised:
                self.bye(client, "settings")

    async def drain(self, reason: str, timeout: float) -> None:
        """Say `bye` to everybody and wait until their responses are over, at most `timeout` seconds."""
        self.draining = True
        for number, client in enumerate(list(self._roster.open)):
            self.bye(client, reason)
            if number % 50 == 49:
                await asyncio.sleep(0)
        try:
            async with asyncio.timeout(timeout):
                await self._roster.empty()
        except TimeoutError:
            for client in list(self._roster.open):
                client.sink.abort()
        self._timers.cancel()

    # -- by time --------------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        if self._roster.open:
            self._timers.at("beat", self._loop.time() + self.limits.heartbeat, self._beat)
            self._outbox.deliver(self._deliveries.beat())

    def _second(self) -> None:
        """Once a second: patterns, ageing windows, watched rows, connections that are gone or old enough."""
        if not self._roster.open:
            return
        self._timers.at("second", self._loop.time() + 1.0, self._second)
        self._audience.sync()  # what is new has not been told of, so `aged` finds it changed
        self._outbox.deliver(self._deliveries.aged())
        self._outbox.deliver(self._sweep())
        for board in self._audience.boards.values():
            self._deliveries.look(board)

    def _sweep(self) -> Iterator[None]:
        now, age = self._loop.time(), self.limits.age
        for client in list(self._roster.open):
            if client.sink.closing:
                self.gone(client)
            elif age and now - client.born > age * client.span:
                # Soon back, at a time of its own; and nobody can tell a restart of ours from any other minute.
                self.bye(client, "age", self._rng.randint(*self.limits.age_retry_ms))
            yield

    # -- for REST and for the scrape ------------------------------------------------------------------------------

    def position(self) -> str:
        """The newest position of the event log."""
        return self.log.position

    def listened(self, key: str) -> bool:
        """Whether a stream is open on that instrument."""
        return key in self._watched

    def traded_beyond(self, key: str, position: str) -> bool:
        """Whether the tape of that instrument has changed since; true for a position that is not of this log."""
        return self._waiters.beyond(key, position)

    async def wait_trade(self, key: str, position: str, timeout: float) -> bool:
        """Wait until `traded_beyond` holds, at most `timeout` seconds; whether it does."""
        return await self._waiters.wait(key, position, timeout)

    def stats(self) -> Stats:
        """Counts for a scrape."""
        live = self._roster.live()
        return Stats(
            clients=self._roster.clients,
            events=dict(self._outbox.written),
            conflated=self._conflated + sum(client.mailbox.conflated for client in live),
            dropped=self._dropped,
            aborted=dict(self._roster.aborted),
            refused=dict(self._roster.refused),
            buffer_bytes=sum(client.sink.buffered + client.mailbox.waiting_bytes for client in live),
        )
