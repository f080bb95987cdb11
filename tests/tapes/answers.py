"""The daemon's answers held against the decimal reference, field for field."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any, Final

from orderflow_stream.analytics.flow import over_window
from orderflow_stream.app import Daemon
from orderflow_stream.core.bars import Bar
from orderflow_stream.core.book import Book
from orderflow_stream.delivery import encode
from tests.reference import oracle, tapefile
from tests.reference.oracle import assert_same, load_json
from tests.reference.tapefile import Row
from tests.tapes.kit import Api, Material, book_of

#: What the routes are asked for.
LENGTHS: Final = (100, 777, 1000, 5000)
WINDOWS: Final = {"1m": 60_000_000, "5m": 300_000_000, "15m": 900_000_000, "1h": 3_600_000_000}
#: Not of the reference: prose, the account (held apart), and what says which question was answered.
IGNORE: Final = ("note", "coverage", "window", "group")
SECOND: Final = 1_000_000


def thresholds(rows: Sequence[Row]) -> dict[str, list[Decimal]]:
    """By group, three thresholds of which the last 5,000 trades have some: a few, tens, hundreds; each met exactly
    by a print, so that `>=` is tried."""
    scanned = oracle.scan(rows, trades=5000)
    sizes = {
        "row": sorted({row.notional for row in scanned}, reverse=True),
        "order": sorted({order.notional for order in oracle.orders(scanned)}, reverse=True),
    }
    return {group: [values[min(rank, len(values) - 1)] for rank in (2, 40, 300)] for group, values in sizes.items()}


def assert_coverage(found: Mapping[str, Any], expected: Mapping[str, Any], *, back: bool = True) -> None:
    """The ids an answer stands on, and what it claims of them: complete exactly where nothing is missing."""
    ids = {**expected, "missing": expected["missing"][:100]}
    assert_same({name: found[name] for name in ids}, ids)
    assert found["reaches_back"] is back
    whole = back and not expected["missing_total"]
    assert found["complete"] is whole, found
    assert found["state"] in ({"partial"} if expected["missing_total"] else {"live", "quiet"}), found
    assert found["generation"] == 1


async def assert_flow(api: Api, material: Material, rows: Sequence[Row], *, strings: Sequence[bool] = (False,)) -> None:
    """`/v1/flow` over every number of trades."""
    about: dict[str, Any] = {"symbol": material.symbol, "quote": material.quote}
    for trades in LENGTHS:
        account = oracle.coverage(rows, trades=trades)
        for exact in strings:
            data = await api.get("/v1/flow", symbol=material.symbol, trades=trades, **_spelled(exact))
            assert_same(data, oracle.flow(rows, trades=trades, exact=exact, **about), ignore=IGNORE, strings=exact)
            assert data["coverage"]["requested"] == {"trades": trades}
            assert_coverage(data["coverage"], account)


async def assert_large(
    api: Api, material: Material, rows: Sequence[Row], *, strings: Sequence[bool] = (False,)
) -> None:
    """`/v1/large` by row and by order at three thresholds."""
    about: dict[str, Any] = {"symbol": material.symbol, "quote": material.quote}
    sizes = thresholds(rows)
    accounts = {trades: oracle.coverage(rows, trades=trades) for trades in (1000, 5000)}
    for group, expect in (("row", oracle.rows_large), ("order", oracle.orders_large)):
        least = sizes[group]
        questions: list[dict[str, Any]] = [{"min_notional": each, "limit": 100} for each in least]
        questions += [{"min_notional": least[2], "limit": 5000}]
        questions += [{"min_notional": least[2], "limit": 7, "trades": 1000, "since_id": rows[-500].id}]
        for asked, exact in product(questions, strings):
            expected = expect(rows, **asked, **about, exact=exact)
            assert expected["count"] > 0 or "since_id" in asked
            query = {**asked, "min_notional": f"{asked['min_notional']:f}", "group": group}
            data = await api.get("/v1/large", symbol=material.symbol, **query, **_spelled(exact))
            assert_same(data, expected, ignore=IGNORE, strings=exact)
            assert_coverage(data["coverage"], accounts[asked.get("trades", 5000)])


def _spelled(exact: bool) -> dict[str, str]:
    return {"numbers": "string"} if exact else {}


async def assert_windows(api: Api, material: Material, rows: Sequence[Row], *, strings: bool = False) -> None:
    """`/v1/flow` over every configured window, at the daemon's own now (told to the ms)."""
    for name, width in WINDOWS.items():
        data = await api.get("/v1/flow", symbol=material.symbol, window=name, **_spelled(strings))
        requested = data["coverage"]["requested"]
        assert requested["to"] - requested["from"] == width // 1000
        # Within that ms, only rows that lie in the same ms of either edge tell one µs from another.
        begin, end = requested["from"] * 1000, requested["to"] * 1000
        edges = {0, 999}
        edges |= {row.ts_us - begin for row in rows if 0 <= row.ts_us - begin < 1000}
        edges |= {row.ts_us - end for row in rows if 0 <= row.ts_us - end < 1000}
        problems = []
        for edge in sorted(edges):
            try:
                assert_window(data, material, rows, end + edge, width, strings=strings)
            except AssertionError as error:
                problems.append(error)
            else:
                break
        if len(problems) == len(edges):
            raise problems[0]


def assert_window(
    data: Mapping[str, Any], material: Material, rows: Sequence[Row], now: int, width: int, *, strings: bool = False
) -> None:
    expected = oracle.flow(rows, window=(now, width), symbol=material.symbol, quote=material.quote, exact=strings)
    assert_same(data, expected, ignore=IGNORE, strings=strings)
    back = rows[0].ts_us <= now - width or data["coverage"]["reaches_back"]
    assert_coverage(data["coverage"], oracle.coverage(rows, window=(now, width)), back=back)


def assert_windows_at(book: Book, material: Material, rows: Sequence[Row]) -> None:
    """Every window at chosen nows, in µs: at the newest trade, and where a trade is just in and just out.

    Those nows are a little ago: what the tape has let go of meanwhile is not looked for."""
    rows = [row for row in rows if row.id >= (book.sequence.first or 0)]
    newest = rows[-1].ts_us
    for name, width in WINDOWS.items():
        inside = [row for row in rows if row.ts_us > newest - width and row.valid]
        nows = {newest, newest + 1}
        row = inside[len(inside) // 2]
        nows |= {row.ts_us + width - 1, row.ts_us + width}
        for now in sorted(nows, key=lambda now: now % 7):  # not in the order of time: a reader may look back
            for strings in (True, False)[: 1 + (now == newest)]:
                flow = over_window(book, width, now)
                body = encode.flow_data(encode.Rules(), book.instrument, flow, None, window=name, exact=strings)
                data = load_json(body)
                expected = oracle.flow(
                    rows, window=(now, width), symbol=material.symbol, quote=material.quote, exact=strings
                )
                assert_same(data, expected, ignore=IGNORE, strings=strings)
                found = oracle.coverage(rows, window=(now, width))
                assert_same({key: data["coverage"][key] for key in found}, {**found, "missing": found["missing"][:100]})
                assert flow.coverage.reaches_back or (book.tape.evicted and rows[0].ts_us > now - width)
                assert flow.coverage.requested_from == now - width
                assert flow.coverage.requested_to == now


def within_reach(rows: Sequence[Row]) -> list[Row]:
    """The end of a tape that answers may stand on, and more: the reference walks every row it is given."""
    edge = rows[-1].ts_us - 2 * max(WINDOWS.values())
    begin = bisect_left(rows, edge, key=_time)
    return list(rows[max(0, min(begin, len(rows) - 3 * max(LENGTHS))) :])


def _time(row: Row) -> int:
    return row.ts_us


def assert_bars(book: Book, rows: Sequence[Row]) -> None:
    """The 1 s bars of an hour and the 1 m bars of a day, each field; `rows` are those that were held."""
    newest = rows[-1].ts_us
    for width, span, read in (
        (SECOND, 3_600 * SECOND, book.bars.second_bars),
        (60 * SECOND, 86_400 * SECOND, book.bars.minute_bars),
    ):
        since = newest - newest % width - span + width
        expected = [bar for bar in oracle.bars(rows, width) if bar["start"] >= since]
        found = [_plain(bar) for bar in read(since)]
        differ = [(one, other) for one, other in zip(found, expected, strict=False) if one != other]
        assert not differ, f"{len(differ)} bars of {width} us, first: {differ[0]}"
        starts = [bar["start"] for bar in found], [bar["start"] for bar in expected]
        assert starts[0] == starts[1]


def _plain(bar: Bar) -> dict[str, Any]:
    sums = bar.sums
    return {
        "start": bar.start,
        **{name: Decimal(getattr(bar, name)).scaleb(-8) for name in ("open", "high", "low", "close")},
        "buy_trades": sums.buy_trades,
        "sell_trades": sums.sell_trades,
        **{name: _scaled(getattr(sums, name), 8) for name in ("buy_base", "sell_base")},
        **{name: _scaled(getattr(sums, name), 16) for name in ("buy_quote", "sell_quote")},
        "first_id": bar.first_id,
        "last_id": bar.last_id,
    }


def _scaled(value: int, places: int) -> Decimal:
    return tapefile.EXACT.scaleb(Decimal(value), -places)


async def assert_all(
    daemon: Daemon, api: Api, material: Material, rows: Sequence[Row], *, strings: Sequence[bool] = (False,)
) -> None:
    """Every answer of the daemon over `rows`, the tape it has been given (at the times it was played)."""
    book = book_of(daemon, material)
    near = within_reach(rows)
    await assert_flow(api, material, near, strings=strings)
    await assert_large(api, material, near, strings=strings)
    for exact in strings:
        await assert_windows(api, material, near, strings=exact)
    assert_windows_at(book, material, near)
    anchor = book.cvd()[3]
    assert_bars(book, [row for row in rows if row.id >= anchor])
