from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, LargePrint, Trade
from orderflow_stream.delivery.ring import EventLog, Late, Memory, Notice, Scope
from orderflow_stream.delivery.sse import Position

EPOCH = "ABCD2345"


def trade(id_: int, key: str = "v:A", qty: int = 1) -> Trade:
    return Trade(key, id_, 1, qty, BUY, 0, 0, 0, 0)


def large(id_: int, key: str = "v:A", group: Literal["row", "order"] = "order", notional: int = 100) -> LargePrint:
    return LargePrint(key, group, id_, BUY, 1, 1, notional, 0, 0, 0, 1, 1)


def scope(*topics: str, keys: tuple[str, ...] = ("v:A",), group: str = "order", least: int = 0) -> Scope:
    return Scope(frozenset(keys), frozenset(topics), group, least)


def at(seq: int, epoch: str = EPOCH) -> Position:
    return Position(epoch, seq)


def test_every_event_has_the_next_number() -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    assert log.position == "ABCD2345-0"
    assert [log.trade(trade(1)), log.event(large(1)), log.trade(Late(trade(2), "v:A"))] == [1, 2, 3]
    log.moved("v:B")
    assert log.position == "ABCD2345-4"
    assert (log.last_change("v:A"), log.last_change("v:B"), log.last_change("v:C")) == (3, 4, 0)


def test_since_gives_what_the_scope_wants_in_order() -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    log.trade(trade(1))
    log.event(large(1))
    log.event(Notice("v:A", "gap", b"{}"))
    log.trade(trade(2, "v:B"))
    log.trade(Late(trade(3), "v:A"))
    log.event(Notice("v:B", "state", b"{}"))
    both = log.since(at(0), scope("large", "trade", keys=("v:A", "v:B")))
    assert both is not None
    assert [entry.seq for entry in both] == [1, 2, 3, 4, 5, 6]
    one = log.since(at(1), scope("flow"))
    assert one is not None
    assert [(entry.seq, type(entry.payload)) for entry in one] == [(3, Notice)]
    assert log.since(at(6), scope("trade")) == []


def test_group_and_notional_are_part_of_the_scope() -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    log.event(large(1, group="row", notional=500))
    log.event(large(2, group="order", notional=500))
    log.event(large(3, group="order", notional=499))
    rows = log.since(at(0), scope("large", group="row"))
    orders = log.since(at(0), scope("large", least=500))
    assert rows is not None
    assert orders is not None
    assert [entry.seq for entry in rows] == [1]
    assert [entry.seq for entry in orders] == [2]


def test_a_row_without_a_trade_is_no_trade_event() -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    log.trade(trade(1, qty=0))
    assert log.since(at(0), scope("trade")) == []


@pytest.mark.parametrize("position", [None, at(0, "ZZZZ2345"), at(2), at(10**15)])
def test_no_partial_recovery_from_elsewhere_or_from_the_future(position: Position | None) -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    log.event(large(1))
    assert log.since(position, scope("large")) is None


def test_a_burst_of_trades_pushes_no_large_print_out() -> None:
    log = EventLog(EPOCH, trades=3, events=3)
    log.event(large(1))
    for id_ in range(100):
        log.trade(trade(id_))
    found = log.since(at(0), scope("large"))
    assert found is not None
    assert [entry.seq for entry in found] == [1]
    assert log.since(at(0), scope("large", "trade")) is None
    assert log.since(at(97), scope("trade")) is None
    last = log.since(at(98), scope("trade"))
    assert last is not None
    assert [entry.seq for entry in last] == [99, 100, 101]


def test_the_position_before_the_oldest_kept_is_recoverable() -> None:
    log = EventLog(EPOCH, trades=3, events=3)
    for id_ in range(5):
        log.event(large(id_))
    assert log.since(at(1), scope("large")) is None
    found = log.since(at(2), scope("large"))
    assert found is not None
    assert [entry.seq for entry in found] == [3, 4, 5]


@given(st.lists(st.sampled_from(["ta", "tb", "la", "lb", "na"]), max_size=40), st.integers(0, 45), st.integers(1, 8))
def test_since_is_whole_or_nothing(kinds: list[str], start: int, kept: int) -> None:
    log = EventLog(EPOCH, trades=kept, events=kept)
    everything = []
    for kind in kinds:
        key = f"v:{kind[1].upper()}"
        if kind[0] == "t":
            seq = log.trade(trade(1, key))
        elif kind[0] == "l":
            seq = log.event(large(1, key))
        else:
            seq = log.event(Notice(key, "gap", b"{}"))
        everything.append((seq, kind))
    for topics in ({"large"}, {"trade"}, {"large", "trade"}):
        wanted = [
            seq
            for seq, kind in everything
            if seq > start and kind[1] == "a" and (kind[0] == "n" or {"t": "trade", "l": "large"}[kind[0]] in topics)
        ]
        found = log.since(at(start), scope(*topics))
        if found is None:
            assert start > len(kinds) or len(kinds) > kept
        else:
            assert [entry.seq for entry in found] == wanted


def test_covers_is_about_everything_asked_for() -> None:
    small, more = scope("large"), scope("large", "trade", keys=("v:A", "v:B"))
    assert more.covers(small)
    assert small.covers(small)
    assert not small.covers(more)
    assert not small.covers(scope("large", keys=("v:B",)))
    assert not small.covers(scope("large", group="row"))
    assert not scope("large", least=500).covers(small)
    assert small.covers(scope("large", least=500))
    assert scope("flow", group="row").covers(scope("flow", group="order"))  # no prints, no difference


def test_memory_knows_what_an_address_was_sent() -> None:
    memory = Memory(seconds=60.0)
    memory.add("a", scope("large"), 10, 20, 0.0)
    memory.add("b", scope("trade"), 10, 20, 0.0)
    assert memory.scopes("a", 10, 1.0) == [scope("large")]
    assert memory.scopes("a", 20, 1.0) == [scope("large")]
    assert memory.scopes("a", 21, 1.0) == []
    assert memory.scopes("c", 15, 1.0) == []
    assert memory.scopes("a", 15, 61.0) == []


def test_memory_is_bounded() -> None:
    memory = Memory(remotes=3, each=2, seconds=60.0)
    for number in range(10):
        memory.add("a", scope("large"), number, number, 0.0)
    assert len(memory) == 2
    for number in range(10):
        memory.add(f"r{number}", scope("large"), 1, 1, 0.0)
    assert len(memory) == 3
    memory.add("late", scope("large"), 1, 1, 100.0)
    assert len(memory) == 1


def test_a_log_goes_on_where_another_process_ended() -> None:
    before = EventLog(EPOCH, trades=10, events=10)
    for number in range(1, 6):
        before.trade(trade(number))
        before.event(large(number))
    log = EventLog("OTHER234", trades=10, events=10)
    entries = [(seq, payload) for seq, payload in before.since(at(2), scope("large", "trade")) or ()]
    log.resume(EPOCH, 1_000, 2, entries, {"v:A": 0})
    assert log.position == f"{EPOCH}-1000"
    assert log.since(at(2), scope("large", "trade")) == before.since(at(2), scope("large", "trade"))
    assert log.since(at(1), scope("large", "trade")) is None  # what was before is not known
    assert log.since(at(1), scope("large")) is None
    assert log.since(at(500), scope("large")) == []  # of a process that had no time to write it down
    assert log.trade(trade(6)) == 1_001
    assert log.last_change("v:A") == 1_001
    assert log.last_change("v:Z") == 2  # at the latest


def test_only_what_can_be_gone_on_from_is_resumed() -> None:
    log = EventLog(EPOCH, trades=10, events=10)
    log.resume(EPOCH, 1_000, 0, [(5, trade(1))], {"v:A": 0, "v:B": 500})
    both = scope("trade", keys=("v:A", "v:B"))
    assert log.since(at(4), scope("trade")) is not None
    assert log.since(at(499), both) is None  # of B nothing is known before
    assert log.since(at(500), both) == []
    assert log.since(at(999), scope("trade", keys=("v:A", "v:C"))) is None  # what C was told last nobody knows
    assert log.since(at(1_000), scope("trade", keys=("v:A", "v:C"))) == []
    assert [log.knows(key) for key in ("v:A", "v:B", "v:C")] == [True, True, False]
    log.lack("v:A")
    assert log.since(at(1_000), scope("trade")) is None
    assert log.since(at(log.seq), scope("trade")) == []
    log.lack("v:C")
    assert log.knows("v:C")
    assert EventLog(EPOCH, trades=1, events=1).knows("v:A")  # there was no process before


def test_rings_that_are_smaller_than_what_is_resumed_know_it() -> None:
    log = EventLog(EPOCH, trades=3, events=2)
    entries: list[tuple[int, Trade | LargePrint]] = [(seq, trade(seq)) for seq in range(1, 6)]
    entries += [(seq, large(seq)) for seq in range(6, 10)]
    log.resume(EPOCH, 100, 0, entries, {"v:A": 0})
    assert log.since(at(1), scope("trade")) is None
    assert log.since(at(7), scope("trade", "large")) is not None
    assert log.since(at(6), scope("large")) is None


def test_a_tap_gets_what_is_logged() -> None:
    log = EventLog(EPOCH, trades=3, events=3)
    log.trade(trade(1))
    log.tap = []
    log.trade(trade(2))
    log.event(large(3))
    log.moved("v:A")
    assert [(seq, type(payload)) for seq, payload in log.tap] == [(2, Trade), (3, LargePrint)]
