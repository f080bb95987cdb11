"""Answers as a person at a terminal reads them. Numbers are shown with the digits they came with, never as floats."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from orderflow_stream.core.book import Book

#: Rows of a table that fit a glance; `--json` has them all.
MOST_ROWS: Final = 20

BUY: Final = "#648FFF"
SELL: Final = "#FE6100"
#: Never by colour alone.
SIDES: Final = {"buy": ("▲", BUY), "sell": ("▼", SELL)}


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
            sign, colour = SIDES[row["side"]]
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


def _shown(value: str | None) -> str:
    return "-" if value is None else value
