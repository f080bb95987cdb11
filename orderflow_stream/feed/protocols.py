"""What the feed asks of a venue: the seam between connection policy and one exchange's wire format.

A codec fulfils these by shape, not by inheritance, so that neither package knows the other. Replies are told apart by
their `kind`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, Protocol

from orderflow_stream.core.events import Instrument, Trade


class AckReply(Protocol):
    """The control request `id` was accepted."""

    kind: ClassVar[Literal["ack"]]

    @property
    def id(self) -> int | None: ...


class RefusedReply(Protocol):
    """The control request `id` (None: unreadable) was refused."""

    kind: ClassVar[Literal["refused"]]

    @property
    def id(self) -> int | None: ...
    @property
    def code(self) -> int | None: ...
    @property
    def message(self) -> str: ...


class ShutdownReply(Protocol):
    """The server announces that it will close this connection."""

    kind: ClassVar[Literal["shutdown"]]


class RejectedReply(Protocol):
    """A frame that is no trade of a watched symbol. `reason` is one of the codec's closed set."""

    kind: ClassVar[Literal["rejected"]]

    @property
    def reason(self) -> str: ...
    @property
    def symbol(self) -> str | None: ...
    @property
    def id(self) -> int | None: ...


Reply = AckReply | RefusedReply | ShutdownReply | RejectedReply


class StreamVenue(Protocol):
    """The streaming half of a venue's codec. (Of a codec of liquidations `decode` tells those instead of trades; all
    that keeps connections takes it as well.)"""

    @property
    def name(self) -> str: ...

    @property
    def max_streams(self) -> int:
        """The most streams the venue allows on one connection."""
        ...

    @property
    def stream_url_default(self) -> str: ...

    @property
    def stream_fallbacks(self) -> tuple[str, ...]:
        """Other public base URLs of the same streams."""
        ...

    def watch(self, instruments: Iterable[Instrument]) -> None:
        """Resolve trades of these from now on."""
        ...

    def unwatch(self, symbols: Iterable[str]) -> None:
        """No longer resolve trades of these."""
        ...

    def batches(self, symbols: Iterable[str]) -> list[tuple[str, ...]]:
        """Symbols cut, in order, into batches that fit one URL and one control frame."""
        ...

    def stream_url(self, base: str, symbols: Sequence[str]) -> str:
        """The URL that opens a connection with one batch subscribed."""
        ...

    def subscribe(self, symbols: Sequence[str], id: int) -> str:
        """The control frame that adds one batch."""
        ...

    def unsubscribe(self, symbols: Sequence[str], id: int) -> str:
        """The control frame that drops one batch."""
        ...

    def decode(self, frame: bytes | str, ts_recv: int) -> Trade | Reply:
        """One frame as what it says; must never raise. `ts_recv` in microseconds of venue time."""
        ...


class Clock(Protocol):
    """Two clocks: `now` is venue time in microseconds and never steps back, `monotonic` is seconds for intervals."""

    def now(self) -> int: ...

    def monotonic(self) -> float: ...
