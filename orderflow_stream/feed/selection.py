"""From what a user writes (`BTCUSDT`, `*USDT`, `*`, `top:100`) to instruments, most active first.

Base and quote come from the venue's own list and never from the end of a name: quotes of one letter exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from orderflow_stream.core.events import Instrument

_DEFAULT_QUOTE: Final = "USDT"
_NEAR: Final = 3


class Fault(Struct, frozen=True):
    """A pattern that selects nothing, or something that cannot be streamed: `message` is for a person, `near` are names
    that may have been meant."""

    pattern: str
    message: str
    near: tuple[str, ...] = ()


class Selection(Struct, frozen=True):
    """The selected instruments, most active first where volumes are known, and every fault."""

    instruments: tuple[Instrument, ...]
    faults: tuple[Fault, ...]


def needs_volumes(patterns: Iterable[str]) -> bool:
    """True where a pattern cannot be resolved without 24 h volumes."""
    return any(pattern.strip().lower().startswith("top:") for pattern in patterns)


def is_pattern(text: str) -> bool:
    """True for what may select several symbols, false for a plain name."""
    return "*" in text or text.strip().lower().startswith("top:")


def select(
    patterns: Sequence[str], instruments: Iterable[Instrument], volumes: Mapping[str, int] | None = None
) -> Selection:
    """Resolves patterns against what the venue lists.

    * a name (any case): that symbol, also while it is halted, since a halt ends without notice;
    * `*`: every symbol that trades; `*USDT` / `BTC*`: those quoted in USDT / of BTC where such an asset is listed, else
      a glob over names;
    * `top:100` / `top:100:USDC`: the largest by 24 h quote volume among those quoted in USDT / USDC (volumes in
      different quote assets are not compared; where nothing is quoted in USDT, the usual quote asset is meant).

    `volumes`: 24 h quote volume by symbol in any one scale, missing ones count as 0. Never raises: faults are returned.
    """
    listed = list(instruments)
    known = volumes or {}
    by_name = {instrument.symbol: instrument for instrument in listed}
    chosen: dict[str, Instrument] = {}
    faults: list[Fault] = []
    for raw in patterns:
        pattern = raw.strip()
        found: Iterable[Instrument] | Fault
        if pattern.lower().startswith("top:"):
            found = _top(pattern, listed, known)
        elif "*" in pattern or "?" in pattern:
            found = _glob(pattern, listed)
        else:
            found = _named(pattern, by_name)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            chosen.update((instrument.symbol, instrument) for instrument in found)
    return Selection(_most_active_first(chosen.values(), known), tuple(faults))


def _named(pattern: str, by_name: Mapping[str, Instrument]) -> list[Instrument] | Fault:
    if not pattern:
        return Fault(pattern, "an empty name; remove it")
    instrument = by_name.get(pattern) or by_name.get(pattern.upper())
    if instrument is not None:
        return [instrument]
    near = get_close_matches(pattern.upper(), by_name, n=_NEAR, cutoff=0.6)
    return Fault(pattern, "no such symbol is trading" + (f"; near: {', '.join(near)}" if near else ""), tuple(near))


def _glob(pattern: str, listed: Sequence[Instrument]) -> list[Instrument] | Fault:
    upper = pattern.upper()
    trading = [instrument for instrument in listed if instrument.trading]
    asset = upper.strip("*")
    if upper == "*":
        found = trading
    elif upper == f"*{asset}" and any(instrument.quote == asset for instrument in listed):
        found = [instrument for instrument in trading if instrument.quote == asset]
    elif upper == f"{asset}*" and any(instrument.base == asset for instrument in listed):
        found = [instrument for instrument in trading if instrument.base == asset]
    else:
        # Brackets are plain text here: symbols are names, not character classes.
        literal = upper.replace("[", "[[]")
        found = [instrument for instrument in trading if fnmatchcase(instrument.symbol, literal)]
    return found or Fault(pattern, "no symbol that trades matches")


def _top(pattern: str, listed: Sequence[Instrument], volumes: Mapping[str, int]) -> list[Instrument] | Fault:
    _, count, *rest = pattern.split(":")
    quote = rest[0].upper() if rest else _usual_quote(listed)
    if len(rest) > 1 or not (count.isascii() and count.isdecimal() and 1 <= len(count) <= 5 and int(count)):
        return Fault(pattern, "write top:N or top:N:QUOTE with N from 1 up, such as top:100 or top:50:USDC")
    quoted = [instrument for instrument in listed if instrument.trading and instrument.quote == quote]
    if not quoted:
        near = get_close_matches(quote, {instrument.quote for instrument in listed}, n=_NEAR, cutoff=0.5)
        return Fault(pattern, f"no symbol that trades is quoted in {quote}", tuple(near))
    if not volumes:
        return Fault(pattern, "24 h volumes are not available now; name the symbols, or try again later")
    quoted.sort(key=lambda instrument: (-volumes.get(instrument.symbol, 0), instrument.symbol))
    return quoted[: int(count)]


def _usual_quote(listed: Sequence[Instrument]) -> str:
    """USDT; on a venue that quotes nothing in it, what most of its symbols are quoted in."""
    quotes = Counter(instrument.quote for instrument in listed if instrument.trading)
    if _DEFAULT_QUOTE in quotes or not quotes:
        return _DEFAULT_QUOTE
    return quotes.most_common(1)[0][0]


def _most_active_first(chosen: Collection[Instrument], volumes: Mapping[str, int]) -> tuple[Instrument, ...]:
    """By volume within each quote asset, the quote assets interleaved rank by rank (a rupiah is not a dollar); symbols
    of unknown volume keep their order, at the end."""
    ranks: dict[str, int] = {}
    known = [instrument for instrument in chosen if instrument.symbol in volumes]
    unknown = [instrument for instrument in chosen if instrument.symbol not in volumes]
    known.sort(key=lambda instrument: (-volumes[instrument.symbol], instrument.symbol))
    ranked: list[tuple[int, bool, str, Instrument]] = []
    for instrument in known:
        rank = ranks[instrument.quote] = ranks.get(instrument.quote, -1) + 1
        ranked.append((rank, instrument.quote != _DEFAULT_QUOTE, instrument.quote, instrument))
    ranked.sort(key=lambda entry: entry[:3])
    return (*(entry[3] for entry in ranked), *unknown)
