"""The limits of a connection, against each other and against what the venue allows."""

from __future__ import annotations

from typing import get_args

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import ON_PROOF, Policy, ReplaceReason

DAY = 24 * 3_600 * US_PER_S


def test_connections_are_renewed_before_the_venue_cuts_them() -> None:
    policy = Policy()
    assert policy.max_age <= DAY - 3_600 * US_PER_S
    assert 0 < policy.age_spread < policy.max_age // 4


def test_a_dead_peer_is_found_within_three_seconds() -> None:
    policy = Policy()
    assert policy.ask_after + policy.answer_within + 2 * policy.tick <= 3 * US_PER_S


def test_a_busy_connection_that_falls_silent_is_found_within_a_second_and_a_half() -> None:
    policy = Policy()
    assert policy.fast_silence + 2 * policy.tick <= 1_500_000 < policy.busy_silence


def test_frames_of_ours_and_a_pong_stay_below_four_a_second() -> None:
    assert US_PER_S // Policy().control_interval + 1 <= 4 - 1


def test_what_waits_for_proof_is_a_reason() -> None:
    assert set(get_args(ReplaceReason)) >= ON_PROOF
    assert not ON_PROOF & {"dead", "shutdown", "age", "bad_frames"}  # these are certain
