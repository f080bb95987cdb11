"""`GET /v1/flow?coin=BTC&venues=binance,binance-usdm`: one coin on several venues at one instant, summed up in USD."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from aiohttp import web

from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import ratio
from orderflow_stream.delivery.encode import flow_data
from orderflow_stream.delivery.encode_numbers import (
    FIAT_PLACES,
    SHARE_PLACES,
    flag,
    millis,
    name,
    quote,
    rounded,
    seconds,
    share,
    word,
)
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.combine import (
    USD_LIKE,
    Part,
    SpotPerp,
    Times,
    Totals,
    spot_against_perp,
    total,
)
from orderflow_stream.delivery.http.common import FRESH, answer, books_of, exact, stands_on, tag
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import ApiError, bad, clean, conflicting, missing, shown
from orderflow_stream.delivery.http.params import Param, Query
from orderflow_stream.delivery.http.spans import AFTER, WAIT, Span

MESSAGE: Final = "Combined flow retrieved successfully"
NOTE: Final = (
    "parts are the flows of one coin on each venue, all at one instant; combined is their sum, each quote asset that "
    "/v1/meta lists as usd_like taken as USD. buy_volume_share is by base volume, as in each part; state is the worst "
    "and as_of the oldest of the parts. share_difference is spot's buy_volume_share less the perpetuals'; overlap is "
    "the time that all speak of (trades=N spans a time of its own on each venue, window=5m the same)."
)

VENUES: Final = Param(
    "venues",
    "text",
    "with coin: several venues at once, a comma-separated list; answers each one's flow, their sum in USD, and spot "
    "against perpetual",
    example="binance,binance-usdm",
)


async def combined(request: web.Request, context: Context, query: Query, span: Span) -> web.StreamResponse:
    """One coin on the venues of `venues`."""
    instruments = _instruments(context, query)
    strings = exact(query)
    books = await books_of(context, instruments, trades=span.trades, window=span.span, fresh=False)
    # From here to the last part nothing waits: all of them are of one instant.
    now, position = context.now(), context.hub.position()
    parts = [Part(book.instrument, span.read(book, now)) for book in books]
    etag = tag(
        context,
        *("combined", span.trades, span.window, strings, query.text(resolve.COIN), query.text(resolve.QUOTE)),
        [stands_on(part.instrument, part.flow.coverage) for part in parts],
    )
    rules = context.options.rules
    bodies = [
        flow_data(rules, part.instrument, part.flow, position, window=span.window, exact=strings) for part in parts
    ]
    quotes = {part.instrument.quote for part in parts}
    head = (
        f'{{"note":{name(NOTE)},"coin":{word(parts[0].instrument.base)},'
        f'"quote":{word(quotes.pop() if len(quotes) == 1 else None)},'
        f'"venues":[{",".join(name(part.instrument.venue) for part in parts)}],"parts":['
    )
    tail = (
        f'],"combined":{_totals(total(parts), strings, whole=True)},'
        f'"spot_perp":{_spot_perp(spot_against_perp(parts), strings)}}}'
    )
    return answer(request, context, head.encode() + b",".join(bodies) + tail.encode(), MESSAGE, etag)


def _instruments(context: Context, query: Query) -> list[Instrument]:
    """The coin's instrument on each venue, in the order of the list."""
    for other in (resolve.SYMBOL, resolve.SYMBOLS, resolve.VENUE):
        if query.has(other):
            message = f"venues and {other.name} were both given; venues goes with coin (and quote) only"
            raise conflicting(other.name, message)
    for other in (AFTER, WAIT):
        if query.has(other):
            message = f"{other.name} waits for one symbol and cannot go with venues; write symbol= and venue= instead"
            raise conflicting(other.name, message)
    if query.flag(FRESH):
        message = "fresh=true cannot go with venues; ask each symbol alone with fresh=true, then combine them"
        raise conflicting("fresh", message)
    coin, asset = query.text(resolve.COIN), query.text(resolve.QUOTE)
    if coin is None:
        raise missing("coin", "coin is missing; write coin=BTC with venues")
    if "," in coin:
        raise bad("coin", f"coin is one coin where venues are several, not {shown(coin)}; ask for each on its own")
    if asset is not None and asset.strip().upper() not in USD_LIKE:
        raise _no_dollar(asset)
    named = [part.strip().lower() for part in (query.text(VENUES) or "").split(",")]
    if "" in named:
        raise bad("venues", "venues has an empty entry; write venues=" + ",".join(context.venue_names[:2]))
    found: list[Instrument] = []
    for venue in dict.fromkeys(named):
        instrument = resolve.pair(context, resolve.named_venue(context, venue, "venues"), coin, asset)
        if instrument.quote not in USD_LIKE:
            raise _no_dollar(instrument.quote)
        found.append(instrument)
    return found


def _no_dollar(asset: str) -> ApiError:
    listed = ", ".join(sorted(USD_LIKE))
    return bad("quote", f"quote {clean(asset)} does not count as USD, so it cannot be summed up; there are {listed}")


def _totals(totals: Totals, strings: bool, *, whole: bool = False) -> str:
    delta = quote(totals.buy_usd - totals.sell_usd, FIAT_PLACES, strings)
    overlap = f',"overlap":{_overlap(totals.overlap, strings)}' if whole else ""
    return (
        f'{{"venues":[{",".join(map(name, totals.venues))}],'
        f'"taker_buy_usd":{quote(totals.buy_usd, FIAT_PLACES, strings)},'
        f'"taker_sell_usd":{quote(totals.sell_usd, FIAT_PLACES, strings)},"delta_usd":{delta},"cvd_usd":{delta},'
        f'"buy_volume_share":{share(totals.buy_base, totals.buy_base + totals.sell_base, strings)},'
        f'"buy_trades":{totals.buy_trades},"sell_trades":{totals.sell_trades},"complete":{flag(totals.complete)},'
        f'"state":"{totals.state}","as_of":{millis(totals.as_of)}{overlap}}}'
    )


def _spot_perp(both: SpotPerp | None, strings: bool) -> str:
    if both is None:
        return "null"
    return (
        f'{{"spot":{_totals(both.spot, strings)},"perp":{_totals(both.perp, strings)},'
        f'"share_difference":{_share(both.difference, strings)},"overlap":{_overlap(both.overlap, strings)}}}'
    )


def _share(value: Fraction | None, strings: bool) -> str:
    if value is None:
        return "null"
    return rounded(ratio(value.numerator, value.denominator, SHARE_PLACES), SHARE_PLACES, strings)


def _overlap(times: Times | None, strings: bool) -> str:
    if times is None:
        return "null"
    return f'{{"from":{millis(times[0])},"to":{millis(times[1])},"seconds":{seconds(*times, strings)}}}'
