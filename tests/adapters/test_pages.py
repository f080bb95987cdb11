"""A page is checked before anything is concluded from it."""

from typing import Any

import msgspec
import pytest

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.rest import Answer, Rest
from orderflow_stream.feed.budget import Budget
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import BTC, ManualClock, TapeRest, row, trade

VENUE = BinanceSpot()


class BodyRest(Rest):
    """Answers with one body."""

    def __init__(self, body: bytes) -> None:
        super().__init__(["http://body.invalid"], Budget(), now=ManualClock().now, explain=VENUE.error)
        self.body = body

    async def fetch_slowly(self, request: Any, kind: Any, read: Any, deadline: Any = None, *, bound: int = 0) -> Any:
        return await read(Answer(self.body, 0, 0))


def body(*ids: int) -> bytes:
    return msgspec.json.encode([row(trade(id_)) for id_ in ids])


async def test_trades_come_ascending_with_the_time_of_asking() -> None:
    clock = ManualClock()
    rest = TapeRest(clock)
    rest.list_trades(BTC, range(100))
    page = await Pages(rest, VENUE, clock.now).read(BTC, 50, 10, kind="repair")
    assert [each.id for each in page.trades] == list(range(50, 60))
    assert clock.now() - 2_000_000 < page.sent <= clock.now()
    assert page.weight == 4
    assert rest.calls == [("repair", "BTCUSDT", 50, 10)]


async def test_disorder_and_repeats_are_sorted_out() -> None:
    page = await Pages(BodyRest(body(3, 1, 2, 3)), VENUE, ManualClock().now).read(BTC, 1, kind="user")
    assert [each.id for each in page.trades] == [1, 2, 3]


@pytest.mark.parametrize("answer", [body(9, 10, 11), body(10, 11, 12), b"{}", b"[1]"])
async def test_an_answer_to_another_question_is_garbage(answer: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the codec's words or ours; `Rest` retries any
        await Pages(BodyRest(answer), VENUE, ManualClock().now).read(BTC, 10, 2, kind="user")
