"""Tasks that must not vanish.

`asyncio.TaskGroup` takes a task that was cancelled for one that has ended well, whoever cancelled it. A daemon without
its clock, or without the half that closes orders, would look alive and be wrong. So whoever opens a group waits for it
here.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Vanished(RuntimeError):
    """A task was cancelled by somebody whose business it is not."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        super().__init__(f"the task {task.get_name()!r} was cancelled from outside; nothing goes on without it")


async def minded(*tasks: asyncio.Task[Any], until: asyncio.Event | None = None) -> None:
    """Until all of them have returned, or `until` is set. Raises `Vanished` where one was cancelled meanwhile.

    To be awaited in the body of the group that owns them: where the group ends them, this ends with its body.
    """
    left: set[asyncio.Task[Any]] = set(tasks)
    waiter = None
    if until is not None:
        waiter = asyncio.create_task(until.wait(), name="until")
        left.add(waiter)
    try:
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled():
                    raise Vanished(task)
            if until is not None and until.is_set():
                return
    finally:
        if waiter is not None:
            waiter.cancel()
