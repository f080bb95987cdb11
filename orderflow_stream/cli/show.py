"""Answers as tables, for a person at a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from orderflow_stream.core.book import Book

#: Rows of a table that fit a glance; `--json` has them all.
MOST_ROWS = 20


def show_replay(answer: dict[str, Any], book: Book) -> None:
    """The flow of the last trades, the largest prints, and what is missing."""
    console = Console()
    flow, large = answer["flow"], answer["large"]
    coverage = flow["coverage"]
    table = Table(title=f"{flow['symbol']}: the last {flow['trades_scanned']} trades", show_header=False)
    for name in (
        "last_price", "taker_buy_base", "taker_sell_base", "delta_base", "taker_buy_quote", "taker_sell_quote",
        "delta_quote", "buy_sell_ratio", "buy_volume_share", "pressure", "window_seconds",
    ):  # fmt: skip
        table.add_row(name, str(flow[name]))
    table.add_row("covers ids", f"{coverage['first_id']} - {coverage['last_id']}, {coverage['missing_total']} missing")
    console.print(table)
    prints = Table(title=f"{large['count']} prints of at least {large['min_notional']}")
    for column in ("time (UTC)", "side", "price", "qty", "notional"):
        prints.add_column(column, justify="left" if column in {"time (UTC)", "side"} else "right")
    for row in large["largest"][:MOST_ROWS]:
        at = datetime.fromtimestamp(row["time"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        style = "blue" if row["side"] == "buy" else "dark_orange"
        sign = "▲ buy" if row["side"] == "buy" else "▼ sell"
        prints.add_row(at, sign, str(row["price"]), str(row["qty"]), str(row["notional_usd"]), style=style)
    console.print(prints)
    holes = book.sequence.holes
    missing = sum(hole.size for hole in holes)
    console.print(
        f"{book.counters.applied:,} trades read; {missing:,} ids missing in {len(holes)} holes of the tape held"
    )
