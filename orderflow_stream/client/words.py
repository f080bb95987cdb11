"""What a coverage says, in a plain sentence: so that a reader can tell "not loaded" from "nothing happened"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from orderflow_stream.client.answers import Coverage
from orderflow_stream.core.events import State

#: What each state of a feed means for the numbers.
STATES: Final[dict[State, str]] = {
    "connecting": "the feed is not connected yet, so nothing is known of the market now",
    "warming": "the past is still being read, so the numbers are of a part of the span only",
    "live": "the feed is live",
    "quiet": "the feed is live and the market is calm",
    "unverified": "the feed is connected again and it is not proven yet that nothing was missed",
    "gap": "trades are missing and are being read again",
    "stale": "the feed has stopped: these are old numbers, and what happens now is not seen",
    "partial": "trades are missing that the exchange has no more",
}


def explain(coverage: Coverage) -> str | None:
    """Why an answer is not the whole truth; None where it is.

    >>> from orderflow_stream.client.answers import Coverage
    >>> whole = dict(first_id=1, last_id=9, expected=9, received=9, invalid=0, missing=[], missing_total=0,
    ...              requested=None, reaches_back=True, complete=True, state="live", as_of=0, position=None,
    ...              generation=0, source="stream", last_trade_age_ms=1, lag_ms=1, clock_offset_ms=0)
    >>> explain(Coverage(**whole))
    >>> explain(Coverage(**whole | {"complete": False, "missing_total": 3, "expected": 12, "state": "gap"}))
    'Incomplete: trades are missing and are being read again; 3 of 12 trades are missing.'
    """
    if coverage.complete:
        return None
    parts: list[str] = []
    if coverage.state not in {"live", "quiet"}:
        parts.append(STATES[coverage.state])
    if coverage.missing_total:
        one = coverage.missing_total == 1
        parts.append(
            f"{coverage.missing_total} of {coverage.expected} trades {'is' if one else 'are'} missing"
            if coverage.expected
            else f"{coverage.missing_total} trades are missing"
        )
    if not coverage.received:
        parts.append("no trade is held: this is no sign that nothing was traded")
    elif not coverage.reaches_back:
        parts.append(f"only {coverage.received} trades are held, which is less than was asked for")
    if coverage.state in {"connecting", "stale", "unverified"} and coverage.as_of is not None:
        parts.append(f"known up to {clock(coverage.as_of)}")
    return f"Incomplete: {'; '.join(parts) or 'the daemon does not vouch for it'}."


def clock(ms: int) -> str:
    """A time as ISO 8601 in UTC, to the second."""
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
