"""From log entries and marked instruments to frames in mailboxes: the work that the outbox goes through step by step.

Each event is encoded once, for all groups that want it. State events say at which position they joined the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from orderflow_stream.core.events import LargePrint, Liquidation
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery.audience import Audience, Watched
from orderflow_stream.delivery.bar_events import BAR, BarEvents
from orderflow_stream.delivery.client import Client, Group
from orderflow_stream.delivery.conflate import Conflator
from orderflow_stream.delivery.outbox import Scheduler
from orderflow_stream.delivery.ring import Entry, EventLog, Notice
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import Renderer, Spec
from orderflow_stream.delivery.watch import Board

#: Replayed events that are rendered at a time; snapshots go one by one, they are larger.
_REPLAY: Final = 64


class Queue(Protocol):
    """The outbox, as seen from here."""

    def deliver(self, steps: Iterator[None], seq: int | None = None) -> None:
        """Queue a delivery."""

    def delivered(self, seq: int) -> int:
        """The position up to which every log event has reached the mailboxes."""

    def mark(self, client: Client) -> None:
        """There is something for this client."""

    def wake(self) -> None:
        """There is a state to tell."""


class Deliveries:
    """Forms events and hands them to clients. Methods that yield do one small piece of work a step."""

    def __init__(
        self, renderer: Renderer, log: EventLog, audience: Audience, conflator: Conflator, loop: Scheduler
    ) -> None:
        self.queue: Queue
        self._renderer: Final = renderer
        self._log: Final = log
        self._audience: Final = audience
        self._watched: Final = audience.watched
        self._conflator: Final = conflator
        self._clock: Final = loop.time
        self._bars: Final = BarEvents(
            renderer,
            log,
            audience.watched,
            conflator,
            loop,
            wake=self._wake,
            mark=self._mark,
        )

    def _wake(self) -> None:
        self.queue.wake()

    def _mark(self, client: Client) -> None:
        self.queue.mark(client)

    def logged(self, entry: Entry, groups: Sequence[Group]) -> Iterator[None]:
        """Hand one log event to all who want it."""
        frames: dict[bool, Frame | None] = {}
        now = self._clock()
        for group in groups:
            if not group.scope.wants(entry.payload):
                continue
            exact = group.filter.spec.exact
            if exact not in frames:
                frames[exact] = self._log_frame(entry, exact)
            frame = frames[exact]
            if frame is None:
                continue
            for client in tuple(group.clients):
                if client.push_log(entry, frame, now):
                    self.queue.mark(client)
                yield

    def _log_frame(self, entry: Entry, exact: bool) -> Frame | None:
        payload = entry.payload
        if isinstance(payload, Notice):
            return Frame(payload.topic, self._log.epoch, entry.seq, payload.body)
        body = self._renderer.log(payload, exact)
        topic = "trade"
        if isinstance(payload, LargePrint | Liquidation):
            topic = "large" if isinstance(payload, LargePrint) else "liquidation"
        return None if body is None else Frame(topic, self._log.epoch, entry.seq, body)

    # -- flow -----------------------------------------------------------------------------------------------------

    def states(self, until: Callable[[], bool]) -> float | None:
        """Form the `flow` and `bar` events that are due and queue them, until that says stop; when to come again."""
        now = self._clock()
        conflator = self._conflator
        conflator.cool(now)
        while (key := conflator.take(now)) is not None:
            watched = self._watched.get(key)
            sums = self._renderer.sums(key) if watched is not None and watched.flows else None
            if watched is not None and sums is not None:
                watched.shown = sums
                for spec, groups in watched.flows.items():
                    frame = self._flow_frame(key, watched, spec, sums)
                    if frame is not None:
                        before = watched.told.get(spec, frame.version - 1)
                        watched.told[spec] = frame.version
                        told = frame.missing(max(0, frame.version - before - 1))
                        self.queue.deliver(self._flow(key, told, groups))
            if watched is not None and watched.bars:
                for steps in self._bars.states(key, watched):
                    self.queue.deliver(steps)
            if until():
                return now if conflator.ready else conflator.due()
        return conflator.due()

    def _flow_frame(self, key: str, watched: Watched, spec: Spec, sums: Mapping[str, Sums]) -> Frame | None:
        log = self._log
        body = self._renderer.flow(key, spec, sums, log.position)
        if body is None:
            return None
        frame = watched.frames[spec] = Frame("flow", log.epoch, log.seq, body, version=watched.version)
        return frame

    def _flow(self, key: str, frame: Frame, groups: Sequence[Group]) -> Iterator[None]:
        for group in groups:
            for client in tuple(group.clients):
                if client.push_state(key, frame):
                    self.queue.mark(client)
                yield

    def aged(self) -> Iterator[None]:
        """Mark instruments whose windows or bars say something else only because time has passed."""
        for key, watched in list(self._watched.items()):
            if watched.states and not self._conflator.changed(key) and self._aged(key, watched):
                watched.version += 1
                self._conflator.touch(key)
                self.queue.wake()
            yield

    def _aged(self, key: str, watched: Watched) -> bool:
        if watched.flows and self._renderer.sums(key) != watched.shown:
            return True
        return bool(watched.bars) and self._bars.aged(key, watched)

    # -- replay and snapshot --------------------------------------------------------------------------------------

    def refill(self, client: Client, room: int) -> bool:
        """The next part of a client's replay, then of its snapshot; false when both are through."""
        mailbox, backlog = client.mailbox, client.backlog
        now = self._clock()
        spec, bars = client.group.filter.spec, client.group.filter.bars
        while backlog and mailbox.log_bytes < room and mailbox.logs < _REPLAY:
            entry = backlog.popleft()
            frame = self._log_frame(entry, spec.exact)
            client.position = entry.seq
            if frame is not None:
                mailbox.put_log(frame, now)
        if mailbox or backlog:
            return True
        while client.snapshot:
            key, _ = client.snapshot.popitem(last=False)
            if bars is not None and key.startswith(BAR):
                shared = self._bars.snapshot(key, bars)
            else:
                shared = self._snapshot(key, spec)
            if shared is not None:
                seq = max(client.position, client.start, self.queue.delivered(self._log.seq))
                client.push_state(key, shared if shared.seq == seq else shared.at(seq))
                if shared.topic == "flow" and shared.version != self._watched[key].told.setdefault(
                    spec, shared.version
                ):
                    client.shown[key] = shared.version
                return True
        return False

    def _snapshot(self, key: str, spec: Spec) -> Frame | None:
        """The newest `flow` of an instrument: the last one told where nothing has changed since."""
        watched = self._watched.get(key)
        if watched is None:
            return None
        frame = watched.frames.get(spec)
        if frame is None or self._conflator.changed(key):
            sums = self._renderer.sums(key)
            if sums is None:
                return None
            frame = self._flow_frame(key, watched, spec, sums)
            if watched.shown is None:
                watched.shown = sums
        return frame

    # -- heartbeat and watch --------------------------------------------------------------------------------------

    def beat(self) -> Iterator[None]:
        """A heartbeat for every group."""
        for group in self._audience.groups():
            body = self._renderer.heartbeat(group.instruments, self._renderer.clock() // 1_000)
            frame = Frame("heartbeat", self._log.epoch, self.queue.delivered(self._log.seq), body)
            for client in tuple(group.clients):
                if client.push_beat(frame):
                    self.queue.mark(client)
                yield

    def look(self, board: Board) -> None:
        """See which rows of a board have changed, and tell them."""
        if not board.running:
            board.running = True
            self.queue.deliver(self._watch(board))

    def _watch(self, board: Board) -> Iterator[None]:
        changed: dict[str, bytes] = {}
        yield from board.look(self._renderer, changed)
        board.running = False
        fresh, board.fresh = board.fresh, set()
        seq = self.queue.delivered(self._log.seq)
        for group in list(board.groups):
            rows = {key: data for key, data in changed.items() if key in group.instruments}
            news = Frame.watch(self._log.epoch, seq, rows) if rows else None
            whole: Frame | None = None
            for client in tuple(group.clients):
                if client in fresh and client.backlog:
                    board.fresh.add(client)  # its replay comes first
                elif client in fresh:
                    whole = whole or Frame.watch(self._log.epoch, seq, board.all_of(group))
                    if client.push_state("watch", whole):
                        self.queue.mark(client)
                elif news is not None and client not in board.fresh and client.push_state("watch", news):
                    self.queue.mark(client)
                yield
