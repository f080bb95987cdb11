"""What the section on futures in docs/api.md says, and which tests show each of it.

`tests/readme.py` writes the section from this, `tests/test_readme.py` holds that every test named here exists.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Claim(NamedTuple):
    """One point of the section, and the tests (below tests/) that would fail if it were not so."""

    says: str
    tests: tuple[str, ...]


#: A configuration that turns both further venues on.
CONFIG: Final = """\
[venues.binance-usdm]    # USD-M: perpetuals and quarters
symbols = ["BTCUSDT", "ETHUSDT"]

[venues.binance-coinm]   # COIN-M; without symbols it reads on demand
"""

#: What is asked, and what stands before it.
EXAMPLES: Final = (
    (
        "One coin on several venues: each one's flow, their exact sum in USD, spot against perpetual, at one instant",
        "/v1/flow?coin=BTC&venues=binance,binance-usdm&window=5m",
    ),
    ("A row of an inverse contract", "/v1/trades?symbol=BTCUSD_PERP&venue=binance-coinm&limit=1"),
    (
        "The largest group of rows of one side",
        "/v1/large?symbol=BTCUSDT&venue=binance-usdm&group=order&min_notional=50000&limit=1",
    ),
    ("Liquidations", "/v1/liquidations?symbols=*&venue=binance-usdm&limit=1"),
)

CLAIMS: Final = (
    Claim(
        "The tables have the same keys as `[venues.binance]`. A table, even an empty one, or any of its variables "
        "(`ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS`) turns the venue on, and it reads on demand until it has symbols. "
        "On or off needs a restart; symbols and redundancy change live.",
        (
            "config/test_venues.py::test_a_venue_is_on_where_any_source_gives_its_table",
            "app/test_market.py::test_a_further_venue_without_symbols_reads_on_demand",
            "app/test_market.py::test_a_venue_on_or_off_needs_a_restart_and_the_rest_is_taken_up",
            "app/test_market.py::test_symbols_and_redundancy_of_a_further_venue_change_live",
        ),
    ),
    Claim(
        "`venue=` chooses the venue on every data route and stream (`tail --venue`); `/v1/meta` lists those that are "
        "on, `/v1/meta?venue=binance-usdm` says what its rows, units, ids and liquidations mean.",
        (
            "delivery/http/test_venues.py::test_each_route_answers_for_that_venue",
            "delivery/http/test_stream_venues.py::test_the_same_name_on_another_venue_is_not_heard",
            "cli/test_tail.py::test_a_venue_is_asked_for_by_name",
            "delivery/http/test_meta.py::test_without_a_venue_as_ever_and_which_there_are",
            "delivery/http/test_meta.py::test_merged_rows",
        ),
    ),
    Claim(
        "A row is what traded at one price with one taker side within 100 ms: several orders may share it. "
        "`group=order` groups rows of one side within 100 ms and says `confidence`; the venue merges rows, so an order "
        "cannot be rebuilt.",
        (
            "analytics/test_prints.py::test_live_and_scanned_are_the_groups_of_the_tape",
            "analytics/test_prints.py::test_how_far_a_group_is_one_order",
            "delivery/test_encode_futures.py::test_confidence_is_said_of_orders_only_where_it_is_known",
        ),
    ),
    Claim(
        "`*_nq` are volumes without RPI trades (USD-M), null where one row of the span does not tell.",
        (
            "delivery/test_encode_futures.py::test_volumes_without_rpi_trades_stand_beside_the_others",
            "delivery/test_encode_futures.py::test_they_are_null_where_one_trade_does_not_tell",
            "core/test_wide.py::test_a_row_that_does_not_tell_hides_the_sum_only_while_it_is_in_the_span",
        ),
    ),
    Claim(
        "Inverse contracts (COIN-M) have `*_contracts` beside base volumes (8 decimals, 16 with `numbers=string`); "
        "quote values are exact, whatever the price.",
        (
            "delivery/test_encode_futures.py::test_base_of_contracts_is_right_to_the_last_digit_shown",
            "analytics/test_prints.py::test_an_inverse_contract_is_worth_what_it_says_whatever_the_price",
            "core/test_wide.py::test_nothing_wraps",
        ),
    ),
    Claim(
        "Liquidations (`/v1/liquidations`, stream topic `liquidation`) are the exchange's sample, at most one a symbol "
        "a second, and never complete. Alert on `orderflow_liquidations_listening == 0`.",
        (
            "delivery/http/test_liquidations.py::test_of_one_symbol",
            "delivery/http/test_stream_venues.py::test_liquidations",
            "delivery/test_metrics_venues.py::test_liquidations_by_side",
        ),
    ),
    Claim(
        "A quarterly contract ends at its `delivery_time` (`/v1/symbols`); its tape is kept, and the log says so. The "
        "next one has a symbol of its own, which a pattern (`BTCUSDT*`) takes up; `coin=` stands for the perpetual.",
        (
            "delivery/http/test_venues.py::test_symbols_of_a_futures_venue_say_what_they_are",
            "adapters/test_ingest.py::test_a_contract_that_is_delivered_keeps_its_tape_and_is_said_to_be",
            "adapters/test_symbols.py::test_a_contract_that_is_delivered_is_looked_up_when_it_is",
            "test_readme.py::test_a_pattern_takes_up_the_next_quarter",
            "delivery/http/test_combined.py::test_what_is_right",
        ),
    ),
    Claim(
        "Both markets share 2,400 weight of REST a minute, of which a page of 1,000 trades takes 20, and REST tells of "
        "48 h (USD-M) and 24 h (COIN-M): the first warm-up takes a while, and an outage of many symbols minutes. What "
        "you follow heals first, then by volume. How long it takes is in the log, `/readyz` (`repair`), `/v1/gaps` "
        "(`ready_in_s`) and `orderflow_repair_seconds_left`.",
        (
            "app/test_pool.py::test_each_pool_has_one_clock_and_one_budget",
            "adapters/test_dear.py::test_two_markets_of_one_address_share_the_budget_and_stop_together",
            "adapters/test_dear.py::test_an_outage_of_300_symbols_heals_in_the_order_of_importance"
            "_and_says_how_long_it_takes",
            "test_readme.py::test_the_budget_of_futures",
            "delivery/http/test_health.py::test_what_is_read_again_is_told_as_long_as_it_is",
            "delivery/http/test_trades.py::test_gaps_say_when_they_will_have_been_asked_for",
            "delivery/test_metrics_venues.py::test_what_is_missing_and_how_long_it_takes",
        ),
    ),
    Claim(
        "USD-M trades are read below `/market`; a base URL may be given with or without that path. A subscription that "
        "is acknowledged and silent is named with its URL and what to change.",
        (
            "venues/test_binance_usdm.py::test_the_path_that_stays_silent_is_never_used",
            "venues/test_binance_futures.py::test_with_path",
            "adapters/test_silent_path.py::test_the_old_path_of_a_futures_market",
        ),
    ),
    Claim(
        "The simulator speaks both (`python -m orderflow_stream.simulator --market usdm`): their paths, batches, "
        "weights, contracts, liquidations, and the old path that acknowledges and stays silent.",
        (
            "simulator/test___main__.py::test_options_of_a_futures_market",
            "simulator/test_usdm.py::test_trades_come_under_market_only",
            "simulator/test_usdm.py::test_trades_leave_every_100_ms_with_their_own_times",
            "simulator/test_usdm.py::test_weights_and_limit",
            "simulator/test_coinm.py::test_a_trade_in_contracts",
            "simulator/test_liquidations.py::test_a_second_passes_before_the_largest_is_told",
        ),
    ),
)
