"""The `bar` topic: the newest bars of an instrument, told when they change and when one ends.

It goes by the pace of all state topics. Each event is formed once for all clients that ask for the same bars; where
nobody asks, nothing here is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from orderflow_stream.delivery.client import Client, Group
from orderflow_stream.delivery.conflate import Conflator
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import BarSpec, Filter, Renderer

if TYPE_CHECKING:
    from orderflow_stream.analytics.bars import BarsView
    from orderflow_stream.delivery.audience import Watched
    from orderflow_stream.delivery.outbox import Handle, Scheduler

#: What goes before an instrument's key where a client's states are told apart by a word.
BAR: Final = "bar "
#: Seconds after the end of a bar at which it is looked at: timers may be a little early.
_AFTER: Final = 0.001


def snapshot_of(filter_: Filter, instruments: Iterable[str]) -> list[str]:
    """What a stream is sent first, in this order: the `flow` of each instrument, then its bars."""
    keys = sorted(instruments)
    bars = [BAR + key for key in keys] if filter_.bars is not None else []
    return [*keys, *bars] if "flow" in filter_.topics else bars


class BarWatch:
    """The groups that are told one kind of bars of one instrument; the list is replaced, never changed. `view` and
    `frame` are the newest formed, `told` is the body that all were told last."""

    __slots__ = ("frame", "groups", "told", "view")

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.frame: Frame | None = None
        self.view: BarsView | None = None
        self.told: bytes | None = None


class BarEvents:
    """Forms them. `watched` has what is asked for, by instrument; `wake` is called where there is one to tell."""

    def __init__(
        self,
        renderer: Renderer,
        log: EventLog,
        watched: Mapping[str, Watched],
        conflator: Conflator,
        loop: Scheduler,
        *,
        wake: Callable[[], None],
        mark: Callable[[Client], None],
    ) -> None:
        self._renderer: Final = renderer
        self._log: Final = log
        self._watched: Final = watched
        self._conflator: Final = conflator
        self._loop: Final = loop
        self._wake: Final = wake
        self._mark: Final = mark
        self._alarm: tuple[float, Handle] | None = None

    def states(self, key: str, watched: Watched) -> Iterator[Iterator[None]]:
        """Form the bars of an instrument that has changed; what is to be delivered of them."""
        for spec, watch in watched.bars.items():
            frame = self._form(key, spec, watch)
            if frame is not None and frame.body != watch.told:
                watch.told = frame.body
                yield self._deliver(BAR + key, frame, watch.groups)

    def snapshot(self, name: str, spec: BarSpec) -> Frame | None:
        """The newest `bar` of an instrument; `name` as of `snapshot_of`."""
        key = name.removeprefix(BAR)
        watched = self._watched.get(key)
        watch = watched.bars.get(spec) if watched is not None else None
        if watch is None:
            return None
        return self._form(key, spec, watch) if watch.frame is None or self._conflator.changed(key) else watch.frame

    def aged(self, key: str, watched: Watched) -> bool:
        """Whether what was told of a bar is true no longer, only because the feed has been alive since."""
        as_of = self._renderer.as_of(key)
        if as_of is None:
            return False
        views = [watch.view for watch in watched.bars.values() if watch.view is not None]
        return any(
            bar.closed and not bar.complete and (view.as_of is None or view.as_of < bar.end <= as_of)
            for view in views
            for bar in view.bars
        )

    def _form(self, key: str, spec: BarSpec, watch: BarWatch) -> Frame | None:
        view = self._renderer.bars(key, spec)
        body = None if view is None else self._renderer.bar(key, view, spec.exact)
        if view is None or body is None:
            return None
        watch.view = view
        watch.frame = Frame("bar", self._log.epoch, self._log.seq, body)
        if view.bars and not view.bars[-1].closed:
            self._plan((view.bars[-1].end - view.now) / 1e6)
        return watch.frame

    def _deliver(self, name: str, frame: Frame, groups: list[Group]) -> Iterator[None]:
        for group in groups:
            for client in tuple(group.clients):
                if client.push_state(name, frame):
                    self._mark(client)
                yield

    # -- the end of a bar -----------------------------------------------------------------------------------------

    def _plan(self, seconds: float) -> None:
        """Look after those seconds whether a bar has ended."""
        when = self._loop.time() + seconds + _AFTER
        if self._alarm is not None:
            if self._alarm[0] <= when:
                return
            self._alarm[1].cancel()
        self._alarm = (when, self._loop.call_at(when, self._ring))

    def _ring(self) -> None:
        """Mark the instruments of which a bar has ended; it is told as closed though nothing may trade any more."""
        self._alarm = None
        soonest: int | None = None
        for key, watched in self._watched.items():
            left = self._left(key, watched)
            if left is None:
                continue
            if left <= 0:
                watched.version += 1
                if self._conflator.touch(key):
                    self._wake()
            elif soonest is None or left < soonest:
                soonest = left
        if soonest is not None:
            self._plan(soonest / 1e6)

    def _left(self, key: str, watched: Watched) -> int | None:
        """Microseconds until the first of the open bars told of this instrument ends; None: there is none."""
        ends = [
            watch.view.bars[-1].end
            for watch in watched.bars.values()
            if watch.view is not None and watch.view.bars and not watch.view.bars[-1].closed
        ]
        now = self._renderer.now(key) if ends else None
        return None if now is None else min(ends) - now
