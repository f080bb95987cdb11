"""The policy of one connection as a state machine: no socket, no clock, no chance.

The owner opens a socket on `Session.url`, calls `opened`, hands every frame to `receive` and calls `tick` when asked
(`WakeAt`). What the socket should do comes back as commands, what others should know as notices (`take`). A trade is
returned by `receive` straight away: one call, no list.

`now` is microseconds of any clock that never steps back (a monotonic one: an exchange's clock may be corrected);
`ts_recv` is venue time and is only stamped on what is received.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from orderflow_stream.core.events import Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.protocols import RefusedReply, RejectedReply, Reply, StreamVenue
from orderflow_stream.feed.rhythm import Rhythm

SAMPLES: Final = 10
_SAMPLE_BYTES: Final = 500

ReplaceReason = Literal["age", "shutdown", "silence", "bad_frames"]
Mark = Literal["new", "open", "closing", "closed"]


class Policy(Struct, frozen=True):
    """Limits of one connection, in microseconds where not said otherwise."""

    max_age: int = 23 * 3_600 * US_PER_S  # the exchange cuts at 24 h
    age_spread: int = 2 * 3_600 * US_PER_S  # sessions turn over this much earlier, each by its own share
    silence: int = 45 * US_PER_S  # without any byte: two of the server's pings (20 s) missed
    busy_silence: int = 2 * US_PER_S  # the least silence of data that condemns a connection with a steady flow
    ack_timeout: int = 10 * US_PER_S
    control_interval: int = 340_000  # at most 3 control frames a second: our pongs count towards the 5 allowed
    bad_per_minute: int = 60  # frames; more replace the connection
    refused_retry: int = 60 * US_PER_S
    tick: int = 250_000


class Send(Struct, frozen=True):
    """Send this text frame."""

    text: str


class Close(Struct, frozen=True):
    """Close the socket; `reason` is one word for a metric."""

    code: int
    reason: str


class WakeAt(Struct, frozen=True):
    """Call `tick` at this time, or later."""

    at: int


Command = Send | Close | WakeAt


class Up(Struct, frozen=True):
    """The streams of these symbols are subscribed."""

    symbols: tuple[str, ...]


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


Notice = Up | Replace | SubscribeRefused | BadFrame


class Sample(Struct, frozen=True):
    """One dropped frame, cut to its beginning."""

    ts_recv: int
    reason: str
    symbol: str | None
    id: int | None
    frame: bytes


class _Asked(Struct):
    subscribe: bool
    symbols: tuple[str, ...]
    deadline: int


class Session:
    """One connection's life. Public counters: `frames` (all), `bad` (by reason), `samples` (the last ten of them),
    `last_recv` (venue time of the last frame, 0 before it), `up` (symbols subscribed), `mark`."""

    def __init__(
        self, venue: StreamVenue, symbols: Iterable[str], *, policy: Policy | None = None, spread: float = 0.0
    ) -> None:
        """`symbols` in order of importance; `spread` in [0, 1) is this session's own share of `Policy.age_spread`."""
        self._venue = venue
        self._decode = venue.decode
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
        self._strikes = 0
        self._opened = 0
        self._heard = 0
        self._heard_bytes = False
        self._heard_frames = 0
        self._ticked = 0
        self._rhythm = Rhythm(self._policy.busy_silence, self._policy.silence)
        self._minute = 0
        self._bad_this_minute = 0
        self._said_this_minute: set[str] = set()
        self._replacing = False
        self._condemned: ReplaceReason | None = None
        self.mark: Mark = "new"
        self.up: dict[str, None] = {}
        self.notices: list[Notice] = []
        self.frames = 0
        self.control_frames = 0
        self.last_recv = 0
        self.bad: Counter[str] = Counter()
        self.samples: deque[Sample] = deque(maxlen=SAMPLES)

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
    def good_frames(self) -> int:
        """Frames that were understood."""
        return self.frames - self.bad.total()

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
        self._opened = self._heard = self._minute = self._ticked = now
        self._rhythm.begin(now)
        self._next_send = now
        self._sent = dict.fromkeys(self._first)
        self._confirmed = set(self._first)
        self._unsettled = True
        self._rise(self._first)
        return self.tick(now)

    def receive(self, frame: bytes | str, ts_recv: int) -> Trade | None:
        """One frame. A trade is returned; all else is dealt with inside and shows in `notices` and the counters."""
        self.frames += 1
        self.last_recv = ts_recv
        message = self._decode(frame, ts_recv)
        if isinstance(message, Trade):
            return message
        self._control(message, frame, ts_recv)
        return None

    def alive(self) -> None:
        """Any sign of life beside data frames: a ping, a pong, a part of a frame."""
        self._heard_bytes = True

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
        if (text := self._next_control(now)) is not None:
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
            self._heard += late
            self._rhythm.skip(late)
        self._ticked = now
        if self.frames != self._heard_frames:
            self._heard_frames = self.frames
            self._rhythm.heard(now)
            self._heard = now
        elif self._heard_bytes:
            self._heard = now
        self._heard_bytes = False
        self._new_minute(now)
        for symbol, at in list(self._refused.items()):
            if at == 0:
                self._refused[symbol] = now + policy.refused_retry
            elif at <= now:
                del self._refused[symbol]
                self._unsettled = True
        quiet = now - self._heard
        if quiet > 2 * policy.silence:
            return "silence"
        if self._condemned is not None:
            self._replace(self._condemned)
        elif quiet > policy.silence or self._rhythm.broken(now):
            self._replace("silence")
        elif now - self._opened > policy.max_age - int(self._spread * policy.age_spread):
            self._replace("age")
        return self._unanswered(now)

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

    def _new_minute(self, now: int) -> None:
        if now - self._minute >= 60 * US_PER_S:
            self._minute = now
            self._bad_this_minute = 0
            self._said_this_minute.clear()

    def _replace(self, reason: ReplaceReason) -> None:
        if not self._replacing:
            self._replacing = True
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

    def _control(self, message: Reply, frame: bytes | str, ts_recv: int) -> None:
        if message.kind == "rejected":
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
            self._condemned = "shutdown"
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
        reason = message.reason
        self.bad[reason] += 1
        if reason == "unwatched":  # the tail of a stream just dropped: nothing is wrong with the connection
            return
        head = (
            frame[:_SAMPLE_BYTES].encode("utf-8", "replace") if isinstance(frame, str) else bytes(frame[:_SAMPLE_BYTES])
        )
        self.samples.append(Sample(ts_recv, reason, message.symbol, message.id, head))
        self._bad_this_minute += 1
        if reason not in self._said_this_minute:
            self._said_this_minute.add(reason)
            self.notices.append(BadFrame(reason, message.symbol, message.id, head))
        if self._bad_this_minute > self._policy.bad_per_minute:
            self._condemned = "bad_frames"
            self._replace("bad_frames")
