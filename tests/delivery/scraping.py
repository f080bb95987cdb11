"""A daemon's engine with a few trades, and its scrape read back."""

from prometheus_client.parser import text_string_to_metric_families

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, FeedUp, Instrument, Refill, Trade
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.limits import Stats
from orderflow_stream.delivery.metrics import FeedNumbers, LoopNumbers, Metrics, RestNumbers, Sources

NOW = 1_760_000_000_000_000
WINDOWS = {"1m": 60_000_000, "5m": 300_000_000}
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ODD = Instrument("binance", '币安"\\人生USDT', "币安", "USDT")


STREAMS = Stats(
    clients=3,
    events={"flow": 10, "large": 2},
    conflated=4,
    dropped=5,
    aborted={"slow": 1},
    refused={"over_capacity": 6},
    buffer_bytes=700,
)


def engine_of(*instruments: Instrument) -> Engine:
    engine = Engine(windows=tuple(WINDOWS.values()))
    for one in instruments:
        engine.add(one)
    engine.apply(FeedUp(tuple(one.key for one in instruments), NOW - 200_000_000, 1))
    old = Trade(BTC.key, 1, 10**12, 10**8, BUY, NOW - 100_000_000, -1, -1, NOW - 100_000_000)
    for one in instruments:
        engine.apply(Refill(one.key, (old,) if one is BTC else (), NOW - 90_000_000, warm=True, origin=True))
    engine.apply(Trade(BTC.key, 2, 10**12, 3 * 10**8, BUY, NOW - 50_000_000, -1, -1, NOW - 49_000_000))
    engine.apply(Trade(BTC.key, 2, 10**12, 3 * 10**8, BUY, NOW - 50_000_000, -1, -1, NOW - 49_000_000))
    engine.apply(Trade(BTC.key, 5, 2 * 10**12, 10**8, SELL, NOW - 2_000_000, -1, -1, NOW - 1_500_000))
    engine.advance(NOW)
    return engine


async def scrape(
    engine: Engine, most: int = 100, http: HttpStats | None = None
) -> dict[str, dict[tuple[str, ...], float]]:
    http = http or HttpStats()
    http.count("GET", "/v1/flow", 200)
    http.time("GET", "/v1/flow", 0.002)
    sources = Sources(
        engine=engine,
        now=lambda: NOW,
        windows=WINDOWS,
        version="1.2.3",
        http=http,
        streams=lambda: STREAMS,
        feed=lambda: FeedNumbers(
            connections=2,
            reconnects={"silence": 3},
            last_message={"0A": NOW},
            lag={"0A": 8_250_000},
            rejected={"garbage": 1},
        ),
        rest=lambda: RestNumbers(calls={("/api/v3/aggTrades", "200"): 9}, weight=36, used=12, limit=6000, retries=1),
        loop=lambda: LoopNumbers(lag=0.001, worst=0.02),
        refused=lambda: {"wrong": 4, "ip": 2},
    )
    body = await Metrics(sources, max_symbols=most).render()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.get("symbol"):
                assert (labels.pop("venue"), labels.pop("market")) == ("binance", "spot")
            key = tuple(labels.values())
            assert key not in found.setdefault(sample.name, {}), f"{sample.name} {key} twice"
            found[sample.name][key] = sample.value
    return found
