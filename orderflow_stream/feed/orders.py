"""What a session is told to hold to (`Policy`), what it tells its socket to do (`Command`) and what it tells others
(`Notice`)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from orderflow_stream.core.events import Liquidation
from orderflow_stream.core.units import US_PER_S

#: Why a connection is to be replaced. Where several hold, the later word of this order counts.
ReplaceReason = Literal["lag", "silence", "doubt", "age", "bad_frames", "shutdown", "dead"]
#: Reasons of which a busy market, a calm one or a venue that stalls may be the truth: the old connection is let go only
#: once the new one has brought what the old did not.
ON_PROOF: frozenset[str] = frozenset({"lag", "silence", "doubt"})


class Policy(Struct, frozen=True):
    """Limits of one connection, in microseconds where not said otherwise."""

    max_age: int = 23 * 3_600 * US_PER_S  # the exchange cuts at 24 h
    age_spread: int = 2 * 3_600 * US_PER_S  # sessions turn over this much earlier, each by its own share
    ask_after: int = US_PER_S  # of silence: a ping
    answer_within: int = 1_500_000  # of that, or the peer is dead
    steady: tuple[int, int] = (800_000, 1_200_000)  # the same two where data came steadily
    silence: int = 45 * US_PER_S  # a rhythm that allows more is not judged; no byte for twice that closes
    fast_silence: int = 1_200_000  # without a trade where the last seconds were busy
    busy_silence: int = 2 * US_PER_S  # the least silence of trades that condemns a slower flow
    lag: int = 5 * US_PER_S  # behind the venue's time for so long and never less: is it the connection?
    lag_for: int = 30 * US_PER_S
    pardon: int = 600 * US_PER_S  # for what was found out to be no fault of the connection
    ack_timeout: int = 10 * US_PER_S
    #: At most 3 frames of ours in a second, also where the network pushes them together: with a pong, which counts as
    #: well, that is 4 of the 5 that the venue allows.
    control_interval: int = 400_000
    bad_per_minute: int = 60  # frames; more replace the connection
    refused_retry: int = 60 * US_PER_S
    tick: int = 100_000


class Send(Struct, frozen=True):
    """Send this text frame."""

    text: str


class Ping(Struct, frozen=True):
    """Send a ping."""


class Close(Struct, frozen=True):
    """Close the socket; `reason` is one word for a metric."""

    code: int
    reason: str


class WakeAt(Struct, frozen=True):
    """Call `tick` at this time, or later."""

    at: int


Command = Send | Ping | Close | WakeAt


class Up(Struct, frozen=True):
    """The streams of these symbols are subscribed."""

    symbols: tuple[str, ...]


class Lost(Struct, frozen=True):
    """These symbols come no longer, as far as anybody can tell, though the socket stands; `Up` follows if they do."""

    symbols: tuple[str, ...]
    reason: str


class Replace(Struct, frozen=True):
    """Open another connection with the same symbols, then close this one (make before break)."""

    reason: ReplaceReason


class SubscribeRefused(Struct, frozen=True):
    """The venue refused a subscription; these symbols are asked for again later. No symbols: it did not say which."""

    symbols: tuple[str, ...]
    code: int | None
    message: str


class BadFrame(Struct, frozen=True):
    """A frame was dropped: the first of its reason in this minute, for the log."""

    reason: str
    symbol: str | None
    id: int | None
    sample: bytes


Notice = Up | Lost | Replace | SubscribeRefused | BadFrame | Liquidation


class Sample(Struct, frozen=True):
    """One dropped frame, cut to its beginning."""

    ts_recv: int
    reason: str
    symbol: str | None
    id: int | None
    frame: bytes
