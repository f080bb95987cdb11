"""Whether the other end is there at all: asked by a ping, and only while it is silent.

A peer that vanished without a word (its machine stopped, packets dropped on the way) looks like a calm market. So a
link on which nothing at all has come for a second is asked, and one that does not answer within a second and a half is
taken for dead: at most three seconds in all. One that carried data steadily is asked sooner and gets less time, since
its silence alone says something: at most 2.2 s. What we did not read while we were held up ourselves counts for nobody.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["", "dead", "revived"]


class Pulse:
    """`look` at every tick. Times are microseconds of a clock that never steps back."""

    def __init__(self, ask_after: int, answer_within: int, steady: tuple[int, int] | None = None) -> None:
        """`steady`: the same two where data came steadily up to the silence."""
        self._usual = ask_after, answer_within
        self._steady = steady or self._usual
        self.patience = answer_within  # with the last question
        self.begin(0)

    def begin(self, now: int) -> None:
        """The link is open since `now`."""
        self.heard = now  # when a whole frame, of whatever kind, last came
        self._asked: int | None = None
        self.due = False  # a ping is to be sent
        self.dead = False

    def look(self, now: int, life: bool, steady: bool = False) -> Verdict:
        """`life`: a whole frame came since the last look; `steady`: data came steadily up to the last of it."""
        self.due = False
        if life:
            self.heard = now
            self._asked = None
            if self.dead:
                self.dead = False
                return "revived"
        elif self.dead:
            return ""
        elif self._asked is not None:
            if now - self._asked > self.patience:
                self.dead = True
                return "dead"
        else:
            ask_after, self.patience = self._steady if steady else self._usual
            self.due = now - self.heard >= ask_after
        return ""

    def asked(self, now: int) -> None:
        """A ping was sent."""
        self._asked = now
        self.due = False

    def skip(self, span: int) -> None:
        """`span` of the time since the last look does not count: nobody was reading."""
        self.heard += span
        if self._asked is not None:
            self._asked += span


class Lateness:
    """Whether trades have been late all the time for long. One that never falls may be the connection's (TCP does not
    skip: what once came late stays late) or the venue's: what a second connection brings tells which."""

    def __init__(self, limit: int, span: int) -> None:
        """More than `limit` for `span`, both in microseconds."""
        self._limit = limit
        self._span = span
        self._since: int | None = None
        self._not_before = 0

    def look(self, now: int, lag: int | None) -> bool:
        """`lag`: of the newest trade, None before it."""
        if lag is None or lag < self._limit or now < self._not_before:
            self._since = None
        elif self._since is None:
            self._since = now
        return self._since is not None and now - self._since > self._span

    def pardon(self, until: int) -> None:
        """What was late up to then does not count."""
        self._since = None
        self._not_before = until
