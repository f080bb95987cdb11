"""An outage of all of USD-M where a page of trades is dear: 120 calls a minute for everybody, 300 symbols that lack
something. Here ten times as fast: a minute of five seconds, an outage of three. (Unscaled: `make soak`.)"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from msgspec.structs import replace

from orderflow_stream.simulator.rest import RestCall
from orderflow_stream.simulator.server import wall_clock
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.faults.house import House, house
from tests.faults.market_usdm import SteadyContracts
from tests.faults.scaled import LIMIT, believing, scale

SYMBOLS: Final = 300
VENUE: Final = "binance-usdm"
#: The exchange's minute here.
MINUTE_S: Final = 5
#: So many are asked for in any order: eight at a time, and while the holes of others are still being found.
SLACK: Final = 30
STRAGGLERS: Final = 5
#: Volumes are of so many magnitudes.
MAGNITUDES: Final = 3


def magnitude(symbol: str) -> int:
    """0 is the largest."""
    return int(symbol[1:4]) * MAGNITUDES // SYMBOLS


def all_symbols() -> list[str]:
    return [f"S{number:03d}USDT" for number in range(SYMBOLS)]


class Wide(SteadyContracts):
    """Many contracts that trade as often, of volumes a thousand times each other's. Ids begin with 0, so that
    nothing older is looked for."""

    def __init__(self, rate: float, history: int) -> None:
        super().__init__(dict.fromkeys(all_symbols(), rate), history=history)
        self._next_id = dict.fromkeys(self.rates, -1)

    def order(self, symbol: str, ts: int) -> list[ArchiveRow]:
        lots = 2 * 1000 ** (MAGNITUDES - 1 - magnitude(symbol))
        return [replace(row, qty=f"{lots}.00", nq=f"{lots // 2}.00") for row in super().order(symbol, ts)]


@dataclass
class Healed:
    """What came of it."""

    asked: list[RestCall] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    ready: dict[str, Any] = field(default_factory=dict)
    began: float = 0.0
    told_at: float = 0.0
    took: float = 0.0
    finished: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """For a person."""
        told = self.told_at - self.began
        return (
            f"{self.finished['calls']} calls: healed in {self.took:.1f} s, "
            f"{self.said['seconds_left']} s foretold after {told:.1f} s"
        )


async def outage(home: House, seconds: float, followed: Sequence[str], patience: float, minute: int = 60) -> Healed:
    """Streams and REST are cut for so long while a client follows these symbols; then everything is had again. The next
    trades of all come when a new `minute` (s) of the exchange's has just begun."""
    came = Healed()
    source = home.sim._stages[0].source
    assert isinstance(source, Wide)

    def everywhere(orders: int) -> None:
        for symbol in source.rates:
            home.sim.publish(symbol, source.burst(symbol, orders, wall_clock()))

    query = {"symbols": ",".join(followed), "topics": "trade", "venue": VENUE}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with home.session.get(home.url + "/v1/stream", params=query, timeout=timeout) as stream:
        assert stream.status == 200
        reading = asyncio.create_task(_read(stream))
        for way in (home.streams, home.rest):
            way.refuse = True
            way.reset_all()
        await asyncio.sleep(seconds / 2)
        everywhere(3)
        await asyncio.sleep(seconds / 2)
        calls, lines = len(home.sim.calls), len(home.daemon.err)
        for way in (home.streams, home.rest):
            way.clear()
        await home.sim.subscribed(*source.rates)
        await asyncio.sleep(-time.time() % minute + 0.5)
        came.began = time.monotonic()
        everywhere(1)  # what shows a hole
        async with asyncio.timeout(patience):  # nobody asks for a symbol meanwhile: that would be to follow it
            came.said = await _said(home, "many trades are missing", lines, patience)
            came.told_at = time.monotonic()
            came.ready = json.loads((await home.raw("/readyz"))[1])["data"]["repair"]
            lines = next(
                n for n, line in enumerate(home.daemon.err[lines:], lines) if "many trades are missing" in line
            )
            came.finished = await _said(home, "what was missing has been asked for", lines, patience)
        came.took = time.monotonic() - came.began
        came.asked = [call for call in list(home.sim.calls)[calls:] if call.path.endswith("aggTrades")]
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return came


async def _said(home: House, words: str, after: int, patience: float) -> Any:
    """The first line that holds these words."""

    async def holds() -> bool:
        return any(words in line for line in home.daemon.err[after:])

    await home.until(holds, words, patience, pause=0.01)
    return json.loads(next(line for line in home.daemon.err[after:] if words in line))


async def _read(stream: aiohttp.ClientResponse) -> None:
    with suppress(aiohttp.ClientError):  # the daemon ends
        async for _ in stream.content.iter_any():
            pass


async def warm(home: House, patience: float) -> float:
    """Seconds until every past is read. Nobody has asked for a symbol: that would be to follow it."""

    async def holds() -> bool:
        return (await home.raw("/readyz", strict=1))[0] == 200

    return await home.until(holds, "warm", patience, pause=0.2)


def first_asked(calls: list[RestCall]) -> list[str]:
    """Symbols in the order in which their missing trades were asked for."""
    return list(dict.fromkeys(call.query["symbol"] for call in calls if "fromId" in call.query))


def assert_in_order(order: Sequence[str], followed: Sequence[str], slack: int) -> None:
    """Those that somebody follows first, then by magnitudes of volume; `slack`: so many are handed out at a time, and
    holes are found over a moment."""
    places = {symbol: place for place, symbol in enumerate(order)}
    assert all(places[symbol] < len(followed) + slack for symbol in followed), [places[each] for each in followed]
    rest = [symbol for symbol in order if symbol not in followed]
    sizes = [sum(magnitude(each) == size for each in rest) for size in range(MAGNITUDES)]
    ends = list(itertools.accumulate(sizes))
    for size, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        early = [each for each in rest[: max(0, begin - slack)] if magnitude(each) == size]
        late = [each for each in rest[end + slack :] if magnitude(each) == size]
        # (One whose answer failed or whose hole was found late comes late.)
        assert len(early) <= STRAGGLERS, (size, early)
        assert len(late) <= STRAGGLERS, (size, late)


def answered(calls: list[RestCall]) -> Mapping[int, int]:
    """Calls by the status they were answered with."""
    return {status: sum(call.status == status for call in calls) for status in {call.status for call in calls}}


def assert_healed(came: Healed, followed: Sequence[str], symbols: int) -> None:
    """What was said, and in which order it was done."""
    assert answered(came.asked).keys() <= {200}, "never told to stop"
    order = first_asked(came.asked)
    assert len(order) == symbols
    assert_in_order(order, followed, SLACK)
    repairs = len([call for call in came.asked if "fromId" in call.query])
    assert 0 <= repairs - came.finished["calls"] <= 3, "one call a symbol; what was under way at the last word is more"
    assert came.said["calls"] <= symbols
    assert came.said["calls"] > symbols // 2, "most of it was still to come when it was said"
    assert came.said["trades"] >= 3 * came.said["calls"]
    assert came.ready["symbols"] <= came.said["symbols"]
    left = came.took - (came.told_at - came.began)
    assert abs(came.said["seconds_left"] - left) <= 2.0 + 0.25 * left, (came.said, left)
    assert abs(came.ready["seconds_left"] - left) <= 2.0 + 0.25 * left, (came.ready, left)


@pytest.mark.timeout(150)
async def test_three_hundred_symbols_heal_in_the_order_of_importance(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Never beyond the weight, followed ones first, then by volume; how long it takes is said, and true. Afterwards all
    of it is there, id by id."""
    followed = all_symbols()[-10:]  # of the least volume: nothing else brings them forward
    source = Wide(0.0, history=30)
    async with house(tmp_path, source, venue=VENUE, serve=False, analytics__flow__windows="1s,1m") as home:
        weights = scale(home.sim, MINUTE_S)
        home.keys |= believing(tmp_path)
        async with home.serving():
            await warm(home, 60.0)
            came = await outage(home, 3.0, followed, 60.0, minute=MINUTE_S)
            await home.assert_whole()
        home.assert_quiet_log()
    assert answered(list(home.sim.calls)).keys() <= {200}, "never told to stop"
    assert weights.worst <= LIMIT
    assert_healed(came, followed, SYMBOLS)
    record_property("told", f"USD-M, {SYMBOLS} symbols, {came.line()}, {weights.worst} of {LIMIT} weight at most")
