"""Where a page of trades weighs 20 of 2,400 a minute: what heals first, how long it takes, and that it is said so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable

import msgspec
from structlog.testing import capture_logs

from orderflow_stream.adapters.backfiller import Backfiller
from orderflow_stream.adapters.ingest import Held
from orderflow_stream.adapters.rest import Answer, Rest, _Stopped
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Corrected, Event, FeedDown, FeedUp, GapFound, Instrument, Refill, Trade
from orderflow_stream.feed.budget import Budget
from orderflow_stream.feed.errors import UpstreamFailed
from orderflow_stream.feed.upstream import PAGE, RestRequest
from orderflow_stream.venues.binance_usdm import BinanceUsdm
from tests.adapters.rest_kit import SECOND, Running, VirtualTime

HOUR = 3_600 * SECOND
#: Ten seconds into a minute of the venue's.
BEGIN = 1_760_000_050_000_000
OUTAGE_S = 30
LATENCY_S = 0.1


def contract(number: int) -> Instrument:
    return Instrument(
        "binance-usdm", f"C{number}USDT", f"C{number}", "USDT", "usdm", kind="perpetual", row_span=100_000, rpi=True
    )


def made(instrument: Instrument, id_: int, ts: int) -> Trade:
    return Trade(instrument.key, id_, 10**8, 10**8, 1, ts, id_, id_, ts, 10**8)


class Venue(Rest):
    """REST of tapes in memory behind the real budget; an answer takes `LATENCY_S`."""

    def __init__(self, clock: VirtualTime, budget: Budget) -> None:
        codec = BinanceUsdm()
        super().__init__(
            ["http://tape.invalid"], budget, now=clock.now, explain=codec.error, sleep=clock.sleep, chance=lambda: 0.0
        )
        self.clock = clock
        self.newest: dict[str, int] = {}  # symbol -> newest id; all from 1 on exist
        self.pace: dict[str, float] = {}  # seconds between two ids
        self.oldest: dict[str, int] = {}
        self.refused = False  # whatever is asked by id
        self.asked: list[tuple[float, str]] = []

    def ts(self, symbol: str, id_: int) -> int:
        return BEGIN - int((self.newest[symbol] - id_) * self.pace[symbol] * SECOND)

    async def _send(self, request: RestRequest, deadline: int | None, bound: int, header: list[int]) -> Answer:
        symbol, limit = request.params["symbol"], int(request.params["limit"])
        first = int(request.params["fromId"]) if "fromId" in request.params else self.newest[symbol] - limit + 1
        self.asked.append(((self.clock.us - BEGIN) / SECOND, symbol))
        await self.clock.sleep(LATENCY_S)
        sent = time.perf_counter_ns()
        if self.refused and "fromId" in request.params:
            raise UpstreamFailed("fromId is too old (400, code -1130)", retry="never")
        first = max(first, self.oldest.get(symbol, 1))
        ids = range(first, min(first + limit, self.newest[symbol] + 1))
        rows = [
            {"a": id_, "p": "1", "q": "1", "nq": "1", "f": id_, "l": id_, "T": self.ts(symbol, id_) // 1000, "m": False}
            for id_ in ids
        ]
        return Answer(msgspec.json.encode(rows), sent, sent)


class House:
    """An engine of `count` contracts, each warm, and the backfill of their venue."""

    def __init__(self, count: int, *, warm: bool = True, trades: int = 100, window: int = 60 * SECOND) -> None:
        self.time = VirtualTime(BEGIN, idle=_turns)
        self.budget = Budget(2_400)
        self.rest = Venue(self.time, self.budget)
        self.engine = Engine(windows=(window,), keep_trades=trades)
        self.instruments = [contract(number) for number in range(count)]
        self.volumes: dict[str, int] = {}
        self.followed: set[str] = set()
        self.healed: dict[str, float] = {}
        self.backfiller = Backfiller(
            self.rest,
            BinanceUsdm(),
            Held(self.engine),
            self.feed,
            now=self.time.now,
            instrument_of=lambda key: book.instrument if (book := self.engine.book(key)) else None,
            doubtful=lambda key: not self.engine.books[key].verified,
            activity=lambda instrument: self.volumes.get(instrument.key, 0),
            sleep=self.time.sleep,
            trades=trades,
            window=window,
        )
        self.backfiller.followed = self.followed.__contains__
        for number, instrument in enumerate(self.instruments):
            # A few take nearly all of the market: that is what volumes look like.
            self.volumes[instrument.key] = 10**19 // (number + 1) ** 2
            self.rest.pace[instrument.symbol] = min(10.0, 0.01 * (number + 1))
            self.rest.newest[instrument.symbol] = 1_000_000
            self.engine.add(instrument)
            self.engine.apply(FeedUp((instrument.key,), BEGIN - HOUR, 1))
            if warm:
                self.engine.apply(Refill(instrument.key, (), BEGIN - HOUR, warm=True))

    def feed(self, event: Event) -> None:
        for update in self.engine.apply(event) or ():
            if isinstance(update, GapFound):
                self.backfiller.repair(update)
            elif isinstance(update, Corrected):
                self.backfiller.corrected(update)
                if not self.engine.books[update.instrument].sequence.open:
                    self.healed[update.instrument] = (self.time.us - BEGIN) / SECOND

    def missed(self, instrument: Instrument) -> int:
        return max(1, int(OUTAGE_S / self.rest.pace[instrument.symbol]))

    def outage(self, instruments: Iterable[Instrument]) -> int:
        """The streams are back, and each trades; how many calls it takes to have what was missed."""
        calls = 0
        for instrument in instruments:
            newest, missed = self.rest.newest[instrument.symbol], self.missed(instrument)
            calls += -(-missed // PAGE)
            for id_ in (newest - missed - 1, newest):
                self.feed(made(instrument, id_, self.rest.ts(instrument.symbol, id_)))
        return calls

    async def until_healed(self) -> None:
        while len(self.healed) < len(self.instruments):
            await self.time.pass_by(5)
            assert self.time.us < BEGIN + 1_200 * SECOND, f"only {len(self.healed)} healed"


async def _turns() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def test_an_outage_of_300_symbols_heals_in_the_order_of_importance_and_says_how_long_it_takes() -> None:
    house = House(300)
    house.followed = {house.instruments[number].key for number in range(7, 300, 15)}  # of every volume
    house.backfiller.followed = house.followed.__contains__
    calls = house.outage(house.instruments)
    left = house.backfiller.outlook()
    assert (left.symbols, left.calls) == (300, calls)
    assert left.trades == sum(house.missed(one) for one in house.instruments)
    last_of_all = house.backfiller.ready_in(house.instruments[-1].key)
    with capture_logs() as logs:
        async with Running(house.backfiller.run()):
            await house.until_healed()
            await house.time.pass_by(1)
    took = max(house.healed.values())

    # Whole, and nothing asked for twice.
    assert all(not house.engine.books[one.key].sequence.holes for one in house.instruments)
    assert len(house.rest.asked) == calls

    # The order: those that are followed, then by magnitude of volume; what few calls complete before the rest of it.
    def rank(one: Instrument) -> tuple[int, ...]:
        few = -(-house.missed(one) // PAGE)
        return (one.key not in house.followed, -len(str(house.volumes[one.key])), few)

    by_symbol = {one.symbol: rank(one) for one in house.instruments}
    order = [by_symbol[symbol] for symbol in dict.fromkeys(symbol for _, symbol in house.rest.asked)]
    places = [place for place, _ in sorted(enumerate(order), key=lambda pair: pair[1])]
    displaced = max(abs(index - place) for index, place in enumerate(places))
    assert displaced <= 8, "only what was under way already may come before something more important"
    followed = [house.healed[key] for key in house.followed]
    assert max(followed) < min(at for key, at in house.healed.items() if key not in house.followed) + 1

    # How long: 2,160 of 2,400 are used, and the venue counts whole minutes. No order of calls could be faster than
    # `floor`, which has all weight of a minute at its beginning; ours is held for users until the minute has passed.
    each = house.budget.usable // 20
    whole, rest = divmod(calls, each)
    edge = 60 - (BEGIN // SECOND) % 60 + 0.25
    floor = edge + 60 * (whole - 1 if rest else whole - 2)
    assert floor <= took <= floor + 61
    print(f"calls {calls}, took {took:.1f} s, floor {floor:.1f} s, told {left.seconds} s")

    # And that it is said.
    assert left.seconds is not None
    assert abs(left.seconds - took) <= max(2.0, 0.05 * took)
    assert last_of_all is not None
    assert abs(last_of_all - took) <= max(2.0, 0.05 * took)
    told = [entry for entry in logs if entry["event"].startswith("many trades are missing")]
    assert 3 <= len(told) <= 8
    (end,) = [entry for entry in logs if entry["event"] == "what was missing has been asked for"]
    assert end["calls"] == calls
    assert told[0]["symbols"] > 200
    assert [entry["symbols"] for entry in told] == sorted((entry["symbols"] for entry in told), reverse=True)


async def test_users_and_the_reserve_keep_their_shares_while_it_heals() -> None:
    house = House(300)
    house.outage(house.instruments)
    waits: list[float] = []

    async def user() -> None:
        """Somebody who asks for a page every five seconds."""
        request = BinanceUsdm().trades_request("C0USDT", limit=1)
        while True:
            began = house.time.us
            await house.rest.call(request, "user")
            waits.append((house.time.us - began) / SECOND)
            await house.time.sleep(5)

    left = house.backfiller.outlook()
    async with Running(house.backfiller.run()), Running(user()):
        await house.until_healed()
    assert len(waits) > 20
    assert max(waits) < 1.0, "who waits for an answer does not wait for repairs"
    took = max(house.healed.values())
    assert left.seconds is not None
    # 240 a minute more than was known when it was said.
    assert left.seconds <= took <= left.seconds * 2_160 / (2_160 - 240) + 30


async def test_everyone_gets_the_newest_page_before_anyone_gets_a_second() -> None:
    house = House(40, warm=False, trades=2_500)
    house.rest.pace = dict.fromkeys(house.rest.pace, 1.0)
    house.followed = {house.instruments[30].key}
    house.backfiller.followed = house.followed.__contains__
    for one in house.instruments:
        house.backfiller.warm(one)
    async with Running(house.backfiller.run()):
        while not all(book.warm for book in house.engine.books.values()):
            await house.time.pass_by(5)
            assert house.time.us < BEGIN + 600 * SECOND
    symbols = [symbol for _, symbol in house.rest.asked]
    assert symbols[0] == "C30USDT", "somebody looks at it"
    assert symbols[1:40] == [one.symbol for one in house.instruments if one.symbol != "C30USDT"], "by volume"
    rounds = [symbols[:40], symbols[40:80], symbols[80:120]]
    assert len(symbols) == 120, "2,500 trades are three pages each"
    late = [len(set(each)) for each in rounds]
    assert min(late) >= 30, "ten at a time are under way, so a round may begin while the last of one are answered"
    assert all(len(book.tape) >= 2_500 for book in house.engine.books.values())


async def test_deep_pages_wait_for_repairs() -> None:
    house = House(120, trades=1_000, window=60 * SECOND)
    deep = contract(999)
    house.rest.newest[deep.symbol], house.rest.pace[deep.symbol] = 1_000_000, 0.001
    house.engine.add(deep)
    house.engine.apply(FeedUp((deep.key,), BEGIN - HOUR, 1))
    house.volumes[deep.key] = 10**30
    house.outage(house.instruments)
    async with Running(house.backfiller.run()):
        await house.time.pass_by(0.5)
        house.backfiller.warm(deep)  # a minute of it is 90 pages
        await house.until_healed()
    before = [symbol for at, symbol in house.rest.asked if at <= max(house.healed.values())]
    assert before.count(deep.symbol) <= 12, "the first page, and what was under way until it was known to take long"


async def test_a_tape_that_goes_back_far_enough_by_streaming_is_warm_without_rest() -> None:
    house = House(2, warm=False, trades=50, window=60 * SECOND)
    house.budget.block(418, "7200", house.time.us)
    first, second = house.instruments
    async with Running(house.backfiller.run()):
        for one in house.instruments:
            house.backfiller.warm(one)
        for second_of in range(200):
            await house.time.pass_by(1)
            house.feed(made(first, 1_000 + second_of, house.time.us))
            if second_of % 5 == 0:
                house.feed(made(second, 1_000 + second_of // 5, house.time.us))
            if second_of == 80:
                assert not house.engine.books[first.key].warm, "the window with its margin is 90 s"
            if second_of == 120:
                assert house.engine.books[first.key].warm
    assert not house.engine.books[second.key].warm, "40 trades are fewer than the 50 that are kept at least"
    assert house.rest.asked == []
    book = house.engine.books[first.key]
    assert book.coverage(1_150, house.time.us, since=house.time.us - 45 * SECOND).reaches_back


async def test_what_the_venue_does_not_tell_any_more_ends_a_warm_up_and_is_not_asked_twice() -> None:
    house = House(2, warm=False, trades=5_000)
    far, edge = house.instruments
    for one in house.instruments:
        house.rest.newest[one.symbol], house.rest.pace[one.symbol] = 10_000, 60.0  # a page is 17 hours
        house.backfiller.warm(one)
    house.rest.oldest[edge.symbol] = 8_500  # told from there on, whatever is asked
    async with Running(house.backfiller.run()):
        await house.time.pass_by(400)
    symbols = [symbol for _, symbol in house.rest.asked]
    assert symbols.count(far.symbol) == 3, "48 hours are 2,880 ids"
    assert symbols.count(edge.symbol) == 2
    for one in house.instruments:
        book = house.engine.books[one.key]
        assert book.warm
        assert not book.origin, "that the venue tells of nothing older proves no beginning"


async def test_a_refusal_of_what_is_too_old_ends_a_warm_up() -> None:
    house = House(1, warm=False, trades=5_000)
    (one,) = house.instruments
    house.rest.refused = True
    house.backfiller.warm(one)
    async with Running(house.backfiller.run()):
        await house.time.pass_by(400)
    assert len(house.rest.asked) == 2
    assert house.engine.books[one.key].warm
    assert len(house.engine.books[one.key].tape) == 1_000


async def test_two_markets_of_one_address_share_the_budget_and_stop_together() -> None:
    clock = VirtualTime(BEGIN, idle=_turns)
    budget = Budget(2_400, most=2_400)
    codec = BinanceUsdm()

    class Told(Rest):
        status = 200
        sent: list[int]

        async def _send(self, request: RestRequest, deadline: int | None, bound: int, header: list[int]) -> Answer:
            self.sent.append(clock.us)
            await clock.sleep(LATENCY_S)
            if self.status != 200:
                self._stop(self.status, "90")
                self.status = 200
                raise _Stopped
            return Answer(b"[]", 0, 0)

    markets = [
        Told(["http://a.invalid"], budget, now=clock.now, explain=codec.error, sleep=clock.sleep) for _ in range(2)
    ]
    for market in markets:
        market.sent = []
    request = codec.trades_request("BTCUSDT", limit=1)
    calls = [asyncio.ensure_future(market.call(request, "repair")) for market in markets for _ in range(100)]
    await clock.pass_by(49)  # to the end of the minute
    assert 105 <= sum(len(market.sent) for market in markets) <= 108, "not each, but both together"
    await clock.pass_by(62)
    assert sum(len(market.sent) for market in markets) == 200
    await asyncio.gather(*calls)

    markets[0].status = 418
    first = asyncio.ensure_future(markets[0].call(request, "repair"))
    await clock.pass_by(0.2)
    stopped = clock.us - int(0.1 * SECOND)
    others = [asyncio.ensure_future(markets[1].call(request, "repair")) for _ in range(3)]
    before = len(markets[1].sent)
    await clock.pass_by(89)
    assert len(markets[1].sent) == before, "the other one obeys as well"
    await clock.pass_by(2)
    await asyncio.gather(first, *others)
    assert all(at >= stopped + 90 * SECOND for at in markets[1].sent[before:])
    budget.set_limit(2_400, by="binance-usdm")
    budget.set_limit(6_000, by="binance-coinm")
    assert budget.limit == 2_400


async def test_after_a_reconnect_nobody_is_asked_about_who_proves_himself() -> None:
    house = House(40)
    for one in house.instruments:
        house.feed(made(one, 1_000_000, BEGIN - SECOND))
        house.engine.apply(FeedDown((one.key,), BEGIN, 1, "cut"))
        house.engine.apply(FeedUp((one.key,), BEGIN, 2))
        house.backfiller.probe(one)
    assert {book.state for book in house.engine.books.values()} == {"unverified"}
    async with Running(house.backfiller.run()):
        await house.time.pass_by(10)
        assert house.rest.asked == []
        for one in house.instruments[:35]:
            house.feed(made(one, 1_000_001, house.time.us))
        await house.time.pass_by(11)
        assert len(house.rest.asked) == 1
        await house.time.pass_by(30)
    assert [symbol for _, symbol in house.rest.asked] == [one.symbol for one in house.instruments[35:]]
    assert all(book.verified for book in house.engine.books.values())


async def test_a_canary_tells_whether_the_venue_moves() -> None:
    house = House(6)
    keys = [one.key for one in house.instruments]
    assert await _timed(house, house.backfiller.moves(keys, BEGIN - 10 * SECOND)) == keys[0]
    assert await _timed(house, house.backfiller.moves(keys, BEGIN)) is None
    asked = [symbol for _, symbol in house.rest.asked]
    assert asked == ["C0USDT", "C2USDT", "C3USDT"], "others each time"
    assert await _timed(house, house.backfiller.moves([], BEGIN)) is None


async def _timed(house: House, work: Awaitable[str | None]) -> str | None:
    task = asyncio.ensure_future(work)
    await house.time.until(task.done)
    return task.result()


async def test_nobody_knows_when_what_rest_refuses_will_be_had() -> None:
    house = House(1)
    (one,) = house.instruments
    house.rest.refused = True
    house.outage([one])
    assert house.backfiller.ready_in(one.key) == 0 or house.backfiller.outlook().calls
    async with Running(house.backfiller.run()):
        await house.time.pass_by(5)
    assert house.backfiller.outlook().calls == 0  # nothing is asked for now
    assert house.backfiller.ready_in(one.key) is None
