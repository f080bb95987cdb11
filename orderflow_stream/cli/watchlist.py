"""What `top` shows: rows of the screener, sorted and cut to the screen. No terminal here, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from orderflow_stream.cli.show import BUY, SELL
from orderflow_stream.client.listings import ScreenerRow

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_PRESSURE: Final = {
    "strong_sell": "▼▼ sell",
    "sell": "▼ sell",
    "balanced": "  even",
    "buy": "▲ buy",
    "strong_buy": "▲▲ buy",
}
_STATE: Final = {"live": "green", "quiet": "dim", "stale": "bold red", "connecting": "dim", "warming": "cyan"}
#: All other states: something is missing, or not proven.
_DOUBT: Final = "yellow"
#: States whose numbers are of now.
FRESH: Final = frozenset({"live", "quiet", "warming", "gap", "partial"})
#: Lines that are no rows: a headline, the headings, the keys.
FRAME: Final = 3
HELP: Final = "q quit  ←→ sort  r reverse  1-9 window  ↑↓ scroll  / filter  space freeze"

Value = Decimal | int | str | None


class Column(NamedTuple):
    """A heading, its width, what it is sorted by, its cell; `shown` from this width of the screen on."""

    title: str
    width: int
    key: Callable[[ScreenerRow], Value] | None
    cell: Callable[[ScreenerRow], Text]
    shown: int = 0
    left: bool = False


def counted_symbols(count: int) -> str:
    """So many of them."""
    return "1 symbol" if count == 1 else f"{count} symbols"


def short(value: Decimal | int) -> str:
    """A number in five or six characters: 942.1, 31.4k, 7.25M."""
    number = abs(Decimal(value))
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{_three(number / size)}{unit}"
    return _three(number)


def _three(number: Decimal) -> str:
    if number == number.to_integral_value() and number < 1000:
        return str(int(number))
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"


def arrow(value: Decimal) -> Text:
    """A sum with its arrow, its sign and its colour."""
    if not value:
        return Text("0")
    up = value > 0
    return Text(f"{'▲' if up else '▼'} {'+' if up else '-'}{short(value)}", style=BUY if up else SELL)


def spark(values: Sequence[Decimal], width: int) -> Text:
    """The last values as bars, the lowest lowest; coloured by where it went."""
    kept = values[-width:]
    if not kept:
        return Text(" " * width)
    low, high = min(kept), max(kept)
    span = high - low
    bars = "".join(_BLOCKS[int((value - low) * 7 / span) if span else 3] for value in kept)
    return Text(bars.rjust(width), style=BUY if kept[-1] >= kept[0] else SELL)


def _price(row: ScreenerRow) -> Text:
    return Text("-" if row.last_price is None else f"{row.last_price:f}")


def _share(row: ScreenerRow) -> Text:
    share = row.buy_volume_share
    return Text("-") if share is None else Text(f"{share * 100:.0f}%", style=BUY if share >= Decimal("0.5") else SELL)


def _pressure(row: ScreenerRow) -> Text:
    word = _PRESSURE.get(row.pressure or "", "-")
    return Text(word, style=BUY if "▲" in word else SELL if "▼" in word else "")


def _state(row: ScreenerRow) -> Text:
    missing = f" {short(row.missing)}" if row.missing else ""
    return Text(f"{row.state}{missing}", style=_STATE.get(row.state, _DOUBT))


SYMBOL: Final = 12
SPARK: Final = 12
_CVD: Final = "CVD 1m"
COLUMNS: Final = (
    Column("symbol", SYMBOL, lambda row: row.symbol, lambda row: Text(row.symbol), left=True),
    Column("last", 11, lambda row: row.last_price, _price),
    Column("delta", 10, lambda row: row.delta_quote, lambda row: arrow(row.delta_quote)),
    Column("buy", 5, lambda row: row.buy_volume_share, _share),
    Column("pressure", 9, lambda row: row.buy_volume_share, _pressure, left=True),
    Column(_CVD, SPARK, None, lambda _: Text(), left=True),
    Column("volume", 7, lambda row: row.quote_volume, lambda row: Text(short(row.quote_volume)), 90),
    Column("trades", 7, lambda row: row.trades, lambda row: Text(short(row.trades)), 98),
    Column("bought", 7, lambda row: row.taker_buy_quote, lambda row: Text(short(row.taker_buy_quote), style=BUY), 108),
    Column("sold", 7, lambda row: row.taker_sell_quote, lambda row: Text(short(row.taker_sell_quote), style=SELL), 116),
    Column("state", 14, lambda row: row.state, _state, left=True),
)
SORTS: Final = tuple(column.title for column in COLUMNS if column.key is not None)


class Watchlist:
    """Rows and how they are looked at. `take` is fed by the stream; the rest by keys."""

    def __init__(self, *, sort: str = "delta", reverse: bool = False) -> None:
        self.sort = sort
        self.reverse = reverse
        self.filter = ""
        self.frozen = False
        self.offset = 0
        self.sparks: dict[str, list[Decimal]] = {}
        self._rows: dict[str, ScreenerRow] = {}
        self._shown: dict[str, ScreenerRow] = {}

    def take(self, rows: Iterable[ScreenerRow]) -> None:
        """Newer rows of some symbols."""
        self._rows |= {row.symbol: row for row in rows}
        if not self.frozen:
            self._shown = dict(self._rows)

    def clear(self) -> None:
        """What was shown is of another window."""
        self._rows.clear()
        self._shown.clear()

    def freeze(self) -> None:
        """Hold what is shown, or let it go."""
        self.frozen = not self.frozen
        if not self.frozen:
            self._shown = dict(self._rows)

    def turn(self, step: int) -> None:
        """Sort by a column further on."""
        self.sort = SORTS[(SORTS.index(self.sort) + step) % len(SORTS)]
        self.offset = 0

    def rows(self) -> list[ScreenerRow]:
        """Those that pass the filter, sorted: numbers from the largest, names from A; nothing to compare goes last."""
        kept = [row for row in self._shown.values() if self.filter in row.symbol]
        kept.sort(key=lambda row: row.symbol)
        key = next(column.key for column in COLUMNS if column.title == self.sort)
        assert key is not None
        some = [row for row in kept if key(row) is not None]
        words = self.sort in {"symbol", "state"}
        some.sort(key=key, reverse=words == self.reverse)  # type: ignore[arg-type]  # None is left out above
        return [*some, *(row for row in kept if key(row) is None)]

    def visible(self, height: int) -> list[ScreenerRow]:
        """Those that are on the screen."""
        rows = self.rows()
        room = max(1, height - FRAME)
        self.offset = max(0, min(self.offset, len(rows) - room))
        return rows[self.offset : self.offset + room]

    def draw(self, width: int, height: int, head: Text, foot: Text | None = None, *, stale: bool = False) -> list[Text]:
        """The screen, line by line: as many as it is high, none wider. `stale`: what is shown is not of now."""
        columns = [column for column in COLUMNS if column.shown <= width]
        rows = self.visible(height)
        total = len(self.rows())
        counted = f"{counted_symbols(total)} "
        if total > len(rows):
            counted = f"{self.offset + 1}-{self.offset + len(rows)} of {total} "
        lines = [_fit(head, width, counted), self._headings(columns, width)]
        for row in rows:
            line = Text(" ").join(self._cell(column, row) for column in columns)
            if stale or row.state not in FRESH:
                line.stylize("dim")
            lines.append(_fit(line, width))
        if not rows:
            lines.append(_fit(Text("no symbol matches" if self._shown else "waiting for the first numbers"), width))
        lines += [Text("")] * (height - 1 - len(lines))
        lines.append(_fit(foot or Text(HELP, style="reverse"), width))
        return lines[:height]

    def _headings(self, columns: list[Column], width: int) -> Text:
        titles = []
        for column in columns:
            mark = (
                ("▲" if (column.title in {"symbol", "state"}) != self.reverse else "▼")
                if column.title == self.sort
                else ""
            )
            title = f"{column.title}{mark}"
            padded = title.ljust(column.width) if column.left else title.rjust(column.width)
            titles.append(Text(padded, style="bold underline" if mark else "bold"))
        return _fit(Text(" ").join(titles), width)

    def _cell(self, column: Column, row: ScreenerRow) -> Text:
        cell = spark(self.sparks.get(row.symbol, ()), SPARK) if column.title == _CVD else column.cell(row)
        gap = column.width - cell_len(cell.plain)
        if gap < 0:
            return Text(f"{set_cell_size(cell.plain, column.width - 1)}…", style=cell.style)
        pad = Text(" " * gap)
        return cell + pad if column.left else pad + cell


def _fit(line: Text, width: int, right: str = "") -> Text:
    """Exactly so wide; `right` stands at its end."""
    line = line.copy()
    line.truncate(max(0, width - cell_len(right)), overflow="ellipsis", pad=True)
    return (line + Text(right, style="dim")) if right else line
