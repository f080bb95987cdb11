"""The events of a stream, typed; and how the JSON of one becomes it."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from orderflow_stream.client.answers import Anchor, Bar, Coverage, Flow, Group, LargePrint, Market, Trade
from orderflow_stream.client.errors import BadAnswer
from orderflow_stream.client.listings import Liquidation, ScreenerRow
from orderflow_stream.core.events import State

_Range = tuple[int, int]


class Hello(Struct, frozen=True, kw_only=True):
    """The first event of every connection. `recovered`: it takes up where `resumed_from` ended; on a first connection
    there is nothing to take up, and it is false. Times in ms."""

    epoch: str
    seq: int
    recovered: bool
    resumed_from: str | None
    server_time: int
    heartbeat_ms: int


class Short(Struct, frozen=True, kw_only=True):
    """One configured window in short."""

    delta_base: Decimal
    delta_quote: Decimal
    taker_buy_quote: Decimal
    taker_sell_quote: Decimal
    buy_volume_share: Decimal | None
    trades: int


class FlowEvent(Flow, frozen=True, kw_only=True):
    """`flow`: the newest state of one symbol. `windows` are all configured ones in short; `skipped` states before this
    one were not sent, because it is newer."""

    windows: dict[str, Short]
    skipped: int


class LargeEvent(LargePrint, frozen=True, kw_only=True):
    """`large`: a large print, each once. `late`: told after the fact, from the repair of a gap or after a restart."""

    symbol: str
    group: Group
    late: bool


class TradeEvent(Trade, frozen=True, kw_only=True):
    """`trade`: one trade, each once; `late` as of `LargeEvent`."""

    symbol: str
    late: bool


class BarEvent(Struct, frozen=True, kw_only=True):
    """`bar`: the newest bars of one symbol, at most three, the open one last."""

    symbol: str
    venue: str
    market: Market
    interval: str
    anchor: Anchor
    state: State
    bars: list[Bar]


class GapEvent(Struct, frozen=True, kw_only=True):
    """`gap`: ids `first` to `last` were skipped; `time` (ms) is when that was found."""

    symbol: str
    first: int
    last: int
    trades: int
    time: int


class CorrectedEvent(Struct, frozen=True, kw_only=True):
    """`corrected`: ids that came in (`filled`) or never will (`lost`), what is still `missing`, and the coverage."""

    symbol: str
    filled: list[_Range]
    lost: list[_Range]
    missing: list[_Range]
    time: int
    coverage: Coverage


class StateEvent(Struct, frozen=True, kw_only=True):
    """`state`: the state of one symbol's feed, since when (ms), and why."""

    symbol: str
    state: State
    since: int
    reason: str


class Heartbeat(Struct, frozen=True, kw_only=True):
    """`heartbeat`: the daemon lives. `symbols`: the newest trade id of each, None before the first; `lag_ms`: receipt
    less venue time of the trade that came in last."""

    server_time: int
    lag_ms: int | None
    symbols: dict[str, int | None]


#: Why a connection ended: `bye`, `slow`, `busy` were said by the daemon; `gone` it was cut; `silence` nothing came for
#: two and a half heartbeats; `refused` there was none; `failed` it answered an error that passes.
Ended = Literal["bye", "slow", "busy", "gone", "silence", "refused", "failed"]


class Retrying(Struct, frozen=True, kw_only=True):
    """`retrying`: made here, not sent. The connection is over, and another is tried in `pause` seconds: until the next
    `hello`, nothing that was told is known to be so still."""

    reason: Ended
    detail: str
    pause: float


Data = (
    Hello
    | FlowEvent
    | LargeEvent
    | TradeEvent
    | BarEvent
    | Liquidation
    | list[ScreenerRow]
    | GapEvent
    | CorrectedEvent
    | StateEvent
    | Heartbeat
    | Retrying
)


class Event(Struct, frozen=True):
    """One event: its `name` (`flow`, `large` …), the `position` that a later `stream(position=…)` resumes from (a
    string to be stored, not read; empty before the first), and its `data`, whose type tells what it is."""

    name: str
    position: str
    data: Data


_TYPES: Final[dict[str, Any]] = {
    "hello": Hello,
    "flow": FlowEvent,
    "watch": list[ScreenerRow],
    "large": LargeEvent,
    "trade": TradeEvent,
    "bar": BarEvent,
    "liquidation": Liquidation,
    "gap": GapEvent,
    "corrected": CorrectedEvent,
    "state": StateEvent,
    "heartbeat": Heartbeat,
}


class _Reason(Struct):
    """`bye`, `slow`, `busy`."""

    reason: str


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def decode(name: str, data: str) -> Data | None:
    """The data of an event; None where this client does not know such events. Raises `BadAnswer`."""
    type_ = _TYPES.get(name)
    return None if type_ is None else _read(name, data, type_)


def reason_of(name: str, data: str) -> str:
    """The reason in `bye`, `slow` or `busy`. Raises `BadAnswer`."""
    found: _Reason = _read(name, data, _Reason)
    return found.reason


def _read(name: str, data: str, type_: Any) -> Any:
    try:
        return _decoder(type_).decode(data)
    except msgspec.DecodeError as error:
        raise BadAnswer(
            f"the daemon sent a {name} event that cannot be read ({error}); is it a newer version?"
        ) from error
