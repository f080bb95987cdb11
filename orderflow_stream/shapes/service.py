"""The shapes of what the service says of itself: health, keys, the configuration, and every failure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType

from orderflow_stream.shapes.units import Code, Count, Millis, PlainSeconds, TradeCount, WholeSeconds, says
from orderflow_stream.shapes.words import FeedState, Symbol, Venue

States = Annotated[dict[str, Count], says("how many instruments are in which state of feed")]


class AnswerMeta(Struct, forbid_unknown_fields=True):
    """Of every answer."""

    timestamp: Annotated[str, says("when it was given: ISO 8601, UTC, with milliseconds")]
    request_id: Annotated[str, says("its id, also in the header X-Request-Id and in the log; the client's own if sent")]


class Ticket(Struct, forbid_unknown_fields=True):
    """For one `/v1/stream?ticket=`, which then sets a cookie."""

    ticket: Annotated[str, says("the ticket; good for one use")]
    expires_in: Annotated[WholeSeconds, says("until the ticket is void")]
    cookie_expires_in: Annotated[WholeSeconds, says("until the cookie is void that the stream sets")]


class Reloaded(Struct, forbid_unknown_fields=True):
    """What reading the configuration anew has changed."""

    changed: Annotated[list[str], says("dotted keys that are in force with a new value")]
    restart: Annotated[list[str], says("dotted keys that have a new value, in force only after a restart")]


class Alive(Struct, forbid_unknown_fields=True):
    """The process answers."""

    status: Annotated[Literal["ok", "closing"], says("closing: it drains and will end")]
    version: Annotated[str, says("of the daemon")]


class JournalState(Struct, forbid_unknown_fields=True):
    """Whether what happens is written to the journal, and why not."""

    state: Annotated[
        Literal["off", "ok", "slow", "failed"],
        says("off: none is configured; slow: the disk lags behind; failed: nothing is written now"),
    ]
    reason: Annotated[str | None, says("why it is not ok; null where it is")]


class NotReady(Struct, forbid_unknown_fields=True):
    """An instrument that is not as it should be."""

    symbol: Symbol
    state: FeedState
    since: Annotated[Millis, says("since when it is in this state")]
    reason: Annotated[str, says("why, for a person")]
    missing_total: Annotated[TradeCount, says("ids of its newest 5,000 that are missing; 0 where strict was not asked")]


class Ready(Struct, forbid_unknown_fields=True):
    """Whether the daemon may be sent traffic, and what is in the way."""

    ready: Annotated[bool, says("start-up is over and the feeds are live")]
    strict: Annotated[bool, says("strict=1 was asked: every instrument must be warm and complete")]
    reasons: Annotated[list[str], says("why it is not ready, for a person; empty where it is")]
    instruments: Annotated[Count, says("instruments that are streamed")]
    states: States
    journal: Annotated[JournalState, says("whether what happens is written down")]
    not_ready_total: Annotated[Count, says("instruments that are not as they should be")]
    not_ready: Annotated[list[NotReady], says("the first 100 of them")]


class Repairs(Struct, forbid_unknown_fields=True):
    """What is missing and being read again of REST."""

    symbols: Annotated[Count, says("instruments that lack trades")]
    calls: Annotated[Count, says("questions to REST that this takes")]
    trades: Annotated[TradeCount, says("trades that are missing")]
    seconds_left: Annotated[
        PlainSeconds | None, says("until all of it will have been asked for; null where REST does not answer")
    ]


class VenueReady(Struct, forbid_unknown_fields=True):
    """One venue's instruments."""

    instruments: Annotated[Count, says("instruments of the venue that are streamed")]
    states: States
    not_ready_total: Annotated[Count, says("those that are not as they should be")]
    repair: Annotated[Repairs | UnsetType, says("what is being read again; only as long as something is")] = UNSET


class VenueNotReady(NotReady):
    """An instrument that is not as it should be, of one of several venues."""

    venue: Annotated[Venue | UnsetType, says("its venue; only where several are on")] = UNSET


class VenuesReady(Ready):
    """The same where several venues are on, or trades are missing that are asked for."""

    not_ready: Annotated[  # type: ignore[assignment]  # each is one of those of one venue, with more
        list[VenueNotReady], says("the first 100 of them")
    ]
    repair: Annotated[Repairs | UnsetType, says("what is being read again; only as long as something is")] = UNSET
    venues: Annotated[dict[str, VenueReady] | UnsetType, says("by venue; only where several are on")] = UNSET


class ErrorBody(Struct, forbid_unknown_fields=True):
    """For a program."""

    code: Annotated[Code, says("what kind of failure this is")]
    param: Annotated[str | None, says("the parameter at fault; null where it is none")]


class Failure(Struct, forbid_unknown_fields=True):
    """The envelope of every failure."""

    data: Annotated[Ready | None, says("null, but for /readyz, which says what is not ready")]
    meta: Annotated[AnswerMeta, says("of every answer")]
    status: Annotated[Literal["error"], says("error")]
    message: Annotated[str, says("what is wrong and what would be right, for a person")]
    error: Annotated[ErrorBody, says("the same for a program")]
    success: Annotated[Literal[False], says("false")]


class VenuesFailure(Failure):
    """The envelope of a daemon with several venues that is not ready."""

    data: Annotated[VenuesReady | None, says("null, but for /readyz, which says what is not ready")]
