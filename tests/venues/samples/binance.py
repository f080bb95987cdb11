"""Binance spot. Messages in the form of the exchange's documents and of recorded answers."""

from __future__ import annotations

from orderflow_stream.core.events import BUY, SELL, Instrument, Trade
from orderflow_stream.venues.values import RateLimit, Shutdown
from tests.venues.samples import binance_wire as wire
from tests.venues.samples.kit import NOW, Sample

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "spot", True, 1_000_000, 1_000)
HAN = Instrument("binance", "币安人生USDT", "币安人生", "USDT")

SAMPLE = Sample(
    watched=(BTC, HAN),
    event=lambda facts: wire.event(facts) | {"M": True},
    wrap=wire.wrap,
    row=lambda facts: wire.row(facts) | {"M": True},
    tells_nq=False,
    unit=1,
    frames=(
        (
            b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1617566591356,"s":"BTCUSDT","a":665076760,'
            b'"p":"58001.03000000","q":"0.02068300","f":757119370,"l":757119370,"T":1617566591354,"m":false,"M":true}}',
            Trade(BTC.key, 665076760, 5_800_103_000_000, 2_068_300, BUY, 1617566591354000, 757119370, 757119370, NOW),
        ),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', Shutdown()),
        *wire.REPLIES,
    ),
    faults=wire.FAULTS,
    page=(
        b'[{"a":202790190,"p":"7139.89000000","q":"0.06702300","f":222825297,"l":222825297,"T":1577977823305,"m":false,'
        b'"M":true},{"a":202790191,"p":"0","q":"0","f":-1,"l":-1,"T":1577977823306,"m":true,"M":true}]',
        (
            Trade(BTC.key, 202790190, 713_989_000_000, 6_702_300, BUY, 1577977823305000, 222825297, 222825297, NOW),
            Trade(BTC.key, 202790191, 0, 0, SELL, 1577977823306000, -1, -1, NOW),
        ),
    ),
    info=(
        b'{"timezone":"UTC","serverTime":1754603741167,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":'
        b'"MINUTE","intervalNum":1,"limit":6000}],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSDT","status":"TRADING",'
        b'"baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","isSpotTradingAllowed":true,"filters":['
        b'{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},'
        b'{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"}]},'
        b'{"symbol":"OLDBTC","status":"BREAK","baseAsset":"OLD","quoteAsset":"BTC","filters":[]},{"symbol":1}]}'
    ),
    instruments=(
        BTC,
        Instrument("binance", "OLDBTC", "OLD", "BTC", "spot", False, 0, 0, "BREAK"),
    ),
    limits=(RateLimit("REQUEST_WEIGHT", 60, 6_000),),
    skipped=1,
    ticker=(
        b'[{"symbol":"BTCUSDT","openPrice":"1","volume":"3","quoteVolume":"392659910.62660750","firstId":1,'
        b'"lastId":757119370,"count":9},{"symbol":"OLDBTC","quoteVolume":"0.00000000","firstId":-1,"lastId":-1,"count":0}]'
    ),
    volumes={"BTCUSDT": 39_265_991_062_660_750, "OLDBTC": 0},
    fills={"BTCUSDT": 757119370, "OLDBTC": -1},
    time=(b'{"serverTime":1499827319559123}', 1_499_827_319_559_123),
    errors=wire.ERRORS,
    weights=(4, 20, 80, 1, 1),
    guesses={"BTCUSDT": True, "1000SATSUSDT": True, "NOQUOTE": True},
)  # fmt: skip
