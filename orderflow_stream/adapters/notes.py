"""What an operator is told of the tapes: holes and their repair, feeds that went stale and came back. A line an event,
and no flood of them: above a few a minute of one kind, the next line says how many were left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from orderflow_stream.core.events import Corrected, GapFound, Range, StateChanged, Update
from orderflow_stream.core.units import US_PER_S

#: Lines of one kind that pass in a minute.
MOST: Final = 10
_MINUTE: Final = 60 * US_PER_S
_NAMED: Final = 5

log = structlog.get_logger(__name__)


class Notes:
    """`saw` every batch of updates. `now` is venue time in µs; `streams` says of which instruments' feeds to tell (what
    is only read on demand goes stale as a matter of course)."""

    def __init__(self, now: Callable[[], int], streams: Callable[[str], bool]) -> None:
        self._now = now
        self._streams = streams
        self._passed: dict[str, tuple[int, int]] = {}  # kind -> start of its minute, lines in it
        self._held: dict[str, int] = {}
        self._stale: set[str] = set()

    def saw(self, updates: Iterable[Update]) -> None:
        """Say what is worth saying."""
        stale: dict[str, list[str]] = {}
        back: list[str] = []
        for update in updates:
            match update:
                case GapFound(instrument, first, last):
                    self._say("trades are missing: asking REST for them", instrument, [(first, last)])
                case Corrected(instrument, filled, _) if filled:
                    # What is lost is told by whoever asked REST and was told so.
                    self._say("missing trades came in", instrument, filled)
                case StateChanged(instrument, "stale", _, reason) if self._streams(instrument):
                    self._stale.add(instrument)
                    stale.setdefault(reason, []).append(instrument)
                case StateChanged(instrument, state) if instrument in self._stale and state in {"live", "quiet"}:
                    self._stale.discard(instrument)
                    back.append(instrument)
        for reason, instruments in stale.items():
            self._line("stale", "feed is stale", instruments, reason=reason)
        if back:
            self._line("back", "feed is live again", back)

    def _say(self, message: str, instrument: str, ranges: Sequence[Range]) -> None:
        count = sum(last - first + 1 for first, last in ranges)
        ids = ", ".join(f"{first}-{last}" if first < last else str(first) for first, last in ranges[:_NAMED])
        more = f" and {len(ranges) - _NAMED} more ranges" if len(ranges) > _NAMED else ""
        self._line(message, message, [instrument], ids=ids + more, count=count)

    def _line(self, kind: str, message: str, instruments: Sequence[str], **fields: object) -> None:
        now = self._now()
        start, passed = self._passed.get(kind, (now, 0))
        if now - start >= _MINUTE:
            start, passed = now, 0
        if passed >= MOST:
            self._held[kind] = self._held.get(kind, 0) + 1
            return
        self._passed[kind] = (start, passed + 1)
        held = self._held.pop(kind, 0)
        more = f" and {len(instruments) - _NAMED} more" if len(instruments) > _NAMED else ""
        (log.warning if kind == "stale" else log.info)(
            message,
            instrument=", ".join(instruments[:_NAMED]) + more,
            **fields,
            **({"not_logged": held} if held else {}),
        )
