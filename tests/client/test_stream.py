"""A stream over a server that fails in every way: nothing is lost, nothing comes twice, and loss is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from orderflow_stream.client import (
    BadAnswer,
    Event,
    Hello,
    LargeEvent,
    Lost,
    NotFound,
    OrderFlow,
    Retrying,
    Stream,
    Unauthorized,
    Unreachable,
)
from tests.client.scripted import Connection, Server, Step, block, large, serving


async def finish(connection: Connection) -> None:
    """Two prints and a good end: what the last connection of most tests does, as a resumed one."""
    await connection.hello(int((connection.resumed or "A-0").partition("-")[2]), recovered=True)
    await connection.large(8, 8)
    await connection.large(9, 9)


@asynccontextmanager
async def streaming(server: Server, **more: object) -> AsyncIterator[Stream]:
    async with OrderFlow(server.url, timeout=5) as api, api.stream(["BTCUSDT"], ("large",), **more) as stream:  # type: ignore[arg-type]
        yield stream


async def until(stream: Stream, enough: Callable[[list[Event]], object]) -> list[Event]:
    seen: list[Event] = []
    async with asyncio.timeout(10):
        async for event in stream:
            seen.append(event)
            if enough(seen):
                break
    return seen


def prints(events: list[Event]) -> list[int]:
    return [event.data.id for event in events if isinstance(event.data, LargeEvent)]


def retries(events: list[Event]) -> list[str]:
    return [event.data.reason for event in events if isinstance(event.data, Retrying)]


def nine(events: list[Event]) -> bool:
    return 9 in prints(events)


async def test_events_come_typed_and_with_their_position() -> None:
    async def step(connection: Connection) -> None:
        assert connection.path == "/v1/stream?symbols=BTCUSDT&topics=large&numbers=string"
        assert connection.headers["accept"] == "text/event-stream"
        assert connection.resumed is None
        await connection.hello(1)
        await connection.event("heartbeat", 2, {"server_time": 1, "lag_ms": 1, "symbols": {}})
        await connection.large(9, 9)
        await server.hold(connection)

    async with serving(step) as server, streaming(server) as stream:
        assert not stream.connected
        events = await until(stream, nine)
        assert [event.name for event in events] == ["hello", "large"]
        assert isinstance(events[0].data, Hello)
        assert stream.position == "ABCD2345-9"
        assert stream.connected


def cut_in_the_middle(connection: Connection) -> bytes:
    return block("large", 8, large(8))[:-20]


async def test_cut_in_the_middle_of_an_event() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(6)
        await connection.large(7, 7)
        await connection.send(cut_in_the_middle(connection))

    async with serving(first, finish) as server, streaming(server) as stream:
        events = await until(stream, nine)
    assert prints(events) == [7, 8, 9]
    assert retries(events) == ["gone"]
    assert server.asked[1].resumed == "ABCD2345-7"


async def test_cut_by_a_reset() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(6)
        await connection.large(7, 7)
        await asyncio.wait_for(heard.wait(), 10)
        connection.cut()

    heard = asyncio.Event()
    async with serving(first, finish) as server, streaming(server) as stream:
        events = await until(stream, prints)
        heard.set()
        events += await until(stream, nine)
    assert prints(events) == [7, 8, 9]
    assert retries(events) == ["gone"]


async def test_events_before_the_cut_come_before_it_is_told() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(1)
        await connection.send(b"".join(block("large", seq, large(seq)) for seq in range(2, 8)))

    async with serving(first, finish) as server, streaming(server) as stream:
        events = await until(stream, nine)
    assert [event.name for event in events] == ["hello", *["large"] * 6, "retrying", "hello", "large", "large"]


async def test_silence_is_death() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(7, heartbeat_ms=40)
        await server.hold(connection)

    async with serving(first, finish) as server, streaming(server) as stream:
        events = await until(stream, nine)
    assert retries(events) == ["silence"]
    assert prints(events) == [8, 9]


async def test_bytes_that_become_no_event_are_silence_too() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(7, heartbeat_ms=40)
        while True:
            await connection.send(b": still here\n")
            await asyncio.sleep(0.01)

    async with serving(first, finish) as server, streaming(server) as stream:
        assert retries(await until(stream, nine)) == ["silence"]


async def test_heartbeats_keep_it_alive() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(7, heartbeat_ms=300)
        for _ in range(30):  # longer than its patience
            await connection.event("heartbeat", 7, {"server_time": 1, "lag_ms": None, "symbols": {}})
            await asyncio.sleep(0.03)
        await connection.large(9, 9)
        await server.hold(connection)

    async with serving(first) as server, streaming(server, heartbeats=True) as stream:
        events = await until(stream, nine)
    assert len(server.asked) == 1
    assert [event.name for event in events] == ["hello", *["heartbeat"] * 30, "large"]


async def test_a_reader_that_takes_its_time_is_not_silence() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(7, heartbeat_ms=200)
        while True:
            await connection.event("heartbeat", 7, {"server_time": 1, "lag_ms": None, "symbols": {}})
            await asyncio.sleep(0.02)

    async with serving(first) as server, streaming(server, heartbeats=True) as stream:
        await until(stream, lambda seen: len(seen) == 2)
        await asyncio.sleep(0.7)
        events = await until(stream, lambda seen: len(seen) == 10)
    assert retries(events) == []


@pytest.mark.parametrize("name", ["bye", "slow", "busy"])
async def test_an_end_that_is_said(name: str) -> None:
    async def first(connection: Connection) -> None:
        if name == "busy":
            await connection.head()
        else:
            await connection.hello(7)
        await connection.event(name, 7, {"reason": "because"}, retry=60)
        await server.hold(connection)  # it does not wait for the end of the body

    loop = asyncio.get_running_loop()
    async with serving(first, finish) as server, streaming(server) as stream:
        began = loop.time()
        events = await until(stream, nine)
        assert 0.06 <= loop.time() - began < 5
    assert retries(events) == [name]
    assert prints(events) == [8, 9]
    assert server.asked[1].resumed == "ABCD2345-7"


@pytest.mark.parametrize("epoch", ["ABCD2345", "WXYZ2345"])
async def test_loss_is_raised_and_the_stream_goes_on(epoch: str) -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(6)
        await connection.large(7, 7)

    async def second(connection: Connection) -> None:
        await connection.hello(90, epoch=epoch)
        await connection.event("large", 91, large(91), epoch=epoch)

    async def third(connection: Connection) -> None:
        assert connection.resumed == f"{epoch}-91"
        await connection.hello(91, recovered=True, epoch=epoch)
        await connection.event("large", 92, large(92), epoch=epoch)
        await server.hold(connection)

    seen: list[Event] = []
    losses: list[Lost] = []
    async with serving(first, second, third) as server, streaming(server) as stream:
        async with asyncio.timeout(10):
            while 92 not in prints(seen):
                try:
                    async for event in stream:
                        seen.append(event)
                        if 92 in prints(seen):
                            break
                except Lost as lost:
                    assert prints(seen) == [7]
                    losses.append(lost)
    assert prints(seen) == [7, 91, 92]
    ((from_position, position, changed),) = [(one.from_position, one.position, one.epoch_changed) for one in losses]
    assert (from_position, position, changed) == ("ABCD2345-7", f"{epoch}-90", epoch != "ABCD2345")
    assert [event.name for event in seen].count("hello") == 3


async def test_a_position_from_before() -> None:
    async def step(connection: Connection) -> None:
        assert connection.resumed == "ABCD2345-3"
        await connection.hello(50)
        await server.hold(connection)

    async with serving(step) as server, streaming(server, position="ABCD2345-3") as stream:
        with pytest.raises(Lost) as caught:
            await until(stream, len)
        assert caught.value.from_position == "ABCD2345-3"
        (event,) = await until(stream, len)
        assert event.name == "hello"


async def unauthorized(connection: Connection) -> None:
    await connection.fail("401 Unauthorized", "unauthorized", "no such key")


async def nothing(connection: Connection) -> None:
    await connection.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


async def page(connection: Connection) -> None:
    await connection.head("200 OK", "text/html", Content_Length="2")
    await connection.send("hi")


async def moved(connection: Connection) -> None:
    await connection.head("302 Found", "text/html", Content_Length="0", Location="/elsewhere")


async def unknown(connection: Connection) -> None:
    await connection.fail("404 Not Found", "unknown_symbol", "no symbol", "symbols")


@pytest.mark.parametrize(
    "step,kind,says",
    [
        (unauthorized, Unauthorized, "no such key"),
        (unknown, NotFound, "no symbol"),
        (nothing, BadAnswer, "204"),
        (page, BadAnswer, "no event stream"),
        (moved, BadAnswer, "302"),
    ],
)
@pytest.mark.parametrize("later", [False, True])
async def test_what_will_not_pass_is_raised(step: Step, kind: type[Exception], says: str, later: bool) -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(7)

    script = [first, step] if later else [step]
    async with serving(*script) as server, streaming(server) as stream:
        with pytest.raises(kind, match=says):
            await until(stream, nine)
        assert len(server.asked) == len(script)


@pytest.mark.parametrize("status", ["429 Too Many", "500 Oops", "502 Bad", "503 Full"])
async def test_what_may_pass_is_tried_again(status: str) -> None:
    async def failing(connection: Connection) -> None:
        await connection.fail(status, "whatever", "later")

    async def first(connection: Connection) -> None:
        await connection.hello(7)

    async with serving(first, failing, failing, finish) as server, streaming(server) as stream:
        events = await until(stream, nine)
    assert retries(events) == ["gone", "failed", "failed"]
    assert prints(events) == [8, 9]


async def test_nobody_there() -> None:
    async with serving(finish) as server:
        url = server.url
    async with OrderFlow(url) as api, api.stream("BTCUSDT") as stream:
        with pytest.raises(Unreachable, match=r"connection refused.*orderflow-stream serve"):
            await anext(stream)


async def test_gone_for_longer_than_one_wants_to_wait() -> None:
    async def only(connection: Connection) -> None:
        await connection.hello(7)

    async def refuse(connection: Connection) -> None:
        connection.cut()

    async with serving(only, refuse) as server, streaming(server, give_up=0.05) as stream:
        events = await until(stream, retries)
        assert [event.name for event in events] == ["hello", "retrying"]
        with pytest.raises(Unreachable, match=r"no stream for 0.05 s: "):
            await until(stream, lambda seen: False)


async def test_what_cannot_be_read_is_raised_once() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(6)
        await connection.event("large", 7, {"id": "seven"})

    async with serving(first, finish) as server, streaming(server) as stream:
        with pytest.raises(BadAnswer, match="a large event that cannot be read"):
            await until(stream, nine)
        seen = await until(stream, nine)
    assert prints(seen) == [8, 9]
    assert server.asked[1].resumed == "ABCD2345-7"


async def test_a_cancelled_wait_loses_nothing() -> None:
    go = asyncio.Event()

    async def step(connection: Connection) -> None:
        await connection.hello(6)
        await go.wait()
        await connection.large(8, 8)
        await connection.large(9, 9)
        await server.hold(connection)

    async with serving(step) as server, streaming(server) as stream:
        await until(stream, len)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)
        go.set()
        assert prints(await until(stream, nine)) == [8, 9]
    assert len(server.asked) == 1


async def test_a_cancelled_pause_is_waited_out_by_the_next_call() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(7)
        await connection.event("bye", 7, {"reason": "restart"}, retry=200)

    loop = asyncio.get_running_loop()
    async with serving(first, finish) as server, streaming(server) as stream:
        await until(stream, retries)
        began = loop.time()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
        await until(stream, nine)
        assert 0.19 <= loop.time() - began < 5


async def test_a_batch_is_what_is_there() -> None:
    async def first(connection: Connection) -> None:
        await connection.hello(1)
        await connection.send(b"".join(block("large", seq, large(seq)) for seq in range(2, 8)))

    async def second(connection: Connection) -> None:
        await connection.hello(9)
        await server.hold(connection)

    async with serving(first, second) as server, streaming(server) as stream:
        seen: list[Event] = []
        while not retries(seen):
            batch = await stream.batch()
            assert batch
            seen += batch
        assert prints(seen) == [2, 3, 4, 5, 6, 7]
        with pytest.raises(Lost):
            await stream.batch()
        assert [event.name for event in await stream.batch()] == ["hello"]
        await stream.close()
        assert await stream.batch() == []


@pytest.mark.parametrize("pausing", [False, True])
async def test_closing_ends_whoever_waits(pausing: bool) -> None:
    async def step(connection: Connection) -> None:
        await connection.hello(7)
        if pausing:
            await connection.event("bye", 7, {"reason": "restart"}, retry=60_000)
        await server.hold(connection)

    async with serving(step) as server, streaming(server) as stream:
        await until(stream, retries if pausing else len)
        waiting = asyncio.create_task(until(stream, len))
        await asyncio.sleep(0.02)
        await stream.close()
        assert await asyncio.wait_for(waiting, 5) == []
        assert not stream.connected


async def test_nothing_is_left_behind() -> None:
    async def step(connection: Connection) -> None:
        await connection.hello(7)
        await server.hold(connection)

    async with serving(step) as server:
        before = asyncio.all_tasks()
        async with OrderFlow(server.url) as api:
            async for event in api.stream("BTCUSDT", "large"):
                assert event.name == "hello"
                break  # without closing: the client does
            assert asyncio.all_tasks() - before <= {task for task in asyncio.all_tasks() if "serve" in repr(task)}
        await server.close()
        assert asyncio.all_tasks() <= before
