"""`python -m tests.conformance.listen CLIENT URL`: every event as a line of JSON, for the test that started it.

Each client is used as its own documentation says. Two of them leave it to the caller to come back after an end; then
that is done here, by the rules of the standard: the last id in `Last-Event-ID`, after the last `retry`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

RETRY: Final = 3_000


def tell(**line: object) -> None:
    """One line, at once."""
    print(json.dumps(line), flush=True)


def heard(event: str | None, id_: str | None, data: str) -> None:
    tell(event=event or "message", id=id_, data=data)


@contextmanager
def _response(url: str, last: str | None) -> Iterator[Any]:
    import httpx

    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
    with (
        httpx.Client(timeout=None, trust_env=False) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        response.raise_for_status()
        yield response


def _again(once: Callable[[str | None], Iterator[Any]]) -> None:
    """Connect, read to the end, and come back."""
    import httpx

    last, retry = None, RETRY
    while True:
        try:
            for event in once(last):
                heard(event.event, event.id, event.data)
                last, retry = event.id or last, int(event.retry or retry)  # some hand it on as text
        except httpx.TransportError:
            pass
        tell(error="connecting")
        time.sleep(retry / 1_000)


def httpx_sse(url: str) -> None:
    from httpx_sse import EventSource

    def once(last: str | None) -> Iterator[Any]:
        with _response(url, last) as response:
            yield from EventSource(response).iter_sse()

    _again(once)


def sseclient_py(url: str) -> None:
    from sseclient import SSEClient  # type: ignore[import-untyped,unused-ignore]

    def once(last: str | None) -> Iterator[Any]:
        with _response(url, last) as response:
            yield from SSEClient(response.iter_bytes()).events()

    _again(once)


def launchdarkly(url: str) -> None:
    from ld_eventsource import SSEClient  # type: ignore[import-untyped]
    from ld_eventsource.actions import Event, Fault  # type: ignore[import-untyped]
    from ld_eventsource.config import ErrorStrategy  # type: ignore[import-untyped]

    client = SSEClient(url, error_strategy=ErrorStrategy.always_continue())
    for action in client.all:
        if isinstance(action, Event):
            heard(action.event, action.last_event_id, action.data)
        elif isinstance(action, Fault):
            tell(error="connecting")


def aiohttp_sse_client2(url: str) -> None:
    """It comes back after a proper end, and hands an aborted connection to its caller."""
    from datetime import timedelta

    from aiohttp import ClientError, ClientTimeout
    from aiohttp_sse_client2.client import EventSource  # type: ignore[import-untyped]

    async def run() -> None:
        last: str | None = None
        while True:
            headers: dict[str, str] = {"Last-Event-ID": last} if last else {}
            first = timedelta(milliseconds=RETRY)
            try:
                source = EventSource(url, headers=headers, reconnection_time=first, timeout=ClientTimeout(total=None))
                async with source:
                    async for event in source:
                        heard(event.type, event.last_event_id, event.data)
                        last = event.last_event_id or last
            except (ClientError, ConnectionError):
                tell(error="connecting")
                await asyncio.sleep(0.2)

    asyncio.run(run())


CLIENTS: Final = {
    "httpx-sse": httpx_sse,
    "sseclient-py": sseclient_py,
    "launchdarkly-eventsource": launchdarkly,
    "aiohttp-sse-client2": aiohttp_sse_client2,
}

if __name__ == "__main__":
    CLIENTS[sys.argv[1]](sys.argv[2])
