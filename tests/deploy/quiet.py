"""A market played through the daemon's pure parts in virtual time, and its metrics as promtool wants them.

Trades arrive as the tape has them. A thin venue beside: its REST has what was published, and answers the questions that
silences raise, as the shell asks them (adapters/watcher, adapters/prober). Each virtual second is a scrape of the real
collector; the series that the alerts read go into a file of `promtool test rules`, and the rules as they are deployed
say what would have happened.
"""

from __future__ import annotations

import math
import random
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]
from msgspec import Struct, field

from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, FeedDown, FeedUp, Instrument, Probe, Refill, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.limits import Stats
from orderflow_stream.delivery.metrics import DaemonCollector, FeedNumbers, LoopNumbers, RestNumbers, Sources
from orderflow_stream.delivery.metrics_journal import JournalNumbers
from orderflow_stream.feed.orders import Policy
from orderflow_stream.feed.rhythm import Rhythm
from orderflow_stream.feed.silence import Silence
from tests.deploy.observed import RULES, SELECTOR, rules
from tests.tools import needs

#: Steps of the clock, as the daemon's watcher looks (µs).
STEP: Final = US_PER_S // 4
#: A question to REST, there and back; and what a stream gets to bring what REST had first.
REST: Final = US_PER_S // 5
RACE: Final = 3 * US_PER_S // 10
#: A connection is renewed after so long: the new one first.
RENEWED: Final = 22 * 3_600 * US_PER_S + 20 * 60 * US_PER_S
JOB: Final = 'job="orderflow-stream",instance="d:8080"'

Series = dict[str, list[float]]


class Print(Struct, frozen=True, gc=False):
    """What is needed of a row."""

    key: str
    id: int
    ts: int
    side: int = BUY
    price: int = 10**10
    qty: int = 10**6


class Question(Struct):
    """One to REST: when it is answered, and when what it said is to have come by the stream."""

    key: str
    held: int | None
    sent: int
    due: int
    told: int | None = None


class World(Struct):
    """What became of a market: series by name with labels, one value a second; what was asked and seen on the way."""

    seconds: int
    series: Series
    asked: int = 0
    alarms: int = 0
    renewals: int = 0
    states: set[str] = field(default_factory=set)


def instruments(prints: Sequence[Print]) -> list[Instrument]:
    """Those that trade in it."""
    keys = sorted({each.key for each in prints})
    return [Instrument("binance", key.partition(":")[2], key.partition(":")[2], "USDT") for key in keys]


class Player:
    """Plays `prints` (by time) from the first of them for `seconds`. `stall`: (symbol, from second): its trades are
    published, and the streams no longer bring them."""

    def __init__(
        self, prints: Sequence[Print], seconds: int, *, stall: tuple[str, int] | None = None, seed: int = 1
    ) -> None:
        self.prints, self.seconds = prints, seconds
        self.start = prints[0].ts // US_PER_S * US_PER_S
        self.now = self.start
        self.stall = stall
        self.rng = random.Random(seed)
        self.engine = Engine(windows=(60 * US_PER_S,), keep_trades=1_000)
        self.silence = Silence()
        self.policy = Policy()
        self.rhythm = Rhythm(self.policy.fast_silence, self.policy.busy_silence, self.policy.silence)
        self.times: dict[str, list[int]] = {}
        self.ids: dict[str, list[int]] = {}
        for each in prints:
            self.times.setdefault(each.key, []).append(each.ts)
            self.ids.setdefault(each.key, []).append(each.id)
        self.since = {"0A": self.now, "0B": self.now - 3_600 * US_PER_S}
        self.numbers = {"0A": 1, "0B": 2}
        self.newest: dict[str, tuple[int, int]] = {}  # by connection: newest receipt and lag
        self.open: list[Question] = []
        self.rest_calls = 0
        self.found = World(seconds, {})
        self.collector = DaemonCollector(
            Sources(
                engine=self.engine,
                now=lambda: self.now,
                windows={},
                version="1",
                http=HttpStats(),
                streams=lambda: Stats(1, {}, 0, 0, {}, {}, 0),
                feed=self._feed,
                rest=lambda: RestNumbers(calls={("/api/v3/aggTrades", "200"): self.rest_calls}, limit=6000),
                loop=lambda: LoopNumbers(lag=0.001, worst=0.02),
                journal=lambda: JournalNumbers(ok=True),
            ),
            100,
        )

    def run(self) -> World:
        """All of it."""
        keys = tuple(one.key for one in map(self._add, instruments(self.prints)))
        for number in self.numbers.values():
            self.engine.apply(FeedUp(keys, self.now, number))
        for key in keys:
            self.engine.apply(Refill(key, (), self.now, warm=True, origin=True))
        self.rhythm.begin(self.now)
        arrivals = self._arrivals()
        coming = next(arrivals, None)
        for _ in range(self.seconds):
            for _ in range(US_PER_S // STEP):
                self.now += STEP
                came = 0
                while coming is not None and coming[0] <= self.now:
                    self._arrive(*coming)
                    came += 1
                    coming = next(arrivals, None)
                if came:
                    self.rhythm.heard(self.now, came)
                self._look(keys)
                self.engine.advance(self.now)
            self._renew(keys)
            self._scrape()
        return self.found

    def _add(self, one: Instrument) -> Instrument:
        self.engine.add(one)
        return one

    def _arrivals(self) -> Iterator[tuple[int, Print]]:
        """Both connections bring everything, 20 to 90 ms after it was traded, in order."""
        end = self.start + self.seconds * US_PER_S
        last = 0
        for each in self.prints:
            if each.ts >= end:
                return
            if self.stall and each.key == self.stall[0] and each.ts >= self.start + self.stall[1] * US_PER_S:
                continue
            last = max(last, each.ts + self.rng.randrange(20_000, 90_000))
            yield last, each

    def _arrive(self, at: int, one: Print) -> None:
        self.engine.apply(Trade(one.key, one.id, one.price, one.qty, one.side, one.ts, -1, -1, at))
        for name in self.numbers:
            self.newest[name] = at, at - one.ts

    # -- silence, as the watcher and the prober have it -----------------------------------------------------------

    def _look(self, keys: tuple[str, ...]) -> None:
        books = self.engine.books
        for suspect in self.silence.look(books.values(), self.now):
            self._ask(suspect.book)
        if self.rhythm.broken(self.now):
            self.found.alarms += 1
            for key in keys[:4]:
                self._ask(books[key])
            self.rhythm.begin(self.now)
        for one in [one for one in self.open if one.due <= self.now]:
            self.open.remove(one)
            self._answer(one)

    def _ask(self, book: Book) -> None:
        if all(one.key != book.instrument.key for one in self.open):
            self.found.asked += 1
            self.rest_calls += 1
            self.open.append(Question(book.instrument.key, book.sequence.newest, self.now, self.now + REST))

    def _answer(self, one: Question) -> None:
        held = self.engine.books[one.key].sequence.newest
        if one.held != held:
            return  # a trade came meanwhile: that proves more
        if one.told is None:
            told = self._published(one.key)
            if told is None or told == held:
                self.engine.apply(Probe(one.key, told, one.sent))
            else:
                self.open.append(Question(one.key, held, one.sent, self.now + RACE, told))
        else:
            self.engine.apply(Probe(one.key, one.told, one.sent, silent=True))

    def _published(self, key: str) -> int | None:
        count = bisect_right(self.times[key], self.now)
        return self.ids[key][count - 1] if count else None

    # -- connections and scrapes -----------------------------------------------------------------------------------

    def _renew(self, keys: tuple[str, ...]) -> None:
        for name, since in self.since.items():
            if self.now - since >= RENEWED:
                new, old = max(self.numbers.values()) + 1, self.numbers[name]
                self.engine.apply(FeedUp(keys, self.now, new))
                self.engine.apply(FeedDown(keys, self.now, old, "renewed"))
                self.numbers[name], self.since[name] = new, self.now
                self.found.renewals += 1

    def _feed(self) -> FeedNumbers:
        return FeedNumbers(
            connections=2,
            reconnects={"age": self.found.renewals} if self.found.renewals else {},
            since=self.since,
            last_message={name: at for name, (at, _) in self.newest.items()},
            lag={name: lag for name, (_, lag) in self.newest.items()},
        )

    def _scrape(self) -> None:
        at = len(self.found.series.get("up", ()))
        self.found.states |= {book.state for book in self.engine.books.values()}
        values = {"up": 1.0}
        for family in self.collector.collect():
            for sample in family.samples:
                if sample.name in READ:
                    labels = "".join(f',{name}="{value}"' for name, value in sample.labels.items())
                    value = sample.value
                    if sample.name.endswith("_timestamp_seconds"):
                        value -= self.start / US_PER_S  # promtool's clock begins at 0
                    values[f"{sample.name}{{{JOB}{labels}}}"] = value
        for name, value in values.items():
            self.found.series.setdefault(name, [float("nan")] * at).append(value)


#: What the alerts read.
READ: Final = {name for rule in rules("alerts.yml") for name, _ in SELECTOR.findall(rule["expr"])}


# -- promtool -------------------------------------------------------------------------------------------------------


def values(column: Iterable[float]) -> str:
    """A series in promtool's notation: a run of equals is one word; what was not there yet is `_`."""
    words = []
    for text, run in groupby(shown(value) for value in column):
        count = len(list(run))
        words.append(text if count == 1 else f"_x{count}" if text == "_" else f"{text}x{count - 1}")
    return " ".join(words)


def shown(value: float) -> str:
    return "_" if math.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")


def judged(folder: Path, world: World, checks: Sequence[tuple[str, int, list[dict[str, Any]]]]) -> str:
    """What promtool says of `checks` (expression, at which second, samples expected) over that world; '' is fine."""
    series = {f"up{{{JOB}}}" if name == "up" else name: column for name, column in world.series.items()}
    tests = {
        "rule_files": [str(RULES / "alerts.yml")],
        "evaluation_interval": "1s",
        "tests": [
            {
                "interval": "1s",
                "input_series": [{"series": name, "values": values(column)} for name, column in series.items()],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": f"{at}s", "exp_samples": expected} for expr, at, expected in checks
                ],
            }
        ],
    }
    file = folder / "day_test.yml"
    file.write_text(yaml.safe_dump(tests, width=1 << 30))
    done = subprocess.run(
        [needs("promtool"), "test", "rules", str(file)], check=False, capture_output=True, text=True, timeout=1_500
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def fired(seconds: int) -> str:
    """Every alert that fired at any time until then, pending ones not."""
    return f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{seconds}s]))'


# -- markets --------------------------------------------------------------------------------------------------------


def thin(symbols: int, seconds: int, seed: int) -> list[Print]:
    """Symbols that trade in clusters with silences between, from seconds to many minutes; made up."""
    rng = random.Random(seed)

    def one(key: str, pause: float) -> Iterator[Print]:
        now, number = 1_760_000_000 * US_PER_S, 1
        while now < (1_760_000_000 + seconds) * US_PER_S:
            for _ in range(min(200, int(rng.paretovariate(1.1)))):
                yield Print(key, number, now, rng.choice((BUY, SELL)))
                number += 1
                now += int(rng.expovariate(20) * US_PER_S)
            now += int(rng.expovariate(1 / pause) * US_PER_S)

    streams = [one(f"binance:S{n}USDT", 2.0 * 3**n) for n in range(symbols)]
    return list(merge(*streams, key=lambda each: each.ts))
