"""The asynchronous client."""

from __future__ import annotations

import asyncio
import functools
import inspect
import random
import ssl
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, ParamSpec, TypeVar

from orderflow_stream.client import calls, calls_about, wire
from orderflow_stream.client.answers import Group
from orderflow_stream.client.calls import Number
from orderflow_stream.client.course import Course
from orderflow_stream.client.errors import BadAnswer, Failed, Unreachable
from orderflow_stream.client.stream import Stream
from orderflow_stream.client.wire import Call

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_URL: Final = "http://127.0.0.1:8080"
#: Seconds to have a connection.
_CONNECT: Final = 5.0
#: What one read of a stream may bring.
_BUFFER: Final = 1 << 18


def _asks(make: Callable[P, Call[T]]) -> Callable[Concatenate[OrderFlow, P], Coroutine[Any, Any, T]]:
    """The method that asks what `make` makes, with its parameters and its documentation."""

    @functools.wraps(make)
    async def method(self: OrderFlow, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.ask(make(*args, **kwargs))

    method.__dict__["__signature__"] = with_self(make)
    return method


def with_self(make: Callable[..., object]) -> inspect.Signature:
    """The signature as a method's; what is returned is what the call is read as."""
    found = inspect.signature(make)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    told = str(found.return_annotation).removeprefix("Call[").removesuffix("]")
    return found.replace(parameters=[this, *found.parameters.values()], return_annotation=told)


class OrderFlow:
    """A daemon's answers and streams, typed.

        async with OrderFlow("http://127.0.0.1:8080") as api:
            flow = await api.flow("BTCUSDT", window="5m")
            async for event in api.stream(["BTCUSDT"], topics=("large",)):
                print(event.name, event.data)

    Every method may raise `Unreachable` (no daemon there), `Failed` and its kinds (the daemon says no: `code`, `param`,
    `message`, `retry_after`) and `BadAnswer` (that is no daemon). An answer with `Retry-After` (429, 503 …) is waited
    for and asked again as long as `max_wait` allows. Use it on one event loop; `close` it, or use `async with`.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        max_wait: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`key`: sent as X-API-Key, where the daemon wants one. `timeout`: seconds that one answer may take (a long
        poll's own wait comes on top). `max_wait`: seconds in all that one call may wait because it was told to; 0:
        never. `tls`: for https with a certificate of your own. Raises `ValueError` for what is no address or key."""
        self.url: Final = wire.base_url(url)
        self.timeout: Final = timeout
        self.max_wait: Final = max_wait
        self._headers: Final = wire.wanted(key)
        self._tls: Final = tls
        self._session: aiohttp.ClientSession | None = None
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._closed = False
        self._rng: Final = random.Random()

    def __repr__(self) -> str:
        return f"OrderFlow({self.url!r})"

    async def __aenter__(self) -> OrderFlow:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End its streams and give its connections back."""
        self._closed = True
        for stream in list(self._streams):
            await stream.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # -- questions ------------------------------------------------------------------------------------------------

    flow = _asks(calls.flow)
    flows = _asks(calls.flows)
    combined = _asks(calls.combined)
    large = _asks(calls.large)
    bars = _asks(calls.bars)
    trades = _asks(calls.trades)
    gaps = _asks(calls_about.gaps)
    screener = _asks(calls_about.screener)
    symbols = _asks(calls_about.symbols)
    liquidations = _asks(calls_about.liquidations)
    meta = _asks(calls_about.meta)
    ready = _asks(calls_about.ready)
    alive = _asks(calls_about.alive)

    async def ask(self, call: Call[T]) -> T:
        """The answer to a call; the methods above are made of this."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.max_wait
        while True:
            status, after, body = await self._get(call)
            try:
                return wire.answer(call, status, after, body, self.url)
            except Failed as failed:
                wait = failed.retry_after
                if wait is None or loop.time() + wait > until:
                    raise
            await asyncio.sleep(wait * (1 + self._rng.random() / 10))

    def stream(
        self,
        symbols: Iterable[str] | str,
        topics: Iterable[str] | str = ("flow", "large"),
        *,
        window: str | None = None,
        trades: int | None = None,
        interval: Literal["1s", "5s", "1m", "5m", "1h"] | None = None,
        anchor: Literal["session", "oldest"] | None = None,
        min_notional: Number | str | None = None,
        group: Group | None = None,
        venue: str | None = None,
        position: str | None = None,
        heartbeats: bool = False,
        give_up: float | None = None,
    ) -> Stream:
        """Events as they happen: an async iterator of `Event` that resumes by itself.

        `symbols`: names and patterns (`"*"`: all). `topics`: of `flow` (newest state; over `window` or the last
        `trades`), `watch` (changed rows of the screener, a list), `bar` (`interval`, `anchor`), and, never skipped,
        `large` (`min_notional`, `group`), `trade`, `liquidation`; `gap`, `corrected` and `state` come with each. The
        first event is `hello`; `heartbeats=True` hands those out too.

        Where the connection ends, the reader is handed a `retrying` event, and after the pause that the daemon asked
        for the stream takes up at the last event: no `large` or `trade` is lost or comes twice, over a restart of the
        daemon too. Where that cannot be, `Lost` is raised. The stream itself goes on:

            async with api.stream(["BTCUSDT"], topics=("large",)) as stream:
                while True:
                    try:
                        async for event in stream:
                            ...
                    except Lost as lost:
                        ...  # read what is missing: api.large("BTCUSDT", since_id=…, group="order"); then go on

        `position`: go on where an earlier stream's `position` was (of the same or a narrower filter). `give_up`:
        seconds without a connection after which `Unreachable` is raised; None: it is tried for ever. Where there is
        no daemon at the very first attempt, that is raised at once. Nothing is read while nobody iterates; a reader
        that falls far behind is cut off by the daemon, and resumes.
        """
        query = wire.query(
            symbols=symbols,
            topics=topics,
            window=window,
            trades=trades,
            interval=interval,
            anchor=anchor,
            min_notional=min_notional,
            group=group,
            venue=venue,
            numbers="string",
        )
        open_ = functools.partial(self._open, query)
        stream = Stream(open_, Course(position or "", heartbeats=heartbeats), self.url, give_up=give_up)
        self._streams.add(stream)
        return stream

    # -- the wire -------------------------------------------------------------------------------------------------

    async def _get(self, call: Call[Any]) -> tuple[int, str | None, bytes]:
        """Status, Retry-After and body."""
        from aiohttp import ClientTimeout

        limit = ClientTimeout(total=self.timeout + call.extra, sock_connect=_CONNECT)

        async def read() -> tuple[int, str | None, bytes]:
            async with self._http().get(
                self.url + call.path, params=call.query, headers=self._headers, timeout=limit, allow_redirects=False
            ) as response:
                return response.status, response.headers.get("Retry-After"), await response.read()

        return await self._reached(read())

    async def _open(self, query: wire.Query, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """A connection of a stream."""
        from aiohttp import ClientTimeout

        url = f"{self.url}/v1/stream"
        limit = ClientTimeout(total=None, sock_connect=_CONNECT)

        async def begin() -> tuple[aiohttp.ClientResponse, str | None, bytes]:
            async with asyncio.timeout(self.timeout):
                response = await self._http().get(
                    url,
                    params=query,
                    headers={**self._headers, **headers, "Accept": "text/event-stream"},
                    timeout=limit,
                    allow_redirects=False,
                    read_bufsize=_BUFFER,
                )
                try:
                    good = response.status == 200 and response.content_type == "text/event-stream"
                    return response, response.headers.get("Retry-After"), b"" if good else await response.read()
                except BaseException:  # whatever it was, nobody else will close it
                    response.close()
                    raise

        response, after, body = await self._reached(begin())
        if response.status == 200 and response.content_type == "text/event-stream":
            return response
        response.close()
        if response.status == 204:
            raise BadAnswer(f"{url} answers 204: there is nothing to stream here, and there will be nothing")
        if response.status == 200:
            raise BadAnswer(f"{url} answers no event stream; is it an orderflow-stream daemon?")
        raise wire.failure(response.status, after, body, url)

    async def _reached(self, request: Awaitable[T]) -> T:
        """The same with errors of the wire told for what they are."""
        from aiohttp import ClientError, ClientPayloadError, InvalidURL

        try:
            return await request
        except TimeoutError as error:
            raise Unreachable(
                f"no answer from {self.url} in time; is the daemon overloaded, or the way blocked?", self.url
            ) from error
        except InvalidURL as error:
            raise BadAnswer(f"{self.url} is no address; write http://host:port") from error
        except ClientPayloadError as error:
            raise Unreachable(f"the answer of {self.url} was cut off", self.url) from error
        except (ClientError, OSError) as error:
            raise Unreachable(
                f"no daemon at {self.url} ({_words(error)}); start one: orderflow-stream serve", self.url
            ) from error

    def _http(self) -> aiohttp.ClientSession:
        """The session, made at the first use: whoever only imports this does not pay for aiohttp."""
        if self._closed:
            raise RuntimeError("this client is closed")
        if self._session is None:
            from aiohttp import ClientSession, DummyCookieJar, TCPConnector

            connector = TCPConnector(ssl=self._tls) if self._tls is not None else TCPConnector()
            self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        return self._session


def _words(error: BaseException) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    text = getattr(cause, "strerror", None) or str(cause) or str(error)
    return text or type(error).__name__
