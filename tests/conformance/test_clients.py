"""One tape, seven clients that nobody here wrote, two forced ends: seven times the same list of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import pytest
from msgspec import structs

from tests.conformance.cutter import Cutter
from tests.conformance.referee import NAMES, Referee, refereed
from tests.tapes.kit import made_up
from tests.tapes.rig import Play, playing

#: Letters that are no ASCII, in every event.
TAPE: Final = made_up("币安人生USDT", "USDT", seed=91, n=4_000, invalid=4)
BEHIND: Final = 60


@asynccontextmanager
async def seated(play: Play) -> AsyncIterator[tuple[list[Referee], list[Cutter]]]:
    """All clients connected, each through a relay of its own, and told hello."""
    async with AsyncExitStack() as stack:
        cutters = [await stack.enter_async_context(Cutter(play.daemon.url)) for _ in NAMES]
        query = f"/v1/stream?symbols={quote(play.symbol)}&topics=flow,large,trade"
        referees = await asyncio.gather(
            *(
                stack.enter_async_context(refereed(name, cutter.url + query))
                for name, cutter in zip(NAMES, cutters, strict=True)
            )
        )
        for referee in referees:
            await referee.until(lambda referee=referee: bool(referee.of("flow")))  # type: ignore[misc]
        yield referees, cutters


async def told(play: Play, referees: list[Referee]) -> None:
    """Every client has the newest trade."""
    newest = next(row.id for row in reversed(play.rows[: play.at]) if row.valid)

    def has(referee: Referee) -> bool:
        return any(trade["id"] == newest for trade in referee.of("trade")[-50:])

    for referee in referees:
        await referee.until(lambda referee=referee: has(referee))  # type: ignore[misc]


async def come_back(referees: list[Referee], hellos: int) -> None:
    for referee in referees:
        await referee.until(lambda referee=referee: len(referee.of("hello")) == hellos)  # type: ignore[misc]


@pytest.mark.timeout(120)
async def test_seven_clients_hear_the_same_through_two_forced_ends() -> None:
    overrides: dict[str, Any] = {"delivery__heartbeat_s": 0.5, "analytics__large__min_notional": 50_000}
    async with playing(TAPE, rows=4_000, **overrides) as play:
        hub = play.daemon.hub
        # Everybody comes back soon, so that the test is short.
        hub.set_limits(structs.replace(hub.limits, retry_ms=(100, 400)))
        async with seated(play) as (referees, cutters):
            begin = play.at
            play.publish(150)
            await play.arrived()
            play.sim.faults.skip(play.symbol, count=7)  # a gap, and its repair
            play.publish(60)
            await play.settled()
            await told(play, referees)

            for client in hub._roster.live():  # the first end: ours, with a word
                hub.bye(client, "age")
            play.publish(BEHIND)
            await come_back(referees, 2)
            play.publish(150)
            await play.arrived()
            await told(play, referees)

            play.publish(BEHIND)  # the second end: a reset, with events on their way
            assert all(cutter.cut() for cutter in cutters)
            play.publish(BEHIND)
            await come_back(referees, 3)
            play.publish(150)
            await play.settled()
            await told(play, referees)
            published = [row.id for row in play.rows[begin : play.at] if row.valid]

    first = referees[0].logged
    assert sorted(json.loads(each.data)["id"] for each in first if each.event == "trade") == published
    assert {each.event for each in first} >= {"trade", "large", "gap", "corrected"}
    for referee in referees:
        assert referee.logged == first, f"{referee.name} heard something else than {referees[0].name}"
        _is_sound(referee)


def _is_sound(referee: Referee) -> None:
    """Ids that never go back, resumes that are complete, and no errors but the two ends."""
    name = referee.name
    positions = [int(each.id.rpartition("-")[2]) for each in referee.events]
    assert positions == sorted(positions), f"{name}: an id went back"
    logged = [int(each.id.rpartition("-")[2]) for each in referee.logged]
    assert len(set(logged)) == len(logged), f"{name}: two log events with one id"
    assert len({each.id.partition("-")[0] for each in referee.events}) == 1, f"{name}: more than one epoch"
    assert all(json.loads(each.data) for each in referee.events), f"{name}: an event without data"
    hellos = [(at, json.loads(each.data)) for at, each in enumerate(referee.events) if each.event == "hello"]
    assert [hello["recovered"] for _, hello in hellos] == [False, True, True], name
    for at, hello in hellos[1:]:
        assert hello["resumed_from"] == referee.events[at - 1].id, f"{name}: resumed from elsewhere than the last event"
    assert [json.loads(each.data)["reason"] for each in referee.events if each.event == "bye"] == ["age"], name
    assert "message" not in {each.event for each in referee.events}, f"{name}: an event without a name"
    assert "closed" not in referee.errors, f"{name} gave up"
    assert len(referee.errors) <= 4, f"{name}: {referee.errors}"
    assert referee.other == [], f"{name} said {referee.other}"
