import asyncio

from orderflow_stream.core.events import BUY, Refill, Trade
from orderflow_stream.delivery.waiters import Waiters
from tests.delivery.rig import BTC, E8, ETH, Rig


async def test_a_trade_wakes_who_waits_for_its_instrument() -> None:
    rig = Rig(BTC, ETH)
    position = rig.hub.position()
    btc = asyncio.ensure_future(rig.hub.wait_trade(BTC.key, position, 10))
    eth = asyncio.ensure_future(rig.hub.wait_trade(ETH.key, position, 10))
    await asyncio.sleep(0)
    rig.trade(BTC)
    assert await asyncio.wait_for(btc, 5) is True
    assert not eth.done()
    eth.cancel()
    await asyncio.gather(eth, return_exceptions=True)
    rig.trade(ETH)


async def test_who_is_behind_does_not_wait() -> None:
    rig = Rig()
    position = rig.hub.position()
    rig.trade()
    assert await rig.hub.wait_trade(BTC.key, position, 10) is True
    assert await rig.hub.wait_trade(BTC.key, "OTHER234-1", 10) is True


async def test_nothing_happens_until_the_time_is_up() -> None:
    rig = Rig()
    assert await rig.hub.wait_trade(BTC.key, rig.hub.position(), 0.01) is False


async def test_a_repair_counts_as_a_trade_and_the_clock_does_not() -> None:
    rig = Rig()
    waiting = asyncio.ensure_future(rig.hub.wait_trade(BTC.key, rig.hub.position(), 10))
    await asyncio.sleep(0)
    rig.run(30)
    await asyncio.sleep(0)
    assert not waiting.done()
    now = rig.clock()
    rig.feed(Refill(BTC.key, (Trade(BTC.key, 1, E8, E8, BUY, now, 1, 1, now),), now))
    assert await asyncio.wait_for(waiting, 5) is True


async def test_many_wait_and_none_is_left() -> None:
    rig = Rig()
    waiters = Waiters(rig.log)
    tasks = [asyncio.ensure_future(waiters.wait(BTC.key, rig.log.position, 10)) for _ in range(5)]
    await asyncio.sleep(0)
    assert waiters
    tasks[0].cancel()
    await asyncio.sleep(0)
    waiters.tell(BTC.key)
    assert await asyncio.gather(*tasks[1:]) == [True] * 4
    assert not waiters
