"""From what a client writes to instruments: `symbol`, `coin` + `quote`, lists and patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from fnmatch import translate
from typing import Final

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import ApiError, bad, clean, conflicting, missing, shown, suggest
from orderflow_stream.delivery.http.params import LIST, Param, Query

SYMBOL: Final = Param("symbol", "text", "the venue's symbol, upper or lower case", example="BTCUSDT")
COIN: Final = Param("coin", "text", "base asset, instead of symbol", example="BTC")
QUOTE: Final = Param("quote", "text", "quote asset that goes with coin; USDT where it is left out", example="USDT")
SYMBOLS: Final = Param(
    "symbols",
    "text",
    "several at once: a comma-separated list, or patterns such as *USDT",
    example="BTCUSDT,ETHUSDT",
    most=LIST,
)
VENUE: Final = Param("venue", "text", "the venue", default="binance", example="binance")

DEFAULT_QUOTE: Final = "USDT"
#: Longest symbol looked up; the longest listed has 20 characters.
_LONGEST: Final = 40
#: Symbols in one answer: each is computed at the same instant, so their number is what a request may hold the loop for.
MOST_SYMBOLS: Final = 500
#: Patterns in one list.
MOST_PATTERNS: Final = 16
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def venue(context: Context, query: Query) -> str:
    """The venue asked for, which is the one there is."""
    asked = query.text(VENUE)
    if asked is not None and asked.lower() != context.options.venue:
        raise bad("venue", f"no venue {shown(asked)}; there is {context.options.venue}")
    return context.options.venue


def one(context: Context, query: Query) -> Instrument:
    """The instrument of `symbol`, or of `coin` and `quote`."""
    venue(context, query)
    symbol, coin, quote = query.text(SYMBOL), query.text(COIN), query.text(QUOTE)
    if symbol is not None:
        if coin is not None or quote is not None:
            other = "coin" if coin is not None else "quote"
            raise conflicting(other, f"symbol and {other} were both given; write symbol, or coin with quote")
        return find(context, symbol, "symbol")
    if coin is None:
        raise missing("symbol", "symbol is missing; write symbol=BTCUSDT, or coin=BTC and quote=USDT")
    return find(context, coin + (quote or DEFAULT_QUOTE), "coin")


def find(context: Context, symbol: str, param: str) -> Instrument:
    """The instrument of that symbol in any case; 404 with near matches where there is none."""
    if len(symbol) <= _LONGEST:
        for spelling in dict.fromkeys((symbol, symbol.strip().upper())):
            book = context.engine.book(f"{context.options.venue}:{spelling}")
            if book is not None:
                return book.instrument
            listed = context.symbols.get(spelling)
            if listed is not None:
                return listed
    if context.symbols.refreshed is None:
        raise ApiError(
            502,
            "upstream_failed",
            f"{clean(symbol)} is not kept in memory, and the venue has not told its symbols yet; try again shortly",
            param=param,
            retry_after=5,
        )
    names = {instrument.symbol for instrument in context.symbols.listed()}
    near = near_matches(symbol.strip().upper()[:_LONGEST], names)
    raise ApiError(404, "unknown_symbol", f"no symbol {shown(symbol)}{suggest(near)}", param=param)


def many(
    context: Context, text: str, param: str = "symbols", most: int | None = MOST_SYMBOLS
) -> tuple[Instrument, ...]:
    """The instruments of a comma-separated list of symbols and patterns, each once, in the order of the list.

    A pattern (`*`, `?`) stands for instruments that are streamed, by name; it must match at least one.
    """
    found: dict[str, Instrument] = {}
    for part in entries(text, param):
        if is_pattern(part):
            matches = _matching(context, part)
            if not matches:
                raise ApiError(404, "unknown_symbol", f"no streamed symbol matches {shown(part)}", param=param)
            found.update((instrument.key, instrument) for instrument in matches)
        else:
            instrument = find(context, part, param)
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


def _matching(context: Context, pattern: str) -> list[Instrument]:
    if len(pattern) > _LONGEST or pattern.count("*") > 4:
        raise bad("symbols", f"symbols has a pattern that is too long or has more than 4 asterisks: {shown(pattern)}")
    # fnmatch knows [ranges]; here only * and ? mean anything
    matcher = re.compile(translate(pattern.upper().replace("[", "[[]")))
    books = context.engine.books.values()
    matches = [book.instrument for book in books if not book.demand and matcher.match(book.instrument.symbol.upper())]
    return sorted(matches, key=lambda instrument: instrument.symbol)


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
