"""Instruments beyond spot, trades of them, and what they come to by decimals that share nothing with our integers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, UNTOLD, FeedUp, Instrument, Refill, Trade
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row, Tape
from tests.core.making import BIG, DOLLAR, ONE, T0, WINDOWS, tapes

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)

USDM = Instrument(
    "binance-usdm", "BTCUSDT", "BTC", "USDT", "usdm", kind="perpetual", settle="USDT", row_span=100_000, rpi=True
)
INVERSE = Instrument(
    "made-up", "BTCUSD_PERP", "BTC", "USD", "coinm",
    contract=100 * ONE, kind="perpetual", pair="BTCUSD", settle="BTC", row_span=100_000,
)  # fmt: skip
#: An inverse contract whose venue tells `nq` as well, of a worth that no price divides.
BOTH = Instrument(
    "made-up", "ODDUSD_PERP", "ODD", "USD", "coinm", contract=10 * ONE + 7, kind="perpetual", rpi=True
)  # fmt: skip
KINDS = (USDM, INVERSE, BOTH)

PRICES = st.sampled_from([1, 10, 7, ONE, 3 * ONE, 64_123 * ONE + 41_000_000, 100_000 * ONE, BIG])
#: What part of a quantity is no RPI trade: all of it, none, some, not told.
SHARES = st.sampled_from(["all", "all", "all", "none", "some", "untold"])


def of(instrument: Instrument, one: Trade, nq: int = UNTOLD) -> Trade:
    """The same trade of that instrument."""
    return replace(one, instrument=instrument.key, nq=nq)


@st.composite
def traded(draw: st.DrawFn, /, instrument: Instrument, *, told: bool = False, **more: Any) -> list[Trade]:
    """As `tapes`, of that instrument; with `told` every row tells its `nq`, else some may not."""
    found = []
    for one in draw(tapes(**more)):
        share = draw(SHARES)
        nq = {"all": one.qty, "none": 0, "some": one.qty // 3, "untold": one.qty if told else UNTOLD}[share]
        price = draw(PRICES) if one.qty else 0
        found.append(replace(of(instrument, one, nq if instrument.rpi and one.qty else UNTOLD), price=price))
    return found


def put(tape: Tape, one: Trade) -> None:
    if one.qty:
        tape.append(one.id, one.price, one.qty, one.side, one.ts_event, one.first_id, one.last_id, one.nq)


def as_row(one: Trade) -> Row:
    return Row(one.id, one.price, one.qty * one.side, one.ts_event, one.first_id, one.last_id, one.nq)


def decimal_sums(instrument: Instrument, trades: Sequence[Trade]) -> Sums:
    """Trade by trade, in decimals of 60 digits."""
    total = {name: Decimal(0) for name in ("bought", "sold", "bought_quote", "sold_quote")}
    count = {"bought": 0, "sold": 0}
    for one in trades:
        if not one.qty:
            continue
        price, qty = Decimal(one.price).scaleb(-8, EXACT), Decimal(one.qty).scaleb(-8, EXACT)
        if instrument.contract:
            quote = EXACT.multiply(qty, Decimal(instrument.contract).scaleb(-8, EXACT))
            base = EXACT.divide(quote, price).quantize(Decimal("1e-24"), context=EXACT)
        else:
            quote, base = EXACT.multiply(price, qty), qty
        name = "bought" if one.side == BUY else "sold"
        count[name] += 1
        total[name] = EXACT.add(total[name], base)
        total[name + "_quote"] = EXACT.add(total[name + "_quote"], quote)
    scale = 24 if instrument.contract else 8
    return Sums(
        count["bought"],
        count["sold"],
        int(total["bought"].scaleb(scale, EXACT)),
        int(total["sold"].scaleb(scale, EXACT)),
        int(total["bought_quote"].scaleb(16, EXACT)),
        int(total["sold_quote"].scaleb(16, EXACT)),
    )


def decimal_nq(instrument: Instrument, trades: Sequence[Trade]) -> Sums | None:
    """Without RPI trades; None where one does not tell, or the instrument never does."""
    valid = [one for one in trades if one.qty]
    if not instrument.rpi or any(one.nq == UNTOLD for one in valid):
        return None
    return decimal_sums(instrument, [replace(one, qty=one.nq) for one in valid])


def make(instrument: Instrument, **more: Any) -> tuple[Engine, Book]:
    """An engine with that one book, on the air and warm."""
    engine: Engine = Engine(
        **{
            "windows": WINDOWS,
            "analytics": lambda book: (LargeTracker(book, 10 * DOLLAR, engine.pending),),
            **more,
        }
    )
    book = engine.add(instrument)
    engine.apply(FeedUp((instrument.key,), T0, 1))
    engine.apply(Refill(instrument.key, (), T0, warm=True))
    return engine, book
