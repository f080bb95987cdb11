"""What the rows of a venue mean, in words and in data: for `/v1/meta?venue=`.

Nothing here goes by a venue's name. What holds is read off its instruments (merged rows, inverse contracts, RPI
trades, delivery) and off what the daemon states of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import US_PER_MS
from orderflow_stream.delivery.encode_liquidations import LIQUIDATIONS_NOTE, SAMPLE
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.context import Context, VenueContext

Facts = dict[str, Any]

_RESTART: Final = (
    "a venue that begins its ids anew (confirmed by REST) raises coverage.generation; no answer spans two generations"
)
_ONE_ORDER: Final = (
    "a row is what one taker order traded at one price at one instant; an order that walks several prices is several "
    "consecutive rows of one time"
)
_MERGED: Final = (
    "a row is what traded at one price with one taker side within {span} ms; several taker orders may share it, and an "
    "order that walks several prices is several rows"
)
_FILLS: Final = "ids are consecutive, so a jump is a gap; first_fill and last_fill chain from row to row too"
_HOLES: Final = (
    "continuity is judged by id alone; first_fill and last_fill (f, l) have holes by design, since trades of the "
    "insurance fund and of auto-deleveraging are left out, and a hole in them is no gap"
)
_ORDERS: Final = "consecutive rows of the same time (µs) and side with chained fill ids are one taker order"
_GUESSED: Final = (
    "an order cannot be rebuilt beyond the row: consecutive ids of one side within {span} ms of the first are grouped, "
    "and each group says how sure that is"
)
_CONFIDENCE: Final = {
    "likely": "all rows have the same time and chained fills: probably one order that walked the book",
    "possible": "the same side within the span only: may be one order or several",
}
_NQ: Final = (
    "nq is the quantity of a row without RPI (retail price improvement) trades, qty includes them; flow serves sums "
    "without them beside the whole ones, in members that end in _nq; null where the venue did not tell it for every "
    "row of the span"
)
_INVERSE: Final = (
    "the venue counts contracts, each worth contract_size of the quote asset (/v1/symbols) whatever the price: quote "
    "values are contracts x contract_size, exactly; base values and qty are that over the price of each trade, shown "
    "with at most 8 decimals (numbers=string: 16); members named contracts have the count itself"
)
_PLAIN: Final = "qty is in the base asset, quote values are price x qty, exactly"
_ROLL: Final = (
    "a contract with a delivery_time ends then and a next one is listed under a symbol of its own (/v1/symbols); "
    "coin= stands for the perpetual, so such a contract is asked for by symbol=, and patterns follow the list"
)


def semantics(context: Context, where: VenueContext) -> Facts:
    """What is true of this venue; numbers are null as long as neither its list nor a setting has told them."""
    known = resolve.known(context, where)
    spot = where.market == "spot"
    spans = [one.row_span // US_PER_MS for one in known]
    span = max(spans, default=0 if spot else None)
    merged = bool(span) or not spot
    words = str(span) if span else "some"
    return {
        "row": {"span_ms": span, "rule": (_MERGED if merged else _ONE_ORDER).format(span=words)},
        "continuity": {"by": "id", "fills_chained": not merged, "rule": _HOLES if merged else _FILLS},
        "order": {
            "rebuilt": not merged,
            "rule": (_GUESSED if merged else _ORDERS).format(span=words),
            "confidence": dict(_CONFIDENCE) if merged else None,
            "closes_after_ms": 25 + (span or 0),
        },
        "nq": {"rule": _NQ} if any(one.rpi for one in known) else None,
        "units": _units(known),
        "kinds": sorted({one.kind for one in known}),
        "roll": {"rule": _ROLL} if any(one.kind == "delivery" for one in known) else None,
        "coin": {"default_quote": where.pairs.default_quote(known)},
        "id_restart": {"rule": _RESTART},
        "rest": _rest(where.stated),
        "liquidations": _liquidations(context, where),
    }


def _units(known: Collection[Instrument]) -> Facts:
    inverse = any(one.inverse for one in known)
    return {"venue_counts": "contracts" if inverse else "base asset", "rule": _INVERSE if inverse else _PLAIN}


def _rest(stated: Mapping[str, object]) -> Facts:
    """What reading costs: one page of trades, of how much a minute, shared with whom, and how far back it goes."""
    names = {"trades_weight", "weight_limit", "weight_pool", "lookback_s"}
    shared = "venues of one weight_pool share weight_limit, which is a minute's"
    rule = f"{shared}; a page is 1000 trades; lookback_s null: as far back as is worth asking"
    return {**{name: stated.get(name) for name in sorted(names)}, "rule": rule}


def _liquidations(context: Context, where: VenueContext) -> Facts | None:
    if not where.liquidations:
        return None
    since = [book.liquidations_since for book in context.engine.books.values() if book.instrument.venue == where.name]
    listening = min((one for one in since if one >= 0), default=None)
    return {
        "sample": SAMPLE,
        "rule": LIQUIDATIONS_NOTE,
        "kept_hours": 24,
        "listening_since": None if listening is None else listening // US_PER_MS,
    }
