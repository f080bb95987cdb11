"""Sources: which rows are history, when the others are due, and where their times go."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.simulator.listing import DEFAULT_LISTINGS
from orderflow_stream.simulator.market import SyntheticMarket
from orderflow_stream.simulator.player import ArchivePlayer, MarketPlayer, RowsPlayer, SyntheticPlayer, listing_of
from orderflow_stream.venues.binance_archive import ArchiveError, ArchiveRow
from tests.simulator.kit import NOON, row, rows

NOW = NOON + 10**13


def begun(player: RowsPlayer, now: int = NOW) -> list[ArchiveRow]:
    return [each for _, some in player.history(now) for each in some]


def lived(player: RowsPlayer) -> list[ArchiveRow]:
    return [each for batch in player.live() for each in batch.rows]


def test_real_time_begins_now() -> None:
    player = RowsPlayer("BTCUSDT", rows(1, 10, step=1_000_000), history=4)
    past = begun(player)
    batches = list(player.live())
    assert [each.id for each in past] == [1, 2, 3, 4]
    assert [each.ts - NOW for each in past] == [-4_000_000, -3_000_000, -2_000_000, -1_000_000]
    assert [batch.due for batch in batches] == [NOW + i * 1_000_000 for i in range(6)]
    assert all(batch.due == batch.rows[0].ts for batch in batches)
    assert [*past, *(batch.rows[0] for batch in batches)] == player.mapped()


def test_times_n_divides_intervals() -> None:
    player = RowsPlayer("BTCUSDT", rows(1, 5, step=3000), speed=4)
    begun(player)
    assert [batch.due for batch in player.live()] == [NOW + i * 750 for i in range(5)]
    slow = RowsPlayer("BTCUSDT", rows(1, 5, step=3000), speed=0.5)
    begun(slow)
    assert [each.ts for each in lived(slow)] == [NOW + i * 6000 for i in range(5)]


def test_as_fast_as_read_ends_now() -> None:
    player = RowsPlayer("BTCUSDT", rows(1, 5, step=1_000_000), speed=None, history=2)
    begun(player)
    batches = list(player.live())
    assert [batch.due for batch in batches] == [None] * 3
    assert [batch.rows[0].ts for batch in batches] == [NOW - 2_000_000, NOW - 1_000_000, NOW]


def test_everything_can_be_history() -> None:
    player = RowsPlayer("BTCUSDT", rows(1, 3, step=1000), history=9)
    assert [each.ts for each in begun(player)] == [NOW - 2000, NOW - 1000, NOW]
    assert lived(player) == []


def test_nothing_to_play() -> None:
    player = RowsPlayer("BTCUSDT", [])
    assert begun(player) == lived(player) == []


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=40), st.integers(0, 999_999),
    st.sampled_from([None, 1.0, 3.0, 0.3]), st.integers(0, 45),
)  # fmt: skip
def test_order_ids_and_text_stay_and_no_time_steps_back_or_into_the_future(
    gaps: list[int], offset: int, speed: float | None, history: int
) -> None:
    given_rows = [row(i + 1, ts) for i, ts in enumerate(itertools.accumulate(gaps, initial=NOON))]
    player = RowsPlayer("BTCUSDT", given_rows, speed=speed, history=history)
    past = begun(player, NOW + offset)
    played = past + lived(player)
    assert [(r.id, r.price, r.qty, r.first, r.last, r.buyer_is_maker) for r in played] == [
        (r.id, r.price, r.qty, r.first, r.last, r.buyer_is_maker) for r in given_rows
    ]
    assert all(a.ts <= b.ts for a, b in itertools.pairwise(played))
    assert all(each.ts <= NOW + offset for each in past)
    assert [each.ts for each in played] == [player.map_time(each.ts) for each in given_rows]
    if speed in {None, 1.0}:
        shift = played[0].ts - given_rows[0].ts
        assert all(b.ts - a.ts == shift for a, b in zip(given_rows, played, strict=True))
        assert shift % 1000 == 0


def test_where_times_go_is_not_known_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="has not started"):
        RowsPlayer("BTCUSDT", rows(1, 1)).map_time(NOON)


@pytest.mark.parametrize("speed", [0, -1.0, float("inf"), float("nan")])
def test_a_bad_speed_is_named(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        RowsPlayer("BTCUSDT", [], speed=speed)


def test_a_bad_history_is_named() -> None:
    with pytest.raises(ValueError, match="history must be at least 0"):
        RowsPlayer("BTCUSDT", [], history=-1)
    with pytest.raises(ValueError, match="history_s must be at least 0"):
        SyntheticPlayer(SyntheticMarket(), history_s=-1)


def test_an_archive_file(tmp_path: Path) -> None:
    path = tmp_path / "LTCUSDC-aggTrades-2025-01-01.csv"
    path.write_text("5,83.29,0.107,,,1750507467356,false\n9,83.30,1,,,1750507467400,true\n")
    player = ArchivePlayer(path, speed=None)
    player.load()
    begun(player)
    assert (player.listing.base, player.listing.quote) == ("LTC", "USDC")
    assert lived(player) == [
        ArchiveRow(5, "83.29", "0.107", -1, -1, NOW - 44_000, "ms", False),
        ArchiveRow(9, "83.30", "1", -1, -1, NOW, "ms", True),
    ]


def test_a_bad_archive_file_fails_on_load(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        ArchivePlayer(tmp_path / "LTCUSDC-x.csv").load()
    with pytest.raises(ArchiveError, match="SYMBOL-"):
        ArchivePlayer(tmp_path / "x.csv")


def test_listing_of() -> None:
    assert listing_of("BTCUSDT") is DEFAULT_LISTINGS[0]
    assert (listing_of("POLFDUSD").base, listing_of("XRPETH").quote) == ("POL", "ETH")
    with pytest.raises(ValueError, match="pass a Listing"):
        listing_of("ABCXYZ")


def test_a_synthetic_market_goes_on_where_its_history_ends() -> None:
    player = SyntheticPlayer(SyntheticMarket(seed=3), history_s=120)
    player.load()
    past = [each for _, some in player.history(NOON) for each in some]
    live = list(itertools.islice(player.live(), 200))
    assert NOON - 120_000_000 < past[0].ts <= past[-1].ts <= NOON < live[0].rows[0].ts
    assert all(batch.due == batch.rows[0].ts for batch in live)
    whole = SyntheticMarket(seed=3).orders(NOON - 120_000_000, NOON)
    expected = [each for order in itertools.islice(whole, 20_000) for each in order.rows]
    played = past + [each for batch in live for each in batch.rows]
    assert played == expected[: len(played)]


def test_a_drawn_market_is_played_like_a_file_over_all_symbols() -> None:
    player = MarketPlayer(SyntheticMarket(seed=3), 3000, history=1000)
    past = [each for _, some in player.history(NOON) for each in some]
    batches = list(player.live())
    live = [each for batch in batches for each in batch.rows]
    assert 1000 <= len(past) < 1100
    assert 3000 <= len(past) + len(live) < 3100
    assert past + live == player.mapped()
    assert NOON - 1000 < live[-1].ts <= NOON
    assert {batch.due for batch in batches} == {None}
    assert any(len(batch.rows) > 1 for batch in batches)
    symbols = {order.symbol for order in player.orders}
    assert len(symbols) > 5
    assert sum(len(player.mapped(symbol)) for symbol in symbols) == len(player.mapped())
    again = MarketPlayer(SyntheticMarket(seed=3), 3000)
    assert again.rows == player.rows
    with pytest.raises(ValueError, match="trades must be at least 1"):
        MarketPlayer(SyntheticMarket(), 0)
