"""Answers as a person at a terminal reads them. Numbers are shown with the digits they came with, never as floats."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderflow_stream.core.book import Book
from orderflow_stream.core.units import DECIMALS, NOTIONAL_DECIMALS, NOTIONAL_SCALE, parse_scaled, round_to, text

#: Rows of a table that fit a glance; `--json` has them all.
MOST_ROWS: Final = 20

#: 10^8: what a quotient of a notional and a quantity is scaled by.
_SCALE: Final = NOTIONAL_SCALE // 10**DECIMALS

_SIDES: Final = {"buy": ("▲", "#648FFF"), "sell": ("▼", "#FE6100")}


class Out(Console):
    """Standard output. Colours only on a terminal and without NO_COLOR; a reader that has gone is the command's."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """rich would end the process with exit code 1."""
        raise  # noqa: PLE0704 - called while BrokenPipeError is handled


def exact(data: str | bytes) -> Any:
    """JSON with every number as the text it is written in."""
    return json.loads(data, parse_float=str, parse_int=str)


class TradeLines:
    """Trades of the stream, a line each: for a person, or the JSON as it came. Smaller ones are left out."""

    def __init__(self, min_notional: int | None, *, as_json: bool) -> None:
        """`min_notional` at 10^-16; None for all."""
        self._least = min_notional
        self._as_json = as_json
        self._out = Out()

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
        at = datetime.fromtimestamp(int(trade["time"]) / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        sign, colour = _SIDES[trade["side"]]
        late = " late" if trade.get("late") else ""
        line = (
            f"{at} {trade['symbol']:<10} {sign} {trade['side']:<4} {trade['price']:>12} x {trade['qty']:<13}"
            f"{_money(notional):>14}{late}"
        )
        self._out.print(Text(line, style=colour), soft_wrap=True)
        sys.stdout.flush()

    @staticmethod
    def _write(data: str) -> None:
        sys.stdout.write(data + "\n")
        sys.stdout.flush()


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


def show_replay(flow: dict[str, Any], large: dict[str, Any], book: Book) -> None:
    """The flow of the last trades, the largest prints, and what is missing; `flow` and `large` as `exact` has them."""
    out = Out()
    coverage = flow["coverage"]
    table = Table(
        title=f"{flow['symbol']}: the last {int(flow['trades_scanned']):,} trades, {flow['window_seconds']} s",
        title_justify="left",
        show_header=True,
    )
    for column in ("", "buy ▲", "sell ▼", "delta"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("trades", flow["buy_trades"], flow["sell_trades"], "")
    for unit in ("base", "quote"):
        row = (flow[f"taker_buy_{unit}"], flow[f"taker_sell_{unit}"], flow[f"delta_{unit}"])
        table.add_row(unit, *map(_shown, row))
    out.print(table)
    out.print(
        f"last price {_shown(flow['last_price'])}, buy/sell ratio {_shown(flow['buy_sell_ratio'])}, "
        f"buy share {_shown(flow['buy_volume_share'])}: {_shown(flow['pressure'])}",
        soft_wrap=True,
    )
    shown = large["largest"][:MOST_ROWS]
    if shown:
        more = f", the first {MOST_ROWS}" if int(large["count"]) > MOST_ROWS else ""
        noun = "1 print" if large["count"] == "1" else f"{int(large['count']):,} prints"
        prints = Table(title=f"{noun} of at least {large['min_notional']}{more}", title_justify="left")
        for column in ("time (UTC)", "side", "price", "qty", "notional"):
            prints.add_column(column, justify="left" if column in {"time (UTC)", "side"} else "right")
        for row in shown:
            at = datetime.fromtimestamp(int(row["time"]) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            sign, colour = _SIDES[row["side"]]
            side = f"{sign} {row['side']}"
            prints.add_row(at, side, row["price"], row["qty"], row["notional_usd"], style=colour)
        out.print(prints)
    else:
        out.print(f"no print of at least {large['min_notional']} among the last {large['trades_scanned']} trades")
    missing = int(coverage["missing_total"])
    read = book.counters.applied or len(book.tape)  # a journal is not read trade by trade
    out.print(
        f"{read:,} trades read; these are ids {coverage['first_id']} to {coverage['last_id']}, "
        + (f"{missing:,} of them missing from the files" if missing else "none missing"),
        soft_wrap=True,
    )


def _money(notional: int) -> str:
    """Two decimals; a small sum in a large coin, such as 0.003 BTC, all that it has."""
    if notional < NOTIONAL_SCALE:
        return text(notional, NOTIONAL_DECIMALS, 8)
    cents = round_to(notional, NOTIONAL_DECIMALS, 2)
    return f"{cents // 100:,}.{cents % 100:02}"


def _shown(value: str | None) -> str:
    return "-" if value is None else value
