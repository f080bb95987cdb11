"""The same client without await, for scripts and notebooks.

    from orderflow_stream.client.sync import OrderFlow

    with OrderFlow("http://127.0.0.1:8080") as api:
        print(api.flow("BTCUSDT", window="5m").delta_base)
        for event in api.stream(["BTCUSDT"], topics=("large",)):
            print(event.data)

It is the asynchronous client on an event loop in a thread of its own, which is begun at the first question and ended by
`close` (or `with`, or the end of the program): so it works where a loop runs already, as in a notebook.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from orderflow_stream.client import api as asynchronous
from orderflow_stream.client import calls, calls_about
from orderflow_stream.client import stream as streams
from orderflow_stream.client.api import DEFAULT_URL, with_self
from orderflow_stream.client.events import Event
from orderflow_stream.client.wire import Call

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds that the thread is waited for at the end.
_JOIN: Final = 5.0


class _Worker:
    """A loop in a thread. Its thread holds no reference to it, so that it ends when nobody has it any more."""

    def __init__(self, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`close` is run at the end, on the loop."""
        self.loop: Final = asyncio.new_event_loop()
        self.thread: Final = threading.Thread(
            target=_serve, args=(self.loop, close), name="orderflow-stream-client", daemon=True
        )
        self.thread.start()
        self.end: Final = weakref.finalize(self, _stop, self.loop, self.thread)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except CancelledError as error:
            raise RuntimeError("this client is closed") from error
        except BaseException:
            future.cancel()  # Ctrl-C: what was asked is not wanted any more
            raise


def _serve(loop: asyncio.AbstractEventLoop, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(_JOIN)


def _asks(make: Callable[P, Call[T]]) -> Callable[Concatenate[OrderFlow, P], T]:
    """As of the asynchronous client."""

    @functools.wraps(make)
    def method(self: OrderFlow, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.ask(make(*args, **kwargs))

    method.__dict__["__signature__"] = with_self(make)
    method.__doc__ = (make.__doc__ or "").replace("(await ", "(").replace("await ", "")
    return method


def _streams(
    make: Callable[Concatenate[asynchronous.OrderFlow, P], streams.Stream],
) -> Callable[Concatenate[OrderFlow, P], Stream]:
    """The method that opens what `make` opens, with its parameters."""

    @functools.wraps(make)
    def method(self: OrderFlow, /, *args: P.args, **kwargs: P.kwargs) -> Stream:
        return Stream(make(self._api, *args, **kwargs), self._run)

    method.__doc__ = (make.__doc__ or "").replace("async with", "with").replace("async for", "for")
    return method


class OrderFlow:
    """A daemon's answers and streams, typed, without await.

    The same parameters, methods, answers and exceptions as `orderflow_stream.client.OrderFlow`; `stream` gives a plain
    iterator. Several threads may ask at once.
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
        """As of the asynchronous client."""
        self._api: Final = asynchronous.OrderFlow(url, key, timeout=timeout, max_wait=max_wait, tls=tls)
        self._begin: Final = threading.Lock()
        self._worker: _Worker | None = None
        self._closed = False

    @property
    def url(self) -> str:
        """Where the daemon is."""
        return self._api.url

    def __repr__(self) -> str:
        return f"OrderFlow({self.url!r})"

    def __enter__(self) -> OrderFlow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End its streams, give its connections back, end its thread."""
        with self._begin:
            self._closed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

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

    def ask(self, call: Call[T]) -> T:
        """The answer to a call; the methods above are made of this."""
        return self._run(self._api.ask(call))

    stream = _streams(asynchronous.OrderFlow.stream)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._begin:
            if self._closed:
                work.close()
                raise RuntimeError("this client is closed")
            if self._worker is None:
                self._worker = _Worker(self._api.close)
            worker = self._worker
        return worker.run(work)


class Stream:
    """An open stream: an iterator of `Event`, and a context manager that closes it. `position` and `connected` are as
    of the asynchronous one."""

    def __init__(self, stream: streams.Stream, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._stream: Final = stream
        self._run: Final = run
        self._ready: deque[Event] = deque()
        self.position = stream.position

    @property
    def connected(self) -> bool:
        """Whether a connection stands."""
        return self._stream.connected

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Event:
        """The next event; raises as the asynchronous one."""
        if not self._ready:
            self._ready.extend(self._run(self._stream.batch()))
        if not self._ready:
            raise StopIteration
        event = self._ready.popleft()
        self.position = event.position
        return event

    def close(self) -> None:
        """End it; iterating ends."""
        self._ready.clear()
        self._run(self._stream.close())

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
