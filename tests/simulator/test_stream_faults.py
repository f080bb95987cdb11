"""The rules that a row passes through on its way to the streams."""

from __future__ import annotations

from orderflow_stream.simulator.frames import TradeFrame
from orderflow_stream.simulator.stream_faults import Rule, StreamFaults
from tests.simulator.kit import BTC, NOON, row


class Line:
    """Sends rows through the rules as the hub does, to one or two connections."""

    def __init__(self) -> None:
        self.now = 0.0
        self.faults = StreamFaults(lambda: self.now, seed=1)

    def send(self, *ids: int, symbol: str = "BTCUSDT", connection: int = 0) -> list[int]:
        got = []
        for id_ in ids:
            frame = TradeFrame(BTC, row(id_), NOON)
            taken = self.faults.take(symbol, frame)
            got += [each.row.id for each in self.faults.deliver(connection, frame, taken)]
        return got


def test_no_rule_changes_nothing() -> None:
    assert Line().send(1, 2, 3) == [1, 2, 3]


def test_skip_counts_rows_of_its_symbol_only() -> None:
    line = Line()
    line.faults.add(Rule("skip", frozenset({"BTCUSDT"}), left=2))
    assert line.send(1, symbol="ETHUSDT") == [1]
    assert line.send(1, 2, 3, 4) == [3, 4]
    assert line.faults.rules == []


def test_a_fault_of_one_connection_spares_the_other() -> None:
    line = Line()
    line.faults.add(Rule("silence", connection=0))
    assert line.send(1, connection=1) == [1]
    assert line.send(2, connection=0) == []


def test_silence_ends_by_time_or_by_word() -> None:
    line = Line()
    line.faults.add(Rule("silence", until=10.0))
    assert line.send(1) == []
    line.now = 10.0
    assert line.send(2) == [2]
    assert line.faults.rules == []
    line.faults.add(Rule("silence", frozenset({"BTCUSDT"})))
    line.faults.remove("silence", ["ETHUSDT"])
    assert line.send(3) == []
    line.faults.remove("silence", ["BTCUSDT"])
    assert line.send(4) == [4]


def test_repeat_and_skip_together() -> None:
    line = Line()
    line.faults.add(Rule("repeat", left=2, times=3))
    assert line.send(1, 2, 3) == [1, 1, 1, 2, 2, 2, 3]


def test_shuffle_keeps_all_and_changes_the_order() -> None:
    line = Line()
    line.faults.add(Rule("shuffle", left=5))
    assert line.send(1, 2, 3, 4) == []
    got = line.send(5, 6)
    assert got[-1] == 6
    assert sorted(got) == [1, 2, 3, 4, 5, 6]
    assert got != sorted(got)


def test_a_shuffle_of_two_swaps_them() -> None:
    for seed in range(8):
        line = Line()
        line.faults = StreamFaults(lambda: 0.0, seed)
        line.faults.add(Rule("shuffle", left=2))
        assert line.send(1, 2) == [2, 1]


def test_corrupt_names_its_members() -> None:
    faults = StreamFaults(lambda: 0.0)
    faults.add(Rule("corrupt", left=1, members={"p": '"1e5"'}))
    frame = TradeFrame(BTC, row(1), NOON)
    (sent,) = faults.deliver(0, frame, faults.take("BTCUSDT", frame))
    assert b'"p":"1e5"' in sent.cut(1, False)
    assert b'"p":"1e5"' not in frame.cut(1, False)


def test_remove_all() -> None:
    line = Line()
    line.faults.add(Rule("silence"))
    line.faults.add(Rule("repeat", times=2))
    line.faults.remove()
    assert line.send(1) == [1]


def test_a_shuffle_does_not_let_out_what_nobody_is_to_see() -> None:
    line = Line()
    line.faults.add(Rule("skip", left=2, hides_from_rest=True))
    line.faults.add(Rule("shuffle", left=4))
    assert sorted(line.send(1, 2, 3, 4)) == [3, 4]
