"""The live tape as lines: a trade each, in columns that do not move, and a line of delta and CVD for each symbol."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from math import log10
from typing import Any, Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from orderflow_stream.cli.show import BUY, SELL, SIDES, Out, exact
from orderflow_stream.core.units import DECIMALS, NOTIONAL_DECIMALS, NOTIONAL_SCALE, parse_scaled, round_to, text

#: 10^8: what a quotient of a notional and a quantity is scaled by.
_SCALE: Final = NOTIONAL_SCALE // 10**DECIMALS
#: The least widths of symbol, price, quantity and notional.
_WIDTHS: Final = (10, 12, 13, 14)
#: The width of a line of least widths, and what a bar of sizes takes beside it.
_LINE, _BAR = 73, 6
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
#: A bar is empty at this notional and full at 10,000 times as much.
_SMALL: Final = 100 * NOTIONAL_SCALE
#: States of a feed that need no word.
_SOUND: Final = frozenset({"live", "quiet"})


class Columns:
    """Widths of columns (cells). One that is too narrow grows, and stays so: nothing jumps back and forth."""

    def __init__(self, symbols: Iterable[str] = ()) -> None:
        """`symbols`: those that will come, as far as they are known."""
        self.widths = list(_WIDTHS)
        self.widths[0] = max([self.widths[0], *(cell_len(symbol) for symbol in symbols if "*" not in symbol)])

    def line(self, symbol: str, price: str, qty: str, notional: str) -> tuple[str, str, str, str]:
        """The cells, padded."""
        cells = (symbol, price, qty, notional)
        for at, cell in enumerate(cells):
            self.widths[at] = max(self.widths[at], cell_len(cell))
        pads = [" " * (width - cell_len(cell)) for width, cell in zip(self.widths, cells, strict=True)]
        return symbol + pads[0], pads[1] + price, qty + pads[2], pads[3] + notional


class TradeLines:
    """Trades of the stream, a line each: for a person, or the JSON as it came. Smaller ones are left out."""

    def __init__(
        self, min_notional: int | None, *, as_json: bool, symbols: Iterable[str] = (), out: Out | None = None
    ) -> None:
        """`min_notional` at 10^-16; None for all. `symbols` as asked for."""
        self._least = min_notional
        self._as_json = as_json
        self._columns = Columns(symbols)
        self._out = out or Out()
        self._held: list[Text] | None = None

    def hold(self) -> None:
        """From now on lines wait for `release`: a screen is drawn some times a second, whatever the market does."""
        self._held = []

    def release(self) -> None:
        """Print what waits."""
        if self._held:
            self._out.print(Text("\n").join(self._held), soft_wrap=True)
            self._held.clear()

    def trade(self, data: str) -> None:
        """Print one `trade` event."""
        if self._as_json and self._least is None:
            self._write(data)
            return
        trade = exact(data)
        notional = notional_of(trade)
        if self._least is not None and notional < self._least:
            return
        if self._as_json:
            self._write(data)
            return
        line = self.line(trade, notional)
        if self._held is not None:
            self._held.append(line)
            return
        self._out.print(line, soft_wrap=True)
        sys.stdout.flush()

    def line(self, trade: dict[str, Any], notional: int) -> Text:
        """One trade whose numbers are text."""
        at = datetime.fromtimestamp(int(trade["time"]) / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        sign, colour = SIDES[trade["side"]]
        symbol, price, qty, worth = self._columns.line(trade["symbol"], trade["price"], trade["qty"], money(notional))
        bar = f" {size_bar(notional)}" if self._out.is_terminal and self._out.width >= _LINE + _BAR + 1 else ""
        late = " late" if trade.get("late") else ""
        line = f"{at} {symbol} {sign} {trade['side']:<4} {price} x {qty}{worth}{bar}{late}"
        return Text(line, style=colour)

    @staticmethod
    def _write(data: str) -> None:
        sys.stdout.write(data + "\n")
        sys.stdout.flush()


def size_bar(notional: int, width: int = _BAR - 1) -> str:
    """A bar for the eye, by the logarithm of the notional."""
    share = log10(max(notional, _SMALL) / _SMALL) / 4
    eighths = min(width * 8, round(share * width * 8))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


class _Sum(NamedTuple):
    cvd: int
    since: int


class Board:
    """Delta and CVD of each symbol. Delta is the daemon's, over a window; CVD is the sum of the trades that this
    terminal was told of, from the first on, whether they were shown or not; both in the quote asset."""

    def __init__(self, window: str) -> None:
        self.window = window
        self._sums: dict[str, _Sum] = {}
        self._rows: dict[str, dict[str, Any]] = {}

    def trade(self, data: str) -> None:
        """Count one `trade` event."""
        trade = exact(data)
        known = self._sums.get(trade["symbol"])
        notional = notional_of(trade)
        cvd = (known.cvd if known else 0) + (notional if trade["side"] == "buy" else -notional)
        self._sums[trade["symbol"]] = _Sum(cvd, known.since if known else int(trade["time"]))

    def rows(self, data: str) -> None:
        """Take the rows of one `watch` event."""
        self._rows |= {row["symbol"]: row for row in exact(data)}

    def restart(self) -> None:
        """Trades were missed: sums begin anew."""
        self._sums.clear()

    def lines(self, most: int | None = None) -> list[Text]:
        """A line a symbol that has traded, the busiest first where there are more than `most`."""
        symbols = sorted(self._sums)
        if most is not None and len(symbols) > most:
            busy = sorted(symbols, key=lambda symbol: -int(self._rows.get(symbol, {}).get("trades", 0)))
            symbols = sorted(busy[:most])
        wide = max([_WIDTHS[0], *map(cell_len, symbols)])
        return [self._line(symbol, wide) for symbol in symbols]

    def _line(self, symbol: str, wide: int) -> Text:
        cvd, since = self._sums[symbol]
        row = self._rows.get(symbol)
        line = Text(symbol + " " * (wide - cell_len(symbol)))
        line.append(f" Δ {self.window} ")
        line.append_text(signed(None if row is None else parse_signed(row["delta_quote"]), 15))
        line.append("  CVD ")
        line.append_text(signed(cvd, 15))
        line.append(f" since {datetime.fromtimestamp(since / 1000, UTC):%H:%M:%S}")
        if row is not None and row["state"] not in _SOUND:
            line.append(f"  {row['state']}", style="bold yellow")
        return line


def notional_of(trade: dict[str, Any]) -> int:
    """The notional (10^-16) of a `trade` event whose numbers are text.

    Where quantities count contracts, `qty` is the base volume, which is rounded. What one contract is worth is a whole
    number of cents, and comes out exactly.
    """
    notional = parse_scaled(trade["price"]) * parse_scaled(trade["qty"])
    contracts = parse_scaled(trade.get("contracts", "0"))
    if not contracts:
        return notional
    cents = (2 * notional * 100 + contracts * _SCALE) // (2 * contracts * _SCALE)
    return contracts * cents * _SCALE // 100


def parse_signed(value: str) -> int:
    """A plain decimal with or without a minus, at 10^-16; digits beyond 8 decimals are left off."""
    whole, _, fraction = value.removeprefix("-").partition(".")
    scaled = parse_scaled(f"{whole}.{fraction[:DECIMALS] or 0}") * _SCALE
    return -scaled if value.startswith("-") else scaled


def signed(value: int | None, wide: int) -> Text:
    """A sum of money with its arrow, sign and colour, right-aligned."""
    if value is None:
        return Text("-".rjust(wide))
    arrow, sign = ("▲", "+") if value > 0 else ("▼", "-") if value < 0 else (" ", "")
    style = BUY if value > 0 else SELL if value < 0 else ""
    return Text(f"{arrow} {sign}{money(abs(value))}".rjust(wide), style=style)


def money(notional: int) -> str:
    """Two decimals; a small sum in a large coin, such as 0.003 BTC, all that it has."""
    if notional < NOTIONAL_SCALE:
        return text(notional, NOTIONAL_DECIMALS, 8)
    cents = round_to(notional, NOTIONAL_DECIMALS, 2)
    return f"{cents // 100:,}.{cents % 100:02}"
