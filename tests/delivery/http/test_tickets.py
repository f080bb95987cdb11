"""One use, thirty seconds, so many a key."""

from orderflow_stream.delivery.http.keys import Pass
from orderflow_stream.delivery.http.tickets import LIFE, MOST, Tickets

CLAIM = Pass("abcdefgh", 5, bytes(32))
OTHER = Pass("zzzzzzzz", 5, bytes(32))


def test_a_ticket_is_used_once() -> None:
    tickets = Tickets()
    made = tickets.issue(CLAIM, 10.0)
    assert tickets.use(made, 10.0) == CLAIM
    assert tickets.use(made, 10.0) is None
    assert len(tickets) == 0


def test_a_ticket_lasts_thirty_seconds() -> None:
    tickets = Tickets()
    made = [tickets.issue(CLAIM, 10.0) for _ in range(2)]
    assert tickets.use(made[0], 10.0 + LIFE - 0.001) == CLAIM
    assert tickets.use(made[1], 10.0 + LIFE) is None


def test_nothing_else_is_one() -> None:
    tickets = Tickets()
    made = tickets.issue(CLAIM, 0.0)
    for text in (
        "",
        ".",
        "abcdefgh",
        "abcdefgh.",
        made[:-1],
        made + "A",
        made.upper(),
        f"zzzzzzzz{made[8:]}",
        "x" * 9000,
    ):
        assert tickets.use(text, 0.0) is None
    assert tickets.use(made, 0.0) == CLAIM


def test_there_are_so_many_a_key_and_the_oldest_goes() -> None:
    tickets = Tickets()
    other = tickets.issue(OTHER, 0.0)
    made = [tickets.issue(CLAIM, 0.0) for _ in range(MOST + 1)]
    assert len(tickets) == MOST + 1
    assert tickets.use(made[0], 1.0) is None
    assert tickets.use(made[1], 1.0) == CLAIM
    assert tickets.use(other, 1.0) == OTHER
    for second in range(10_000):
        tickets.issue(CLAIM, float(second))
    assert len(tickets) <= MOST


def test_they_go_with_their_key() -> None:
    tickets = Tickets()
    made, other = tickets.issue(CLAIM, 0.0), tickets.issue(OTHER, 0.0)
    tickets.void(CLAIM.key)
    tickets.void("nobodyis")
    assert tickets.use(made, 0.0) is None
    assert tickets.use(other, 0.0) == OTHER
