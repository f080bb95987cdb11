"""Every answer of a running daemon held against what the exchange has published, field for field.

What is computed for that is computed in a thread: the exchange is in this loop, and one that leaves pings unanswered
for as long as a walk of the tape takes is rightly taken for dead.
"""

from __future__ import annotations

import asyncio
import math
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.judge import oracle
from tests.judge.bars import ANCHORS, WIDTHS, Ledger, judge_complete, judge_list, upto
from tests.judge.exchange import Exchange, Listed
from tests.judge.oracle import Contract
from tests.reference.compare import assert_same, load_json
from tests.reference.spans import coverage, rounded, scan
from tests.reference.tapefile import Row

WINDOWS: Final = {"1m": 60_000_000, "5m": 300_000_000, "15m": 900_000_000, "1h": 3_600_000_000}
LENGTHS: Final = (100, 777, 1000, 5000)
#: What the daemon's measure of our clock may be off by.
SLACK_MS: Final = 20
GOOD: Final = {"live", "quiet"}
#: Said in prose, or held apart.
IGNORE: Final = ("note", "coverage", "window")


def _leaves(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_leaves, value))
    return 1


class Judge:
    """`url` of the daemon, and the exchanges it reads."""

    def __init__(self, session: aiohttp.ClientSession, url: str, exchanges: Sequence[Exchange]) -> None:
        self.session = session
        self.url = url
        self.listed = {
            (listed.contract.venue, listed.contract.symbol): listed
            for exchange in exchanges
            for listed in exchange.listed.values()
        }
        #: Values compared, by what they are of.
        self.compared: Counter[str] = Counter()
        #: Of those instruments whose ids began anew.
        self.generations: dict[Contract, int] = {}

    # -- asking -------------------------------------------------------------------------------------------------------

    async def get(self, path: str, *, exact: bool = False, **query: object) -> Any:
        asked = {name: str(value) for name, value in query.items()}
        if exact:
            asked["numbers"] = "string"
        async with self.session.get(self.url + path, params=asked) as response:
            body = await response.read()
        assert response.status == 200, (path, asked, body[:500])
        return load_json(body)["data"]

    def same(self, what: str, found: Any, expected: Mapping[str, Any], *, exact: bool, ignore: Sequence[str]) -> None:
        try:
            assert_same(found, expected, ignore=ignore, strings=exact)
        except AssertionError as error:
            error.add_note(f"in {what}")
            raise
        self.compared[what] += _leaves(expected)

    # -- one instrument -----------------------------------------------------------------------------------------------

    async def flows(self, listed: Listed, *, exact: bool) -> None:
        """`/v1/flow` over every number of trades and every window, nothing missing."""
        about = {"symbol": listed.contract.symbol, "venue": listed.contract.venue}
        for trades in LENGTHS:
            data = await self.get("/v1/flow", exact=exact, trades=trades, **about)
            assert data["coverage"]["requested"] == {"trades": trades}
            await asyncio.to_thread(self.flow, listed, data, trades=trades, exact=exact, whole=True)
        for name in WINDOWS:
            data = await self.get("/v1/flow", exact=exact, window=name, **about)
            assert data["window"] == name
            await asyncio.to_thread(self.flow, listed, data, window=name, exact=exact, whole=True)

    def flow(
        self,
        listed: Listed,
        data: Mapping[str, Any],
        *,
        trades: int | None = None,
        window: str = "",
        exact: bool = False,
        whole: bool = False,
        what: str = "flow",
        more: Sequence[str] = (),
    ) -> int | None:
        """One flow at whatever moment: its sums are those of the ids that it claims to hold, its claims true. `whole`:
        it must hold all there is. Gives the now of a window."""
        cover = data["coverage"]
        held = self.held(listed, cover)
        rows = listed.rows if whole else held
        found: list[AssertionError] = []
        for now in self.nows(listed, cover, window):
            span: dict[str, Any] = {"window": (now, WINDOWS[window])} if now is not None else {"trades": trades}
            expected = oracle.flow(listed.contract, rows, listed.nq, exact=exact, **span)
            try:
                self.same(what, data, expected, exact=exact, ignore=(*IGNORE, *more))
                self.coverage(listed, cover, rows, whole=whole, **span)
            except AssertionError as error:
                found.append(error)
                continue
            return now
        raise found[0]

    @staticmethod
    def held(listed: Listed, cover: Mapping[str, Any]) -> list[Row]:
        """The rows that an answer says it stands on."""
        if cover["first_id"] is None:
            return []
        gone = cover["missing"]
        assert sum(last - first + 1 for first, last in gone) == cover["missing_total"]
        return [
            row
            for row in listed.rows
            if cover["first_id"] <= row.id <= cover["last_id"] and not any(a <= row.id <= b for a, b in gone)
        ]

    def nows(self, listed: Listed, cover: Mapping[str, Any], window: str) -> Sequence[int | None]:
        """What the daemon's now may have been for this answer; None where it is not over a window."""
        if not window:
            return [None]
        requested = cover["requested"]
        assert requested["to"] - requested["from"] == WINDOWS[window] // 1000
        return edges(listed.rows, requested["to"], WINDOWS[window])

    def coverage(
        self,
        listed: Listed,
        cover: Mapping[str, Any],
        rows: Sequence[Row],
        *,
        trades: int | None = None,
        window: tuple[int, int] | None = None,
        whole: bool = False,
    ) -> None:
        """The ids and the claims of `coverage`."""
        expected = coverage(rows, trades=trades, window=window)
        if whole:
            self.same("coverage", {name: cover[name] for name in expected}, expected, exact=False, ignore=())
            assert cover["reaches_back"] is self.reaches(listed, rows, trades, window), cover
            assert cover["complete"] is cover["reaches_back"], cover
            assert cover["state"] in GOOD, cover
            assert cover["generation"] == self.generations.get(listed.contract, 1), cover
        assert cover["expected"] == cover["received"] + cover["missing_total"]
        if cover["complete"]:
            assert cover["reaches_back"], cover
            assert cover["state"] in GOOD, cover
            assert not cover["missing_total"], cover
        if cover["reaches_back"] and not cover["missing_total"]:
            # All that was published up to as_of (or its last id) and belongs into the span is in it.
            upto = bisect_right([row.id for row in listed.rows], cover["last_id"] or -1)
            truth = scan(listed.rows[:upto], trades=trades, window=window)
            assert [row.id for row in truth] == [row.id for row in scan(rows, trades=trades, window=window)], cover
        if cover["complete"] and cover["as_of"] is not None and cover["last_id"] is not None:
            late = [
                row
                for row in listed.rows
                if row.id > cover["last_id"] and listed.told[row.id] < cover["as_of"] - SLACK_MS
            ]
            assert not late, (cover, late)

    @staticmethod
    def reaches(listed: Listed, rows: Sequence[Row], trades: int | None, window: tuple[int, int] | None) -> bool:
        """Whether an answer over all there is goes back as far as asked."""
        if listed.contract.market == "spot" or rows[0].id <= 1:
            return True
        if window is not None:
            return rows[0].ts_us <= window[0] - window[1]
        return len([row for row in rows if row.valid]) >= (trades or 0)

    # -- bars ---------------------------------------------------------------------------------------------------------

    async def bars(
        self, listed: Listed, *, exact: bool, whole: bool = True, intervals: Sequence[str] = tuple(WIDTHS)
    ) -> None:
        """`/v1/bars` of every interval and both anchors, all there is. `whole`: it must hold all that was published,
        and say so; else what it holds may lack what it says, and it must claim no more."""
        asked = [(interval, rule) for interval in intervals for rule in ANCHORS]
        about: dict[str, Any] = {"symbol": listed.contract.symbol, "venue": listed.contract.venue, "limit": 5000}
        ledgers: dict[tuple[int, str], Ledger] = {}
        for interval, rule in asked:
            before = time.time_ns() // 1_000_000
            data = await self.get("/v1/bars", exact=exact, interval=interval, anchor=rule, **about)
            if not data["bars"]:
                assert not whole, data
                continue
            await asyncio.to_thread(
                self.barred, listed, data, ledgers, before, exact=exact, whole=whole, asked=(interval, rule)
            )

    async def brought(self, listed: Listed) -> None:
        """Until the newest row of it is there."""
        about: dict[str, Any] = {"symbol": listed.contract.symbol, "venue": listed.contract.venue}
        async with asyncio.timeout(30):
            while (await self.get("/v1/trades", limit=1, **about))["last_id"] != listed.rows[-1].id:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def barred(
        self,
        listed: Listed,
        data: Mapping[str, Any],
        ledgers: dict[tuple[int, str], Ledger],
        before: int,
        *,
        exact: bool,
        whole: bool,
        asked: tuple[str, str],
    ) -> None:
        """One answer to a question asked at `before` (ms)."""
        interval, rule = asked
        cover, missing = data["coverage"], data["coverage"]["missing"]
        last_id = cover["last_id"]
        if whole:
            assert (last_id, missing) == (listed.rows[-1].id, []), cover
            assert data["state"] in GOOD, data["state"]
            assert data["generation"] == self.generations.get(listed.contract, 1)
        ledger = ledgers.get((last_id, str(missing)))
        if ledger is None:
            # What a warm-up has not read yet is before all: known by the oldest bars' first id only.
            oldest = min(bar["first_id"] for bar in data["bars"])
            held = [row for row in upto(listed.rows, last_id, missing) if whole or row.id >= oldest]
            first_of_all = self.first_of_all(listed)
            ledger = ledgers[last_id, str(missing)] = Ledger(listed.contract, held, first_of_all=first_of_all)
        try:
            self.compared["bars"] += judge_list(ledger, data, interval, rule, exact=exact)
            truth = [row for row in listed.rows if row.id <= last_id or listed.told[row.id] < before - SLACK_MS]
            healthy = whole or (data["state"] in GOOD | {"gap"} and self.held_back(listed, ledger))
            judge_complete(ledger, data, missing=missing, truth=truth, healthy=healthy)
            self.bars_account(ledger, data, interval)
        except AssertionError as error:
            error.add_note(f"bars {interval} {rule} of {listed.contract}")
            raise

    @staticmethod
    def held_back(listed: Listed, ledger: Ledger) -> bool:
        """Whether it goes back to the oldest of all."""
        return min(row.id for row in ledger.rows) == next(row.id for row in listed.rows if row.valid)

    @staticmethod
    def bars_account(ledger: Ledger, data: Mapping[str, Any], interval: str) -> None:
        """What `coverage` says of the list as a whole."""
        cover, oldest = data["coverage"], data["bars"][0]["start"] * 1000
        if cover["complete"]:
            assert cover["reaches_back"], cover
            assert cover["state"] in GOOD, cover
            assert not cover["missing"], cover
        width = WIDTHS[interval]
        since = max(data["now"] * 1000 // width * width - 4_999 * width, ledger.edge(interval))
        back = ledger.first_of_all or oldest < since or ledger.times[0] < oldest
        assert cover["reaches_back"] <= back, cover
        if cover["state"] in GOOD:
            assert cover["complete"] == cover["reaches_back"], cover

    @staticmethod
    def first_of_all(listed: Listed) -> bool:
        """Whether the daemon can know that nothing is older than the oldest row. What lies before that of a futures
        market may be hidden by its look-back: only the first id of all proves that there is nothing."""
        return listed.contract.market == "spot" or listed.rows[0].id <= 1

    async def prints(self, listed: Listed, *, exact: bool) -> None:
        """`/v1/large` by row and by order, at thresholds that rows meet exactly."""
        contract = listed.contract
        about = {"symbol": contract.symbol, "venue": contract.venue}
        for group in ("row", "order"):
            sizes = await asyncio.to_thread(_sizes, contract, listed.rows, 5000, group)
            for rank, limit, trades, since in ((2, 100, 5000, None), (60, 5000, 5000, None), (200, 7, 900, 50)):
                size = sizes[min(rank, len(sizes) - 1)]
                least = rounded(oracle.value(size), 16)
                asked: dict[str, Any] = {"trades": trades, "limit": limit}
                if since is not None:
                    asked["since_id"] = listed.rows[-min(500, len(listed.rows))].id
                data = await self.get(
                    "/v1/large", exact=exact, min_notional=f"{least:f}", group=group, **asked, **about
                )
                expected = await asyncio.to_thread(
                    oracle.large, contract, listed.rows, least, group=group, exact=exact, **asked
                )
                self.same(f"large {group}", data, expected, exact=exact, ignore=("note", "coverage"))
                self.coverage(listed, data["coverage"], listed.rows, trades=trades, whole=True)
            for percentile, trades in (("99", 5000), ("87.345", 901)) if exact else (("50", 903), ("99.999", 333)):
                sizes = await asyncio.to_thread(_sizes, contract, listed.rows, trades, group)
                # Nearest rank: of n in ascending order, number ceil(n p / 100).
                rank = math.ceil(Fraction(percentile) * len(sizes) / 100)
                found = rounded(oracle.value(sizes[::-1][rank - 1]), 16)
                asked = {"trades": trades, "limit": 20}
                data = await self.get("/v1/large", exact=exact, percentile=percentile, group=group, **asked, **about)
                expected = await asyncio.to_thread(
                    oracle.large, contract, listed.rows, found, group=group, exact=exact, **asked
                )
                expected |= {"percentile": Decimal(percentile)}
                self.same(f"percentile {group}", data, expected, exact=exact, ignore=("note", "coverage"))

    async def tape(self, listed: Listed, *, exact: bool) -> None:
        """`/v1/trades`, all of it, page by page."""
        about = {"symbol": listed.contract.symbol, "venue": listed.contract.venue}
        valid = [row for row in listed.rows if row.valid]
        next_id, seen = listed.rows[0].id, 0
        while True:
            data = await self.get("/v1/trades", exact=exact, from_id=next_id, limit=1000, **about)
            rows = valid[seen : seen + data["count"]]
            expected = {
                **listed.contract.about,
                "count": len(rows),
                "first_id": listed.rows[0].id,
                "last_id": listed.rows[-1].id,
                "missing": [],
                "missing_total": 0,
                "generation": self.generations.get(listed.contract, 1),
                "trades": [oracle.trade(listed.contract, row, listed.nq, exact) for row in rows],
            }
            self.same("trades", data, expected, exact=exact, ignore=("note", "next_from_id", "state", "position"))
            seen += len(rows)
            if not rows or data["next_from_id"] > listed.rows[-1].id:
                break
            next_id = data["next_from_id"]
        assert seen == len(valid)

    # -- one venue ----------------------------------------------------------------------------------------------------

    async def screener(self, venue: str, *, exact: bool) -> None:
        """`/v1/screener` over every window: each instrument, in the order asked for."""
        for name, width in WINDOWS.items():
            data = await self.get("/v1/screener", exact=exact, venue=venue, window=name, sort="symbol")
            listed = sorted((key[1], each) for key, each in self.listed.items() if key[0] == venue)
            assert [row["symbol"] for row in data["rows"]] == [symbol for symbol, _ in listed]
            for row, (_, each) in zip(data["rows"], listed, strict=True):
                await asyncio.to_thread(self.screened, each, row, data["as_of"], width, exact=exact)

    def screened(self, each: Listed, row: Mapping[str, Any], as_of: int, width: int, *, exact: bool) -> None:
        """One row of a screener."""
        found: list[AssertionError] = []
        for now in edges(each.rows, as_of, width):
            expected = oracle.screener_row(each.contract, each.rows, (now, width), exact)
            back = self.reaches(each, each.rows, None, (now, width))
            expected |= {"missing": 0, "reaches_back": back}
            try:
                self.same("screener", row, expected, exact=exact, ignore=("state",))
                break
            except AssertionError as error:
                found.append(error)
        else:
            raise found[0]
        assert row["state"] in GOOD

    # -- one coin -----------------------------------------------------------------------------------------------------

    async def combined(self, coin: str, parts: Sequence[Listed], *, exact: bool) -> None:
        """`/v1/flow?coin=…&venues=…`, by count and by time."""
        venues = [part.contract.venue for part in parts]
        for span in ({"trades": 700}, {"window": "5m"}, {"window": "1h"}):
            data = await self.get("/v1/flow", exact=exact, coin=coin, venues=",".join(venues), **span)
            assert data["coin"] == coin
            assert data["venues"] == venues
            await asyncio.to_thread(self.together, parts, data, span, exact=exact)

    def together(
        self, parts: Sequence[Listed], data: Mapping[str, Any], span: Mapping[str, Any], *, exact: bool
    ) -> None:
        """One answer over several venues."""
        venues = [part.contract.venue for part in parts]
        quotes = {part.contract.quote for part in parts}
        assert data["quote"] == (quotes.pop() if len(quotes) == 1 else None)
        totals: dict[str, oracle.Sums] = {}
        for part, answer in zip(parts, data["parts"], strict=True):
            now = self.flow(part, answer, exact=exact, whole=True, what="combined parts", **_span(span))
            about: dict[str, Any] = {"window": (now, WINDOWS[str(span["window"])])} if now is not None else dict(span)
            totals[part.contract.venue] = oracle.sums(part.contract, scan(part.rows, **about))
        self._totals(data["combined"], venues, totals, data["parts"], exact)
        overlap = _overlap(data["parts"], span)
        assert data["combined"]["overlap"] == _text(overlap, exact), (data["combined"], overlap)
        spot = [venue for venue in venues if venue == "binance"]
        perp = [venue for venue in venues if venue != "binance"]
        if not spot or not perp:
            assert data["spot_perp"] is None
            return
        both = data["spot_perp"]
        assert set(both) == {"spot", "perp", "share_difference", "overlap"}
        self._totals(both["spot"], spot, totals, data["parts"], exact)
        self._totals(both["perp"], perp, totals, data["parts"], exact)
        one, two = (sum((totals[each] for each in some), oracle.NOTHING) for some in (spot, perp))
        shares = [each.buy_base / (each.buy_base + each.sell_base) for each in (one, two)]
        difference = Decimal(str(both["share_difference"]))
        assert difference == rounded(shares[0] - shares[1], 4), (both, shares)
        assert both["overlap"] == data["combined"]["overlap"]
        self.compared["spot against perp"] += 2

    def _totals(
        self,
        found: Mapping[str, Any],
        venues: Sequence[str],
        totals: Mapping[str, oracle.Sums],
        parts: Sequence[Mapping[str, Any]],
        exact: bool,
    ) -> None:
        total = sum((totals[venue] for venue in venues), oracle.NOTHING)
        covers = [part["coverage"] for part in parts if part["venue"] in venues]
        expected = oracle.usd(total, venues, exact) | {
            "complete": all(cover["complete"] for cover in covers),
            "as_of": min(cover["as_of"] for cover in covers),
        }
        self.same("combined", found, expected, exact=exact, ignore=("overlap", "state"))
        assert found["state"] in {cover["state"] for cover in covers}

    # -- metrics ------------------------------------------------------------------------------------------------------

    async def metrics(self) -> None:
        """CVD since its anchor, and the newest price, of every symbol that `/metrics` lists."""
        async with self.session.get(self.url + "/metrics") as response:
            text = await response.text()
        await asyncio.to_thread(self.measured, text)

    def measured(self, text: str) -> None:
        """One scrape."""
        found: dict[str, dict[tuple[str, str], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "symbol" in sample.labels and "window" not in sample.labels:
                    key = (sample.labels["venue"], sample.labels["symbol"])
                    found.setdefault(sample.name, {})[key] = sample.value
        for key, listed in self.listed.items():
            contract = listed.contract
            anchor = found["orderflow_cvd_anchor_timestamp_seconds"][key]
            totals = [
                oracle.sums(contract, listed.rows[at:])
                for at, row in enumerate(listed.rows)
                if round(row.ts_us / 1e6, 3) == round(anchor, 3)
            ]
            cvd = {(float(each.buy_base - each.sell_base), float(each.buy_quote - each.sell_quote)) for each in totals}
            told = found["orderflow_cvd_base"][key], found["orderflow_cvd_quote"][key]
            assert told in cvd, (key, anchor, told, cvd)
            newest = next(row for row in reversed(listed.rows) if row.valid)
            assert found["orderflow_last_price"][key] == float(newest.price)
            self.compared["metrics"] += 3

    # -- all of it ----------------------------------------------------------------------------------------------------

    async def everything(self, *, exact: Sequence[bool] = (False, True)) -> None:
        """Every route of every instrument."""
        for strings in exact:
            for turn, listed in enumerate(self.listed.values()):
                try:
                    await self.flows(listed, exact=strings)
                    await self.bars(listed, exact=strings, intervals=tuple(WIDTHS) if strings else ("5s", "5m"))
                    await self.prints(listed, exact=strings)
                    if turn % 2 == strings:  # long: each in one of the two
                        await self.tape(listed, exact=strings)
                except AssertionError as error:
                    error.add_note(f"{listed.contract.venue}:{listed.contract.symbol}, strings: {strings}")
                    raise
            for venue in {key[0] for key in self.listed}:
                await self.screener(venue, exact=strings)
        await self.metrics()


def _sizes(contract: Contract, rows: Sequence[Row], trades: int, group: str) -> list[int]:
    """What the prints of the newest rows are worth (10^-60), largest first."""
    chosen = scan(rows, trades=trades)
    groups = oracle.orders_among(contract, rows, chosen) if group == "order" else [[row] for row in chosen]
    return sorted((oracle.units(contract, each) for each in groups), reverse=True)


def edges(rows: Sequence[Row], told_ms: int, width: int) -> list[int]:
    """The nows (µs) of one ms that an answer over a window may be of: told in ms, while spot's rows know the µs, those
    of them that lie in that ms, or in that at the other end of the window, tell one from another."""
    found = {0, 999}
    for at in (told_ms * 1000, told_ms * 1000 - width):
        found |= {row.ts_us - at for row in rows if 0 <= row.ts_us - at < 1000}
    return sorted(told_ms * 1000 + each for each in found)


def _span(span: Mapping[str, object]) -> dict[str, Any]:
    return {"trades": span["trades"]} if "trades" in span else {"window": span["window"]}


def _overlap(parts: Sequence[Mapping[str, Any]], span: Mapping[str, object]) -> dict[str, Any] | None:
    """The time that all parts speak of."""
    if "window" in span:
        begin = max(
            part["coverage"]["requested"]["from"] if part["coverage"]["reaches_back"] else part["first_time"]
            for part in parts
        )
        end = min(part["coverage"]["requested"]["to"] for part in parts)
    else:
        begin = max(part["first_time"] for part in parts)
        end = min(part["last_time"] for part in parts)
    if end <= begin:
        return None
    return {"from": begin, "to": end, "seconds": rounded(Fraction(end - begin, 1000), 1)}


def _text(overlap: dict[str, Any] | None, exact: bool) -> dict[str, Any] | None:
    if overlap is None or not exact:
        return overlap
    plain = f"{overlap['seconds']:f}"
    return overlap | {"seconds": plain.rstrip("0").rstrip(".") if "." in plain else plain}
