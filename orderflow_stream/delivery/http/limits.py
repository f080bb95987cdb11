"""How much is too much: requests a second, a month, and wrong keys a minute.

Every table here has a bound. Of addresses the ones heard of least recently are forgotten first, and whoever is
forgotten begins anew; so a stranger with more addresses than `MOST_ADDRESSES` evades these limits, and no stranger can
make us hold more than that.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from math import ceil
from typing import Final

from msgspec import Struct

MOST_ADDRESSES: Final = 10_000
#: Wrong keys that one address may try in a span (s) before it is told to wait (s).
WRONG_KEYS: Final = 10
SPAN: Final = 60.0
PENALTY: Final = 60.0
_MOST_CLIENTS: Final = 10_000


class Verdict(Struct, frozen=True):
    """One request before a limit. `wait` is 0 where it is let in, else the seconds until it would be; `policy` and
    `state` are its members of the header fields RateLimit-Policy and RateLimit."""

    wait: float
    policy: str
    state: str


class Rate(Struct, frozen=True):
    """So many requests a second, `burst` of them at once (GCRA): one number of state for each who is limited.

    `policy` is its member of RateLimit-Policy: `burst` requests in the time that the whole of it takes to come back.
    """

    name: str
    per_second: float
    burst: int
    policy: str = ""

    @classmethod
    def of(cls, name: str, per_second: float, burst: int) -> Rate:
        return cls(name, per_second, burst, f'"{name}";q={burst};w={max(1, ceil(burst / per_second))}')

    def take(self, due: float, now: float) -> tuple[float, Verdict]:
        """One request at `now` (monotonic seconds) of somebody whose allowance is whole again at `due`; the new `due`
        and the verdict."""
        step = 1.0 / self.per_second
        due = max(due, now)
        room = self.burst * step - (due - now)
        # A thousandth of a step: what is due exactly now must not fail for the last bit of a sum.
        wait = 0.0 if room >= 0.999 * step else step - room
        if wait:
            return due, Verdict(wait, self.policy, f'"{self.name}";r=0;t={max(1, ceil(wait))}')
        left = int((room - step) * self.per_second + 0.001)
        due += step
        return due, Verdict(0.0, self.policy, f'"{self.name}";r={left};t={ceil(due - now)}')


class Addresses:
    """The allowance of each address."""

    __slots__ = ("_due", "_most")

    def __init__(self, most: int = MOST_ADDRESSES) -> None:
        self._due: OrderedDict[str, float] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._due)

    def take(self, address: str, rate: Rate, now: float) -> Verdict:
        """One request of that address."""
        due, verdict = rate.take(self._due.get(address, 0.0), now)
        self._due[address] = due
        self._due.move_to_end(address)
        if len(self._due) > self._most:
            self._due.popitem(last=False)
        return verdict


class Penalty:
    """Addresses that try wrong keys: after `WRONG_KEYS` within `SPAN`, the next ones are told to wait for `PENALTY`.

    A right key is let in all the while: guessing 256 bits is hopeless at any speed, and were everybody behind one
    address shut out, a stranger there (or behind a proxy that is not configured as one) could shut out all others.
    """

    __slots__ = ("_most", "_seen")

    def __init__(self, most: int = MOST_ADDRESSES) -> None:
        self._seen: OrderedDict[str, tuple[float, int, float]] = OrderedDict()  # begin of the span, wrong, until
        self._most = most

    def __len__(self) -> int:
        return len(self._seen)

    def wrong(self, address: str, now: float) -> tuple[float, bool]:
        """A wrong key from there: seconds it must wait (0: it is only told that the key is wrong), and whether the
        penalty begins with this one."""
        began, count, until = self._seen.get(address, (now, 0, 0.0))
        if until > now:
            return until - now, False
        if now - began >= SPAN or until:
            began, count, until = now, 0, 0.0
        count += 1
        begins = count > WRONG_KEYS
        if begins:
            until = now + PENALTY
        self._seen[address] = (began, count, until)
        self._seen.move_to_end(address)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return (PENALTY, True) if begins else (0.0, False)


class Usage:
    """Requests of each client in the running calendar month (UTC)."""

    __slots__ = ("_ends", "_length", "month", "used")

    def __init__(self, now: float) -> None:
        self.used: dict[str, int] = {}
        self.month = ""
        self._ends = 0.0
        self._length = 0
        self._turn(now)

    def _turn(self, now: float) -> None:
        moment = datetime.fromtimestamp(now, UTC)
        begin = datetime(moment.year, moment.month, 1, tzinfo=UTC)
        end = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
        self.month = f"{begin:%Y-%m}"
        self._ends = end.timestamp()
        self._length = round((end - begin).total_seconds())

    def _now(self, now: float) -> None:
        # A wall clock that steps back into the old month finds the new one's counts: nothing is given twice.
        if now >= self._ends:
            self._turn(now)
            self.used.clear()

    def take(self, client: str, most: int, now: float) -> Verdict:
        """One request of that client, of `most` a month; `now` is wall time."""
        self._now(now)
        used = self.used.get(client, 0)
        policy = f'"month";q={most};w={self._length}'
        rest = ceil(max(1.0, self._ends - now))
        if used >= most:
            return Verdict(float(rest), policy, f'"month";r=0;t={rest}')
        if client in self.used or len(self.used) < _MOST_CLIENTS:
            self.used[client] = used + 1
        return Verdict(0.0, policy, f'"month";r={most - used - 1};t={rest}')

    def state(self, now: float) -> dict[str, object]:
        """For the disk."""
        self._now(now)
        return {"month": self.month, "used": dict(sorted(self.used.items()))}

    def restore(self, state: object, now: float) -> None:
        """What `state` gave, in another life; counts of another month are over. ValueError for anything else."""
        self._now(now)
        match state:
            case {"month": str(month), "used": dict(used)}:
                if not all(isinstance(name, str) and type(count) is int and count >= 0 for name, count in used.items()):
                    raise ValueError("a count is no whole number")
            case _:
                raise ValueError("it is not what this program writes")
        if month == self.month:
            for name, count in list(used.items())[:_MOST_CLIENTS]:
                self.used[name] = max(count, self.used.get(name, 0))
