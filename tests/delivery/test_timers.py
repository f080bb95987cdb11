"""Each thing by its name, planned once."""

from functools import partial

from orderflow_stream.delivery.timers import Timers
from tests.delivery.rig import Loop


def test_once_at_its_time() -> None:
    loop, called = Loop(), list[str]()
    timers = Timers(loop)
    timers.at("beat", loop.time() + 2.0, partial(called.append, "beat"))
    timers.at("gaps", loop.time() + 1.0, partial(called.append, "gaps"))
    loop.run(0.9)
    assert called == []
    loop.run(0.2)
    assert called == ["gaps"]
    loop.run(10.0)
    assert called == ["gaps", "beat"]


def test_what_is_planned_already_stays_as_it_was() -> None:
    loop, called = Loop(), list[str]()
    timers = Timers(loop)
    timers.at("beat", loop.time() + 2.0, partial(called.append, "first"))
    timers.at("beat", loop.time() + 1.0, partial(called.append, "second"))
    loop.run(10.0)
    assert called == ["first"]


def test_it_may_plan_itself_anew() -> None:
    loop, called = Loop(), list[float]()
    timers = Timers(loop)

    def beat() -> None:
        called.append(loop.time())
        timers.at("beat", loop.time() + 2.0, beat)

    began = loop.time()
    timers.at("beat", began + 2.0, beat)
    loop.run(7.0)
    assert called == [began + 2.0, began + 4.0, began + 6.0]


def test_nothing_is_called_after_cancel_but_what_is_planned_later() -> None:
    loop, called = Loop(), list[str]()
    timers = Timers(loop)
    timers.at("beat", loop.time() + 1.0, partial(called.append, "old"))
    timers.cancel()
    loop.run(5.0)
    assert called == []
    timers.at("beat", loop.time() + 1.0, partial(called.append, "new"))
    loop.run(5.0)
    assert called == ["new"]
