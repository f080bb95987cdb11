"""What every codec says, whatever the venue: replies to frames, requests and answers of REST. Plain values.

A new venue uses these as they are; a reason that none of `REASONS` names is added there, since the set is closed.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, get_args

from msgspec import Struct

from orderflow_stream.core.events import Instrument

#: Why a row is no trade; a closed set, fit for a metric's label.
RowFault = Literal["id", "price", "quantity", "fills", "time", "market"]

#: Why a frame was rejected; a closed set, fit for a metric's label. `market`: it belongs to another market of the
#: exchange, whose events share the stream.
Reason = Literal[
    "json", "shape", "event", "symbol", "unwatched", "id", "price", "quantity", "fills", "time", "side", "market"
]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


class Ack(Struct, frozen=True):
    """The request `id` was well-formed. (Binance acknowledges names that do not exist as well.)"""

    kind: ClassVar[Literal["ack"]] = "ack"
    id: int | None


class Refused(Struct, frozen=True):
    """The request `id` was refused; `id` is None where the exchange could not read one."""

    kind: ClassVar[Literal["refused"]] = "refused"
    id: int | None
    code: int | None
    message: str


class Shutdown(Struct, frozen=True):
    """The server is about to close this connection; no notice period is promised."""

    kind: ClassVar[Literal["shutdown"]] = "shutdown"


class Rejected(Struct, frozen=True):
    """A frame that is no trade of a watched symbol; `symbol` and `id` where they could be read."""

    kind: ClassVar[Literal["rejected"]] = "rejected"
    reason: Reason
    symbol: str | None = None
    id: int | None = None


Reply = Ack | Refused | Shutdown | Rejected


class Request(Struct, frozen=True):
    """One GET, relative to the venue's base URL. `params` are not percent-encoded; `weight` counts per minute."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    weight: int


class RateLimit(Struct, frozen=True):
    """`limit` per `interval_s` seconds; `kind` is the venue's word (`REQUEST_WEIGHT`, `RAW_REQUESTS`, `ORDERS`)."""

    kind: str
    interval_s: int
    limit: int


class ExchangeInfo(Struct, frozen=True):
    """What is listed; `server_time` in microseconds (0 if unstated); `skipped` counts entries that were unreadable."""

    instruments: tuple[Instrument, ...]
    limits: tuple[RateLimit, ...]
    server_time: int
    skipped: int = 0


class AnswerError(ValueError):
    """A REST body that is not what was asked for; the message says what is wrong and shows its beginning."""

    def __init__(self, what: str, body: bytes, why: object = "") -> None:
        super().__init__(f"not an answer to {what}: {why or 'unexpected shape'}; it begins {body[:80]!r}")
