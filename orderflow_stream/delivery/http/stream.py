"""`GET /v1/stream`: server-sent events, written straight to the connection.

After the head, nothing goes through the response object any more: the hub writes bytes that were framed once for all
clients to the transport, which costs a third of `StreamResponse.write`, and looks at what the transport still holds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from aiohttp import hdrs, web

from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import NOTIONAL_DECIMALS, text
from orderflow_stream.delivery.http import bars, liquidations, resolve
from orderflow_stream.delivery.http.common import FEWEST_TRADES, MOST_READS, MOST_TRADES, NUMBERS, exact, window_of
from orderflow_stream.delivery.http.context import Context, VenueContext
from orderflow_stream.delivery.http.errors import ApiError, bad, conflicting, missing, shown
from orderflow_stream.delivery.http.leases import LEASE
from orderflow_stream.delivery.http.params import LIST, Param, Query
from orderflow_stream.delivery.http.peer import client_address
from orderflow_stream.delivery.http.server import Handler
from orderflow_stream.delivery.hub import Hub
from orderflow_stream.delivery.sse import CONTENT_TYPE, Frame, batch
from orderflow_stream.delivery.topics import DEFAULT_TOPICS, TOPICS, BarSpec, Filter, Spec, matcher

SYMBOLS: Final = Param(
    "symbols",
    "text",
    "a comma-separated list of symbols and patterns (* for all, *USDT); a pattern follows what is added later",
    example="BTCUSDT,ETHUSDT",
    required=True,
    most=LIST,
)
TOPICS_PARAM: Final = Param(
    "topics",
    "text",
    f"a comma-separated list of {', '.join(TOPICS)}; gap, corrected, state and heartbeat come with each",
    default=",".join(DEFAULT_TOPICS),
    example="flow,large",
)
WINDOW: Final = Param("window", "text", "configured window that flow and watch are over (see /v1/meta)", example="1m")
TRADES: Final = Param(
    "trades",
    "integer",
    "instead of window: flow over the last so many trades",
    low=FEWEST_TRADES,
    high=MOST_TRADES,
    example="1000",
)
MIN_NOTIONAL: Final = Param(
    "min_notional",
    "notional",
    "large prints from this notional on, in the quote asset; not below the configured threshold",
    example="250000",
)
GROUP: Final = Param(
    "group", "choice", "large prints by taker order or by row", default="order", choices=("order", "row")
)
INTERVAL: Final = bars.INTERVAL._replace(description="width of the bars of topic bar")
ANCHOR: Final = bars.ANCHOR._replace(description="where the CVD of those bars is 0, as of /v1/bars")
LAST_EVENT_ID: Final = Param(
    "last_event_id",
    "text",
    "position to resume from, for a first connection; the header Last-Event-ID wins",
    example="ABCDEFGH-1234",
)
TICKET: Final = Param(
    "ticket",
    "text",
    "of POST /v1/ticket, where a key is needed and no header can be sent",
    example="ofd0key1.3q2-7wPBv0xJ1u5cT8yZ",
)
PARAMS: Final = (
    SYMBOLS,
    TOPICS_PARAM,
    WINDOW,
    TRADES,
    MIN_NOTIONAL,
    GROUP,
    INTERVAL,
    ANCHOR,
    LAST_EVENT_ID,
    TICKET,
    resolve.VENUE,
    NUMBERS,
)

DEFAULT_WINDOW: Final = "1m"
#: What the kernel may hold for one client; the default lets a stalled reader fall megabytes behind unnoticed.
SEND_BUFFER: Final = 65_536
#: Milliseconds without an acknowledgement after which the kernel gives a connection up.
USER_TIMEOUT_MS: Final = 20_000
#: Seconds that an ended stream may take to get its last bytes out.
LINGER: Final = 5.0

_HEADERS: Final = {
    hdrs.CONTENT_TYPE: CONTENT_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",
}


async def stream(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    hub = context.hub
    if not isinstance(hub, Hub):
        raise TypeError("the context has no hub for streams")
    wishes = await _wishes(context, query)
    last_event_id = request.headers.get("Last-Event-ID") or query.text(LAST_EVENT_ID)
    if request.method == hdrs.METH_HEAD:
        return await _begin(request)
    remote = client_address(request, context)
    lease = request.get(LEASE)
    if (lease is not None and lease.full) or hub.room(remote) is not None:
        return await _refuse(request, hub, last_event_id)
    response = await _begin(request)
    connection, transport = request.protocol, request.transport
    if isinstance(connection, Handler):
        connection.stream()
    if transport is None or transport.is_closing():
        return response
    _tune(transport)
    timed_out = (lambda: connection.timed_out) if isinstance(connection, Handler) else (lambda: False)
    sink = TransportSink(transport, chunked=request.version >= (1, 1), timed_out=timed_out)
    client = hub.attach(wishes, sink, remote=remote, last_event_id=last_event_id)
    if lease is not None:
        lease.hold(lambda reason: hub.bye(client, reason))
    try:
        await sink.over.wait()
        await _finish(response, transport)
    finally:
        hub.detach(client)
    return response


class TransportSink:
    """Writes events to one connection; `over` is set when the last one was written."""

    __slots__ = ("_chunked", "_timed_out", "_transport", "over")

    def __init__(
        self, transport: asyncio.WriteTransport, *, chunked: bool, timed_out: Callable[[], bool] = lambda: False
    ) -> None:
        """`chunked`: the body is in HTTP/1.1 chunks; HTTP/1.0 has none and ends with the connection. `timed_out` says
        of a lost connection whether the system gave it up (`USER_TIMEOUT_MS`)."""
        self._timed_out: Final = timed_out
        self._transport: Final = transport
        self._chunked: Final = chunked
        self.over: Final = asyncio.Event()

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing()

    @property
    def lost(self) -> str:
        """How it was closed: from the other side, or given up by the system."""
        return "timeout" if self._timed_out() else "gone"

    def write(self, frames: Sequence[Frame]) -> None:
        """Send these events in one write."""
        if not self._transport.is_closing():
            self._transport.write(batch(frames, chunked=self._chunked))

    def end(self) -> None:
        """Nothing more will be written."""
        self.over.set()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()
        self.over.set()


async def _begin(request: web.Request) -> web.StreamResponse:
    """The head of the response, sent."""
    response = web.StreamResponse(headers=_HEADERS)
    response.force_close()  # when a stream ends, so does its connection
    await response.prepare(request)
    return response


async def _finish(response: web.StreamResponse, transport: asyncio.WriteTransport) -> None:
    """The proper end of the body. A peer that does not read cannot hold it up for long."""
    try:
        async with asyncio.timeout(LINGER):
            await response.write_eof()
    except TimeoutError:
        transport.abort()
    except ConnectionError:
        return  # the peer has left: nothing to end
    asyncio.get_running_loop().call_later(LINGER, transport.abort)


def _tune(transport: asyncio.BaseTransport) -> None:
    """Socket options, as far as this kind of socket has them."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    with suppress(OSError):  # it may be closed already, or no TCP socket
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)


async def _refuse(request: web.Request, hub: Hub, last_event_id: str | None) -> web.StreamResponse:
    """No room. A browser closes its EventSource for good on any status but 200, so it is told in-band to come back."""
    if not _accepts_events(request.headers.getall(hdrs.ACCEPT, ())):
        raise ApiError(
            503,
            "over_capacity",
            "there is no room for one more stream now; try again later",
            retry_after=hub.retry(busy=True) // 1_000,
        )
    response = await _begin(request)
    with suppress(ConnectionError):
        await response.write(hub.busy(last_event_id))
        await response.write_eof()
    return response


def _accepts_events(accept: Iterable[str]) -> bool:
    return any(kind.partition(";")[0].strip().lower() == CONTENT_TYPE for line in accept for kind in line.split(","))


# -- parameters ---------------------------------------------------------------------------------------------------


async def _wishes(context: Context, query: Query) -> Filter:
    """The filter that the parameters describe."""
    venue = resolve.venue(context, query)
    topics = _topics(query)
    if "liquidation" in topics:
        liquidations.check(context, venue, "topics")
    spec = _spec(context, query)
    named, patterns = _symbols(context, venue, query)
    min_notional = query.notional(MIN_NOTIONAL) or 0
    if min_notional:
        _check_threshold(context, venue, min_notional, named, patterns)
    group = query.choice(GROUP)
    kind = BarSpec(bars.interval_of(query), bars.anchor_of(query), spec.exact)
    await _follow(context, venue, named, spec)
    return Filter(
        spec=spec,
        keys=frozenset(instrument.key for instrument in named),
        patterns=patterns,
        topics=topics,
        group=group,
        min_notional=min_notional,
        venue=venue.name,
        bars=kind if "bar" in topics else None,
    )


def _topics(query: Query) -> frozenset[str]:
    topics = [part.strip().lower() for part in (query.text(TOPICS_PARAM) or "").split(",")]
    for topic in topics:
        if topic not in TOPICS:
            raise bad("topics", f"no topic {shown(topic)}; there are {', '.join(TOPICS)}")
    return frozenset(topics)


def _spec(context: Context, query: Query) -> Spec:
    window, trades = window_of(context, query, WINDOW), query.integer(TRADES)
    if window is not None and trades is not None:
        raise conflicting("trades", "window and trades were both given; write one of them")
    windows = context.options.windows
    name = window or (DEFAULT_WINDOW if DEFAULT_WINDOW in windows else next(iter(windows)))
    return Spec(name, windows[name], trades, exact(query))


def _symbols(context: Context, venue: VenueContext, query: Query) -> tuple[list[Instrument], tuple[str, ...]]:
    """The instruments that are named, and the patterns."""
    value = query.text(SYMBOLS)
    if value is None:
        raise missing("symbols", "symbols is missing; write symbols=BTCUSDT,ETHUSDT, or symbols=* for all")
    named: dict[str, Instrument] = {}
    patterns: set[str] = set()
    for part in resolve.entries(value):
        if resolve.is_pattern(part):
            if venue.started():  # before, what it will match may not be there yet
                resolve.many(context, venue, part, most=None)
            patterns.add(part.upper())
        else:
            instrument = resolve.find(context, venue, part, "symbols")
            named[instrument.key] = instrument
    return list(named.values()), tuple(sorted(patterns))


def _check_threshold(
    context: Context, venue: VenueContext, asked: int, named: Sequence[Instrument], patterns: Sequence[str]
) -> None:
    """Smaller prints than the configured are not recorded. Each named symbol must have them; of the symbols that a
    pattern stands for, whose quote assets may differ, at least one."""
    threshold = context.options.threshold
    for instrument in named:
        if asked < threshold(instrument):
            raise _too_low(instrument.symbol, threshold(instrument))
    matches = matcher(patterns)
    kept = (book.instrument for book in context.engine.books.values())
    matched = [one for one in kept if one.venue == venue.name and matches(one.symbol)]
    if matched and all(asked < threshold(instrument) for instrument in matched):
        lowest = min(matched, key=threshold)
        raise _too_low(lowest.symbol, threshold(lowest))


def _too_low(symbol: str, threshold: int) -> ApiError:
    least = text(threshold, NOTIONAL_DECIMALS)
    return bad("min_notional", f"min_notional is below the configured threshold of {symbol}; the least is {least}")


async def _follow(context: Context, venue: VenueContext, named: Sequence[Instrument], spec: Spec) -> None:
    """A stream wants symbols to be streamed. One that is only read on demand is asked for twice, for that is what
    makes it a stream."""
    books = context.engine.books
    absent = [one for one in named if (book := books.get(one.key)) is None or book.demand]
    if len(absent) > MOST_READS:
        raise bad("symbols", f"{len(absent)} of the symbols are not streamed yet; at most {MOST_READS} at a time")
    window = spec.span if spec.trades is None else None
    for instrument in absent:
        for _ in range(2):
            book = await venue.demand.read(instrument, spec.trades, window, False, context.options.read_deadline)
            if not book.demand:
                break
