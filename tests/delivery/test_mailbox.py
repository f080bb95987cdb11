from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.delivery.mailbox import Mailbox
from orderflow_stream.delivery.sse import Frame


def log(seq: int, size: int = 10) -> Frame:
    return Frame("large", "E", seq, b"x" * size)


def flow(seq: int, text: bytes = b"") -> Frame:
    return Frame("flow", "E", seq, b'{%b"skipped":0}' % text)


def everything(box: Mailbox) -> list[Frame]:
    return box.take(1 << 40)


def test_events_leave_in_the_order_they_came() -> None:
    box = Mailbox(10_000, 5.0)
    box.put_log(log(1), 0.0)
    box.put_state("a", flow(1))
    box.put_log(log(2), 0.0)
    assert [(f.topic, f.seq) for f in everything(box)] == [("large", 1), ("flow", 1), ("large", 2)]
    assert len(box) == 0


def test_only_the_newest_state_waits_and_says_how_many_it_stands_for() -> None:
    box = Mailbox(10_000, 5.0)
    for seq in range(1, 5):
        box.put_state("a", flow(seq, b'"n":%d,' % seq))
    box.put_state("b", flow(4))
    first, second = everything(box)
    assert first.body == b'{"n":4,"skipped":3}'
    assert second.body == b'{"skipped":0}'
    assert box.conflated == 3


def test_a_newer_state_goes_behind_the_log_events_before_it() -> None:
    # in the old one's place its id would tell that the log event after it had been sent
    box = Mailbox(10_000, 5.0)
    box.put_state("a", flow(1))
    box.put_log(log(2), 0.0)
    box.put_state("a", flow(2))
    assert [(f.topic, f.seq) for f in everything(box)] == [("large", 2), ("flow", 2)]


def test_rows_of_a_replaced_watch_are_kept() -> None:
    box = Mailbox(10_000, 5.0)
    box.put_state("watch", Frame.watch("E", 1, {"a": b"1", "b": b"1"}))
    box.put_state("watch", Frame.watch("E", 2, {"b": b"2"}))
    box.put_state("watch", Frame.watch("E", 3, {"c": b"3"}))
    (frame,) = everything(box)
    assert frame.body == b"[1,2,3]"


def test_take_respects_the_room_but_gives_one() -> None:
    box = Mailbox(10_000, 5.0)
    for seq in range(1, 5):
        box.put_log(log(seq, 100), 0.0)
    size = len(log(1, 100).plain)
    assert [f.seq for f in box.take(1)] == [1]
    assert [f.seq for f in box.take(2 * size)] == [2, 3]
    assert [f.seq for f in box.take(10**6)] == [4]
    assert box.log_bytes == 0


def test_too_many_log_bytes_are_slow_with_those_of_the_transport() -> None:
    box = Mailbox(1_000, 5.0)
    box.put_log(log(1, 400), 0.0)
    assert box.slow(0.0, 0) is None
    assert box.slow(0.0, 700) == "bytes"
    box.put_log(log(2, 700), 0.0)
    assert box.slow(0.0, 0) == "bytes"


def test_a_log_event_that_waits_too_long_is_slow() -> None:
    box = Mailbox(10_000, 5.0)
    box.put_state("a", flow(1))
    box.put_log(log(1), 10.0)
    box.put_log(log(2), 14.0)
    assert box.slow(15.0, 0) is None
    assert box.slow(15.1, 0) == "age"
    assert [f.topic for f in box.take(1)] == ["flow"]
    assert box.slow(15.1, 0) == "age"
    box.take(1)
    assert box.slow(15.1, 0) is None


def test_states_alone_never_make_a_client_slow() -> None:
    box = Mailbox(100, 5.0)
    for seq in range(200):
        box.put_state(f"k{seq % 50}", flow(seq, b'"pad":"' + b"x" * 500 + b'",'))
    assert box.slow(1e9, 10**9) is None
    assert len(box) == 50


def test_clear_lets_go() -> None:
    box = Mailbox(1_000, 5.0)
    box.put_log(log(1), 0.0)
    box.put_state("a", flow(1))
    assert box.waiting_bytes > 0
    assert box.logs == 1
    box.clear()
    assert (len(box), box.logs, box.log_bytes, box.waiting_bytes, box.slow(1e9, 10**9)) == (0, 0, 0, 0, None)


@given(st.lists(st.tuples(st.sampled_from("LABT"), st.integers(1, 200)), max_size=60))
def test_ids_never_go_back_and_no_log_event_is_lost(steps: list[tuple[str, int]]) -> None:
    """Any mix of log events, states of two keys and partial takes."""
    box = Mailbox(1 << 30, 5.0)
    seq, logged, told, out = 0, [], {"A": 0, "B": 0}, []
    for kind, size in steps:
        if kind == "L":
            seq += 1
            logged.append(seq)
            box.put_log(log(seq, size), 0.0)
        elif kind == "T":
            out += box.take(size)
        else:
            told[kind] += 1
            box.put_state(kind, flow(seq, b'"k":"%b","n":%d,' % (kind.encode(), told[kind])))
    out += everything(box)
    assert [f.seq for f in out] == sorted(f.seq for f in out)
    assert [f.seq for f in out if f.topic == "large"] == logged
    for key, last in told.items():
        mine = [f.body for f in out if f.topic == "flow" and b'"k":"%b"' % key.encode() in f.body]
        skipped = sum(int(body.rpartition(b":")[2][:-1]) for body in mine)
        assert skipped + len(mine) == last  # every version is either told or counted
        if mine:
            assert b'"n":%d,' % last in mine[-1]
