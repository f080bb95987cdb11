"""What is known of an instrument's feed, in one word and a reason for a person; and which now to believe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orderflow_stream.core.events import State
from orderflow_stream.core.units import US_PER_S

if TYPE_CHECKING:
    from orderflow_stream.core.book import Book

#: Silence shorter than this is never called quiet, whatever the rhythm; longer than `QUIET_MAX` always is.
QUIET_MIN: Final = 10 * US_PER_S
QUIET_MAX: Final = 60 * US_PER_S
#: A symbol is quiet after this many of its usual intervals between trades.
QUIET_INTERVALS: Final = 20
_RHYTHM_TRADES: Final = 100

#: A trade's time is our now where it is at most this far (µs) ahead of our clock, or where others agree with it.
LEAD: Final = 10 * US_PER_S
_WITNESSES: Final = 3
_LAST: Final = 9


def judge(book: Book, now: int, missing: int, lost: int) -> tuple[State, str]:
    """The state, at venue time `now`, of what lacks `missing` ids that may still come and `lost` ones, and why."""
    if book.demand:
        if book.as_of is not None and now - book.as_of > QUIET_MIN:
            return "stale", "not read again since it was asked for"
    elif not book.connections:
        if book.was_up:
            return "stale", book.state_reason if book.state == "stale" else "the feed is down"
        return "connecting", book.state_reason if book.state == "connecting" else "not connected yet"
    if book.mute >= 0:
        return "stale", book.mute_reason
    if not book.warm:
        return "warming", "not read yet" if book.demand else "reading the recent past by REST"
    if book.behind >= max(book.sequence.next, 0):
        return "stale", "the venue has trades that the feed did not bring"
    if missing:
        return "gap", f"{missing} trades missing, being refilled"
    if not book.verified and not book.demand:
        return "unverified", "not yet proven to be whole: asking REST"
    if lost:
        return "partial", f"{lost} trades are lost: REST does not have them either"
    if not book.instrument.trading:
        return "quiet", f"the venue does not trade it now ({book.instrument.status or 'no longer listed'})"
    # By receipt where that is later: a feed that is far behind is late, not quiet. (A time beyond now is not believed.)
    newest, received = book.tape.newest_ts, min(book.last_recv, now)
    silence = now - (received if newest > now else max(newest, received))
    if newest >= 0 and (silence < QUIET_MIN or silence <= quiet_after(book)):
        return "live", "trades arrive"
    return "quiet", "no trade for longer than usual"


def quiet_after(book: Book) -> int:
    """The silence (µs) beyond which this symbol is called quiet, from its own rhythm."""
    newest = book.tape.newest()
    held = len(book.tape)
    if newest is None or held < 2:
        return QUIET_MIN
    oldest = book.tape.back(min(_RHYTHM_TRADES, held))
    if oldest is None:
        return QUIET_MIN
    rhythm = (newest.ts_event - oldest.ts_event) // max(1, min(_RHYTHM_TRADES, held) - 1)
    return max(QUIET_MIN, min(QUIET_MAX, rhythm * QUIET_INTERVALS))


def why_silent(book: Book, ts: int) -> str:
    """What was seen at `ts` of a stream that REST is ahead of."""
    seconds = book.silence(ts) // US_PER_S
    if max(book.last_recv, book.heard) < book.up_at:
        return f"subscribed to {seconds} s ago and no trade came, while REST has newer ones: wrong path or delisted?"
    return f"no trade came for {seconds} s, while REST has newer ones"


def believed(book: Book, now: int) -> int:
    """Venue time where a trade claims to be more than `LEAD` ahead of our (corrected) clock.

    One such trade must not age all others, so its time is believed where three of the last nine trades are that late
    too (then it is our clock that is wrong). The trade itself counts all the same, in every window until its own time
    has passed.
    """
    times = sorted(row.ts_event for row in book.tape.last_rows(_LAST))
    base = max(now, times[-_WITNESSES]) if len(times) >= _WITNESSES else now
    return max([base, *(ts for ts in times if ts <= base + LEAD)])
