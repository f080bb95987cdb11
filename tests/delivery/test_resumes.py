"""A stream that comes back after a restart: whole, or told that it is not."""

from __future__ import annotations

import pytest

from orderflow_stream.core.events import Forget, Restarted
from tests.delivery.rig import BTC, EPOCH, ETH, START, Rig

#: What a process before told last, and where this one begins.
TOLD, BEGAN = 500, 1_000


def restarted(*restored: str) -> Rig:
    """The hub of a process that read these instruments from a journal."""
    rig = Rig(BTC, ETH)
    rig.log.resume(EPOCH, BEGAN, 0, (), dict.fromkeys(restored, 0))
    return rig


def test_two_streams_of_one_address_take_up_again_whoever_comes_first() -> None:
    rig = restarted(BTC.key, ETH.key)
    first = rig.attach(rig.filter(BTC, topics="large"), last=f"{EPOCH}-{TOLD}")[1]
    rig.loop.settle()
    # Its position lies in what the first stream has been sent since, but it was another process that sent it.
    second = rig.attach(rig.filter(BTC, ETH, topics="flow,large,trade"), last=f"{EPOCH}-{TOLD + 1}")[1]
    rig.loop.settle()
    assert first.of("hello")[0]["recovered"] is True
    assert second.of("hello")[0]["recovered"] is True
    rig.trade()
    rig.loop.settle()
    wider = rig.attach(rig.filter(BTC, ETH, topics="large,flow"), last=f"{EPOCH}-{rig.log.seq}")[1]
    rig.loop.settle()
    assert wider.of("hello")[0]["recovered"] is True  # the second one was sent it


def test_what_was_not_read_back_is_not_recovered() -> None:
    rig = restarted(BTC.key)
    for wishes, recovered in ((rig.filter(BTC), True), (rig.filter(BTC, ETH), False), (rig.filter(ETH), False)):
        sink = rig.attach(wishes, last=f"{EPOCH}-{TOLD}")[1]
        rig.loop.settle()
        assert sink.of("hello")[0]["recovered"] is recovered


def test_a_pattern_that_turns_out_to_mean_more_is_not_recovered_after_all() -> None:
    rig = restarted(BTC.key)
    rig.engine.remove(ETH.key)  # nobody knows of it before there is a symbol list
    everything = rig.filter(patterns=("*",), topics="large")
    early, named = (
        rig.attach(everything, last=f"{EPOCH}-{TOLD}")[1],
        rig.attach(rig.filter(BTC), last=f"{EPOCH}-{TOLD}")[1],
    )
    fresh = rig.attach(everything)[1]
    rig.loop.settle()
    assert early.of("hello")[0]["recovered"] is True
    rig.add(ETH)
    rig.hub.lack([ETH.key])
    rig.loop.settle()
    assert [end["reason"] for end in early.of("bye")] == ["restart"]
    assert not named.of("bye")
    assert not fresh.of("bye")  # it was promised nothing
    back = rig.attach(everything, last=f"{EPOCH}-{early.frames[-1].seq}")[1]
    rig.loop.settle()
    assert back.of("hello")[0]["recovered"] is False
    again = rig.attach(everything, last=f"{EPOCH}-{rig.log.seq}")[1]
    rig.loop.settle()
    assert again.of("hello")[0]["recovered"] is True


@pytest.mark.parametrize("event", [Restarted(BTC.key, START), Forget(BTC.key, 10, START)])
def test_what_is_given_up_after_a_restart_is_no_recovery(event: Restarted | Forget) -> None:
    rig = restarted(BTC.key, ETH.key)
    other, sink = (
        rig.attach(rig.filter(ETH), last=f"{EPOCH}-{TOLD}")[1],
        rig.attach(rig.filter(BTC), last=f"{EPOCH}-{TOLD}")[1],
    )
    rig.loop.settle()
    rig.feed(event)
    rig.loop.settle()
    assert sink.of("bye")
    assert not other.of("bye")
    back = rig.attach(rig.filter(BTC), last=f"{EPOCH}-{sink.frames[-1].seq}")[1]
    rig.loop.settle()
    assert back.of("hello")[0]["recovered"] is False
