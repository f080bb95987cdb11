"""Connections that break at any moment, over a hub on virtual time: a resume is complete, or says that it is not.

The truth is kept apart from the hub: every entry that goes into the log is noted as it goes in, and every trade that
is fed is looked for among them. What a client has, after any number of connections, is compared with that.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any, Final
from unittest import mock

import orjson

from orderflow_stream.core.events import BUY, SELL, FeedDown, FeedUp, Instrument, LargePrint, Liquidation, Refill, Trade
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.client import Client
from orderflow_stream.delivery.limits import Limits
from orderflow_stream.delivery.ring import EventLog, Late, Notice, Payload
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import Filter
from tests.delivery.rig import BTC, E8, ETH, FakeSink, Rig

LOGGED: Final = frozenset({"trade", "large", "gap", "corrected", "state"})
#: Small, so that they run over while somebody is away.
RING_TRADES: Final = 400
RING_EVENTS: Final = 300
LIMITS: Final = Limits(mailbox_bytes=20_000, mailbox_age=2.0, max_clients_per_ip=50)


def belongs(payload: Payload, wish: Filter) -> bool:
    """Whether an entry of the log is for such a stream; said anew, for the hub's own word is what is tested."""
    if payload.instrument not in wish.keys:
        return False
    if isinstance(payload, Trade):
        return "trade" in wish.topics and payload.qty > 0
    if isinstance(payload, Late):
        return "trade" in wish.topics and payload.trade.qty > 0
    if isinstance(payload, LargePrint):
        return "large" in wish.topics and payload.group == wish.group and payload.notional >= wish.min_notional
    assert isinstance(payload, Notice)
    return True


def said(payload: Payload) -> tuple[str, str, Any]:
    """Topic, instrument and what identifies an entry, as an event tells it."""
    if isinstance(payload, Notice):
        return payload.topic, payload.instrument, orjson.loads(payload.body)
    if isinstance(payload, LargePrint):
        return "large", payload.instrument, payload.id
    assert not isinstance(payload, Liquidation)  # spot has none
    return "trade", payload.instrument, payload.trade.id if isinstance(payload, Late) else payload.id


def heard(frame: Frame) -> tuple[str, str, Any]:
    """The same of an event that was received."""
    data = orjson.loads(frame.body)
    key = f"binance:{data['symbol']}"
    return frame.topic, key, data if frame.topic not in {"trade", "large"} else data["id"]


def wider(new: Filter, old: Filter) -> bool:
    """Whether `new` asks for entries that `old` did not."""
    return not (
        new.topics <= old.topics
        and new.keys <= old.keys
        and ("large" not in new.topics or (new.group == old.group and new.min_notional >= old.min_notional))
    )


class Listener:
    """One user of the stream, over many connections."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.remote = f"192.0.2.{number}"
        self.wish = world.any_wish()
        self.last: str | None = None
        self.sent_under: Filter | None = None
        self.client: Client | None = None
        self.sink = FakeSink()
        self.seen = 0  # frames of this connection that were judged
        self.at = 0  # the position up to which everything is known to have come

    def connect(self) -> None:
        world, rig = self.world, self.world.rig
        if world.chance.random() < 0.15:
            self.wish = world.any_wish()
        self.sink = FakeSink()
        self.client = rig.hub.attach(self.wish, self.sink, remote=self.remote, last_event_id=self.last)
        self.seen = 0

    def judge(self, frames: list[Frame]) -> None:
        """What has arrived now, in order."""
        for frame in frames:
            if self.seen == 0:
                self._hello(frame)
            elif frame.topic in LOGGED:
                expected = self.world.next_for(self.wish, self.at)
                assert expected is not None, f"{frame.topic} {frame.seq} is nothing that was logged after {self.at}"
                seq, payload = expected
                assert (frame.seq, heard(frame)) == (seq, said(payload)), "an entry was left out, repeated or altered"
                self.at = seq
                self.world.counts["events"] += 1
            else:
                following = self.world.next_for(self.wish, self.at)
                assert following is None or frame.seq < following[0], (
                    f"the id of {frame.topic} ({frame.seq}) runs ahead of entry {following[0]}, which was not sent"
                )
                assert frame.seq >= self.at, "an id went back"
                self.at = frame.seq
            self.last = f"{frame.epoch}-{frame.seq}"
            self.seen += 1
        if self.seen:
            self.sent_under = self.wish

    def _hello(self, frame: Frame) -> None:
        hello = orjson.loads(frame.body)
        assert frame.topic == "hello"
        counts, log = self.world.counts, self.world.rig.log
        asked, position = self.last, frame.seq
        self.at = position
        if hello["recovered"]:
            assert asked is not None, "recovered, though nothing was asked for"
            assert hello["resumed_from"] == asked == f"{frame.epoch}-{position}"
            assert self.sent_under is not None
            assert not wider(self.wish, self.sent_under), "recovered under a filter that asks for more"
            counts["recovered"] += 1
            return
        assert hello["resumed_from"] is None
        if asked is None:
            counts["first"] += 1
            return
        counts["not recovered"] += 1
        seq = int(asked.rpartition("-")[2])
        lost = log.seq - seq
        assert self.sent_under is not None
        assert wider(self.wish, self.sent_under) or lost >= min(RING_TRADES, RING_EVENTS), (
            f"only {lost} entries behind under the same filter, and not recovered"
        )

    def arrive(self, share: float = 1.0) -> None:
        """A part of what was written reaches the user."""
        waiting = self.sink.frames[self.seen :]
        self.judge(waiting[: round(len(waiting) * share)])

    def cut(self) -> None:
        """The connection breaks: some of what was written never arrives, and the hub hears of it sooner or later."""
        if self.client is None:
            return
        self.arrive(self.world.chance.choice([0.0, 0.5, 1.0, 1.0]))
        self.sink.closing = True
        if self.world.chance.random() < 0.5:
            self.world.rig.hub.detach(self.client)
        self.client = None
        self.world.counts["cuts"] += 1


class World:
    """A market, a hub, and listeners that come and go; everything is drawn from one seed."""

    def __init__(self, seed: int, listeners: int = 6) -> None:
        self.chance: Final = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.entries: list[tuple[int, Payload]] = []
        self._fed: dict[str, list[int]] = defaultdict(list)
        self._missing: dict[str, list[Trade]] = defaultdict(list)
        with mock.patch("tests.delivery.rig.EventLog", self._noted()):
            self.rig: Final = Rig(BTC, ETH, limits=LIMITS, trades=RING_TRADES, events=RING_EVENTS)
        for instrument in (BTC, ETH):  # ids before the first trade held are history, and not told of
            self._trade(instrument)
        self.listeners: Final = [Listener(self, number) for number in range(1, listeners + 1)]

    def _noted(self) -> type[EventLog]:
        entries = self.entries

        class Noted(EventLog):
            def trade(self, trade: Trade | Late) -> int:
                seq = super().trade(trade)
                entries.append((seq, trade))
                return seq

            def event(self, payload: LargePrint | Notice | Liquidation) -> int:
                seq = super().event(payload)
                entries.append((seq, payload))
                return seq

        return Noted

    def any_wish(self) -> Filter:
        chance = self.chance
        return self.rig.filter(
            *chance.choice([(BTC,), (ETH,), (BTC, ETH)]),
            topics=chance.choice(["flow,large", "trade", "flow,trade,large", "large", "watch,large"]),
            group=chance.choice(["order", "order", "row"]),
            min_notional=chance.choice([0, 0, 200_000 * NOTIONAL_SCALE]),
        )

    def next_for(self, wish: Filter, after: int) -> tuple[int, Payload] | None:
        """The first entry for such a stream behind that position."""
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.entries[middle][0] <= after else (low, middle)
        return next(((seq, payload) for seq, payload in self.entries[low:] if belongs(payload, wish)), None)

    # -- steps ----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One thing happens."""
        chance, rig = self.chance, self.rig
        instrument = chance.choice((BTC, BTC, ETH))
        match chance.choices(range(9), (40, 8, 5, 4, 14, 14, 3, 2, 10))[0]:
            case 0:
                for _ in range(chance.choice((1, 3, 12))):
                    self._trade(instrument)
            case 1:
                self._trade(instrument, qty=chance.choice((3, 5)) * E8)
            case 2:
                self._skip(instrument, chance.randint(1, 6))
            case 3:
                self._repair(instrument)
            case 4:
                rig.run(chance.choice((0.001, 0.02, 0.3, 1.1)))
            case 5:
                self._come_or_go(chance.choice(self.listeners))
            case 6:
                sink = chance.choice(self.listeners).sink
                sink.stalled = not sink.stalled
            case 7:
                self._feed_breaks(instrument)
            case _:
                for one in self.listeners:
                    one.arrive(chance.random())
        rig.loop.turn()

    def _trade(self, instrument: Instrument, qty: int = E8 // 100, skip: int = 0) -> None:
        side = self.chance.choice((BUY, SELL))
        self._fed[instrument.key].append(self.rig.trade(instrument, qty=qty, side=side, skip=skip).id)

    def _skip(self, instrument: Instrument, count: int) -> None:
        """So many ids do not come, then one does."""
        first, now = self.rig.next_id[instrument.key], self.rig.clock()
        self._missing[instrument.key] += [
            Trade(instrument.key, id_, 50_000 * E8, 4 * E8, BUY, now, 10 * id_, 10 * id_, now)
            for id_ in range(first, first + count)
        ]
        self._trade(instrument, skip=count)

    def _repair(self, instrument: Instrument) -> None:
        """Some of what is missing comes in by REST, the rest is given up."""
        missing = self._missing.pop(instrument.key, [])
        if not missing:
            return
        kept = self.chance.randint(0, len(missing))
        lost = tuple((trade.id, trade.id) for trade in missing[kept:]) if self.chance.random() < 0.5 else ()
        if not lost:
            self._missing[instrument.key] = missing[kept:]
        self.rig.feed(Refill(instrument.key, tuple(missing[:kept]), self.rig.clock(), lost=lost, repair=True))
        self._fed[instrument.key] += [trade.id for trade in missing[:kept]]

    def _feed_breaks(self, instrument: Instrument) -> None:
        now = self.rig.clock()
        self.rig.feed(FeedDown((instrument.key,), now, 1, "reset"))
        self.rig.feed(FeedUp((instrument.key,), now, 1))

    def _come_or_go(self, one: Listener) -> None:
        if one.client is None:
            one.connect()
        elif one.client.ended is not None or self.chance.random() < 0.8:
            one.cut()
        else:
            self.rig.hub.bye(one.client, "age")
            self.counts["bye"] += 1

    def run(self, cuts: int) -> Counter[str]:
        """Steps until so many connections have broken; then everybody reads to the end."""
        while self.counts["cuts"] < cuts:
            self.step()
        for one in self.listeners:
            if one.client is None or one.client.ended is not None:
                one.cut()
                one.connect()
            one.sink.stalled = False
        self.rig.run(3.0)
        for one in self.listeners:
            if one.client is not None and one.client.ended is None:
                one.arrive()
                left = self.next_for(one.wish, one.at)
                assert left is None, f"entry {left} never came"
        self._nothing_was_left_out_of_the_log()
        return self.counts

    def _nothing_was_left_out_of_the_log(self) -> None:
        logged: dict[str, list[int]] = defaultdict(list)
        for _, payload in self.entries:
            if isinstance(payload, Trade | Late):
                trade = payload.trade if isinstance(payload, Late) else payload
                logged[payload.instrument].append(trade.id)
        for key, ids in self._fed.items():
            assert sorted(logged[key]) == sorted(ids), f"{key}: the log is not the tape"
