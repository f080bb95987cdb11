"""Work by rank: order, bound, retries."""

from itertools import pairwise

from orderflow_stream.adapters.ranked import AGAIN, Ranked
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamBusy, UpstreamFailed
from tests.adapters.rest_kit import Running, VirtualTime


async def test_the_highest_rank_goes_first_and_only_so_many_at_a_time() -> None:
    moment = VirtualTime()
    done: list[str] = []
    at_once = most = 0

    async def work(item: str) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await moment.sleep(1)
        at_once -= 1
        done.append(item)

    ranked = Ranked(work, parallel=2, sleep=moment.sleep, refused=lambda *_: None)
    for rank, item in enumerate("abcdef"):
        ranked.put(item, rank)
    ranked.put("f2", 5)
    async with Running(ranked.run()):
        await moment.until(lambda: len(done) == 7)
    assert done == ["f", "f2", "e", "d", "c", "b", "a"]
    assert most == 2


async def test_what_failed_comes_back_ever_later_and_holds_nobody_up() -> None:
    moment = VirtualTime()
    tried: list[tuple[str, float]] = []
    began = moment.now()

    async def work(item: str) -> None:
        tried.append((item, (moment.now() - began) / 1e6))
        if item == "bad":
            raise UpstreamFailed("down")

    ranked = Ranked(work, parallel=1, sleep=moment.sleep, refused=lambda *_: None)
    ranked.put("bad", 9)
    ranked.put("good", 1)
    async with Running(ranked.run()):
        await moment.until(lambda: len(tried) == len(AGAIN) + 3)
    assert tried[1] == ("good", 0.0)
    times = [when for item, when in tried if item == "bad"]
    assert [after - before for before, after in pairwise(times)] == [*AGAIN, AGAIN[-1]]
    assert ranked.failures == len(times)


async def test_a_busy_venue_is_asked_when_it_said() -> None:
    moment = VirtualTime()
    times: list[int] = []

    async def work(item: str) -> None:
        times.append(moment.now())
        if len(times) == 1:
            raise UpstreamBusy("later", retry_after=77)

    ranked = Ranked(work, parallel=1, sleep=moment.sleep, refused=lambda *_: None)
    ranked.put("x", 0)
    async with Running(ranked.run()):
        await moment.until(lambda: len(times) == 2)
    assert times[1] - times[0] == 77_000_000


async def test_an_unknown_symbol_does_not_come_back() -> None:
    moment = VirtualTime()
    refused: list[str] = []

    async def work(item: str) -> None:
        raise UnknownSymbol("no such symbol")

    ranked = Ranked(work, parallel=1, sleep=moment.sleep, refused=lambda item, _: refused.append(item))
    ranked.put("x", 0)
    async with Running(ranked.run()):
        await moment.until(lambda: bool(refused))
        await moment.pass_by(100)
    assert refused == ["x"]
    assert ranked.failures == 0
