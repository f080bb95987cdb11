"""Tickets: how a browser's `EventSource`, which can send no header, opens a stream without a key in the URL.

`POST /v1/ticket`, with the key in a header, gives a ticket for one use within 30 s. `GET /v1/stream?…&ticket=T` takes
it and sets a cookie, for an `EventSource` reconnects with the URL it was made with, and that ticket is used up. The
cookie is the day's pass of the key (see `keys`): out of the page's reach, sent to the stream alone, never to another
site, and valid for one to two days or until the key is not.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web
from msgspec import Struct

from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.keys import Pass
from orderflow_stream.delivery.http.params import Query

if TYPE_CHECKING:  # the context holds what holds the tickets
    from orderflow_stream.delivery.http.context import Context

LIFE: Final = 30.0
#: Of one key, unused; one more, and its oldest is void.
MOST: Final = 32
COOKIE: Final = "orderflow_stream"
COOKIE_PATH: Final = "/v1/stream"


class _Ticket(Struct, frozen=True):
    claim: Pass
    until: float


class Tickets:
    """Those that are not used yet. Bounded: by the number of keys times `MOST`."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[str, OrderedDict[str, _Ticket]] = {}  # by the key's id, oldest first

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def issue(self, claim: Pass, now: float) -> str:
        """A new one; `now` in monotonic seconds."""
        mine = self._of.setdefault(claim.key, OrderedDict())
        while mine and (len(mine) >= MOST or next(iter(mine.values())).until <= now):
            mine.popitem(last=False)
        ticket = f"{claim.key}.{secrets.token_urlsafe(32)}"
        mine[ticket] = _Ticket(claim, now + LIFE)
        return ticket

    def use(self, ticket: str, now: float) -> Pass | None:
        """The pass that it stands for; None where it is used, too old or nothing at all."""
        key, dot, _ = ticket.partition(".")
        mine = self._of.get(key) if dot else None
        if mine is None:
            return None
        found = mine.pop(ticket, None)
        if not mine:
            del self._of[key]
        return found.claim if found is not None and found.until > now else None

    def void(self, key: str) -> None:
        """Those of a key that is no more."""
        self._of.pop(key, None)


async def ticket(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    """Where no key is asked for, a ticket is not looked at either; so a page need not know which it is."""
    made, holds = context.auth.ticket(request)
    data = {"ticket": made, "expires_in": int(LIFE), "cookie_expires_in": holds}
    return success(request, context.now(), orjson.dumps(data), "Ticket issued; it opens one stream")
