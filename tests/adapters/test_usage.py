"""A small file that is whole or not there, and a daemon that goes on without it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import structlog

from orderflow_stream.adapters.usage import UsageFile


class Counter:
    def __init__(self) -> None:
        self.state: dict[str, Any] = {"used": 1}
        self.restored: list[object] = []
        self.reads = asyncio.Event()

    def give(self) -> object:
        self.reads.set()
        return self.state

    def take(self, state: object) -> None:
        if not isinstance(state, dict):
            raise ValueError("not an object")
        self.restored.append(state)
        self.state = dict(state)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def kept(path: Path | None, counter: Counter, every: float = 60.0) -> UsageFile:
    return UsageFile(path, state=counter.give, restore=counter.take, every=every)


async def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path, counter, again = tmp_path / "usage.json", Counter(), Counter()
    async with kept(path, counter):
        assert json.loads(path.read_text()) == {"used": 1}
        counter.state = {"used": 5}
    assert json.loads(path.read_text()) == {"used": 5}
    assert path.stat().st_mode & 0o777 == 0o600
    async with kept(path, again):
        assert again.restored == [{"used": 5}]
    assert names(tmp_path) == ["usage.json"]


async def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with kept(None, Counter()) as file:
        await file.save()
    assert names(tmp_path) == []


async def test_it_is_written_now_and_then_and_only_if_it_changed(tmp_path: Path) -> None:
    path, counter = tmp_path / "usage.json", Counter()
    async with kept(path, counter, every=0.001) as file:
        before = path.stat().st_ino
        task = asyncio.create_task(file.run())
        for _ in range(3):
            counter.reads.clear()
            await asyncio.wait_for(counter.reads.wait(), 10)
        assert path.stat().st_ino == before
        counter.state = {"used": 2}
        async with asyncio.timeout(10):
            while json.loads(path.read_text()) != {"used": 2}:
                counter.reads.clear()
                await counter.reads.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[1]", b'{"used": 1'])
async def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    path, counter = tmp_path / "usage.json", Counter()
    path.write_bytes(damage)
    with structlog.testing.capture_logs() as logs:
        async with kept(path, counter):
            pass
    assert [(each["log_level"], "damaged" in each["event"]) for each in logs] == [("error", True)]
    assert (tmp_path / "usage.json.damaged").read_bytes() == damage
    assert json.loads(path.read_text()) == {"used": 1}
    assert counter.restored == []


async def test_a_disk_that_refuses_is_told_of_once_and_when_it_is_over(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    counter = Counter()
    with structlog.testing.capture_logs() as logs:
        async with kept(folder / "usage.json", counter) as file:
            for number in range(3):
                counter.state = {"used": number}
                await file.save()
            assert [each["log_level"] for each in logs] == ["error"]
            assert logs[0]["reason"] == "No such file or directory"
            folder.mkdir()
            counter.state = {"used": 9}
            await file.save()
    assert [each["log_level"] for each in logs] == ["error", "info"]
    assert json.loads((folder / "usage.json").read_text()) == {"used": 9}


async def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, counter = tmp_path / "usage.json", Counter()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    async with kept(path, counter) as file:
        monkeypatch.setattr(os, "fsync", full)
        counter.state = {"used": 2}
        await file.save()
        assert json.loads(path.read_text()) == {"used": 1}
        monkeypatch.undo()
    assert json.loads(path.read_text()) == {"used": 2}
