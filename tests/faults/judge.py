"""Holds every answer of the daemon against the source: exact sums over exactly the ids it claims, and no claim of
completeness that was not true up to its `as_of`.

Independent of the product: rows are the simulator's, sums are whole numbers made from their decimal text here.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

from orderflow_stream.simulator import Simulator
from orderflow_stream.venues.binance_archive import ArchiveRow

#: What a clock that is read over a socket may be off by (µs), beyond the offset that the answer itself states.
CLOCK_SLACK: Final = 2_000
_QUOTE_PLACES: Final = 10**14  # 10^-16 to cents


class Order(NamedTuple):
    """One taker order of the source."""

    ids: tuple[int, ...]
    notional: int
    qty: int
    side: str

    @property
    def id(self) -> int:
        return self.ids[-1]


@lru_cache(maxsize=200_000)  # the truth is made anew for each judgement
def scaled(text: str) -> int:
    """Decimal text in units of 10^-8; finer is an error."""
    value = Decimal(text).scaleb(8)
    if value != value.to_integral_value():
        raise ValueError(f"finer than 10^-8: {text}")
    return int(value)


class Source:
    """What the venue has published of one symbol: the truth. Columns by position, sums from the beginning."""

    def __init__(self, symbol: str, rows: Sequence[ArchiveRow], published: Sequence[int], row_span: int = 0) -> None:
        """`row_span` (µs): fills of several orders within so long are merged, and what may be one order is a group."""
        self.symbol = symbol
        self.row_span = row_span
        self.rows = rows
        self.ids = [row.id for row in rows]
        self.ts = [row.ts for row in rows]
        self.published = published
        qty = [scaled(row.qty) for row in rows]
        price = [scaled(row.price) for row in rows]
        self.valid = [q > 0 and p > 0 for q, p in zip(qty, price, strict=True)]
        self.notional = [q * p for q, p in zip(qty, price, strict=True)]
        self.qty = qty
        buys = [valid and not row.buyer_is_maker for row, valid in zip(rows, self.valid, strict=True)]
        sells = [valid and row.buyer_is_maker for row, valid in zip(rows, self.valid, strict=True)]
        self._nq = {
            "untold": _running(int(valid and not row.nq) for row, valid in zip(rows, self.valid, strict=True)),
            **_without_rpi(rows, price, buys, sells),
        }
        self._sums = {
            "buy_trades": _running(map(int, buys)),
            "sell_trades": _running(map(int, sells)),
            "taker_buy_base": _running(q if b else 0 for q, b in zip(qty, buys, strict=True)),
            "taker_sell_base": _running(q if s else 0 for q, s in zip(qty, sells, strict=True)),
            "taker_buy_quote": _running(n if b else 0 for n, b in zip(self.notional, buys, strict=True)),
            "taker_sell_quote": _running(n if s else 0 for n, s in zip(self.notional, sells, strict=True)),
        }

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Positions [begin, end) of the ids `first`..`last`."""
        return bisect_left(self.ids, first), bisect_right(self.ids, last)

    def sums(self, first: int, last: int) -> dict[str, int]:
        """Exact sums over the ids `first`..`last`; volumes at 10^-8, values at 10^-16."""
        begin, end = self.span(first, last)
        return {name: column[end] - column[begin] for name, column in self._sums.items()}

    def nq_sums(self, first: int, last: int) -> dict[str, int]:
        """The sums of the quantities without RPI over those ids, by their names in an answer, at the same scales;
        `untold`: how many of these trades do not tell theirs."""
        begin, end = self.span(first, last)
        return {name: column[end] - column[begin] for name, column in self._nq.items()}

    def known_at(self, ts: int) -> int | None:
        """The newest id that had been published before `ts` (µs)."""
        at = bisect_left(self.published, ts)
        return self.ids[at - 1] if at else None

    def oldest_after(self, id_: int) -> int | None:
        """When the first id beyond `id_` was published (µs)."""
        at = bisect_right(self.ids, id_)
        return self.published[at] if at < len(self.ids) else None

    def orders(self, least: int, first: int, last: int) -> list[Order]:
        """Taker orders of `least` (10^-16) or more that lie within `first`..`last`."""
        found: list[Order] = []
        begin, end = self.span(first, last)
        at = begin
        while at < end:
            stop = at + 1
            while stop < end and self._goes_on(stop, at):
                stop += 1
            if self.valid[at] and sum(self.notional[at:stop]) >= least:
                side = "sell" if self.rows[at].buyer_is_maker else "buy"
                found.append(Order(tuple(self.ids[at:stop]), sum(self.notional[at:stop]), sum(self.qty[at:stop]), side))
            at = stop
        return found

    def group_ending(self, id_: int, qty: int, least: int) -> set[int]:
        """The ids of the rows that end with `id_`, are `qty` together and `least` (10^-16) worth, and may be one order
        where rows are merged; none where there are no such rows."""
        begin, end = self.span(id_, id_)
        if begin == end:
            return set()
        total = notional = 0
        for first in range(begin, -1, -1):
            joins = first == begin or (
                (self.ids[first] + 1, self.rows[first].buyer_is_maker)
                == (self.ids[first + 1], self.rows[begin].buyer_is_maker)
            )
            if not joins or not -self.row_span < self.ts[begin] - self.ts[first] < self.row_span:
                break
            total, notional = total + self.qty[first], notional + self.notional[first]
            if total == qty:
                return set(self.ids[first:end]) if notional >= least else set()
        return set()

    def _goes_on(self, at: int, first: int) -> bool:
        """Whether the row at a position is of the order of the row before it, which began at `first`."""
        if self.row_span:
            one, two = self.rows[at - 1], self.rows[at]
            return (
                (one.buyer_is_maker, one.id + 1) == (two.buyer_is_maker, two.id)
                and abs(two.ts - one.ts) < self.row_span
                and 0 <= two.ts - self.ts[first] < self.row_span
            )

        one, two = self.rows[at - 1], self.rows[at]
        return (
            (one.ts, one.buyer_is_maker, one.id + 1, one.last + 1) == (two.ts, two.buyer_is_maker, two.id, two.first)
            and self.valid[at - 1]
            and self.valid[at]
        )


def _without_rpi(
    rows: Sequence[ArchiveRow], price: Sequence[int], buys: Sequence[bool], sells: Sequence[bool]
) -> dict[str, list[int]]:
    nq = [scaled(row.nq) if row.nq else 0 for row in rows]
    worth = [each * p for each, p in zip(nq, price, strict=True)]
    return {
        f"taker_{side}_{what}_nq": _running(value if mine else 0 for value, mine in zip(column, sided, strict=True))
        for side, sided in (("buy", buys), ("sell", sells))
        for what, column in (("base", nq), ("quote", worth))
    }


def _running(values: Iterable[int]) -> list[int]:
    return list(accumulate(values, initial=0))


def sources(sim: Simulator) -> dict[str, Source]:
    """The truth as it stands now, by symbol. (What a fault hid from everyone is not part of it.)"""
    span = sim.facts.batch
    return {
        symbol: Source(symbol, list(tape.rows()), list(tape._published), span)
        for symbol, tape in sim.exchange.tapes.items()
    }


@dataclass
class Verdict:
    """What was found wrong, and how long something was missing before it was said."""

    problems: list[str] = field(default_factory=list)
    answers: int = 0
    complete: int = 0
    #: Seconds between the publication of a trade and the first answer that has it or says that something lacks, by
    #: symbol: the worst.
    blind: dict[str, float] = field(default_factory=dict)

    def add(self, problem: str) -> None:
        self.problems.append(problem)


def exact(text: bytes | str) -> Any:
    """JSON with every number exact."""
    return json.loads(text, parse_float=Decimal)


def judge_coverage(
    source: Source, data: Mapping[str, Any], verdict: Verdict, *, asked: int | None = None, lag: int = 0
) -> bool:
    """Judge `coverage` of one answer; False where it stands on nothing. `asked`: when the question was asked (µs);
    `lag`: how far (µs) the venue's own REST was behind its streams, which no daemon can see through."""
    c = data["coverage"]
    verdict.answers += 1
    first, last = c["first_id"], c["last_id"]
    if first is None:
        known = source.known_at(_as_of(c) - lag)
        begin = c["requested"].get("from", -1) * 1000 + 999
        if c["complete"] and known is not None and source.ts[source.span(known, known)[0]] > begin:
            verdict.add(f"{source.symbol}: complete over nothing from {begin}, while {known} had been published")
        return False
    about = f"{source.symbol} {first}..{last} ({c['state']}, as of {c['as_of']})"
    missing = c["missing"]
    lacking = sum(b - a + 1 for a, b in missing)
    if c["expected"] != last - first + 1 or c["expected"] != c["received"] + c["missing_total"]:
        verdict.add(f"{about}: expected {c['expected']}, received {c['received']}, missing {c['missing_total']}")
    if len(missing) < 100 and lacking != c["missing_total"]:
        verdict.add(f"{about}: ranges of {lacking} missing, {c['missing_total']} said")
    begin, end = source.span(first, last)
    if len(missing) < 100:
        held = end - begin - sum(_count(source, a, b) for a, b in missing)
        if held != c["received"]:
            verdict.add(f"{about}: {c['received']} received, the source has {held} that are not called missing")
    if c["complete"]:
        verdict.complete += 1
        if missing or c["missing_total"] or c["state"] not in {"live", "quiet"} or not c["reaches_back"]:
            verdict.add(f"{about}: complete, with {c['missing_total']} missing, state {c['state']}")
        known = source.known_at(_as_of(c) - lag)
        if known is not None and known > last:
            verdict.add(f"{about}: complete, while {known} had been published by then")
        if asked is not None:
            unseen = source.oldest_after(last)
            if unseen is not None and unseen < asked:
                blind = (asked - unseen) / 1e6
                verdict.blind[source.symbol] = max(verdict.blind.get(source.symbol, 0.0), blind)
    return True


def _as_of(coverage: Mapping[str, Any]) -> int:
    """The claim in the source's own clock."""
    as_of = coverage["as_of"]
    if as_of is None:
        return 0
    return int(as_of) * 1000 - max(0, int(coverage["clock_offset_ms"]) + 1) * 1000 - CLOCK_SLACK


def _count(source: Source, first: int, last: int) -> int:
    begin, end = source.span(first, last)
    return end - begin


def judge_flow(
    source: Source, data: Mapping[str, Any], verdict: Verdict, *, asked: int | None = None, lag: int = 0
) -> None:
    """Judge one object of `/v1/flow` or a `flow` event, with `numbers=string` or without."""
    if not judge_coverage(source, data, verdict, asked=asked, lag=lag):
        return
    c = data["coverage"]
    if len(c["missing"]) >= 100:
        return
    first, last = c["first_id"], c["last_id"]
    expected = source.sums(first, last)
    for a, b in c["missing"]:
        for name, value in source.sums(a, b).items():
            expected[name] -= value
    _hold(source, data, expected, verdict)
    if "taker_buy_base_nq" in data:
        _hold_nq(source, data, verdict)
    requested = c["requested"]
    if "to" in requested:
        _judge_window(source, data, verdict)
    elif data["trades_scanned"] != expected["buy_trades"] + expected["sell_trades"] or (
        c["complete"] and data["trades_scanned"] < requested["trades"] and not c["reaches_back"]
    ):
        verdict.add(f"{source.symbol}: {data['trades_scanned']} scanned of {requested}")


def _hold(source: Source, data: Mapping[str, Any], expected: Mapping[str, int], verdict: Verdict) -> None:
    strings = isinstance(data["taker_buy_base"], str)
    for name, value in expected.items():
        told, wanted = Decimal(data[name]), Decimal(value)
        if name.endswith("trades"):
            pass
        elif name.endswith(("base", "base_nq")):
            wanted = wanted.scaleb(-8)
        elif strings:
            wanted = wanted.scaleb(-16)
        else:
            wanted = Decimal(round(wanted / _QUOTE_PLACES)).scaleb(-2)
            if abs(told - wanted) < Decimal("0.011"):
                continue  # how it is rounded is judged elsewhere
        if told != wanted:
            c = data["coverage"]
            verdict.add(f"{source.symbol} {c['first_id']}..{c['last_id']}: {name} {told}, the source has {wanted}")


def _hold_nq(source: Source, data: Mapping[str, Any], verdict: Verdict) -> None:
    """Without RPI: told where every trade tells it, and then exact."""
    c = data["coverage"]
    expected = source.nq_sums(c["first_id"], c["last_id"])
    for a, b in c["missing"]:
        for name, value in source.nq_sums(a, b).items():
            expected[name] -= value
    if expected.pop("untold"):
        told = [name for name in expected if data[name] is not None]
        if told:
            verdict.add(f"{source.symbol} {c['first_id']}..{c['last_id']}: {told} told, and not every trade tells it")
    elif data["taker_buy_base_nq"] is None:
        verdict.add(f"{source.symbol} {c['first_id']}..{c['last_id']}: null without RPI, and every trade tells it")
    else:
        _hold(source, data, expected, verdict)


def _judge_window(source: Source, data: Mapping[str, Any], verdict: Verdict) -> None:
    """The edges of a window by time: it ends now and is half-open; `from` and `to` are told in whole milliseconds."""
    c = data["coverage"]
    low, high = c["requested"]["from"] * 1000, c["requested"]["to"] * 1000 + 999
    begin, end = source.span(c["first_id"], c["last_id"])
    held = [at for at in range(begin, end) if source.valid[at]]
    if held and not c["missing"]:
        if source.ts[held[0]] <= low - 1000 or source.ts[held[-1]] > high:
            verdict.add(
                f"{source.symbol}: a window {low}..{high} that holds {source.ts[held[0]]}..{source.ts[held[-1]]}"
            )
        before = next((at for at in range(begin - 1, -1, -1) if source.valid[at]), None)
        if c["complete"] and before is not None and source.ts[before] > low + 999:
            verdict.add(f"{source.symbol}: a window from {low} that lacks {source.ids[before]} at {source.ts[before]}")


def judge_large(
    source: Source, data: Mapping[str, Any], least: int, verdict: Verdict, *, asked: int | None = None, lag: int = 0
) -> None:
    """Judge `/v1/large?group=order` with no limit in the way: exactly the source's orders over the ids it claims.
    The order that is open at the end, or cut by the beginning or a hole, may be told or not."""
    if not judge_coverage(source, data, verdict, asked=asked, lag=lag):
        return
    c = data["coverage"]
    if c["missing"]:
        return
    told = {order["id"]: order for order in data["largest"]}
    if source.row_span:  # how a run is divided depends on where it is seen to begin
        for order in source.orders(least, c["first_id"], c["last_id"]):
            told.pop(order.id, None)
        for id_, found in told.items():
            if not source.group_ending(id_, scaled(str(found["qty"])), least):
                verdict.add(f"{source.symbol}: {id_} listed as a large order")
        return
    for order in source.orders(least, c["first_id"], c["last_id"]):
        found = told.pop(order.id, None)
        touches = order.ids[0] == c["first_id"] or order.id == c["last_id"]
        if found is None:
            if not touches:
                verdict.add(f"{source.symbol}: large order {order.ids} is not listed")
        elif not touches and Decimal(found["qty"]) != Decimal(order.qty).scaleb(-8):
            verdict.add(f"{source.symbol}: large order {order.id} of {order.qty} listed with {found['qty']}")
    for id_ in told:
        verdict.add(f"{source.symbol}: {id_} listed as a large order")


def judge_tape(
    source: Source, rows: Sequence[Mapping[str, Any]], first: int, verdict: Verdict, *, last: int = 2**62
) -> tuple[int, int]:
    """The tape from id `first` to `last` against the source, id by id; (lost, duplicated)."""
    begin, end = source.span(first, last)
    truth = {source.ids[at]: source.rows[at] for at in range(begin, end) if source.valid[at]}
    told: dict[int, Mapping[str, Any]] = {}
    duplicated = 0
    for one in rows:
        duplicated += one["id"] in told
        told[one["id"]] = one
    for id_, row in truth.items():
        found = told.get(id_)
        if found is None:
            continue
        side = "sell" if row.buyer_is_maker else "buy"
        if (scaled(str(found["price"])), scaled(str(found["qty"])), found["side"], found["ts_event"]) != (
            scaled(row.price), scaled(row.qty), side, row.ts,
        ):  # fmt: skip
            verdict.add(f"{source.symbol}: trade {id_} is {found}, the source has {row}")
    lost = [id_ for id_ in truth if id_ not in told]
    extra = [id_ for id_ in told if id_ not in truth]
    if lost:
        verdict.add(f"{source.symbol}: {len(lost)} trades lost: {lost[:10]}")
    if duplicated:
        verdict.add(f"{source.symbol}: {duplicated} trades told twice")
    if extra:
        verdict.add(f"{source.symbol}: trades that the source does not have: {extra[:10]}")
    return len(lost), duplicated
