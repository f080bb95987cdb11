"""How long a flow may pause: steady and thin ones by hand, and whole recorded days in virtual time."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import Policy
from orderflow_stream.feed.pulse import Pulse
from orderflow_stream.feed.rhythm import SLOT, Rhythm

S: Final = US_PER_S
FAST: Final = 1_200_000
TAPES: Final = Path(__file__).parents[3] / "shared" / "tapes"


def rhythm_of(policy: Policy | None = None) -> Rhythm:
    policy = policy or Policy()
    return Rhythm(policy.fast_silence, policy.busy_silence, policy.silence)


def fed(pause: int, seconds: int, start: int = 1_000 * S, trades: int = 1) -> tuple[Rhythm, int]:
    """A rhythm after a steady flow, and the time of its last trade."""
    rhythm = rhythm_of()
    rhythm.begin(start)
    now = start
    while now < start + seconds * S:
        now += pause
        rhythm.heard(now, trades)
    return rhythm, now


# -- a busy flow -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [4, 5, 30, 600])
def test_a_busy_flow_is_known_after_four_seconds_and_judged_after_little_more_than_one(seconds: int) -> None:
    rhythm, now = fed(S // 10, seconds, trades=6)
    assert rhythm.busy
    assert rhythm.limit() == FAST
    assert not rhythm.broken(now + FAST)
    assert rhythm.broken(now + FAST + 1)


def test_not_before() -> None:
    rhythm, now = fed(S // 10, 3, trades=10)
    assert rhythm.limit() is None
    assert not rhythm.broken(now + 3_600 * S)


def test_many_trades_at_few_moments_are_no_busy_flow() -> None:
    rhythm, _ = fed(S // 2, 30, trades=200)
    assert not rhythm.busy
    assert rhythm.limit() is None


def test_few_trades_at_many_moments_are_none_either() -> None:
    rhythm, _ = fed(S // 10, 30, trades=4)
    assert not rhythm.busy


def test_it_is_forgotten_when_the_flow_gets_slower() -> None:
    rhythm, now = fed(S // 10, 30, trades=6)
    for _ in range(4):
        now += S
        rhythm.heard(now, 1)
    assert not rhythm.busy


def test_trades_of_one_slot_count_together() -> None:
    """Ticks may come closer than the slots are wide."""
    rhythm = rhythm_of()
    now = 1_000 * S
    rhythm.begin(now)
    for _ in range(5 * 50):
        now += S // 50
        rhythm.heard(now, 1)
    assert rhythm.busy
    for _ in range(5 * 50):
        now += S // 50
        if now // SLOT % 2:
            rhythm.heard(now, 2)
    assert not rhythm.busy  # as many trades, in half of the slots


# -- a slower one ----------------------------------------------------------------------------------------------------


def test_a_steady_flow_is_broken_within_two_seconds() -> None:
    rhythm, now = fed(S // 5, 130)
    assert rhythm.limit() == 2 * S
    assert not rhythm.broken(now + 2 * S)
    assert rhythm.broken(now + 2 * S + 1)


def test_a_slower_flow_gets_more_time() -> None:
    rhythm, now = fed(S, 130)
    assert rhythm.limit() == 8 * S
    assert not rhythm.broken(now + 8 * S)
    assert rhythm.broken(now + 8 * S + 1)


def test_a_thin_flow_is_never_judged() -> None:
    rhythm, now = fed(6 * S, 130)
    assert rhythm.limit() is None
    assert not rhythm.broken(now + 3_600 * S)


def test_nothing_is_known_of_it_before_a_whole_minute() -> None:
    rhythm, now = fed(S // 10, 59)
    assert rhythm.limit() is None
    assert not rhythm.broken(now + 3_600 * S)


def test_a_burst_after_calm_proves_nothing() -> None:
    rhythm, now = fed(7 * S, 70)
    for _ in range(300):
        now += S // 100
        rhythm.heard(now)
    assert not rhythm.broken(now + 30 * S)


def test_an_old_pause_is_forgotten_after_two_minutes() -> None:
    rhythm, now = fed(7 * S, 63)
    for _ in range(10 * 125):
        now += S // 10
        rhythm.heard(now)
    assert rhythm.limit() == 2 * S


def test_time_in_which_nobody_read_does_not_count() -> None:
    rhythm, now = fed(S // 5, 130)
    rhythm.skip(10 * S)
    assert not rhythm.broken(now + 12 * S)
    assert rhythm.broken(now + 12 * S + 1)


@pytest.mark.parametrize("pause, trades, steady", [(S // 10, 6, True), (S // 5, 1, True), (S, 1, False)])
def test_steady_is_a_flow_without_long_pauses(pause: int, trades: int, steady: bool) -> None:
    rhythm, _ = fed(pause, 130, trades=trades)
    assert rhythm.steady is steady
    assert not fed(pause, 3, trades=trades)[0].steady


# -- whole days: not one false alarm ---------------------------------------------------------------------------------


def asked(times: Iterable[int], answer: int) -> tuple[int, int]:
    """Pings that a link would send over the same day, each answered `answer` µs later, and verdicts of death."""
    policy, rhythm = Policy(), rhythm_of()
    pulse = Pulse(policy.ask_after, policy.answer_within, policy.steady)
    now = pings = dead = 0
    for ts in times:
        at = -(-ts // SLOT) * SLOT
        if not now:
            rhythm.begin(at)
            pulse.begin(at)
        pong = None
        now = max(now, at - min(at - now, 60 * S)) if now else at  # a minute of each pause is enough
        while now < at:
            now += SLOT
            life = pong is not None and now >= pong
            pong = None if life else pong
            dead += pulse.look(now, life or now >= at, rhythm.steady) == "dead"
            if pulse.due:
                pings += 1
                pulse.asked(now)
                pong = now + answer
        rhythm.heard(now)
    return pings, dead


def alarms(times: Iterable[int]) -> tuple[int, int]:
    """Times (µs, ascending) as a link would see them, ten looks a second: silences called broken that were none, and
    looks at which the flow was a busy one."""
    rhythm = rhythm_of()
    false = busy = 0
    tick = count = -1
    for ts in times:
        at = -(-ts // SLOT)
        if at == tick:
            count += 1
            continue
        if tick < 0:
            rhythm.begin(at * SLOT)
        else:
            rhythm.heard(tick * SLOT, count)
            busy += rhythm.busy
            false += rhythm.broken((at - 1) * SLOT)
        tick, count = at, 1
    return false, busy


def recorded(name: str) -> list[int]:
    column, unit = (5, 1)
    if name.endswith(".json.gz"):
        with gzip.open(TAPES / name) as file:
            return [row["T"] * 1000 for row in json.load(file)]
    with gzip.open(TAPES / name, "rt") as text:
        return [int(row[column]) * unit for row in csv.reader(text) if row[0].isdigit()]


CRASH: Final = tuple(f"{name}USDT-spot-2025-10-10-aggtrades-derived.csv.gz" for name in ("BB", "POL", "TRX"))
DAYS: Final = (
    ("BTCUSDC-spot-aggtrades-2025-10-04.csv.gz",),
    ("XRPETH-spot-aggtrades-rest-2019-10-11_13.json.gz",),
    CRASH[-1:],
    CRASH,
)


@pytest.mark.skipif(not TAPES.is_dir(), reason="the recorded tapes are not here; the synthetic day below is")
@pytest.mark.parametrize("names", DAYS, ids=lambda names: "+".join(name.split("-")[0] for name in names))
def test_a_recorded_day_raises_no_alarm(names: tuple[str, ...]) -> None:
    times = sorted(ts for name in names for ts in recorded(name))
    assert times[-1] - times[0] > 86_000 * S
    false, busy = alarms(times)
    assert false == 0
    pings, dead = asked(times, 1_000_000)  # a way of a second, there and back
    assert pings > 1_000
    assert dead == 0
    if names == CRASH:
        assert busy > 5_000  # the fast rule was in force for many minutes


def bursts(rng: random.Random, seconds: int) -> Iterator[int]:
    """Trades that call forth trades: calm with rare clusters, some of them hundreds in a second."""
    now = 1_000_000 * S
    end = now + seconds * S
    while now < end:
        now += int(rng.expovariate(0.5) * S)
        children = int(rng.paretovariate(1.1)) if rng.random() < 0.9 else rng.randrange(200, 900)
        pace = rng.choice((20.0, 60.0, 200.0))
        for _ in range(min(children, 2_000)):
            now += int(rng.expovariate(pace) * S)
            yield now


@pytest.mark.parametrize("seed", range(1))
def test_a_synthetic_day_of_bursts_raises_no_alarm(seed: int) -> None:
    """Twelve symbols of clusters on one connection, an hour and a half."""
    times = sorted(ts for symbol in range(12) for ts in bursts(random.Random(100 * seed + symbol), 5_400))
    false, busy = alarms(times)
    assert false == 0
    assert busy > 1_000
    assert asked(times, 1_000_000)[1] == 0


def test_a_stall_in_a_recorded_rhythm_is_found() -> None:
    """The twin of the two above: the judge that raises no alarm does raise one where there is something."""
    times = sorted(ts for symbol in range(12) for ts in bursts(random.Random(symbol), 1_800))
    at = len(times) // 2
    gap = [ts + 60 * S if i >= at else ts for i, ts in enumerate(times)]
    assert alarms(gap)[0] == 1
    assert asked(gap, 1_000_000)[1] == 0
    assert asked(gap, 3_000_000)[1] > 0
