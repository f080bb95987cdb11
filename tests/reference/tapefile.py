"""Recorded tapes as plain rows: a small loader of its own, and the registry of what lies in `../shared/tapes`."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

SideName = Literal["buy", "sell"]

#: Sums and products are exact or an error: a digit lost in here would make the judge wrong.
EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

_NIL = Decimal(0)  # made once: a comparison with 0 makes it each time

#: Timestamps at or above this are microseconds. In ms it is the year 5138, in µs it is 1973: no tape lies near it.
_MICROSECONDS_FROM = 10**14

#: Quote assets of the recorded symbols, longest first so that USDT is not taken for a T.
_QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "BTC", "ETH", "BNB", "EUR")

_MARKETS: dict[str, Literal["spot", "usdm"]] = {"spot": "spot", "USD-M": "usdm"}


class Row(NamedTuple):
    """One aggTrade. `first`/`last` are its fills (None where the file does not tell), `ts_us` the venue's time in µs,
    `side` the taker's. A row that the venue marked invalid has price and qty 0."""

    id: int
    price: Decimal
    qty: Decimal
    first: int | None
    last: int | None
    ts_us: int
    side: SideName

    @property
    def valid(self) -> bool:
        """False where the venue withdrew the row: such an id is held, but nothing was traded in it."""
        return self.price > _NIL and self.qty > _NIL

    @property
    def notional(self) -> Decimal:
        """price x qty, every digit."""
        return EXACT.multiply(self.price, self.qty)


@dataclass(frozen=True)
class Totals:
    """What the manifest states of one tape, computed when it was recorded by a program that is not in this project."""

    rows: int
    id_first: int
    id_last: int
    id_gaps: int
    ids_missing: int
    start_ms: int
    end_ms: int
    buy_rows: int
    sell_rows: int
    taker_buy_base: Decimal
    taker_sell_base: Decimal
    taker_buy_quote: Decimal
    taker_sell_quote: Decimal
    delta_quote: Decimal
    price_first: Decimal
    price_last: Decimal
    price_min: Decimal
    price_max: Decimal
    max_row_notional: Decimal


@dataclass(frozen=True)
class Tape:
    """One recorded file (or one symbol of a websocket capture). `derived`: merged from single fills, ids 1..n."""

    path: Path
    symbol: str
    base: str
    quote: str
    market: Literal["spot", "usdm"]
    derived: bool
    totals: Totals

    @property
    def name(self) -> str:
        """For test ids: the file's name up to its suffixes."""
        return self.path.name.split(".csv")[0].split(".json")[0]

    def rows(self) -> list[Row]:
        """The whole tape in file order. Cached: do not change the list."""
        return load(self.path)


def tapes_dir() -> Path | None:
    """`../shared/tapes` beside the checkout, or None for a user who has only the repository."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "tapes"
    return folder if (folder / "MANIFEST.json").is_file() else None


def aggtrade_tapes() -> list[Tape]:
    """Every aggTrade tape there is, genuine and derived, spot and USD-M; empty without `../shared`."""
    return [_tape(entry, entry["symbol"], entry) for entry in _manifest() if entry["kind"] == "aggTrades"]


def capture_tapes() -> list[Tape]:
    """The websocket captures that hold `@aggTrade` frames, one entry per symbol; read them with `load_capture`."""
    return [
        _tape(entry, symbol, totals)
        for entry in _manifest()
        if entry["kind"] == "wsAggTradeCapture"
        for symbol, totals in entry["per_symbol"].items()
    ]


def tape(symbol: str, part: str = "") -> Tape:
    """The one aggTrade tape of `symbol` whose file name contains `part`."""
    found = [known for known in aggtrade_tapes() if known.symbol == symbol and part in known.path.name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} tapes of {symbol!r} with {part!r} in their name: say more or less")
    return found[0]


@lru_cache(maxsize=4)  # a day is 60 MB as decimals: keep the few that neighbouring tests share
def load(path: Path) -> list[Row]:
    """The rows of a CSV or JSON file in Binance's archive or REST form, plain or gzip, in file order."""
    if ".json" in path.name:
        return list(_from_json(json.loads(_text(path))))
    return list(_from_csv(_text(path).splitlines()))


@lru_cache(maxsize=16)
def load_head(path: Path, count: int) -> list[Row]:
    """The first `count` rows of `load(path)`; of a CSV file no more than those are read."""
    if ".json" in path.name:
        return load(path)[:count]
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        return list(islice(_from_csv(lines), count))


@lru_cache(maxsize=4)
def load_capture(path: Path) -> dict[str, list[Row]]:
    """The `aggTrade` events of a capture with lines `<seconds>: <combined-stream JSON>`, by symbol."""
    rows: dict[str, list[Row]] = {}
    for line in _text(path).splitlines():
        _, found, frame = line.partition(": ")
        if found and '"aggTrade"' in frame:
            data = json.loads(frame)["data"]
            rows.setdefault(data["s"], []).extend(_from_json([data]))
    return rows


def write_csv(rows: Iterable[Row], path: Path, *, unit: Literal["us", "ms"] = "us", header: bool = False) -> Path:
    """Writes rows in the archive's eight columns (gzip where the name says so): the way of made-up rows into players of
    files. In `ms` the last three digits of a time are cut, as the exchange cuts them."""
    lines = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match"]
    lines = lines if header else []
    for row in rows:
        fills = ",".join("" if fill is None else str(fill) for fill in (row.first, row.last))
        time = row.ts_us if unit == "us" else row.ts_us // 1000
        lines.append(f"{row.id},{row.price:f},{row.qty:f},{fills},{time},{row.side == 'sell'},True")
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def _text(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()


def _from_csv(lines: Iterable[str]) -> Iterator[Row]:
    for line, cells in enumerate(csv.reader(lines), 1):
        if not cells or (line == 1 and not cells[0].isdigit()):
            continue  # a header, or the empty line at the end
        number, price, qty, first, last, time, maker = cells[:7]
        yield _row(number, price, qty, first, last, time, _flag(maker))


def _from_json(entries: list[dict[str, Any]]) -> Iterator[Row]:
    for entry in entries:
        yield _row(entry["a"], entry["p"], entry["q"], entry.get("f"), entry.get("l"), entry["T"], entry["m"])


def _row(
    number: str | int,
    price: str,
    qty: str,
    first: str | int | None,
    last: str | int | None,
    time: str | int,
    buyer_was_maker: bool,
) -> Row:
    stamp = int(time)
    return Row(
        id=int(number),
        price=Decimal(price),
        qty=Decimal(qty),
        first=_fill(first),
        last=_fill(last),
        ts_us=stamp if stamp >= _MICROSECONDS_FROM else stamp * 1000,
        side="sell" if buyer_was_maker else "buy",  # the buyer rested in the book, so the one who came was a seller
    )


def _fill(value: str | int | None) -> int | None:
    return None if value is None or value == "" else int(value)


def _flag(text: str) -> bool:
    """`True`, `true`, `False`, `false`: both spellings occur in the archive."""
    return {"true": True, "false": False}[text.lower()]


def _manifest() -> list[dict[str, Any]]:
    folder = tapes_dir()
    if folder is None:
        return []
    entries: list[dict[str, Any]] = json.loads((folder / "MANIFEST.json").read_text())
    return [{**entry, "path": folder / entry["file"]} for entry in entries]


def _tape(entry: dict[str, Any], symbol: str, stated: dict[str, Any]) -> Tape:
    quote = next(known for known in _QUOTES if symbol.endswith(known))
    fields: dict[str, Any] = {
        name: Decimal(stated[name]) if kind == "Decimal" else int(stated[name])
        for name, kind in Totals.__annotations__.items()
    }
    return Tape(
        path=entry["path"],
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote,
        market=_MARKETS[entry["market"]],
        derived="derived" in entry,
        totals=Totals(**fields),
    )
