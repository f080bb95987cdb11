"""Daemons with several venues: spot, contracts in the base asset with merged rows, and inverse contracts."""

from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, Instrument, Liquidation, LiquidationFeed, Trade
from orderflow_stream.delivery.http.context import VenueContext
from tests.delivery.http.world import BTC, ETHBTC, LISTED, NOW, SILENT, FakeDemand, FakeSymbols, live_engine

E8 = 10**8
USDM, COINM = "binance-usdm", "binance-coinm"
DELIVERY = NOW + 90 * 86_400_000_000

PERP = Instrument(
    USDM, "BTCUSDT", "BTC", "USDT", "usdm", kind="perpetual", pair="BTCUSDT", settle="USDT", row_span=100_000, rpi=True
)
PEPE = Instrument(
    USDM, "1000PEPEUSDT", "1000PEPE", "USDT", "usdm", kind="perpetual", pair="1000PEPEUSDT", settle="USDT",
    row_span=100_000, rpi=True,
)  # fmt: skip
QUARTER = Instrument(
    USDM, "BTCUSDT_260108", "BTC", "USDT", "usdm", kind="delivery", pair="BTCUSDT", settle="USDT", delivery=DELIVERY,
    row_span=100_000, rpi=True,
)  # fmt: skip
INVERSE = Instrument(
    COINM, "BTCUSD_PERP", "BTC", "USD", "coinm", contract=100 * E8, kind="perpetual", pair="BTCUSD", settle="BTC",
    row_span=100_000,
)  # fmt: skip
NEXT = Instrument(
    COINM, "XRPUSD_260109", "XRP", "USD", "coinm", contract=10 * E8, kind="delivery", pair="XRPUSD", settle="XRP",
    delivery=DELIVERY + 1, row_span=100_000,
)  # fmt: skip
FIRST = Instrument(
    COINM, "XRPUSD_260108", "XRP", "USD", "coinm", contract=10 * E8, kind="delivery", pair="XRPUSD", settle="XRP",
    delivery=DELIVERY, row_span=100_000,
)  # fmt: skip
LISTS = {"binance": LISTED, USDM: (QUARTER, PERP, PEPE), COINM: (NEXT, FIRST, INVERSE)}


def row(instrument: Instrument, id_: int, price: str, qty: str, side: int, age: float, nq: str | None = None) -> Trade:
    """A row of a futures tape; decimals as text, `age` in seconds before NOW."""
    scaled = [round(float(one) * E8) for one in (price, qty, nq or "0")]
    ts = NOW - round(age * 1_000_000)
    told = scaled[2] if nq is not None else -1
    return Trade(instrument.key, id_, scaled[0], scaled[1], side, ts, 7 * id_, 7 * id_ + 3, ts + 5_000, told)


ROWS = (
    row(PERP, 10, "60010", "2", BUY, 45, "1.5"),
    row(PERP, 11, "60020", "1", SELL, 44, "1"),
    row(PERP, 12, "60030", "0.5", BUY, 3, "0"),
    row(INVERSE, 90, "60000", "600", SELL, 30),  # 60,000 USD: one coin
    row(INVERSE, 91, "50000", "1000", BUY, 2),  # 100,000 USD: two
)


def liquidation(instrument: Instrument, side: int, price: str, qty: str, age: float) -> Liquidation:
    """All of it filled, at its price."""
    at, count = round(float(price) * E8), round(float(qty) * E8)
    ts = NOW - round(age * 1_000_000)
    return Liquidation(instrument.key, side, at, at, count, count, ts, ts + 9, "FILLED")


def engine_of_venues(*more: Instrument) -> Engine:
    """Spot as in `world`; of the futures the perpetuals, whole since a while, and listened to for liquidations."""
    engine = live_engine((BTC, ETHBTC, SILENT, PERP, INVERSE, *more))
    for name in (USDM, COINM):
        engine.apply(LiquidationFeed(name, True, NOW - 3_600_000_000, connection=1))
    for one in ROWS:
        engine.apply(one)
    engine.advance(NOW)
    return engine


def venues_of(engine: Engine, *names: str) -> dict[str, VenueContext]:
    """What a context has of each venue."""
    stated = {"trades_weight": 20, "weight_limit": 2400, "weight_pool": "binance-futures", "lookback_s": 172_800}
    markets = {"binance": "spot", USDM: "usdm", COINM: "coinm"}
    return {
        name: VenueContext(
            name,
            markets[name],
            FakeSymbols(LISTS[name]),
            FakeDemand(engine),
            stated={} if name == "binance" else stated,
            liquidations=name != "binance",
        )
        for name in names or ("binance", USDM, COINM)
    }
