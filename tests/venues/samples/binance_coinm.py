"""Binance COIN-M. Messages in the form of the exchange's documents, captures and recorded answers."""

from __future__ import annotations

from typing import Any

from orderflow_stream.core.events import BUY, SELL, Instrument, Liquidation, Trade
from orderflow_stream.venues.values import RateLimit, Rejected
from tests.venues.samples import binance_wire as wire
from tests.venues.samples.kit import NOW, Facts, Sample


def contract(symbol: str, base: str, size: int, tick: int, **rest: Any) -> Instrument:
    facts: dict[str, Any] = {"kind": "perpetual", "pair": base + "USD", "settle": base, "row_span": 100_000} | rest
    return Instrument(
        "binance-coinm", symbol, base, "USD", "coinm", tick=tick, step=10**8, contract=size * 10**8, **facts
    )


BTC = contract("BTCUSD_PERP", "BTC", 100, 10_000_000)
ETC = contract("ETCUSD_PERP", "ETC", 10, 100_000)


def event(facts: Facts) -> dict[str, Any]:
    return wire.event(facts, 1_000) | {"st": 2}


SAMPLE = Sample(
    watched=(BTC, ETC),
    event=event,
    wrap=wire.wrap,
    row=lambda facts: wire.row(facts, 1_000),
    tells_nq=False,
    unit=1_000,
    frames=(
        (  # captured in 2021
            b'{"stream":"btcusd_perp@aggTrade","data":{"e":"aggTrade","E":1616201883458,"a":41045788,"s":"BTCUSD_PERP",'
            b'"p":"58570.1","q":"58","f":91864326,"l":91864327,"T":1616201883304,"m":true}}',
            Trade(BTC.key, 41045788, 5_857_010_000_000, 5_800_000_000, SELL, 1616201883304000, 91864326, 91864327, NOW),
        ),
        (  # of 2026
            b'{"e":"aggTrade","E":1626916431414,"a":12400577,"s":"ETCUSD_PERP","p":"42.265","q":"45","f":19095879,'
            b'"l":19095879,"T":1626916431258,"m":false,"st":2}',
            Trade(ETC.key, 12400577, 4_226_500_000, 4_500_000_000, BUY, 1626916431258000, 19095879, 19095879, NOW),
        ),
        (
            b'{"e":"aggTrade","E":1790000000123,"s":"ETCUSD_PERP","a":5,"p":"1","q":"1","f":1,"l":1,"T":1790000000045,'
            b'"m":false,"st":1}',
            Rejected("market", "ETCUSD_PERP", 5),
        ),
        *wire.REPLIES,
    ),
    faults=wire.FAULTS,
    page=(
        b'[{"a":416690,"p":"9642.4","q":"3","f":595259,"l":595259,"T":1591250548649,"m":false},'
        b'{"a":416691,"p":"9642.3","q":"60000","f":595260,"l":595268,"T":1591250548650,"m":true}]',
        (
            Trade(BTC.key, 416690, 964_240_000_000, 300_000_000, BUY, 1591250548649000, 595259, 595259, NOW),
            Trade(BTC.key, 416691, 964_230_000_000, 6_000_000_000_000, SELL, 1591250548650000, 595260, 595268, NOW),
        ),
    ),
    info=(
        b'{"timezone":"UTC","serverTime":1640230201523,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":'
        b'"MINUTE","intervalNum":1,"limit":2400},{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,'
        b'"limit":1200}],"exchangeFilters":[],"symbols":['
        b'{"symbol":"BTCUSD_PERP","pair":"BTCUSD","contractType":"PERPETUAL","deliveryDate":4133404800000,'
        b'"onboardDate":1597042800000,"contractStatus":"TRADING","contractSize":100,"marginAsset":"BTC",'
        b'"maintMarginPercent":"2.5000","baseAsset":"BTC","quoteAsset":"USD","pricePrecision":1,"quantityPrecision":0,'
        b'"equalQtyPrecision":4,"filters":[{"minPrice":"1000","maxPrice":"4520958","filterType":"PRICE_FILTER",'
        b'"tickSize":"0.1"},{"stepSize":"1","filterType":"LOT_SIZE","maxQty":"1000000","minQty":"1"},'
        b'{"limit":200,"filterType":"MAX_NUM_ORDERS"}]},'
        b'{"symbol":"BTCUSD_211231","pair":"BTCUSD","contractType":"CURRENT_QUARTER","deliveryDate":1640937600000,'
        b'"onboardDate":1624608000000,"contractStatus":"TRADING","contractSize":100,"marginAsset":"BTC","baseAsset":"BTC",'
        b'"quoteAsset":"USD","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.1"},{"stepSize":"1",'
        b'"filterType":"LOT_SIZE"}]},'
        b'{"symbol":"ETCUSD_210924","pair":"ETCUSD","contractType":"CURRENT_QUARTER_DELIVERING",'
        b'"deliveryDate":1632470400000,"contractStatus":"DELIVERING","contractSize":10,"marginAsset":"ETC",'
        b'"baseAsset":"ETC","quoteAsset":"USD","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.001"},'
        b'{"stepSize":"1","filterType":"LOT_SIZE"}]},'
        b'{"symbol":"NOSIZE_PERP","pair":"NOSIZE","contractType":"PERPETUAL","contractStatus":"TRADING",'
        b'"baseAsset":"NO","quoteAsset":"USD","filters":[]}]}'
    ),
    instruments=(
        BTC,
        contract("BTCUSD_211231", "BTC", 100, 10_000_000, kind="delivery", delivery=1_640_937_600_000_000),
        contract("ETCUSD_210924", "ETC", 10, 100_000, kind="delivery", delivery=1_632_470_400_000_000, trading=False,
                 status="DELIVERING"),
    ),
    limits=(RateLimit("REQUEST_WEIGHT", 60, 2_400), RateLimit("ORDERS", 60, 1_200)),
    skipped=1,
    ticker=(  # no volume in dollars in it: 5192.94797687 BTC at 9547.3 on average
        b'[{"symbol":"BTCUSD_200925","pair":"BTCUSD","priceChange":"136.6","weightedAvgPrice":"9547.3",'
        b'"lastPrice":"9651.6","volume":"494109","baseVolume":"5192.94797687","openTime":1591170300000,'
        b'"closeTime":1591256718418,"firstId":600507,"lastId":697803,"count":97309}]'
    ),
    volumes={"BTCUSD_200925": 4_957_863_221_957_095},
    fills={"BTCUSD_200925": 697803},
    time=(b'{"serverTime":1499827319559}', 1_499_827_319_559_000),
    errors=wire.ERRORS,
    weights=(20, 1, 40, 1, 1),
    liquidations=(
        (
            b'{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1591154240950,"o":{"s":"BTCUSD_PERP","ps":"BTCUSD",'
            b'"S":"BUY","o":"LIMIT","f":"IOC","q":"3","p":"9425.5","ap":"9496.5","X":"FILLED","l":"1","z":"3",'
            b'"T":1591154240949},"st":2}}',
            Liquidation(BTC.key, BUY, 942_550_000_000, 949_650_000_000, 300_000_000, 300_000_000, 1591154240949000, NOW,
                        "FILLED"),
        ),
        (
            b'{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014",'
            b'"p":"9910","ap":"9910","X":"FILLED","l":"0.014","z":"0.014","T":1568014460893,"ps":"BTCUSDT","st":1}}',
            Rejected("market", "BTCUSDT"),
        ),
    ),
    guesses={"BTCUSD_PERP": False, "BTCUSD_260925": False, "NOQUOTE": False},
)  # fmt: skip
