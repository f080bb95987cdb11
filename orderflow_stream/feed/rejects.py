"""Frames that were no trade: counted, sampled, told once a minute and reason, and too many when they are."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import BadFrame, Sample
from orderflow_stream.feed.protocols import RejectedReply

SAMPLES: Final = 10
_SAMPLE_BYTES: Final = 500
#: Counted and no more, since nothing is wrong with the connection: the tail of a stream just dropped, and what belongs
#: to another market of a venue whose streams carry several.
_EXPECTED: Final = frozenset({"unwatched", "market"})


class Rejects:
    """`bad` by reason, `samples`: the last ten."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._minute = 0
        self._in_minute = 0
        self._said: set[str] = set()
        self.bad: Counter[str] = Counter()
        self.samples: deque[Sample] = deque(maxlen=SAMPLES)

    def tick(self, now: int) -> None:
        """Time has passed."""
        if now - self._minute >= 60 * US_PER_S:
            self._minute = now
            self._in_minute = 0
            self._said.clear()

    @property
    def too_many(self) -> bool:
        """More in this minute than a connection may bring."""
        return self._in_minute > self._most

    def add(self, message: RejectedReply, frame: bytes | str, ts_recv: int) -> BadFrame | None:
        """One more; what to tell of it, if anything."""
        reason = message.reason
        self.bad[reason] += 1
        if reason in _EXPECTED:
            return None
        head = (
            frame[:_SAMPLE_BYTES].encode("utf-8", "replace") if isinstance(frame, str) else bytes(frame[:_SAMPLE_BYTES])
        )
        self.samples.append(Sample(ts_recv, reason, message.symbol, message.id, head))
        self._in_minute += 1
        if reason in self._said:
            return None
        self._said.add(reason)
        return BadFrame(reason, message.symbol, message.id, head)
