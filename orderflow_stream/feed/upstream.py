"""What REST work needs to know of its neighbours: a venue's requests and answers, and what the tapes already hold.

`venues` fulfils `RestVenue`, the engine (through the roof) fulfils `Books`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from orderflow_stream.core.events import Event, Instrument, Trade

#: The most trades a page may have.
PAGE: Final = 1000

Sink = Callable[[Event], None]


class RestRequest(Protocol):
    """One GET, relative to the base URL."""

    @property
    def path(self) -> str: ...
    @property
    def params(self) -> dict[str, str]: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def weight(self) -> int: ...


class RestVenue(Protocol):
    """The part of a codec that speaks of trades over REST. Decoders raise `ValueError` on what is no answer."""

    def trades_request(
        self, symbol: str, *, from_id: int | None = None, start: int | None = None, limit: int = PAGE
    ) -> RestRequest: ...
    def decode_trades(self, instrument: Instrument, body: bytes, ts_recv: int) -> list[Trade]: ...
    def time_request(self) -> RestRequest: ...
    def decode_time(self, body: bytes) -> int: ...
    def error(self, status: int, body: bytes) -> tuple[int | None, str]: ...


class Books(Protocol):
    """What the tapes hold, by instrument key; None (0 for `count`) where there is no tape or it is empty."""

    def newest_id(self, key: str) -> int | None:
        """The newest id received."""

    def newest_ts(self, key: str) -> int | None:
        """Venue time (µs) of the newest trade held."""

    def oldest_id(self, key: str) -> int | None:
        """The oldest id that the tape still answers for."""

    def oldest_ts(self, key: str) -> int | None:
        """Venue time (µs) of the oldest trade held."""

    def count(self, key: str) -> int:
        """Valid trades held."""

    def warming(self, key: str) -> bool:
        """Whether a stream brings it, and its past has still to be read by a warm-up."""

    def reset(self, key: str) -> None:
        """Empty the tape of a symbol read on demand that has fallen too far behind to be joined. What a stream brings
        stays as it is: any page can be joined to that, holes and all."""
