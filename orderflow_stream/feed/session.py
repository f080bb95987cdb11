"""The policy of one connection as a state machine: no socket, no clock, no chance.

The owner opens a socket on `Session.url`, calls `opened`, hands every frame to `receive` and calls `tick` when asked
(`WakeAt`). What the socket should do comes back as commands, what others should know as notices (`take`). A trade is
returned by `receive` straight away: one call, no list.

`now` is microseconds of any clock that never steps back (a monotonic one: an exchange's clock may be corrected);
`ts_recv` is venue time and is only stamped on what is received.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, Literal, get_args

from msgspec import Struct

from orderflow_stream.core.events import Liquidation, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import (
    BadFrame,
    Close,
    Command,
    Lost,
    Notice,
    Ping,
    Policy,
    Replace,
    ReplaceReason,
    Sample,
    Send,
    SubscribeRefused,
    Up,
    WakeAt,
)
from orderflow_stream.feed.protocols import RefusedReply, RejectedReply, Reply, StreamVenue
from orderflow_stream.feed.pulse import Lateness, Pulse
from orderflow_stream.feed.rejects import Rejects
from orderflow_stream.feed.rhythm import Rhythm
from orderflow_stream.feed.twins import Sight

__all__ = [
    "BadFrame", "Close", "Command", "Lost", "Notice", "Ping", "Policy", "Replace", "ReplaceReason", "Sample", "Send",
    "Session", "SubscribeRefused", "Up", "WakeAt",
]  # fmt: skip

_RANK: Final = {reason: rank for rank, reason in enumerate(get_args(ReplaceReason))}

Mark = Literal["new", "open", "closing", "closed"]


class _Asked(Struct):
    subscribe: bool
    symbols: tuple[str, ...]
    deadline: int


class Session:
    """One connection's life. Public: `trades` and `last` (how many came, and the newest arrival), `up` (symbols
    subscribed), `lost` (they are known not to come), `mark`, `notices`."""

    def __init__(
        self, venue: StreamVenue, symbols: Iterable[str], *, policy: Policy | None = None, spread: float = 0.0
    ) -> None:
        """`symbols` in order of importance; `spread` in [0, 1) is this session's own share of `Policy.age_spread`."""
        self._venue = venue
        self._decode: Callable[[bytes | str, int], Trade | Liquidation | Reply] = venue.decode
        self._policy = policy or Policy()
        self._spread = min(max(spread, 0.0), 1.0)
        self._wanted = dict.fromkeys(symbols)
        self._first: tuple[str, ...] = ()
        self._sent: dict[str, None] = {}
        self._confirmed: set[str] = set()  # of those sent, also where they are no longer wanted
        self._asked: dict[int, _Asked] = {}
        self._refused: dict[str, int] = {}  # symbol -> when to ask again, 0 until the next tick knows the time
        self._unsettled = True  # wanted and sent may differ
        self._next_id = 1
        self._next_send = 0
        self._pinged = False  # the last frame of ours was a ping
        self._strikes = 0
        self._opened = 0
        self._life = False
        self._ticked = 0
        self._judged = 0  # trades as of the last tick
        self._pulse = Pulse(self._policy.ask_after, self._policy.answer_within, self._policy.steady)
        self._rhythm = Rhythm(self._policy.fast_silence, self._policy.busy_silence, self._policy.silence)
        self._lateness = Lateness(self._policy.lag, self._policy.lag_for)
        self.lost = False
        self._rejects = Rejects(self._policy.bad_per_minute)
        self._replacing: ReplaceReason | None = None
        self.mark: Mark = "new"
        self.up: dict[str, None] = {}
        self.notices: list[Notice] = []
        self.trades = 0
        self.last: Trade | None = None
        self.control_frames = 0
        self._others = 0  # frames that were no trade
        self._other_recv = 0

    # -- what the owner asks -------------------------------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols this connection is to carry."""
        return tuple(self._wanted)

    @property
    def ready(self) -> bool:
        """Open, and every symbol is subscribed (or was refused)."""
        return self.mark == "open" and all(symbol in self.up or symbol in self._refused for symbol in self._wanted)

    @property
    def bad(self) -> Counter[str]:
        """Frames that were no trade of a symbol of ours, by reason; `samples` are the last ten."""
        return self._rejects.bad

    @property
    def samples(self) -> deque[Sample]:
        return self._rejects.samples

    @property
    def frames(self) -> int:
        """All frames so far."""
        return self.trades + self._others

    @property
    def last_recv(self) -> int:
        """Venue time (µs) at which the last frame came; 0 before it."""
        return max(self._other_recv, self.last.ts_recv if self.last is not None else 0)

    @property
    def sight(self) -> Sight:
        """What one that carries the same symbols is compared with."""
        return Sight(self.trades, -1 if self.last is None else self.last.ts_event)

    @property
    def lag(self) -> int | None:
        """How far (µs) the newest arrival was behind the venue's own time of it; None before it."""
        return None if self.last is None else self.last.ts_recv - self.last.ts_event

    @property
    def mute(self) -> bool:
        """It fell silent out of its rhythm and has brought no trade since, also where it was pardoned for that."""
        return self._rhythm.mute

    def url(self, base: str) -> str:
        """Where to connect: the first batch of symbols rides in the URL and needs no answer. What is added or removed
        after this call goes by control frames."""
        self._first = next(iter(self._venue.batches(self._wanted)), ())
        return self._venue.stream_url(base, self._first)

    def take(self) -> list[Notice]:
        """The notices since the last call."""
        taken, self.notices = self.notices, []
        return taken

    # -- what happens --------------------------------------------------------------------------------------------------

    def opened(self, now: int) -> list[Command]:
        """The socket is open on `url`."""
        self.mark = "open"
        self._opened = self._ticked = now
        self._rejects.tick(now)
        self._pulse.begin(now)
        self._rhythm.begin(now)
        self._next_send = now
        self._sent = dict.fromkeys(self._first)
        self._confirmed = set(self._first)
        self._unsettled = True
        self._rise(self._first)
        return self.tick(now)

    def receive(self, frame: bytes | str, ts_recv: int) -> Trade | None:
        """One frame. A trade is returned; all else is dealt with inside and shows in `notices` and the counters."""
        message = self._decode(frame, ts_recv)
        if isinstance(message, Trade):
            self.trades += 1
            self.last = message
            return message
        self._others += 1
        self._other_recv = ts_recv
        self._control(message, frame, ts_recv)
        return None

    def alive(self) -> None:
        """A whole frame came since the last tick, of whatever kind. (Bytes that drip prove nothing.)"""
        self._life = True

    def ponged(self, now: int) -> None:
        """The socket answered the server's ping: that frame counts towards the venue's limit as ours do."""
        self._next_send = max(self._next_send, now + self._policy.control_interval)

    def condemn(self, reason: ReplaceReason | None, why: str = "") -> None:
        """Whoever sees more has judged it (None: it stays all the same). `why`: its symbols do not come, in words."""
        if self.mark == "open" and why:
            self._lose(why)
        if self.mark == "open" and reason is not None:
            self._replace(reason)

    def pardon(self, now: int) -> None:
        """What it was to be replaced for was no fault of its own: judge it anew."""
        self._replacing = None
        self._lateness.pardon(now + self._policy.pardon)
        self._rhythm.begin(now)

    def add(self, symbols: Iterable[str], now: int) -> list[Command]:
        """Carry these as well, from the next free control frame on."""
        for symbol in symbols:
            self._wanted[symbol] = None
        self._rise(symbol for symbol in self._wanted if symbol in self._confirmed)  # removed, and not yet off the wire
        return self._settle(now)

    def remove(self, symbols: Iterable[str], now: int) -> list[Command]:
        """Carry these no longer; unknown ones are ignored."""
        for symbol in symbols:
            self._wanted.pop(symbol, None)
            self._refused.pop(symbol, None)
            self.up.pop(symbol, None)
        return self._settle(now)

    def tick(self, now: int) -> list[Command]:
        """Everything that is due; ends with the time of the next call unless the connection is to be closed."""
        if self.mark != "open":
            return []
        if (reason := self._judge(now)) is not None:
            return self._close(reason)
        commands: list[Command] = []
        turn = self._unsettled and self._pinged  # in turns: neither may keep the other waiting
        if self._pulse.due and now >= self._next_send and not turn:
            self._pulse.asked(now)
            self._pinged = True
            self._next_send = now + self._policy.control_interval
            commands.append(Ping())
        elif (text := self._next_control(now)) is not None:
            self._pinged = False
            commands.append(Send(text))
        at = now + self._policy.tick
        if self._unsettled:
            at = min(at, max(self._next_send, now + 1))
        commands.append(WakeAt(at))
        return commands

    def closed(self) -> tuple[str, ...]:
        """The socket is gone, whoever closed it. Returns the symbols it was to carry."""
        self.mark = "closed"
        self.up.clear()
        self._confirmed.clear()
        self._asked.clear()
        return tuple(self._wanted)

    # -- judgement -----------------------------------------------------------------------------------------------------

    def _judge(self, now: int) -> str | None:
        """Raises `Replace` where it is due; returns a reason to close at once."""
        policy = self._policy
        if (late := now - self._ticked - policy.tick) > policy.tick:
            # We were held up, not the exchange: what came meanwhile may still wait to be read.
            self._pulse.skip(late)
            self._rhythm.skip(late)
            self._lateness.pardon(now)
        self._ticked = now
        fresh, self._judged = self.trades - self._judged, self.trades
        life, self._life = self._life or fresh > 0, False
        if fresh:
            self._rhythm.heard(now, fresh)
            if self.lost:
                self._revive()
        match self._pulse.look(now, life, self._rhythm.steady):
            case "dead":
                self._lose(f"no answer to a ping for {self._pulse.patience / US_PER_S:.1f} s")
                self._replace("dead")
            case "revived":
                self._revive()
        self._rejects.tick(now)
        self._ask_again(now)
        if now - self._pulse.heard > 2 * policy.silence:
            return "silence"
        if self._rhythm.broken(now):
            self._replace("silence")
        elif now - self._opened > policy.max_age - int(self._spread * policy.age_spread):
            self._replace("age")
        elif self._lateness.look(now, self.lag):
            self._replace("lag")
        return self._unanswered(now)

    def _ask_again(self, now: int) -> None:
        for symbol, at in list(self._refused.items()):
            if at == 0:
                self._refused[symbol] = now + self._policy.refused_retry
            elif at <= now:
                del self._refused[symbol]
                self._unsettled = True

    def _lose(self, why: str) -> None:
        if not self.lost and self.up:
            self.lost = True
            self.notices.append(Lost(tuple(self.up), why))

    def _revive(self) -> None:
        if self.lost:
            self.lost = False
            self.notices.append(Up(tuple(self.up)))

    def _unanswered(self, now: int) -> str | None:
        if any(asked.deadline <= now for asked in self._asked.values()):
            self._strikes += 1
            if self._strikes > 1:
                return "unanswered"
            for asked in self._asked.values():  # ask again for all that is open: an answer may be lost, never wrong
                if asked.subscribe:
                    self._sent = {symbol: None for symbol in self._sent if symbol not in asked.symbols}
                else:
                    self._sent.update((symbol, None) for symbol in asked.symbols if symbol not in self._wanted)
            self._asked.clear()
            self._unsettled = True
        return None

    def _replace(self, reason: ReplaceReason) -> None:
        if self._replacing is None or _RANK[reason] > _RANK[self._replacing]:
            self._replacing = reason
            self.notices.append(Replace(reason))

    def _close(self, reason: str) -> list[Command]:
        self.mark = "closing"
        return [Close(1000, reason)]

    # -- subscriptions: what is wanted against what the wire was told --------------------------------------------------

    def _settle(self, now: int) -> list[Command]:
        self._unsettled = True
        return self.tick(now)

    def _next_control(self, now: int) -> str | None:
        """The next control frame, where one is due and may be sent now."""
        if not self._unsettled or now < self._next_send:
            return None
        drop = [symbol for symbol in self._sent if symbol not in self._wanted]
        add = [symbol for symbol in self._wanted if symbol not in self._sent and symbol not in self._refused]
        if not drop and not add:
            self._unsettled = False
            return None
        # First out, then in: a connection at the venue's limit of streams has no room for the new ones before.
        batch = self._venue.batches(drop or add)[0]
        number = self._next_id
        self._next_id += 1
        self._next_send = now + self._policy.control_interval
        self._asked[number] = _Asked(not drop, batch, now + self._policy.ack_timeout)
        self.control_frames += 1
        if drop:
            for symbol in batch:
                del self._sent[symbol]
                self._confirmed.discard(symbol)
            return self._venue.unsubscribe(batch, number)
        self._sent.update(dict.fromkeys(batch))
        return self._venue.subscribe(batch, number)

    def _rise(self, symbols: Iterable[str]) -> None:
        risen = tuple(symbol for symbol in symbols if symbol in self._wanted and symbol not in self.up)
        if risen:
            self.up.update(dict.fromkeys(risen))
            self.notices.append(Up(risen))

    # -- frames that are no trades -------------------------------------------------------------------------------------

    def _control(self, message: Liquidation | Reply, frame: bytes | str, ts_recv: int) -> None:
        if isinstance(message, Liquidation):
            self.notices.append(message)
        elif message.kind == "rejected":
            self._rejected(message, frame, ts_recv)
        elif message.kind == "ack":
            self._strikes = 0
            asked = self._asked.pop(message.id, None) if message.id is not None else None
            if asked is not None and asked.subscribe:
                self._confirmed.update(symbol for symbol in asked.symbols if symbol in self._sent)
                self._rise(symbol for symbol in asked.symbols if symbol in self._confirmed)
        elif message.kind == "refused":
            self._refusal(message)
        else:
            self._replace("shutdown")

    def _refusal(self, message: RefusedReply) -> None:
        self._strikes = 0
        asked = self._asked.pop(message.id, None) if message.id is not None else None
        symbols: tuple[str, ...] = ()
        if asked is not None and asked.subscribe:
            symbols = tuple(symbol for symbol in asked.symbols if symbol in self._sent)
            for symbol in symbols:
                del self._sent[symbol]
                if symbol in self._wanted:
                    self._refused[symbol] = 0
            self._unsettled = True
        self.notices.append(SubscribeRefused(symbols, message.code, message.message))

    def _rejected(self, message: RejectedReply, frame: bytes | str, ts_recv: int) -> None:
        told = self._rejects.add(message, frame, ts_recv)
        if told is not None:
            self.notices.append(told)
        if self._rejects.too_many:
            self._replace("bad_frames")
