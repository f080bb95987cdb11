"""One request-weight budget per IP address, shared by everything that asks REST.

The venue counts weight in fixed calendar minutes and bans an address that goes on asking beyond the limit. So a
request first asks here, and is told to go or when to ask again:

- `repair` has 20 % that nobody else may touch; `probe` draws on the same share but leaves half of it to repairs;
- `user` may use 40 % at most; `warmup` takes what is left;
- what `user` has not used becomes free for the others as the minute passes (all of it at its end), so a warm-up never
  makes a person wait for the next minute, and nothing is wasted. The reserve of `repair` never becomes free.

Times are microseconds of venue time, weights the venue's units. Nothing here reads a clock.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final, Literal

from msgspec import Struct

Kind = Literal["repair", "probe", "user", "warmup"]
KINDS: Final[tuple[Kind, ...]] = ("repair", "probe", "user", "warmup")

MINUTE: Final = 60_000_000
SECOND: Final = 1_000_000
DEFAULT_LIMIT: Final = 6000

#: Our minute begins and ends this much after the venue's, and what is asked around the edge counts in both: neither
#: the way of a request nor a clock that is a little off may put two minutes' worth into one.
GUARD: Final = 250_000

#: Without `Retry-After`: how long a 429 and a 418 stop us (the shortest ban is two minutes).
_WAIT_429: Final = 60
_WAIT_418: Final = 120
#: Bans end after three days; a header beyond that is a mistake, not an order.
_LONGEST_WAIT: Final = 3 * 86_400


class Granted(Struct, gc=False):
    """Go. Hand it back to `settle` once the request has ended, however it ended."""

    kind: Kind
    weight: int
    window: int
    ended: int = 0  # requests that had ended when it was granted
    settled: bool = False


class WaitUntil(Struct, frozen=True, gc=False):
    """Ask again at `until` (µs): not before there is a chance."""

    until: int


class Weights(Struct, frozen=True):
    """The budget at a moment: `used` of `usable` this window, of the venue's `limit`; `foreign` is not ours."""

    used: int
    usable: int
    limit: int
    foreign: int
    by_kind: dict[str, int]


class Budget:
    """Grants request weight in calendar windows. See the module for the rules."""

    def __init__(
        self, limit: int = DEFAULT_LIMIT, *, percent: int = 90, guard: int = GUARD, most: int | None = None
    ) -> None:
        """`percent` of the venue's `limit` is used at most. `most`: never more than that a minute, whatever a list of
        symbols says: where two markets share the count of one address, one of them may state another figure."""
        self._percent = percent
        self._most = most
        self._stated: dict[str, tuple[int, int]] = {}  # who states a limit: limit and seconds
        self._others_before = dict.fromkeys(KINDS, 0)  # what all but that kind took in the window before this one
        self._guard = guard
        self._length = MINUTE
        self._window = -1
        self._now = 0
        self._spent = dict.fromkeys(KINDS, 0)
        self._flying = dict.fromkeys(KINDS, 0)
        self._late = dict.fromkeys(KINDS, 0)
        self._foreign = 0
        self._ended = 0
        self.blocked_until = 0
        self.set_limit(limit)

    def set_limit(self, limit: int, interval_s: int = 60, *, by: str = "") -> None:
        """The venue's limit as `exchangeInfo` states it: `limit` weight in `interval_s` seconds. `by`: which market
        says so, where several share this budget: the tightest holds."""
        if limit < 1 or interval_s < 1:
            raise ValueError(f"limit: {limit} weight in {interval_s} s is no limit (both must be at least 1)")
        self._stated = {name: said for name, said in self._stated.items() if name and by} | {by: (limit, interval_s)}
        limit, interval_s = min(self._stated.values(), key=_a_second)
        if self._most is not None and limit * 60 > self._most * interval_s:
            limit, interval_s = self._most, 60
        self.limit = limit
        self.interval_s = interval_s
        self.usable = limit * self._percent // 100
        self.reserve = self.usable // 5
        self.user_share = self.usable * 2 // 5
        if self._length != interval_s * SECOND:
            self._length = interval_s * SECOND
            self._window = -1  # windows are numbered anew; what is in flight is carried over

    def ask(self, kind: Kind, weight: int, now: int) -> Granted | WaitUntil:
        """May a request of `weight` go at `now`? `ValueError` where it could never go (more than its share)."""
        if weight > self._ceiling(kind):
            raise ValueError(
                f"weight: a {kind} request of {weight} can never go under a limit of {self.limit} a window"
            )
        now = self._roll(now)
        if now < self.blocked_until:
            return WaitUntil(self.blocked_until)
        left = self.usable - self._foreign - sum(self._spent.values()) - weight - self._held_for_repair(kind)
        if kind == "user" and self._spent["user"] + weight > self.user_share:
            return WaitUntil(self._next_window())
        own = kind == "user" or (kind == "repair" and self._spent["repair"] + weight <= self.reserve)
        promised = 0 if own else max(0, self.user_share - self._spent["user"])
        start = self._window * self._length + self._guard
        if left < promised * (self._length - (now - start)) // self._length:
            if left < 0 or not promised:
                return WaitUntil(self._next_window())
            # The promise shrinks evenly to nothing: from here on it is no more than what is left.
            ripe = start + self._length - left * self._length // promised
            return WaitUntil(min(max(ripe, now + 1), self._next_window()))
        self._spent[kind] += weight
        self._flying[kind] += weight
        return Granted(kind, weight, self._window, self._ended)

    def forecast(self, kind: Kind, weight: int, count: int, now: int) -> int:
        """When (µs) the last of `count` requests of `weight` will have been granted, should they all be wanted from
        `now` on and everybody else go on as in the window before. A stop is waited out. `ValueError` as of `ask`."""
        if weight > self._ceiling(kind):
            raise ValueError(f"weight: a {kind} request of {weight} can never go under a limit of {self.limit}")
        now = max(self._roll(now), self.blocked_until)
        window = (now - self._guard) // self._length
        others = self._others_before[kind]
        here = window == self._window
        taken = sum(self._spent.values()) + self._foreign if here else 0
        own = self._spent[kind] if here else 0
        user = self._spent["user"] if here else 0
        held = self._held_for_repair(kind) if here else self._reserved(kind)
        left = (self.usable - max(taken, others + own) - held) // weight
        if kind == "user":
            left = min(left, (self.user_share - own) // weight)
        if now >= (window + 1) * self._length - self._guard:
            left = 0  # what goes now counts in the next window as well
        if count <= left:
            return self._ripe(kind, own, taken + held, user, weight * count, window, now)
        count -= max(left, 0)
        held = self._reserved(kind)
        # The last one of a window is ripe at its end, which is the next one's beginning.
        each = (self.user_share if kind == "user" else self.usable - others - held) // weight - (kind != "user")
        whole, rest = divmod(count - 1, max(each, 1))  # of what others leave nothing of, one request at least
        window += 1 + whole
        start = window * self._length + self._guard
        return self._ripe(kind, 0, held, 0, weight * (rest + 1), window, start)

    def _ripe(self, kind: Kind, own: int, taken: int, user: int, wanted: int, window: int, now: int) -> int:
        """When `wanted` more weight will have been granted inside that window, as `ask` would."""
        if kind == "user" or (kind == "repair" and own + wanted <= self.reserve):
            return now
        promised = max(0, self.user_share - user)
        left = max(0, self.usable - taken - wanted)
        if left >= promised:
            return now
        end = (window + 1) * self._length + self._guard
        return max(now, end - left * self._length // promised)

    def _reserved(self, kind: Kind) -> int:
        """What `kind` leaves to repairs in a window in which nothing was asked yet."""
        return 0 if kind == "repair" else self.reserve // 2 if kind == "probe" else self.reserve

    def settle(self, grant: Granted, now: int, header: int | None = None) -> None:
        """The request has ended. `header`: the weight that the venue says is used in its current minute."""
        if grant.settled:
            return
        grant.settled = True
        now = self._roll(now)
        self._flying[grant.kind] -= grant.weight
        if now >= (self._window + 1) * self._length - self._guard:
            self._late[grant.kind] += grant.weight
        # An answer that crossed the edge may carry the old minute's count.
        if header is not None and grant.window == self._window:
            foreign = header - sum(self._spent.values())
            # Only where nothing else was under way the venue's count and ours are of the same requests: then it may
            # also be less (what never reached the venue weighs nothing there).
            alone = grant.ended == self._ended and not any(self._flying.values())
            self._foreign = foreign if alone else max(self._foreign, foreign)
        self._ended += 1

    def block(self, status: int, retry_after: str | None, now: int) -> int:
        """The venue answered 429 or 418: everything stops until its `Retry-After`. Returns whole seconds from `now`."""
        seconds = _seconds(retry_after, now)
        if seconds is None:
            seconds = _WAIT_418 if status == 418 else _WAIT_429
        seconds = min(max(seconds, 1), _LONGEST_WAIT)
        self.blocked_until = max(self.blocked_until, now + seconds * SECOND)
        return -(-(self.blocked_until - now) // SECOND)

    def weights(self, now: int) -> Weights:
        """For metrics and progress lines."""
        self._roll(now)
        used = sum(self._spent.values()) + self._foreign
        by_kind: dict[str, int] = {kind: self._spent[kind] for kind in KINDS}
        return Weights(used, self.usable, self.limit, max(0, self._foreign), by_kind)

    def _ceiling(self, kind: Kind) -> int:
        if kind == "repair":
            return self.usable
        if kind == "probe":
            return self.usable - self.reserve // 2
        return self.user_share if kind == "user" else self.usable - self.reserve

    def _held_for_repair(self, kind: Kind) -> int:
        """What `kind` must leave untouched for repairs to come."""
        if kind == "repair":
            return 0
        if kind == "probe":
            return max(0, self.reserve // 2 - self._spent["repair"])
        return max(0, self.reserve - self._spent["repair"] - min(self._spent["probe"], self.reserve // 2))

    def _next_window(self) -> int:
        return (self._window + 1) * self._length + self._guard

    def _roll(self, now: int) -> int:
        now = self._now = max(now, self._now)  # a clock that is set back does not give a minute twice
        window = (now - self._guard) // self._length
        if window != self._window:
            followed = window == self._window + 1
            all_ = sum(self._spent.values()) + max(0, self._foreign)
            self._others_before = {kind: all_ - self._spent[kind] if followed else 0 for kind in KINDS}
            for kind in KINDS:
                self._spent[kind] = self._flying[kind] + (self._late[kind] if followed else 0)
                self._late[kind] = 0
            self._foreign = 0
            self._window = window
        return now


def _a_second(stated: tuple[int, int]) -> float:
    return stated[0] / stated[1]


def _seconds(retry_after: str | None, now: int) -> int | None:
    """`Retry-After` as seconds from `now`: a number, or an HTTP date (which is in the venue's time, as `now` is)."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return min(int(text[:9]), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
        return -((now - int(moment.timestamp() * SECOND)) // SECOND)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
