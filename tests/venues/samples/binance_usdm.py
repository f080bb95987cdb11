"""Binance USD-M. Messages in the form of the exchange's documents, captures and recorded answers."""

from __future__ import annotations

from typing import Any

from orderflow_stream.core.events import BUY, SELL, Instrument, Liquidation, Trade
from orderflow_stream.venues.values import RateLimit, Rejected
from tests.venues.samples import binance_wire as wire
from tests.venues.samples.kit import NOW, Facts, Sample


def contract(symbol: str, base: str, quote: str, tick: int, step: int, **rest: Any) -> Instrument:
    pair = rest.pop("pair", base + quote)
    facts: dict[str, Any] = {"kind": "perpetual", "settle": quote, "row_span": 100_000, "rpi": True} | rest
    return Instrument("binance-usdm", symbol, base, quote, "usdm", tick=tick, step=step, pair=pair, **facts)


BTC = contract("BTCUSDT", "BTC", "USDT", 10_000_000, 100_000)
HAN = contract("币安人生USDT", "币安人生", "USDT", 1_000, 100_000_000)


def event(facts: Facts) -> dict[str, Any]:
    told = {} if facts.nq is None else {"nq": facts.nq}
    return wire.event(facts, 1_000) | told | {"st": 1}


def row(facts: Facts) -> dict[str, Any]:
    return wire.row(facts, 1_000) | ({} if facts.nq is None else {"nq": facts.nq})


SAMPLE = Sample(
    watched=(BTC, HAN),
    event=event,
    wrap=wire.wrap,
    row=row,
    tells_nq=True,
    unit=1_000,
    frames=(
        (  # of 2021: before `nq` and `st`, and `a` before `s`
            b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1617647797540,"a":9445517,"s":"BTCUSDT",'
            b'"p":"58570.11","q":"0.003","f":33128765,"l":33128765,"T":1617647797485,"m":true}}',
            Trade(BTC.key, 9445517, 5_857_011_000_000, 300_000, SELL, 1617647797485000, 33128765, 33128765, NOW),
        ),
        (  # of 2026
            b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1790000000123,"s":"BTCUSDT","a":3012345678,'
            b'"p":"86100.10","q":"1.250","nq":"1.000","f":7012345678,"l":7012345690,"T":1790000000045,"m":false,"st":1}}',
            Trade(BTC.key, 3012345678, 8_610_010_000_000, 125_000_000, BUY, 1790000000045000, 7012345678, 7012345690,
                  NOW, 100_000_000),
        ),
        (  # of the other market, under a name of ours
            b'{"e":"aggTrade","E":1790000000123,"s":"BTCUSDT","a":5,"p":"1","q":"1","f":1,"l":1,"T":1790000000045,'
            b'"m":false,"st":2}',
            Rejected("market", "BTCUSDT", 5),
        ),
        *wire.REPLIES,
    ),
    faults=wire.FAULTS,
    page=(
        b'[{"T":1602819697783,"a":19427407,"f":42831257,"l":42831257,"m":true,"p":"49.73","q":"0.001"},'
        b'{"a":19427408,"p":"49.74","q":"2.806","nq":"0","f":42831258,"l":42831260,"T":1780819698024,"m":false}]',
        (
            Trade(BTC.key, 19427407, 4_973_000_000, 100_000, SELL, 1602819697783000, 42831257, 42831257, NOW),
            Trade(BTC.key, 19427408, 4_974_000_000, 280_600_000, BUY, 1780819698024000, 42831258, 42831260, NOW, 0),
        ),
    ),
    info=(
        b'{"timezone":"UTC","serverTime":1754596814166,"futuresType":"U_MARGINED","rateLimits":[{"interval":"MINUTE",'
        b'"intervalNum":1,"limit":2400,"rateLimitType":"REQUEST_WEIGHT"},{"interval":"SECOND","intervalNum":10,'
        b'"limit":300,"rateLimitType":"ORDERS"}],"exchangeFilters":[],"assets":[{"asset":"USDT"}],"symbols":['
        b'{"symbol":"BTCUSDT","pair":"BTCUSDT","contractType":"PERPETUAL","deliveryDate":4133404800000,'
        b'"onboardDate":1569398400000,"status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT",'
        b'"pricePrecision":2,"quantityPrecision":3,"filters":[{"filterType":"PRICE_FILTER","maxPrice":"4529764",'
        b'"minPrice":"556.80","tickSize":"0.10"},{"filterType":"LOT_SIZE","maxQty":"1000","minQty":"0.001",'
        b'"stepSize":"0.001"},{"filterType":"MARKET_LOT_SIZE","stepSize":"1"},{"filterType":"MIN_NOTIONAL","notional":"100"}]},'
        b'{"symbol":"1000PEPEUSDT","pair":"1000PEPEUSDT","contractType":"PERPETUAL","deliveryDate":1790240400000,'
        b'"status":"SETTLING","baseAsset":"1000PEPE","quoteAsset":"USDT","marginAsset":"USDT","filters":['
        b'{"filterType":"PRICE_FILTER","tickSize":"0.0000001"},{"filterType":"LOT_SIZE","stepSize":"1"}]},'
        b'{"symbol":"BTCUSDT_260925","pair":"BTCUSDT","contractType":"CURRENT_QUARTER","deliveryDate":1790323200000,'
        b'"status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT","filters":[]},'
        b'{"symbol":"TSLAUSDT","pair":"TSLAUSDT","contractType":"TRADIFI_PERPETUAL","deliveryDate":4133404800000,'
        b'"status":"TRADING","baseAsset":"TSLA","quoteAsset":"USDT","marginAsset":"USDT","filters":[]},'
        b'{"symbol":"NEWUSDC","pair":"NEWUSDC","contractType":"","deliveryDate":0,"status":"PENDING_TRADING",'
        b'"baseAsset":"NEW","quoteAsset":"USDC","marginAsset":"USDC","filters":[]},'
        b'{"symbol":"NOBASE","baseAsset":"","quoteAsset":"USDT"}]}'
    ),
    instruments=(
        BTC,
        contract("1000PEPEUSDT", "1000PEPE", "USDT", 10, 100_000_000, trading=False, status="SETTLING",
                 delivery=1_790_240_400_000_000),
        contract("BTCUSDT_260925", "BTC", "USDT", 0, 0, kind="delivery", delivery=1_790_323_200_000_000),
        contract("TSLAUSDT", "TSLA", "USDT", 0, 0),
        contract("NEWUSDC", "NEW", "USDC", 0, 0, trading=False, status="PENDING_TRADING"),
    ),
    limits=(RateLimit("REQUEST_WEIGHT", 60, 2_400), RateLimit("ORDERS", 10, 300)),
    skipped=1,
    ticker=(
        b'[{"symbol":"BTCUSDT","lastPrice":"86100.0","volume":"12000.5","quoteVolume":"1033243000.5","firstId":1,'
        b'"lastId":7012345690,"count":2000000,"closeTime":1791289900000}]'
    ),
    volumes={"BTCUSDT": 103_324_300_050_000_000},
    fills={"BTCUSDT": 7012345690},
    time=(b'{"serverTime":1499827319559}', 1_499_827_319_559_000),
    errors=wire.ERRORS,
    weights=(20, 1, 40, 1, 1),
    liquidations=(
        (
            b'{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL",'
            b'"o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9911.5","X":"FILLED","l":"0.014","z":"0.013",'
            b'"T":1568014460893},"ps":"BTCUSDT","st":1}}',
            Liquidation(BTC.key, SELL, 991_000_000_000, 991_150_000_000, 1_400_000, 1_300_000, 1568014460893000, NOW,
                        "FILLED"),
        ),
        (  # `ps` and `st` within the order
            b'{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"BUY","o":"LIMIT","f":"IOC","q":"0.014",'
            b'"p":"9910","ap":"9910","X":"NEW","l":"0.014","z":"0","T":1568014460893,"ps":"BTCUSDT","st":1}}',
            Liquidation(BTC.key, BUY, 991_000_000_000, 991_000_000_000, 1_400_000, 0, 1568014460893000, NOW, "NEW"),
        ),
        (  # before either
            b'{"e":"forceOrder","E":1789672236702,"o":{"s":"COTIUSDT","S":"BUY","o":"LIMIT","f":"IOC","q":"288183",'
            b'"p":"0.0220482","ap":"0.0219120","X":"FILLED","l":"288183","z":"288183","T":1789672235690}}',
            Liquidation("binance-usdm:COTIUSDT", BUY, 2_204_820, 2_191_200, 28_818_300_000_000, 28_818_300_000_000,
                        1789672235690000, NOW, "FILLED"),
        ),
        (
            b'{"e":"forceOrder","E":1591154240950,"o":{"s":"BTCUSD_PERP","ps":"BTCUSD","S":"BUY","o":"LIMIT","f":"IOC",'
            b'"q":"3","p":"9425.5","ap":"9496.5","X":"FILLED","l":"1","z":"3","T":1591154240949},"st":2}',
            Rejected("market", "BTCUSD_PERP"),
        ),
    ),
    guesses={"BTCUSDT": True, "1000PEPEUSDC": True, "BTCUSDT_260925": True, "NOQUOTE": True, "BTCUSDT_SETTLED": True},
)  # fmt: skip
