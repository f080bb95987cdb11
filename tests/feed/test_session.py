"""One connection's policy in virtual time: fed this, expect that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import Instrument, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.protocols import StreamVenue
from orderflow_stream.feed.session import (
    BadFrame,
    Close,
    Command,
    Lost,
    Ping,
    Policy,
    Replace,
    Send,
    Session,
    SubscribeRefused,
    Up,
    WakeAt,
)
from orderflow_stream.venues.binance import BinanceSpot

S = US_PER_S
T0 = 1_000_000 * S
VENUE_NOW = 1_700_000_000 * S


class SmallBatches(BinanceSpot):
    """Two symbols a frame, so that a few symbols make several frames."""

    def batches(self, symbols: Iterable[str]) -> list[tuple[str, ...]]:
        names = list(symbols)
        return [tuple(names[at : at + 2]) for at in range(0, len(names), 2)]


class Bench:
    """A session, its clock, and all that it said."""

    def __init__(self, *symbols: str, spread: float = 0.0, **policy: Any) -> None:
        venue = SmallBatches()
        venue.watch(Instrument("binance", symbol, symbol[:-4], "USDT") for symbol in "ABCDEFGH")
        checked: StreamVenue = venue  # the codec fulfils the protocol by shape
        self.session = Session(checked, symbols, policy=Policy(**policy), spread=spread)
        self.now = T0
        self.sent: list[tuple[int, dict[str, Any]]] = []
        self.pings: list[int] = []
        self.closes: list[Close] = []
        self.wake = 0

    def obey(self, commands: list[Command]) -> None:
        wakes = [command.at for command in commands if isinstance(command, WakeAt)]
        assert len(wakes) <= 1
        for command in commands:
            if isinstance(command, Send):
                self.sent.append((self.now, json.loads(command.text)))
            elif isinstance(command, Ping):
                self.pings.append(self.now)
            elif isinstance(command, Close):
                self.closes.append(command)
            else:
                assert command.at > self.now
                self.wake = command.at

    def open(self) -> Bench:
        self.session.url("ws://x")
        self.obey(self.session.opened(self.now))
        return self

    def run(self, seconds: float, *, frame_every: int | None = None, alive: bool = True) -> Bench:
        """Ticks when asked to, with a trade every `frame_every` microseconds and signs of life."""
        end = self.now + int(seconds * S)
        next_frame = self.now + frame_every if frame_every else end + 1
        while self.now < end and self.session.mark == "open":
            self.now = min(self.wake, end, next_frame)
            if self.now == next_frame:
                assert frame_every is not None
                self.trade("A")
                next_frame += frame_every
            if alive:
                self.session.alive()
            if self.now >= self.wake:
                self.obey(self.session.tick(self.now))
        return self

    def receive(self, frame: object) -> Trade | None:
        text = frame if isinstance(frame, (str, bytes)) else json.dumps(frame).encode()
        return self.session.receive(text, VENUE_NOW)

    def trade(self, symbol: str, id_: int = 1, **changes: object) -> Trade | None:
        event = {
            "e": "aggTrade", "s": symbol, "a": id_, "p": "1.00000000", "q": "2.00000000", "f": 1, "l": 1,
            "T": VENUE_NOW, "m": True,
        }  # fmt: skip
        return self.receive({"stream": "x", "data": event | changes})

    def ready(self) -> bool:
        return self.session.ready

    def requests(self) -> list[tuple[str, list[str]]]:
        """The control frames so far, as (method, symbols)."""
        return [(frame["method"], [name.split("@")[0].upper() for name in frame["params"]]) for _, frame in self.sent]

    def ack_all(self) -> None:
        for _, frame in self.sent:
            self.receive({"result": None, "id": frame["id"]})


def ups(bench: Bench) -> list[tuple[str, ...]]:
    return [notice.symbols for notice in bench.session.take() if isinstance(notice, Up)]


def replaces(bench: Bench) -> list[str]:
    return [notice.reason for notice in bench.session.take() if isinstance(notice, Replace)]


# -- subscribing -----------------------------------------------------------------------------------------------------


def test_the_first_batch_rides_in_the_url_and_is_up_at_once() -> None:
    bench = Bench("A", "B")
    assert bench.session.url("ws://host") == "ws://host/stream?streams=a@aggTrade/b@aggTrade&timeUnit=MICROSECOND"
    assert not bench.ready()
    bench.open()
    assert bench.session.take() == [Up(("A", "B"))]
    assert bench.ready()
    assert bench.run(5).sent == []


def test_the_rest_is_subscribed_at_three_frames_a_second_and_up_when_acknowledged() -> None:
    bench = Bench(*"ABCDEFGH").open().run(0.9)
    assert bench.requests() == [("SUBSCRIBE", ["C", "D"]), ("SUBSCRIBE", ["E", "F"]), ("SUBSCRIBE", ["G", "H"])]
    times = [at for at, _ in bench.sent]
    assert all(later - first >= S / 3 for first, later in pairwise(times))
    ids = [frame["id"] for _, frame in bench.sent]
    assert len(set(ids)) == 3
    assert ups(bench) == [("A", "B")]
    assert not bench.ready()
    for id_ in reversed(ids):
        bench.receive({"result": None, "id": id_})
    assert ups(bench) == [("G", "H"), ("E", "F"), ("C", "D")]
    assert bench.ready()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ABCDEFGH"), st.integers(0, 2_000_000)), max_size=30))
def test_pace_holds_and_the_wire_ends_up_with_what_is_wanted(changes: list[tuple[bool, str, int]]) -> None:
    bench = Bench("A", "B", "C", ack_timeout=3_600 * S).open()
    wanted = {"A": None, "B": None, "C": None}
    for adding, symbol, wait in changes:
        if adding:
            wanted[symbol] = None
            bench.obey(bench.session.add([symbol], bench.now))
        else:
            wanted.pop(symbol, None)
            bench.obey(bench.session.remove([symbol], bench.now))
        bench.run(wait / S)
    bench.run(10)
    bench.ack_all()
    on_wire = {"A", "B"}
    for method, symbols in bench.requests():
        if method == "SUBSCRIBE":
            assert not on_wire & set(symbols)
            on_wire |= set(symbols)
        else:
            assert on_wire >= set(symbols)
            on_wire -= set(symbols)
    assert on_wire == set(wanted) == set(bench.session.up) == set(bench.session.symbols)
    assert bench.ready()
    times = [at for at, _ in bench.sent]
    assert all(later - first >= 334_000 for first, later in pairwise(times))


def test_added_and_removed_at_run_time() -> None:
    bench = Bench("A", "B").open().run(1)
    bench.obey(bench.session.add(["C", "A"], bench.now))
    assert bench.requests() == [("SUBSCRIBE", ["C"])]
    bench.ack_all()
    assert ups(bench) == [("A", "B"), ("C",)]
    bench.obey(bench.session.remove(["B", "NEVER"], bench.now))
    bench.run(1)
    assert bench.requests()[1:] == [("UNSUBSCRIBE", ["B"])]
    assert set(bench.session.up) == {"A", "C"}
    bench.ack_all()
    assert bench.session.take() == []


def test_removed_and_added_again_before_the_wire_was_told_is_up_at_once() -> None:
    bench = Bench("A", "B").open()
    bench.obey(bench.session.add(["C"], bench.now))  # takes the free control frame
    bench.obey(bench.session.remove(["A"], bench.now))
    bench.obey(bench.session.add(["A"], bench.now))
    assert ups(bench) == [("A", "B"), ("A",)]
    assert bench.run(5).requests() == [("SUBSCRIBE", ["C"])]


def test_an_unanswered_unsubscribe_of_what_is_wanted_again_is_subscribed() -> None:
    bench = Bench("A", "B").open()
    bench.obey(bench.session.remove(["A"], bench.now))
    bench.run(1)
    bench.obey(bench.session.add(["A"], bench.now))
    bench.run(12)
    bench.ack_all()
    assert bench.ready()
    assert bench.requests()[0] == ("UNSUBSCRIBE", ["A"])
    assert bench.requests()[-1] == ("SUBSCRIBE", ["A"])


def test_room_is_made_before_it_is_taken() -> None:
    bench = Bench("A", "B").open()
    bench.obey(bench.session.add(["C"], bench.now))
    bench.obey(bench.session.add(["D"], bench.now))
    bench.obey(bench.session.remove(["A"], bench.now))
    bench.run(2)
    assert bench.requests() == [("SUBSCRIBE", ["C"]), ("UNSUBSCRIBE", ["A"]), ("SUBSCRIBE", ["D"])]


def test_what_changes_while_the_socket_is_being_opened_goes_by_control_frames() -> None:
    bench = Bench("A", "B", "C")
    bench.session.url("ws://x")
    assert bench.session.add(["D"], bench.now) == []
    assert bench.session.remove(["A"], bench.now) == []
    bench.obey(bench.session.opened(bench.now))
    bench.run(1)
    assert bench.requests() == [("UNSUBSCRIBE", ["A"]), ("SUBSCRIBE", ["C", "D"])]
    assert ups(bench) == [("B",)]


def test_an_unanswered_subscribe_is_asked_again_once_then_the_connection_is_closed() -> None:
    bench = Bench("A", "B", "C", "D", "E").open().run(9.9)
    assert bench.requests() == [("SUBSCRIBE", ["C", "D"]), ("SUBSCRIBE", ["E"])]
    bench.run(1)
    assert bench.requests()[2:] == [("SUBSCRIBE", ["C", "D"]), ("SUBSCRIBE", ["E"])]
    assert bench.closes == []
    bench.run(11)
    assert bench.closes == [Close(1000, "unanswered")]
    assert bench.session.mark == "closing"
    assert bench.session.tick(bench.now + S) == []


def test_an_answer_to_the_second_asking_saves_it() -> None:
    bench = Bench("A", "B", "C").open().run(10.5)
    bench.receive({"result": None, "id": bench.sent[-1][1]["id"]})
    bench.receive({"result": None, "id": bench.sent[0][1]["id"]})  # the late answer to the first harms nothing
    assert ups(bench) == [("A", "B"), ("C",)]
    assert bench.run(60).closes == []


def test_a_refusal_is_told_and_asked_again_later() -> None:
    bench = Bench("A", "B", "C", "D").open().run(1)
    bench.session.take()
    bench.receive({"error": {"code": 4, "msg": "Too many subscriptions"}, "id": bench.sent[0][1]["id"]})
    assert bench.session.take() == [SubscribeRefused(("C", "D"), 4, "Too many subscriptions")]
    assert bench.ready()  # with what there is: a replacement must not wait for it for ever
    assert len(bench.run(55).sent) == 1
    assert bench.run(10).requests()[1:] == [("SUBSCRIBE", ["C", "D"])]
    bench.ack_all()
    assert ups(bench) == [("C", "D")]


def test_a_refusal_of_nobody_knows_what() -> None:
    bench = Bench("A").open()
    bench.session.take()
    bench.receive({"code": 3, "msg": "Invalid JSON"})
    bench.receive({"code": 2, "msg": "bad", "id": 77})
    assert bench.session.take() == [SubscribeRefused((), 3, "Invalid JSON"), SubscribeRefused((), 2, "bad")]
    assert bench.run(100).sent == []


def test_a_symbol_removed_while_refused_is_not_asked_for_again() -> None:
    bench = Bench("A", "B", "C").open().run(1)
    bench.receive({"code": 2, "msg": "no", "id": bench.sent[0][1]["id"]})
    bench.obey(bench.session.remove(["C"], bench.now))
    assert len(bench.run(120).sent) == 1


# -- trades ----------------------------------------------------------------------------------------------------------


def test_a_trade_is_returned_and_leaves_no_notice() -> None:
    bench = Bench("A").open()
    bench.session.take()
    trade = bench.trade("A", 5)
    assert trade is not None
    assert (trade.instrument, trade.id, trade.ts_recv) == ("binance:A", 5, VENUE_NOW)
    assert bench.session.notices == []
    assert (bench.session.frames, bench.session.frames - bench.session.bad.total(), bench.session.last_recv) == (
        1,
        1,
        VENUE_NOW,
    )


# -- the end of a connection -----------------------------------------------------------------------------------------


def test_shutdown_wants_a_replacement_once() -> None:
    bench = Bench("A").open()
    assert bench.receive({"e": "serverShutdown", "E": 1}) is None
    bench.receive({"stream": "!serverShutdown", "data": {}})
    assert replaces(bench) == ["shutdown"]
    bench.run(10)
    assert replaces(bench) == []
    assert bench.closes == []  # make before break: the owner closes it


@pytest.mark.parametrize("spread, hours", [(0.0, 23.0), (0.5, 22.0), (1.0, 21.0), (7.0, 21.0)])
def test_age(spread: float, hours: float) -> None:
    bench = Bench("A", spread=spread, tick=60 * S).open()
    bench.run(hours * 3_600 - 1)
    assert replaces(bench) == []
    bench.run(70)
    assert replaces(bench) == ["age"]


def test_a_dead_peer_is_asked_once_given_up_within_three_seconds_and_closed_later() -> None:
    bench = Bench("A").open().run(10)
    bench.session.take()
    assert bench.pings == []
    bench.run(2.9, alive=False)
    lost, replace = bench.session.take()
    assert lost == Lost(("A",), "no answer to a ping for 1.5 s")
    assert replace == Replace("dead")
    assert bench.session.lost
    assert len(bench.pings) == 1
    bench.run(86, alive=False)
    assert bench.closes == []
    bench.run(2, alive=False)
    assert bench.closes == [Close(1000, "silence")]
    assert len(bench.pings) == 1


def test_one_that_answers_its_pings_is_alive() -> None:
    """A thin symbol at night: a ping a second, no verdict, and never more than the venue allows."""
    bench = Bench("A").open()
    while bench.now < T0 + 300 * S:
        before = len(bench.pings)
        bench.run(0.1, alive=False)
        if len(bench.pings) > before:
            bench.session.alive()  # the pong
    assert 250 <= len(bench.pings) <= 300
    assert [type(notice) for notice in bench.session.take()] == [Up]


def test_one_that_was_given_up_and_speaks_again_is_up_again() -> None:
    bench = Bench("A", "B").open().run(5, alive=False)
    bench.session.take()
    bench.run(0.2)
    assert bench.session.take() == [Up(("A", "B"))]
    assert not bench.session.lost


def test_what_others_see_is_obeyed() -> None:
    bench = Bench("A").open().run(5)
    bench.session.take()
    bench.session.condemn("lag")
    bench.session.condemn("silence", "silent while the other speaks")
    assert bench.session.take() == [Replace("lag"), Lost(("A",), "silent while the other speaks"), Replace("silence")]
    bench.run(5)  # pings go on: they prove nothing
    assert bench.session.take() == []
    bench.trade("A")
    bench.run(0.2)
    assert bench.session.take() == [Up(("A",))]


def test_a_weightier_reason_is_told_again_and_a_lesser_one_is_not() -> None:
    bench = Bench("A").open()
    bench.session.take()
    bench.session.condemn("silence")
    bench.receive('{"e":"serverShutdown","E":1}')
    bench.session.condemn("age")
    bench.session.condemn("doubt")
    bench.run(5, alive=False)
    assert replaces(bench) == ["silence", "shutdown", "dead"]


def test_what_is_pardoned_is_judged_anew() -> None:
    bench = Bench("A").open().run(130, frame_every=S // 10)
    bench.run(3)
    assert replaces(bench) == ["silence"]
    bench.session.pardon(bench.now)
    assert replaces(bench.run(600)) == []  # nothing is known of its rhythm any more
    bench.run(130, frame_every=S // 10)
    assert replaces(bench.run(3)) == ["silence"]


def test_trades_that_stay_late_want_a_look_at_another_connection() -> None:
    bench = Bench("A").open()
    while bench.now < T0 + 40 * S:
        bench.trade("A", T=VENUE_NOW - 8 * S)
        bench.run(0.5)
    assert replaces(bench) == ["lag"]
    assert bench.session.lag == 8 * S
    bench.session.pardon(bench.now)
    while bench.now < T0 + 600 * S:
        bench.trade("A", T=VENUE_NOW - 8 * S)
        bench.run(0.5)
    assert replaces(bench) == []  # asked once in ten minutes


def test_eight_seconds_of_lag_for_half_a_minute_are_the_venue_in_a_crash() -> None:
    bench = Bench("A").open()
    for lag in [0] * 40 + [8] * 50 + [0] * 40:
        bench.trade("A", T=VENUE_NOW - lag * S)
        bench.run(0.5)
    assert replaces(bench) == []


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "silent", "ping", "speak"]), st.integers(0, 700_000)),
                min_size=20, max_size=120))  # fmt: skip
def test_never_more_than_four_frames_in_a_second(steps: list[tuple[str, int]]) -> None:
    """Subscriptions, pings, and pongs to a server that pings now and then: as the venue would count them."""
    bench = Bench("A", "B", "C").open()
    frames: list[int] = []
    ponged = 0
    for n, (step, wait) in enumerate(steps):
        symbol = "DEFGH"[n % 5]
        if step == "add":
            bench.obey(bench.session.add([symbol], bench.now))
        elif step == "remove":
            bench.obey(bench.session.remove([symbol], bench.now))
        elif step == "ping" and bench.now - ponged >= S:
            ponged = bench.now
            frames.append(bench.now)
            bench.session.ponged(bench.now)
        bench.run(wait / S, alive=step != "silent")
    frames += [at for at, _ in bench.sent] + bench.pings
    frames.sort()
    assert all(later - first >= S for first, later in zip(frames, frames[4:], strict=False))


def test_pings_alone_keep_a_quiet_connection() -> None:
    bench = Bench("A").open().run(3_600)
    assert replaces(bench) == []
    assert bench.closes == []


def test_a_busy_connection_that_falls_silent_is_judged_within_seconds() -> None:
    bench = Bench("A").open().run(130, frame_every=S // 10)
    bench.session.take()
    bench.run(1.9)
    assert replaces(bench) == []
    bench.run(1.2)
    assert replaces(bench) == ["silence"]  # although pings go on


def test_we_held_up_is_not_the_exchange_silent() -> None:
    bench = Bench("A").open().run(130, frame_every=S // 10)
    bench.session.take()
    bench.now += 200 * S  # the loop, the process or the machine stood still
    bench.obey(bench.session.tick(bench.now))
    assert replaces(bench) == []
    assert bench.closes == []
    bench.run(2.3, alive=False)
    assert "dead" in replaces(bench)  # but what is really dead is found out as ever


def test_a_dead_peer_is_found_sooner_where_data_came_steadily() -> None:
    bench = Bench("A").open().run(130, frame_every=S // 5)
    bench.session.take()
    began = bench.now
    while "dead" not in replaces(bench):
        bench.run(0.1, alive=False)
    assert 2 * S <= bench.now - began <= 2.4 * S


def test_what_fell_silent_is_mute_until_it_speaks_also_where_it_was_pardoned() -> None:
    bench = Bench("A").open().run(130, frame_every=S // 10)
    seen = [bench.session.mute]
    bench.run(2.5)
    seen.append(bench.session.mute)
    bench.session.pardon(bench.now)
    bench.run(60)
    seen.append(bench.session.mute)
    bench.trade("A")
    bench.run(0.2)
    assert [*seen, bench.session.mute] == [False, True, True, False]


# -- bad frames ------------------------------------------------------------------------------------------------------


def test_bad_frames_are_counted_sampled_and_told_once_a_minute() -> None:
    bench = Bench("A").open()
    bench.session.take()
    for n in range(15):
        assert bench.trade("A", n, p="NaN") is None
        assert bench.receive(b"\xff" * 9_000) is None
    assert bench.session.bad == {"price": 15, "json": 15}
    assert (bench.session.frames, bench.session.bad.total()) == (30, 30)
    assert len(bench.session.samples) == 10
    assert max(len(sample.frame) for sample in bench.session.samples) == 500
    assert bench.session.samples[-2].id == 14
    first, second = bench.session.take()
    assert isinstance(first, BadFrame)
    assert (first.reason, first.symbol, first.id) == ("price", "A", 0)
    assert isinstance(second, BadFrame)
    assert second.reason == "json"
    bench.run(61)
    bench.receive("garbage")
    assert [type(notice) for notice in bench.session.take()] == [BadFrame]


def test_text_frames_are_sampled_too() -> None:
    bench = Bench("A").open()
    bench.receive("\ud800 no text of this world")
    assert bench.session.samples[0].frame == b"? no text of this world"


def test_too_many_bad_frames_a_minute_want_a_replacement() -> None:
    bench = Bench("A").open()
    for _ in range(60):
        bench.receive("x")
    bench.run(61)
    for _ in range(60):
        bench.receive("x")
    assert replaces(bench) == []
    bench.receive("x")
    bench.receive("x")
    assert replaces(bench) == ["bad_frames"]


def test_the_tail_of_a_dropped_stream_is_no_fault_of_the_connection() -> None:
    bench = Bench("A").open()
    bench.session.take()
    for n in range(500):
        bench.trade("Z", n)
    assert bench.session.bad == {"unwatched": 500}
    assert bench.session.take() == []
    assert len(bench.session.samples) == 0


def test_closed_tells_what_was_carried() -> None:
    bench = Bench("A", "B", "C").open()
    assert bench.session.closed() == ("A", "B", "C")
    assert (bench.session.mark, bench.session.ready, dict(bench.session.up)) == ("closed", False, {})
    assert bench.session.tick(bench.now + S) == []
    assert bench.session.add(["D"], bench.now) == []


def test_a_connection_may_carry_nothing_yet() -> None:
    bench = Bench()
    assert bench.session.url("ws://x") == "ws://x/stream?timeUnit=MICROSECOND"
    bench.open()
    assert bench.session.take() == []
    bench.obey(bench.session.add(["A"], bench.now))
    assert bench.requests() == [("SUBSCRIBE", ["A"])]


@given(st.lists(st.binary(max_size=60) | st.text(max_size=30), max_size=80))
def test_no_frame_breaks_a_session(frames: list[bytes | str]) -> None:
    bench = Bench("A", "B", "C").open()
    for frame in frames:
        bench.receive(frame)
        bench.run(0.1)
    assert bench.session.frames == len(frames)
    assert bench.trade("A") is not None
