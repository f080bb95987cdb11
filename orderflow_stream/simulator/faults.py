"""Faults on command: the one list of what can be made to go wrong, for tests (`sim.faults`) and by HTTP.

Every method takes plain values, so that `POST /sim/faults` `{"fault": "skip", "symbol": "BTCUSDT", "count": 3}` is
`faults.skip(symbol="BTCUSDT", count=3)`. `connection` is a connection's index, negative from the newest open one;
None means all. Wrong arguments are a `ValueError` that names the argument.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import orjson

from orderflow_stream.simulator.connection import Connection
from orderflow_stream.simulator.frames import combined, text_frame
from orderflow_stream.simulator.garbage import garbage_frame
from orderflow_stream.simulator.hub import Hub
from orderflow_stream.simulator.rest_faults import REST_KINDS, RestFaults, RestKind, RestRule
from orderflow_stream.simulator.stream_faults import Rule

_COMMANDS: Final = (
    "clear", "corrupt", "cut", "drip", "garbage", "pause", "refuse", "repeat", "replay", "rest", "restart_ids",
    "resume", "shuffle", "shutdown", "silence", "silent_path", "skip", "speak",
)  # fmt: skip


class Faults:
    """Makes things go wrong. `spawn` starts a coroutine that the simulator ends with itself."""

    def __init__(
        self,
        hub: Hub,
        rest_faults: RestFaults,
        now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        *,
        says_goodbye: bool = True,
    ) -> None:
        self._says_goodbye = says_goodbye
        self._hub = hub
        self._rest = rest_faults
        self._now = now
        self._spawn = spawn
        self._refusals_left: int | None = 0
        self._refuse_until: float | None = None
        self.refuse_status = 503

    # --- connections

    def cut(self, connection: int | None = None, code: int | None = None, reason: str = "") -> None:
        """End connections at once: a TCP reset, or a close frame with `code`."""
        for each in self._targets(connection):
            if code is None:
                each.abort()
            else:
                self._spawn(each.close(_in_range("code", code, 1000, 4999), reason))

    def pause(self, connection: int | None = None, duration: float | None = None) -> None:
        """Write nothing at all, pings and replies included, on open sockets; what is due waits (a venue-side stall)."""
        for each in self._targets(connection):
            each.flowing.clear()
            if duration is not None:
                self._spawn(_later(_positive("duration", duration), each.flowing.set))

    def resume(self, connection: int | None = None) -> None:
        """End `pause`: everything held is written."""
        for each in self._targets(connection):
            each.flowing.set()

    def drip(
        self, connection: int | None = None, chunk: int = 1, interval: float = 0.001, count: int | None = None
    ) -> None:
        """Write the next `count` frames (None: all from now on) `chunk` bytes at a time, `interval` s apart."""
        for each in self._targets(connection):
            each.drip = (
                _in_range("chunk", chunk, 1, 2**20), _positive("interval", interval, zero=True),
                None if count is None else _in_range("count", count, 1, 2**31),
            )  # fmt: skip

    def shutdown(self, delay: float = 1.0, connection: int | None = None, code: int = 1001) -> None:
        """Send `serverShutdown` (not on futures: none was ever seen there) and close after `delay` seconds."""
        wait = _positive("delay", delay, zero=True)
        for each in self._targets(connection):
            if self._says_goodbye:
                event = orjson.dumps({"e": "serverShutdown", "E": self._hub.clock() // each.divisor})
                each.send(text_frame(combined("!serverShutdown", event) if each.combined else event))
            self._spawn(_close_later(wait, each, _in_range("code", code, 1000, 4999)))

    def refuse(self, count: int | None = None, duration: float | None = None, status: int = 503) -> None:
        """Refuse new websocket connections: the next `count`, for `duration` seconds, or until `clear`."""
        self._refusals_left = None if count is None else _in_range("count", count, 1, 2**31)
        self._refuse_until = self._deadline(duration)
        self.refuse_status = _in_range("status", status, 400, 599)

    def refuses(self) -> bool:
        """Whether this connection attempt is refused; counts it."""
        if self._refuse_until is not None and self._now() >= self._refuse_until:
            self._refusals_left, self._refuse_until = 0, None
        if self._refusals_left is None:
            return True
        if self._refusals_left > 0:
            self._refusals_left -= 1
            return True
        return False

    def silent_path(self, path: str | None = None, silent: bool = True) -> None:
        """Acknowledge what is asked for on a path (`/market`, `/stream`; None: on all) and send nothing there, on open
        connections too, as the exchange did when it moved its streams. `silent=False` lets a path speak."""
        doors = self._hub.doors
        named = [door for door in doors if path is None or door == path or door.startswith(f"{path.rstrip('/')}/")]
        if not named:
            raise ValueError(f"path must begin one of {', '.join(doors)}, not be {path!r}")
        self._hub.set_doors({**doors, **dict.fromkeys(named, not silent)})

    # --- trades

    def silence(
        self,
        symbols: str | Iterable[str] | None = None,
        connection: int | None = None,
        duration: float | None = None,
    ) -> None:
        """Deliver no trades (of these symbols); the socket stays open, pings go on. What is not sent is never sent."""
        self._add(Rule("silence", self._symbols(symbols), self._index(connection), until=self._deadline(duration)))

    def speak(self, symbols: str | Iterable[str] | None = None) -> None:
        """End `silence` (for rules that name one of these symbols)."""
        self._hub.stream_faults.remove("silence", self._symbols(symbols))

    def skip(self, symbol: str, count: int = 1, rest: bool = True, connection: int | None = None) -> None:
        """Do not send the next `count` trades of a symbol; with `rest=False` REST never has them either."""
        if not rest and connection is not None:
            raise ValueError("rest=False hides trades from everyone: give no connection")
        self._add(
            Rule("skip", self._symbols(symbol), self._index(connection), _in_range("count", count, 1, 2**31),
                 hides_from_rest=not rest)
        )  # fmt: skip

    def repeat(
        self,
        times: int = 2,
        symbols: str | Iterable[str] | None = None,
        connection: int | None = None,
        count: int | None = None,
    ) -> None:
        """Send each trade `times` times: the next `count`, or until `repeat(1)` or `clear`."""
        self._hub.stream_faults.remove("repeat")
        if _in_range("times", times, 1, 100) > 1:
            left = None if count is None else _in_range("count", count, 1, 2**31)
            self._add(Rule("repeat", self._symbols(symbols), self._index(connection), left, times=times))

    def replay(self, symbol: str, count: int, connection: int | None = None) -> None:
        """Send the last `count` published trades of a symbol again."""
        self._symbols(symbol)
        tape = self._hub.exchange[symbol]
        positions = tape.newest(_in_range("count", count, 1, 2**31), len(tape))
        self._hub.replay(symbol, [tape.row(i) for i in positions], self._targets(connection))

    def shuffle(self, symbol: str, count: int, connection: int | None = None) -> None:
        """Hold the next `count` trades of a symbol back, then send them in another order."""
        left = _in_range("count", count, 2, 100_000)
        self._add(Rule("shuffle", self._symbols(symbol), self._index(connection), left))

    def corrupt(
        self,
        symbol: str,
        count: int = 1,
        field: str = "p",
        value: str = '"1e5"',
        connection: int | None = None,
    ) -> None:
        """Send the next `count` trades of a symbol with one member replaced by raw JSON text; REST has the truth."""
        if field not in {"a", "p", "q", "f", "l", "nq"}:
            raise ValueError(f"field must be one of a, p, q, f, l, nq, not {field!r}")
        left = _in_range("count", count, 1, 2**31)
        self._add(Rule("corrupt", self._symbols(symbol), self._index(connection), left, members={field: value}))

    def restart_ids(self, symbol: str, first: int = 1) -> None:
        """The ids of a symbol begin anew: its next row has the id `first`, and REST has nothing from before."""
        self._symbols(symbol)
        self._hub.restart_ids(symbol, _in_range("first", first, 0, 2**62))

    def garbage(self, kind: str = "not_json", count: int = 1, connection: int | None = None) -> None:
        """Send frames that are no trades, now; `kind` is one of `garbage.KINDS`."""
        listing = next(iter(self._hub.exchange.tapes.values())).listing
        for each in self._targets(connection):
            frame = garbage_frame(kind, listing, each.combined)
            for _ in range(_in_range("count", count, 1, 100_000)):
                each.send(frame)

    # --- REST

    def rest(
        self,
        kind: RestKind,
        count: int | None = None,
        duration: float | None = None,
        path: str | None = None,
        symbol: str | None = None,
        retry_after: int | None = None,
        delay: float = 0.0,
    ) -> None:
        """Answer calls with a fault: the next `count`, for `duration` seconds, or until `clear`.

        `path` is the end of a path (`aggTrades`). Every kind may also be slow (`delay` seconds); `slow` is nothing
        else, then the true answer. `429` and `418` carry `Retry-After` (default 1 and 120).
        """
        if kind not in REST_KINDS:
            raise ValueError(f"kind must be one of {', '.join(REST_KINDS)}, not {kind!r}")
        left = None if count is None else _in_range("count", count, 1, 2**31)
        wait = _positive("delay", delay, zero=kind != "slow")
        self._rest.rules.append(RestRule(kind, left, self._deadline(duration), path, symbol, retry_after, wait))

    # --- all

    def clear(self) -> None:
        """End every fault in force; paused connections flow again, paths speak that used to. Ids that began anew
        stay."""
        self._hub.stream_faults.remove()
        self._hub.set_doors(self._hub.usual_doors)
        self._rest.rules.clear()
        self._refusals_left, self._refuse_until = 0, None
        for each in self._hub.open:
            each.flowing.set()
            each.drip = None

    def command(self, body: object) -> None:
        """`{"fault": name, …}` as an HTTP client sends it. `ValueError` says what is wrong with it."""
        if not isinstance(body, dict) or body.get("fault") not in _COMMANDS:
            raise ValueError(f'expected an object with "fault", one of {", ".join(_COMMANDS)}')
        arguments = {name: value for name, value in body.items() if name != "fault"}
        method = getattr(self, body["fault"])
        try:
            inspect.signature(method).bind(**arguments)
        except TypeError as error:
            raise ValueError(f"{body['fault']}: {error}; its arguments are {inspect.signature(method)}") from None
        method(**arguments)

    def state(self) -> list[dict[str, object]]:
        """Every fault in force."""
        rules = [rule.state() for rule in self._hub.stream_faults.rules] + [rule.state() for rule in self._rest.rules]
        if self._refusals_left is None or self._refusals_left > 0:
            rules.append({"fault": "refuse", "left": self._refusals_left})
        for door, speaks in self._hub.doors.items():
            if speaks != self._hub.usual_doors[door]:
                rules.append({"fault": "silent_path", "path": door, "silent": not speaks})
        for each in self._hub.open:
            if not each.flowing.is_set():
                rules.append({"fault": "pause", "connection": each.index})
            if each.drip is not None:
                rules.append({"fault": "drip", "connection": each.index})
        return rules

    def _add(self, rule: Rule) -> None:
        self._hub.stream_faults.add(rule)

    def _index(self, connection: int | None) -> int | None:
        return None if connection is None else self._targets(connection)[0].index

    def _targets(self, connection: int | None) -> list[Connection]:
        if connection is None:
            return self._hub.open
        given: object = connection  # by HTTP it may be anything
        if isinstance(given, bool) or not isinstance(given, int):
            raise ValueError(f"connection must be an index, not {connection!r}")
        candidates = self._hub.open if connection < 0 else self._hub.connections
        try:
            return [candidates[connection]]
        except IndexError:
            raise ValueError(f"connection {connection}: there are {len(candidates)}") from None

    def _symbols(self, symbols: str | Iterable[str] | None) -> frozenset[str] | None:
        if symbols is None:
            return None
        names = frozenset([symbols] if isinstance(symbols, str) else symbols)
        for name in names:
            if name not in self._hub.exchange.tapes:
                raise ValueError(f"symbol {name!r} is not listed")
        return names

    def _deadline(self, duration: float | None) -> float | None:
        return None if duration is None else self._now() + _positive("duration", duration)


def _in_range(name: str, value: int, lowest: int, highest: int) -> int:
    given: object = value  # by HTTP it may be anything
    if isinstance(given, bool) or not isinstance(given, int) or not lowest <= value <= highest:
        raise ValueError(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}")
    return value


def _positive(name: str, value: float, *, zero: bool = False) -> float:
    given: object = value  # by HTTP it may be anything
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not (value > 0 or (zero and value == 0)) or value == float("inf"):
        raise ValueError(f"{name} must be {'at least' if zero else 'above'} 0 seconds, not {value!r}")
    return float(value)


async def _later(delay: float, action: Callable[[], None]) -> None:
    await asyncio.sleep(delay)
    action()


async def _close_later(delay: float, connection: Connection, code: int) -> None:
    await connection.idle()
    await asyncio.sleep(delay)
    await connection.close(code, "")
