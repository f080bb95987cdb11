"""What waits for one client: bounded, and never waited for.

Log events keep their order and are never dropped: where they do not fit, the client is ended. State events collapse:
only the newest version of each key waits, at the end of the queue, so that no id runs ahead of a log event before it.
What collapses is bounded by the number of keys and shared with all other clients; so only log events are weighed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Literal

from orderflow_stream.delivery.sse import Frame

Slow = Literal["bytes", "age"]


class _Item:
    __slots__ = ("frame", "log", "skipped")

    def __init__(self, frame: Frame, log: bool, skipped: int = 0) -> None:
        self.frame = frame
        self.log = log
        self.skipped = skipped


class Mailbox:
    """Frames for one client, oldest first. `conflated` counts the state events that a newer one replaced."""

    __slots__ = ("_ages", "_items", "conflated", "limit", "log_bytes", "patience")

    def __init__(self, limit: int, patience: float) -> None:
        """`limit`: bytes of log events (with what the transport holds) that may wait; `patience`: seconds for one."""
        self.limit = limit
        self.patience = patience
        self._items: OrderedDict[object, _Item] = OrderedDict()  # a plain dict is slow to empty from the front
        self._ages: deque[float] = deque()  # when each waiting log event came, in order
        self.log_bytes = 0
        self.conflated = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def logs(self) -> int:
        """Log events that wait."""
        return len(self._ages)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of everything that waits; state events are shared with the other clients."""
        return sum(len(item.frame.plain) for item in self._items.values())

    def put_log(self, frame: Frame, now: float) -> None:
        """Add an event that must not be lost; its `seq` is unique."""
        self._items[frame.seq] = _Item(frame, log=True)
        self._ages.append(now)
        self.log_bytes += len(frame.plain)

    def put_state(self, key: str, frame: Frame) -> None:
        """Add the newest version of `key` in place of the one that still waits, which counts as skipped."""
        older = self._items.pop(key, None)
        if older is None:
            self._items[key] = _Item(frame, False, frame.skipped)
            return
        skipped = older.skipped + 1 + frame.skipped
        self.conflated += 1
        if frame.rows is not None:
            frame = frame.merged(older.frame)  # rows that the newer one lacks must not be lost
        self._items[key] = _Item(frame, False, skipped)

    def slow(self, now: float, buffered: int) -> Slow | None:
        """Why this client cannot keep up; `buffered` are the bytes that its transport holds already."""
        if not self._ages:
            return None
        if self.log_bytes + buffered > self.limit:
            return "bytes"
        return "age" if now - self._ages[0] > self.patience else None

    def take(self, most: int) -> list[Frame]:
        """The oldest events, up to `most` bytes of them but at least one."""
        frames: list[Frame] = []
        size = 0
        items = self._items
        while items and size < most:
            key = next(iter(items))
            item = items[key]
            frame = item.frame
            if item.skipped != frame.skipped and frame.topic == "flow":
                frame = frame.missing(item.skipped)
            length = len(frame.plain)
            if frames and size + length > most:
                break
            del items[key]
            if item.log:
                self._ages.popleft()
                self.log_bytes -= length
            size += length
            frames.append(frame)
        return frames

    def clear(self) -> None:
        """Let go of everything."""
        self._items.clear()
        self._ages.clear()
        self.log_bytes = 0
