"""Tasks that must not vanish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from orderflow_stream.adapters.minded import Vanished, minded


async def forever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("x")


async def both(tasks: list[asyncio.Task[None]], second: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A group of two, minded; `tasks` gets them."""
    async with asyncio.TaskGroup() as group:
        tasks += [group.create_task(forever(), name="clock"), group.create_task(second(), name="tick")]
        await minded(*tasks)


async def test_one_that_is_cancelled_takes_the_group_with_it() -> None:
    tasks: list[asyncio.Task[None]] = []

    def somebody() -> None:
        assert tasks[1].cancel()

    asyncio.get_running_loop().call_soon(somebody)
    with pytest.raises(ExceptionGroup) as failed:
        await both(tasks, forever)
    (error,) = failed.value.exceptions
    assert isinstance(error, Vanished)
    assert "'tick'" in str(error)
    assert all(task.cancelled() for task in tasks)


async def test_returning_is_no_fault() -> None:
    async with asyncio.TaskGroup() as group:
        await minded(group.create_task(asyncio.sleep(0)), group.create_task(asyncio.sleep(0.001)))


async def test_what_one_raises_is_the_groups_business() -> None:
    with pytest.raises(ExceptionGroup) as failed:
        await both([], broken)
    assert [type(each) for each in failed.value.exceptions] == [ValueError]


async def test_the_groups_own_end_is_none_either() -> None:
    begun = asyncio.Event()

    async def owner() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(forever())
            begun.set()
            await minded(task)

    task = asyncio.create_task(owner())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("before", [True, False])
async def test_until_something_is_set(before: bool) -> None:
    event = asyncio.Event()
    task = asyncio.create_task(forever())
    others = asyncio.all_tasks()
    if before:
        event.set()
    else:
        asyncio.get_running_loop().call_soon(event.set)
    await asyncio.wait_for(minded(task, until=event), 5)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert asyncio.all_tasks() <= others


async def test_its_own_wait_does_not_vanish_unnoticed() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(forever())
    waiting = asyncio.create_task(minded(task, until=event))
    await asyncio.sleep(0)
    (waiter,) = [each for each in asyncio.all_tasks() if each.get_name() == "until"]
    waiter.cancel()
    with pytest.raises(Vanished):
        await waiting
    task.cancel()
