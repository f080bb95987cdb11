"""The list of symbols: refreshed, decoded off the loop, kept through outages."""

import threading
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from orderflow_stream.adapters.rest import Answer, Rest
from orderflow_stream.adapters.symbols import HOUR_S, Symbols
from orderflow_stream.core.events import Instrument
from orderflow_stream.feed.budget import Budget
from orderflow_stream.feed.errors import UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from orderflow_stream.venues.binance_usdm import BinanceUsdm
from tests.adapters.rest_kit import START, ManualClock, Running, VirtualTime, socket_moment


class Codec(BinanceSpot):
    """The real codec; remembers the thread it worked in."""

    threads: set[int]

    def decode_exchange_info(self, body: bytes) -> Any:
        self.threads = {threading.get_ident()}
        return super().decode_exchange_info(body)


class ListRest(Rest):
    """Answers with the list and the volumes it is given; `broken` is raised instead."""

    def __init__(self, *symbols: tuple[str, str, str]) -> None:
        super().__init__(["http://list.invalid"], Budget(), now=ManualClock().now, explain=BinanceSpot().error)
        self.symbols = list(symbols)
        self.limit = 6000
        self.broken: UpstreamFailed | None = None
        self.no_ticker = False
        self.resting: dict[str, list[tuple[str, str, str]]] = {}
        self.no_resting = False
        self.paths: list[str] = []

    async def fetch_slowly(self, request: Any, kind: Any, read: Any, deadline: Any = None, *, bound: int = 0) -> Any:
        self.paths.append(request.path)
        status = request.params.get("symbolStatus", "TRADING")
        if status != "TRADING" and self.no_resting:
            raise UpstreamFailed("no such list")
        if self.broken is not None:
            raise self.broken
        if "ticker" in request.path:
            if self.no_ticker:
                raise UpstreamFailed("no ticker")
            rows: Any = [{"symbol": name, "quoteVolume": f"{at + 1}.5"} for at, (name, _, _) in enumerate(self.symbols)]
        else:
            limits = [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.limit},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
            ]
            entries = [
                {"symbol": name, "status": status, "baseAsset": base, "quoteAsset": quote, "filters": []}
                for name, base, quote in (self.symbols if status == "TRADING" else self.resting.get(status, []))
            ]
            rows = {"serverTime": 1, "rateLimits": limits, "symbols": entries}
        return await read(Answer(msgspec.json.encode(rows), 0, 0))


BTC = ("BTCUSDT", "BTC", "USDT")
NAME = ("币安人生USDT", "币安人生", "USDT")
CROSS = ("ETHBTC", "ETH", "BTC")


def symbols(rest: Rest, **settings: Any) -> Symbols:
    settings = {"now": ManualClock().now, **settings}
    return Symbols(rest, settings.pop("venue", None) or BinanceSpot(), **settings)


async def test_the_list_is_had_and_read_off_the_loop() -> None:
    venue = Codec()
    listed = symbols(ListRest(BTC, NAME, CROSS), venue=venue)
    assert await listed.refresh()
    assert [each.symbol for each in listed.instruments] == ["BTCUSDT", "ETHBTC", "币安人生USDT"]
    assert listed.by_symbol("币安人生USDT") == Instrument("binance", "币安人生USDT", "币安人生", "USDT")
    assert listed.by_symbol("NOSUCH") is None
    assert listed.quotes() == {"USDT": 2, "BTC": 1}
    assert listed.fetched_at == START
    assert listed.stale_since is None
    assert threading.get_ident() not in venue.threads


async def test_the_venues_limit_reaches_the_budget() -> None:
    rest, budget = ListRest(BTC), Budget()
    rest.limit = 1200
    await symbols(rest, budget=budget).refresh()
    assert budget.limit == 1200
    assert budget.interval_s == 60


async def test_an_outage_keeps_the_last_list_and_says_since_when() -> None:
    rest, clock = ListRest(BTC, CROSS), ManualClock()
    listed = symbols(rest, now=clock.now)
    await listed.refresh()
    clock.advance(3600)
    rest.broken = UpstreamFailed("down", hint="wait")
    with capture_logs() as logs:
        assert not await listed.refresh()
        clock.advance(60)
        assert not await listed.refresh()
        assert (listed.stale_since, listed.error) == (START + 3_600_000_000, "down (wait)")
        assert len(listed.instruments) == 2
        rest.broken = None
        assert await listed.refresh()
    assert (listed.stale_since, listed.error) == (None, None)
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]


async def test_an_empty_list_is_an_outage() -> None:
    rest = ListRest(BTC)
    listed = symbols(rest)
    await listed.refresh()
    rest.symbols = []
    assert not await listed.refresh()
    assert listed.error is not None
    assert len(listed.instruments) == 1


async def test_what_leaves_the_list_is_known_as_halted_and_may_come_back() -> None:
    rest = ListRest(BTC, CROSS)
    listed = symbols(rest)
    await listed.refresh()
    rest.symbols = [BTC]
    await listed.refresh()
    gone = listed.by_symbol("ETHBTC")
    assert gone is not None
    assert not gone.trading
    assert listed.quotes() == {"USDT": 1}
    rest.symbols = [BTC, CROSS]
    await listed.refresh()
    back = listed.by_symbol("ETHBTC")
    assert back is not None
    assert back.trading


async def test_what_rests_is_known_with_its_status_and_not_among_what_trades() -> None:
    rest = ListRest(BTC)
    rest.resting = {"BREAK": [CROSS], "HALT": [NAME]}
    listed = symbols(rest)
    assert await listed.refresh()
    assert listed.by_symbol("ETHBTC") is None, "nobody wanted it: it is asked for in the background"
    assert await listed.refresh_resting()
    assert not await listed.refresh_resting(), "no news"
    (cross, name) = (listed.by_symbol("ETHBTC"), listed.by_symbol("币安人生USDT"))
    assert cross is not None
    assert name is not None
    assert [(each.trading, each.status) for each in (cross, name)] == [(False, "BREAK"), (False, "HALT")]
    assert [each.symbol for each in listed.instruments] == ["BTCUSDT"]
    rest.symbols = [BTC, CROSS]
    await listed.refresh()
    back = listed.by_symbol("ETHBTC")
    assert back is not None
    assert (back.trading, back.status) == (True, "TRADING")


async def test_a_configured_name_that_does_not_trade_is_looked_up_at_once() -> None:
    rest = ListRest(BTC)
    rest.resting = {"BREAK": [CROSS]}
    listed = symbols(rest, names=["BTCUSDT", "ethbtc"])
    assert await listed.refresh()
    found = listed.by_symbol("ETHBTC")
    assert found is not None
    assert found.status == "BREAK"
    rest.no_resting = True
    assert await listed.refresh(), "that list is not vital"
    assert listed.by_symbol("ETHBTC") == found


async def test_what_left_every_list_has_no_status() -> None:
    rest = ListRest(BTC, CROSS)
    listed = symbols(rest)
    await listed.refresh()
    rest.symbols = [BTC]
    rest.resting = {"HALT": [CROSS]}
    await listed.refresh()
    await listed.refresh_resting()
    halted = listed.by_symbol("ETHBTC")
    assert halted is not None
    assert halted.status == "HALT"
    rest.resting = {}
    await listed.refresh_resting()
    gone = listed.by_symbol("ETHBTC")
    assert gone is not None
    assert (gone.trading, gone.status) == (False, "")
    assert len(listed.instruments) == 2


async def test_volumes_rank_and_their_failure_loses_only_the_order() -> None:
    rest = ListRest(BTC, CROSS)
    listed = symbols(rest, volumes=True)
    await listed.refresh()
    (btc, eth) = listed.instruments
    assert (listed.activity(btc), listed.activity(eth)) == (150_000_000, 250_000_000)
    rest.no_ticker = True
    assert await listed.refresh()
    assert listed.activity(eth) == 250_000_000, "the last ones stay"
    assert listed.activity(Instrument("binance", "X", "X", "USDT")) == 0


async def test_explicit_names_work_before_the_list_was_ever_had() -> None:
    rest = ListRest(("BTCUSDT", "BTC", "USDT"), ("AUSD1", "A", "USD1"))
    listed = symbols(rest)
    guess = listed.provisional("AUSD1")
    assert (guess.base, guess.quote) == ("A", "USD1")
    assert (listed.provisional("SOLFDUSD").base, listed.provisional("SOLFDUSD").quote) == ("SOL", "FDUSD")
    assert (listed.provisional("币安人生U").base, listed.provisional("币安人生U").quote) == ("币安人生", "U")
    assert (listed.provisional("USDT").base, listed.provisional("XYZ").quote) == ("USDT", "")
    assert listed.is_provisional("AUSD1")
    assert listed.by_symbol("AUSD1") == guess
    await listed.refresh()
    assert not listed.is_provisional("AUSD1")
    assert listed.is_provisional("SOLFDUSD")
    known = listed.by_symbol("BTCUSDT")
    assert known is not None
    assert listed.provisional("BTCUSDT") is known


async def test_it_is_refreshed_every_hour_and_sooner_after_a_failure() -> None:
    moment, rest = VirtualTime(idle=socket_moment), ListRest(BTC)
    told: list[int] = []
    # A thread takes real time: here the decoding is done when `sleep` is called again.
    listed = symbols(rest, now=moment.now, sleep=moment.sleep)
    rest.broken = UpstreamFailed("down")
    async with Running(listed.run(lambda: told.append(moment.now()))):
        await moment.until(lambda: len(moment.slept) == 3)
        assert moment.slept == [5.0, 15.0, 60.0]
        rest.broken = None
        await moment.until(lambda: len(moment.slept) == 4)
        assert moment.slept[3] == HOUR_S
        await moment.until(lambda: len(told) == 2)
    assert told[1] - told[0] == 3_600_000_000


async def test_the_first_refresh_may_have_been_done_already() -> None:
    moment, rest = VirtualTime(idle=socket_moment), ListRest(BTC)
    listed = symbols(rest, now=moment.now, sleep=moment.sleep)
    async with Running(listed.run(first=False)):
        await moment.pass_by(10)
        assert rest.paths == ["/api/v3/exchangeInfo"] * 2, "what rests only"
        await moment.until(lambda: listed.fetched_at is not None)


class ContractRest(Rest):
    """A futures market that lists everything in one answer, whatever its state."""

    def __init__(self, clock: ManualClock, *contracts: dict[str, Any]) -> None:
        super().__init__(["http://list.invalid"], Budget(2_400), now=clock.now, explain=BinanceUsdm().error)
        self.contracts = list(contracts)
        self.paths: list[str] = []
        self.limit = 2_400

    async def fetch_slowly(self, request: Any, kind: Any, read: Any, deadline: Any = None, *, bound: int = 0) -> Any:
        self.paths.append(request.path)
        if "ticker" in request.path:
            rows: Any = [{"symbol": one["symbol"], "quoteVolume": "5", "lastId": 1} for one in self.contracts]
        else:
            limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.limit}]
            rows = {"serverTime": 1, "rateLimits": limits, "symbols": self.contracts}
        return await read(Answer(msgspec.json.encode(rows), 0, 0))


def listed(symbol: str, status: str = "TRADING", delivery: int = 4_133_404_800_000) -> dict[str, Any]:
    kind = "PERPETUAL" if delivery > 4_000_000_000_000 else "CURRENT_QUARTER"
    return {
        "symbol": symbol, "status": status, "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT",
        "pair": "BTCUSDT", "contractType": kind, "deliveryDate": delivery, "filters": [],
    }  # fmt: skip


async def test_a_list_of_everything_is_asked_once_and_what_never_traded_is_not_among_what_does() -> None:
    clock = ManualClock()
    rest = ContractRest(clock, listed("BTCUSDT"), listed("OLDUSDT", "SETTLING"), listed("NEWUSDT", "PENDING_TRADING"))
    one = symbols(rest, venue=BinanceUsdm(), now=clock.now, names=["BTCUSDT", "OLDUSDT"])
    assert await one.refresh()
    assert [each.symbol for each in one.instruments] == ["BTCUSDT"]
    old = one.by_symbol("OLDUSDT")
    assert old is not None
    assert (old.trading, old.status) == (False, "SETTLING")
    assert rest.paths == ["/fapi/v1/exchangeInfo", "/fapi/v1/ticker/24hr"], "and its volumes: importance decides there"
    assert not await one.refresh_resting()
    assert len(rest.paths) == 2
    rest.contracts[0] = listed("BTCUSDT", "SETTLING")
    rest.contracts[2] = listed("NEWUSDT")
    assert await one.refresh()
    assert [(each.symbol, each.trading) for each in one.instruments] == [("BTCUSDT", False), ("NEWUSDT", True)]


async def test_a_contract_that_is_delivered_is_looked_up_when_it_is() -> None:
    clock = VirtualTime()
    soon = (clock.us + 600 * 1_000_000) // 1_000
    quarter = listed("BTCUSDT_251010", delivery=soon)
    rest = ContractRest(clock, listed("BTCUSDT"), quarter)
    one = symbols(rest, venue=BinanceUsdm(), now=clock.now, sleep=clock.sleep)
    kinds: list[list[tuple[str, bool, str]]] = []

    def changed() -> None:
        kinds.append([(each.symbol, each.trading, each.status) for each in one.instruments])

    clock._idle = socket_moment
    async with Running(one.run(changed)):
        await clock.until(lambda: len(kinds) == 1)
        rest.contracts = [listed("BTCUSDT"), listed("BTCUSDT_251010", "DELIVERED", soon), listed("BTCUSDT_260327")]
        began = clock.us
        await clock.until(lambda: len(kinds) == 2)
    assert 600 <= (clock.us - began) / 1e6 <= 670
    assert kinds[1] == [
        ("BTCUSDT", True, "TRADING"), ("BTCUSDT_251010", False, "DELIVERED"), ("BTCUSDT_260327", True, "TRADING")
    ]  # fmt: skip


def test_what_the_codec_would_not_guess_waits_for_the_list() -> None:
    class Wary(BinanceUsdm):
        def guess(self, symbol: str) -> Any:
            return None

    rest = ContractRest(ManualClock())
    with pytest.raises(LookupError, match="BTCUSD_PERP"):
        symbols(rest, venue=Wary()).provisional("BTCUSD_PERP")
    guessed = symbols(rest, venue=BinanceUsdm()).provisional("BTCUSDT")
    assert (guessed.market, guessed.row_span, guessed.kind) == ("usdm", 100_000, "perpetual")


async def test_the_limit_is_said_under_the_name_of_the_market() -> None:
    budget = Budget(2_400, most=2_400)
    for limit in (2_400, 6_000):
        rest = ContractRest(ManualClock(), listed("BTCUSDT"))
        rest.limit = limit
        await symbols(rest, venue=BinanceUsdm(), budget=budget).refresh()
        assert budget.limit == 2_400
