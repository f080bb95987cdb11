"""What the ids of one connection say, seen from the client's own state."""

from orderflow_stream.delivery.client import Client, Group
from orderflow_stream.delivery.mailbox import Mailbox
from orderflow_stream.delivery.ring import Entry, Notice
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import Filter, Spec
from tests.delivery.rig import BTC, FakeSink


def client(*, first: int = 5, start: int = 10) -> Client:
    group = Group(Filter(Spec("1m", 60_000_000)), {BTC.key})
    return Client(group, FakeSink(), "a", Mailbox(10_000, 5.0), first=first, start=start, most_backlog=10)


def entry(seq: int) -> Entry:
    return Entry(seq, Notice(BTC.key, "gap", b"{}"))


def frame(seq: int, topic: str = "flow") -> Frame:
    return Frame(topic, "E", seq, b'{"skipped":0}')


def seqs(one: Client) -> list[int]:
    return [sent.seq for sent in one.mailbox.take(10_000)]


def test_what_happened_before_it_came_is_not_live() -> None:
    one = client()
    assert not one.push_log(entry(10), frame(10, "gap"), 0.0)
    assert one.push_log(entry(11), frame(11, "gap"), 0.0)
    assert seqs(one) == [11]
    assert one.position == 11


def test_behind_a_replay_log_events_queue_and_states_stay_away() -> None:
    one = client()
    one.backlog.append(entry(7))
    assert not one.push_log(entry(11), frame(11, "gap"), 0.0)
    assert not one.push_state(BTC.key, frame(11))
    assert [waiting.seq for waiting in one.backlog] == [7, 11]
    assert seqs(one) == []


def test_a_heartbeat_during_a_replay_tells_how_far_it_has_come() -> None:
    one = client()
    one.backlog.append(entry(7))
    assert one.push_beat(frame(11, "heartbeat"))
    assert seqs(one) == [5]


def test_a_state_from_before_is_told_under_the_position_already_reached() -> None:
    one = client()
    one.push_log(entry(20), frame(20, "gap"), 0.0)
    one.push_state(BTC.key, frame(15))
    assert seqs(one) == [20, 20]


def test_a_live_state_makes_its_snapshot_needless() -> None:
    one = client()
    one.snapshot[BTC.key] = None
    assert one.waiting
    one.push_state(BTC.key, frame(12))
    assert not one.snapshot


def test_an_ended_client_gets_nothing() -> None:
    one = client()
    one.ended = "gone"
    assert not one.push_log(entry(11), frame(11, "gap"), 0.0)
    assert not one.push_state(BTC.key, frame(11))
    assert not one.push_beat(frame(11, "heartbeat"))
    assert not one.waiting


def test_a_remembered_scope_does_not_change_with_its_group() -> None:
    group = client().group
    before = group.remembered()
    group.instruments.add("binance:ETHUSDT")
    group.changed()
    assert before.instruments == {BTC.key}
    assert group.remembered().instruments == {BTC.key, "binance:ETHUSDT"}
    assert group.remembered() is group.remembered()
