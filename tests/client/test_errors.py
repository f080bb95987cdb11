"""Exceptions: what they carry, that they survive a trip to another process, and which is which."""

from __future__ import annotations

import pickle

import pytest

from orderflow_stream import client
from orderflow_stream.client import errors


def test_each_status_has_its_own() -> None:
    assert {400, 401, 403, 404, 429, 502, 503} == set(errors.BY_STATUS)
    for kind in errors.BY_STATUS.values():
        assert issubclass(kind, errors.Failed)
        assert getattr(client, kind.__name__) is kind
        assert (kind.__doc__ or "")[:3].isdigit()


def test_they_can_be_pickled() -> None:
    failed = errors.RateLimited(429, "rate_limited", "slower", param="x", retry_after=1.5)
    again = pickle.loads(pickle.dumps(failed))
    assert type(again) is errors.RateLimited
    assert (str(again), again.code, again.param, again.retry_after) == ("slower", "rate_limited", "x", 1.5)
    lost = pickle.loads(pickle.dumps(errors.Lost("A-1", "B-2")))
    assert (lost.from_position, lost.position, lost.epoch_changed) == ("A-1", "B-2", True)
    gone = pickle.loads(pickle.dumps(errors.Unreachable("no daemon", "http://x")))
    assert (str(gone), gone.url) == ("no daemon", "http://x")


@pytest.mark.parametrize("new,changed", [("A-9", False), ("B-1", True)])
def test_a_loss_says_why_and_how_to_go_on(new: str, changed: bool) -> None:
    lost = errors.Lost("A-1", new)
    assert lost.epoch_changed is changed
    assert "A-1" in str(lost)
    assert "since_id" in str(lost)
    assert ("without a journal" in str(lost)) is changed


def test_whoever_catches_connection_errors_catches_ours() -> None:
    assert issubclass(errors.Unreachable, ConnectionError)
