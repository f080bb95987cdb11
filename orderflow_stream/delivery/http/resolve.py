"""From what a client writes to instruments: `venue`, `symbol`, `coin` + `quote`, lists and patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from fnmatch import translate
from typing import Final

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.http.context import Context, VenueContext
from orderflow_stream.delivery.http.errors import ApiError, bad, clean, conflicting, missing, shown, suggest
from orderflow_stream.delivery.http.params import LIST, Param, Query

SYMBOL: Final = Param("symbol", "text", "the venue's symbol, upper or lower case", example="BTCUSDT")
COIN: Final = Param(
    "coin",
    "text",
    "base asset, instead of symbol; of a futures venue its perpetual (a contract that is delivered has a symbol only)",
    example="BTC",
)
QUOTE: Final = Param(
    "quote",
    "text",
    "quote asset that goes with coin; where it is left out, USDT, or USD on a venue that has nothing in USDT",
    example="USDT",
)
SYMBOLS: Final = Param(
    "symbols",
    "text",
    "several at once: a comma-separated list, or patterns such as *USDT",
    example="BTCUSDT,ETHUSDT",
    most=LIST,
)
VENUE: Final = Param(
    "venue", "text", "the venue; /v1/meta lists those that are on", default="binance", example="binance"
)

#: Longest symbol looked up; the longest listed has 20 characters.
_LONGEST: Final = 40
#: Symbols in one answer: each is computed at the same instant, so their number is what a request may hold the loop for.
MOST_SYMBOLS: Final = 500
#: Patterns in one list.
MOST_PATTERNS: Final = 16
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def venue(context: Context, query: Query) -> VenueContext:
    """The venue asked for, or the default one."""
    if not query.has(VENUE):
        return context.venue(context.options.venue)
    return named_venue(context, query.text(VENUE) or "", "venue")


def named_venue(context: Context, name: str, param: str) -> VenueContext:
    """The venue of that name in any case."""
    try:
        return context.venue(name.strip().lower())
    except KeyError:
        message = f"{param}: no venue {shown(name)} is on; there is {', '.join(context.venue_names)}"
        raise bad(param, f"{message} (a table [venues.NAME] of the configuration switches one on)") from None


def one(context: Context, query: Query) -> Instrument:
    """The instrument of `symbol`, or of `coin` and `quote`."""
    where = venue(context, query)
    symbol, coin, quote = query.text(SYMBOL), query.text(COIN), query.text(QUOTE)
    if symbol is not None:
        if coin is not None or quote is not None:
            other = "coin" if coin is not None else "quote"
            raise conflicting(other, f"symbol and {other} were both given; write symbol, or coin with quote")
        return find(context, where, symbol, "symbol")
    if coin is None:
        raise missing("symbol", "symbol is missing; write symbol=BTCUSDT, or coin=BTC and quote=USDT")
    return pair(context, where, coin, quote)


def pair(context: Context, where: VenueContext, coin: str, quote: str | None) -> Instrument:
    """The instrument of a coin in a quote asset, by what the venue says of its symbols: the perpetual where there is
    one, else what is delivered first."""
    listed = known(context, where)
    base = coin.strip().upper()
    asset = quote.strip().upper() if quote is not None else where.pairs.default_quote(listed)
    found = where.pairs.find(listed, base, asset)
    if found is not None:
        book = context.engine.book(found.key)
        return found if book is None else book.instrument
    for book in context.engine.books.values():  # kept, and not listed any more (or not yet)
        kept = book.instrument
        if (kept.venue, kept.base.upper(), kept.quote.upper()) == (where.name, base, asset):
            return kept
    if where.symbols.refreshed is None:
        if where.market == "spot":  # there every symbol is its base and its quote
            return find(context, where, coin.strip() + asset, "coin")
        raise _untold(f"{clean(coin)} in {clean(asset)}", where, "coin")
    quotes = where.pairs.quotes(listed, base)
    if quotes:
        others = ", ".join(quotes[:10])
        message = f"{where.name} has no {shown(coin)} in {shown(asset)}; it has quote={others}"
        raise ApiError(404, "unknown_symbol", message, param="coin" if quote is None else "quote")
    near = where.pairs.multiples(listed, base)[:5] or near_matches(
        (base + asset)[:_LONGEST], {one.symbol for one in listed}
    )
    message = f"no coin {shown(coin)} in {shown(asset)} on {where.name}{suggest(near)}"
    raise ApiError(404, "unknown_symbol", message, param="coin")


def find(context: Context, where: VenueContext, symbol: str, param: str) -> Instrument:
    """The instrument of that symbol in any case; 404 with near matches where there is none."""
    if len(symbol) <= _LONGEST:
        for spelling in dict.fromkeys((symbol, symbol.strip().upper())):
            book = context.engine.book(f"{where.name}:{spelling}")
            if book is not None:
                return book.instrument
            listed = where.symbols.get(spelling)
            if listed is not None:
                return listed
    if where.symbols.refreshed is None:
        raise _untold(clean(symbol), where, param)
    upper = symbol.strip().upper()[:_LONGEST]
    elsewhere = [name for name in context.venue_names if name != where.name and _lists(context, name, upper)]
    if elsewhere:
        message = f"{where.name} has no symbol {shown(symbol)}; write venue={elsewhere[0]}, which has it"
        raise ApiError(404, "unknown_symbol", message, param=param)
    near = near_matches(upper, {instrument.symbol for instrument in where.symbols.listed()})
    on = "" if len(context.venue_names) == 1 else f" on {where.name}"
    raise ApiError(404, "unknown_symbol", f"no symbol {shown(symbol)}{on}{suggest(near)}", param=param)


def _lists(context: Context, name: str, symbol: str) -> bool:
    symbols = context.venue(name).symbols
    return symbols.refreshed is not None and symbols.get(symbol) is not None


def _untold(what: str, where: VenueContext, param: str) -> ApiError:
    return ApiError(
        502,
        "upstream_failed",
        f"{what} is not kept in memory, and the venue has not told its symbols yet; try again shortly",
        param=param,
        retry_after=5,
    )


def many(
    context: Context, where: VenueContext, text: str, param: str = "symbols", most: int | None = MOST_SYMBOLS
) -> tuple[Instrument, ...]:
    """The instruments of a comma-separated list of symbols and patterns of one venue, each once, in its order.

    A pattern (`*`, `?`) stands for instruments that are streamed, by name; it must match at least one.
    """
    found: dict[str, Instrument] = {}
    for part in entries(text, param):
        if is_pattern(part):
            matches = _matching(context, where, part)
            if not matches:
                on = "" if len(context.venue_names) == 1 else f" of {where.name}"
                message = f"no streamed symbol{on} matches {shown(part)}"
                raise ApiError(404, "unknown_symbol", message, param=param)
            found.update((instrument.key, instrument) for instrument in matches)
        else:
            instrument = find(context, where, part, param)
            found[instrument.key] = instrument
        if most is not None and len(found) > most:
            raise bad(param, f"{param} stands for more than {most} symbols; name fewer, or use /v1/screener")
    return tuple(found.values())


def entries(text: str, param: str = "symbols") -> list[str]:
    """What a comma-separated list names, each once. Few may be patterns: each is held against every symbol there is."""
    parts = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if "" in parts:
        raise bad(param, f"{param} has an empty entry; write {param}=BTCUSDT,ETHUSDT")
    if sum(map(is_pattern, parts)) > MOST_PATTERNS:
        raise bad(param, f"{param} has more than {MOST_PATTERNS} patterns")
    return parts


def is_pattern(part: str) -> bool:
    """Whether it stands for all symbols that match."""
    return "*" in part or "?" in part


def _matching(context: Context, where: VenueContext, pattern: str) -> list[Instrument]:
    if len(pattern) > _LONGEST or pattern.count("*") > 4:
        raise bad("symbols", f"symbols has a pattern that is too long or has more than 4 asterisks: {shown(pattern)}")
    # fnmatch knows [ranges]; here only * and ? mean anything
    matcher = re.compile(translate(pattern.upper().replace("[", "[[]")))
    matches = [one for one in streamed(context, where) if matcher.match(one.symbol.upper())]
    return sorted(matches, key=lambda instrument: instrument.symbol)


def known(context: Context, where: VenueContext) -> Collection[Instrument]:
    """The venue's instruments: those listed, or as long as it has never told them those that are kept."""
    kept = (book.instrument for book in context.engine.books.values())
    return where.symbols.listed() or [one for one in kept if one.venue == where.name]


def streamed(context: Context, where: VenueContext) -> list[Instrument]:
    """The instruments of that venue that a stream feeds."""
    books = context.engine.books.values()
    return [book.instrument for book in books if not book.demand and book.instrument.venue == where.name]


def near_matches(symbol: str, names: Collection[str], most: int = 5) -> list[str]:
    """Names one typing error away, then names that begin with what was written. Cheap even for thousands of names."""
    near = [word for word in _one_edit_away(symbol) if word in names] if 1 < len(symbol) <= 20 else []
    if len(symbol) > 1:
        near += sorted((name for name in names if name.startswith(symbol)), key=lambda name: (len(name), name))
    return list(dict.fromkeys(near))[:most]


def _one_edit_away(word: str) -> Iterator[str]:
    halves = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    for left, right in halves:
        if right:
            yield left + right[1:]
        if len(right) > 1:
            yield left + right[1] + right[0] + right[2:]
    for left, right in halves:
        for letter in _ALPHABET:
            yield left + letter + right
            if right:
                yield left + letter + right[1:]
