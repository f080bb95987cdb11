"""Random faults for a stated seed: a market of an hour a minute, everything that can go wrong at random, and an
observer.

At the end the tape must equal the source, id by id, and no answer in between may have been wrong over the ids it
claims, nor called itself complete up to a time by which the venue had published more.

    python -m soak.random_faults --seed 7              one short seed, with what was done to it
    python -m soak.random_faults --seeds 300           as many seeds from --first on
    python -m soak.random_faults --venue binance-usdm  the same over the futures exchange
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from orderflow_stream.config import Settings
from orderflow_stream.simulator import (
    FuturesMarket,
    Listing,
    MarketPlayer,
    SyntheticMarket,
    many_contracts,
    many_listings,
)
from orderflow_stream.simulator.server import wall_clock
from orderflow_stream.venues.binance_archive import ArchiveRow
from soak.chaos import Chaos
from tests.faults.house import House, house
from tests.faults.judge import Verdict, judge_tape, sources
from tests.faults.observer import Observer
from tests.faults.scaled import believing, scale

#: How much faster than life the market goes.
SPEED: Final = 60
#: Large from here on, in dollars: low enough that a short run has dozens.
LEAST: Final = 20_000
#: The part of a run in which things go wrong; the rest is for the tail to be noticed.
_TROUBLED: Final = 0.85
_DOLLARS: Final = {"USDT", "USDC", "FDUSD"}
SPOT: Final = "binance"
USDM: Final = "binance-usdm"
#: Where rows are merged fills of several orders: fills for each row, so that a row is as often as on spot.
_FILLS_A_ROW: Final = 1.0
#: The minute of that exchange by which weight is counted, seconds: the market is faster too.
_MINUTE_S: Final = 5
_PATIENCE_S: Final = 20.0


@dataclass
class Result:
    """What one seed came to. `detection`: the longest (s) for which a symbol of 5 trades/s or more lacked a trade
    without saying so (it claimed no more than it knew: `undeclared` counts the claims that were false)."""

    seed: int
    seconds: float = 0.0
    trades: int = 0
    symbols: int = 0
    answers: int = 0
    complete: int = 0
    events: int = 0
    faults: int = 0
    kills: int = 0
    lost: int = 0
    duplicated: int = 0
    undeclared: int = 0
    detection: float = 0.0
    healed: float = 0.0
    problems: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def line(self) -> str:
        """For a person, one line."""
        return (
            f"seed {self.seed}: {'ok' if self.good else 'FAILED'}  trades {self.trades}  symbols {self.symbols}  "
            f"faults {self.faults}  kills {self.kills}  answers {self.answers} ({self.complete} complete)  "
            f"events {self.events}  lost {self.lost}  duplicated {self.duplicated}  undeclared {self.undeclared}  "
            f"worst detection {self.detection:.1f} s  healed {self.healed:.1f} s  in {self.seconds:.1f} s"
        )


def has_journal() -> bool:
    """Whether this build can remember over a kill."""
    return "journal" in Settings.model_fields


def listings(count: int) -> tuple[Listing, ...]:
    """Dollar markets whose activity falls like 1/rank."""
    return tuple(each for each in many_listings(4 * count) if each.quote in _DOLLARS)[:count]


async def run_seed(
    seed: int,
    folder: Path,
    *,
    seconds: float = 4.5,
    symbols: int = 10,
    rate: float = 20.0,
    every: float = 0.18,
    kills: bool = False,
    patience: float = 25.0,
    venue: str = SPOT,
) -> Result:
    """One seed: `rate` trades a second of a market that goes at 60 times its speed, for `seconds`."""
    began = time.monotonic()
    draw = random.Random(f"chaos {seed}")
    past = 3_000
    names: Sequence[Listing]
    if venue == SPOT:
        names = listings(symbols)
        market = SyntheticMarket(seed, names, rate=rate, large_every=150)
    else:
        names = many_contracts(symbols)
        market = FuturesMarket(seed, names, rate=rate * _FILLS_A_ROW, large_every=150)
    player = MarketPlayer(market, past + int(rate * SPEED * seconds), speed=SPEED, history=past)
    keys: dict[str, Any] = {
        "analytics__large__min_notional": LEAST,
        # The tape is to hold all of the run, however long: its beginning is judged too.
        "analytics__flow__windows": "1s,5s,1m" if seconds < 20 else "1s,5s,1m,10m",
        "log__level": "info",
        # A client that comes back after a restart on a busy machine is to find all that was told in between.
        "delivery__ring_trades": 20_000 if seconds < 20 else 100_000,
    }
    if kills:
        keys["journal__directory"] = folder / "journal"
    verdict = Verdict()
    async with house(
        folder, player, serve=False, sim={"autoplay": False, "fault_seed": seed}, symbols="*", venue=venue, **keys
    ) as home:
        stack = contextlib.AsyncExitStack()
        observer = Observer(home, [each.symbol for each in names], least=LEAST, seed=seed)
        chaos = Chaos(home, observer, [each.symbol for each in names], draw, lag=seed % 2 == 0)
        if venue != SPOT:
            scale(home.sim, _MINUTE_S)
            home.keys |= believing(folder)
        try:
            await stack.enter_async_context(home.serving())
            await home.until_whole()  # what a first warm-up brings is never told as an event
            await observer.begin()

            async def restart() -> None:
                await home.kill()
                await stack.aclose()
                await stack.enter_async_context(home.serving())

            if kills:
                chaos.restart = restart
            home.sim.play()
            await chaos.run(seconds * _TROUBLED, every)
            await home.sim.played()
            healing = time.monotonic()
            if venue != SPOT:  # where a question is dear, what is still subscribed to waits for its next trade
                await _subscribed(home)
            for each in names:  # a market goes on: the last word of each symbol comes after the faults
                home.sim.publish(each.symbol, _last_words(player.mapped(each.symbol)[-1]))
            try:
                await home.until_whole(patience=patience)
                await observer.end()
            except (AssertionError, TimeoutError) as error:
                verdict.add(f"did not heal: {str(error)[:2000]}")
            healed = time.monotonic() - healing
            truth = sources(home.sim)
            lost = duplicated = 0
            for symbol, source in truth.items():
                held = await home.tape(symbol, 0)
                if not held or held[0]["id"] > observer.begins[symbol]:
                    verdict.add(f"{symbol}: the tape begins with {held[:1]}, not before {observer.begins[symbol]}")
                one, two = judge_tape(source, held, held[0]["id"] if held else 0, verdict)
                lost, duplicated = lost + one, duplicated + two
            undeclared = -len(verdict.problems)
            observer.judge(truth, verdict, lag=int(chaos.worst_lag * 1e6), killed=chaos.kills > 0)
            undeclared += len(verdict.problems)
            verdict.problems += [f"log: {line}" for line in _bad_lines(home)]
        finally:
            await chaos.stop()
            await observer.stop()
            await stack.aclose()
        busy = {symbol for symbol, source in truth.items() if len(source.rows) - past * 0.1 > 5 * seconds}
        return Result(
            seed=seed,
            seconds=time.monotonic() - began,
            trades=sum(len(source.rows) for source in truth.values()) - past,
            symbols=len(names),
            answers=verdict.answers,
            complete=verdict.complete,
            events=len(observer.steady.events) + len(observer.restless.events),
            faults=len(chaos.story) - 1,
            kills=chaos.kills,
            lost=lost,
            duplicated=duplicated,
            undeclared=undeclared,
            detection=max((late for symbol, late in verdict.blind.items() if symbol in busy), default=0.0),
            healed=healed,
            problems=verdict.problems,
            story=chaos.story,
            log=[line for daemon in home.daemons for line in daemon.err],
        )


async def _subscribed(home: House) -> None:
    """Some connection carries every symbol, or none did for long: what then is missing is seen by the judge."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            await home.sim.subscribed(*home.sim.exchange.tapes)


def _last_words(last: ArchiveRow) -> list[ArchiveRow]:
    """Two trades after the last that was drawn, told or hidden."""
    now, qty = wall_clock(), "0.00001000"
    nq = qty if last.nq else ""
    return [
        ArchiveRow(last.id + step, last.price, qty, last.last + step, last.last + step, now, "us", step == 1, nq)
        for step in (1, 2)
    ]


def _bad_lines(home: House) -> list[str]:
    return [str(line)[:1000] for line in home.log if line.get("level") in {"raw", "critical"} or "exception" in line]


def short(seed: int, **more: Any) -> Result:
    """One short seed, by itself."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return uvloop.run(run_seed(seed, Path(folder), **more))
        except Exception:  # noqa: BLE001 - a run of hundreds goes on after one that broke, which has failed
            return Result(seed, problems=["it broke: " + traceback.format_exc()])


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m soak.random_faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="this one only, with its story")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.5, help="of faults in each (default %(default)s)")
    parser.add_argument("--kills", action="store_true", help="also kill -9, with a journal")
    parser.add_argument("--venue", choices=(SPOT, USDM), default=SPOT, help="of which exchange (default %(default)s)")
    parser.add_argument("--log", action="store_true", help="print the daemon's log where a seed failed")
    options = parser.parse_args(argv)
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    failed = 0
    for seed in seeds:
        result = short(seed, seconds=options.seconds, kills=options.kills, venue=options.venue)
        print(result.line(), flush=True)
        if not result.good or options.seed is not None:
            print("\n".join(f"    {line}" for line in [*result.story, *result.problems[:40]]), flush=True)
            if options.log:
                print("\n".join(result.log))
        failed += not result.good
    return 1 if failed else 0


__all__ = ["Result", "asdict", "main", "run_seed", "short"]

if __name__ == "__main__":
    sys.exit(main())
