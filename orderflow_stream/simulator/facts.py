"""What one market of the exchange does its own way; `spot.py`, `usdm.py` and `coinm.py` fill it in, a file a market."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from orderflow_stream.simulator import control
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.params import Params
from orderflow_stream.simulator.wire import Wire

MarketName = Literal["spot", "usdm", "coinm"]

#: Both units of time, by the word that asks for them: what a time in µs is divided by.
BOTH_UNITS: Final[Mapping[str, int]] = {"microsecond": 1, "millisecond": 1000}


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The exchange's limits on a stream connection. Times in seconds; `max_control_bytes` is the undocumented size
    above which a SUBSCRIBE is silently ignored; `max_attempts` counts connection attempts per five minutes."""

    ping_interval: float = 20.0
    pong_timeout: float = 60.0
    max_lifetime: float = 86_400.0
    frames_per_second: int = 5
    max_streams: int = control.MAX_STREAMS
    max_control_bytes: int = 4096
    max_attempts: int = 300
    max_queued: int = 500_000


class Question(NamedTuple):
    """A REST call: `now` is µs, `divisor` what a time in µs is divided by in the answer."""

    exchange: Exchange
    params: Params
    now: int
    divisor: int
    weight_limit: int


#: The body as JSON, and the weight of the call.
Answer = Callable[[Question], tuple[bytes, int]]


@dataclass(frozen=True, slots=True)
class Facts:
    """One market.

    `rest` begins its REST paths; `streams` are the path prefixes under which `ws` and `stream` deliver trades,
    `silent` those under which a subscription is acknowledged and no trade ever comes. `units` are the time units that
    may be asked for (empty: none, times are milliseconds and asking is ignored). `look_back` (µs, None: all) is how old
    a trade REST still has, `span` (µs, None: any) how long a window of `startTime` and `endTime` may be; `batch` (µs,
    0: at once) is the grid on which trades leave. `says_goodbye`: `serverShutdown` is sent before a shutdown.
    """

    name: MarketName
    rest: str
    streams: tuple[str, ...]
    wire: Wire
    weight_limit: int
    trades_weight: int
    info: Answer
    info_params: tuple[str, ...]
    ticker: Answer
    ticker_params: tuple[str, ...]
    silent: tuple[str, ...] = ()
    units: Mapping[str, int] | None = None
    look_back: int | None = None
    span: int | None = None
    mixing_times_out: bool = False
    batch: int = 0
    says_goodbye: bool = True
    product: int | None = None
    limits: StreamLimits = StreamLimits()

    @property
    def doors(self) -> dict[str, bool]:
        """Every websocket path, and whether trades come through it."""
        talking = {f"{prefix}/{door}": True for prefix in self.streams for door in ("ws", "stream")}
        return talking | {f"{prefix}/{door}": False for prefix in self.silent for door in ("ws", "stream")}
