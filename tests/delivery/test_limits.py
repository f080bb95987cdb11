"""Pace and bounds: the defaults are the contract's, and those of the configuration."""

import msgspec
import pytest

from orderflow_stream.app import Daemon
from orderflow_stream.config import Settings
from orderflow_stream.delivery.limits import Limits, Stats
from tests.delivery.rig import Rig


def test_defaults_are_the_contracts() -> None:
    limits = Limits()
    assert (limits.tick, limits.heartbeat) == (0.1, 2.0)
    assert 0.05 <= limits.gap_delay <= 0.25  # the other connection often brings what one skipped
    low, high = limits.retry_ms
    assert 0 < low < high  # a random one for every client, or a restart is a stampede
    long, longest = limits.busy_retry_ms
    assert high < long < longest


async def test_defaults_are_the_configurations() -> None:
    settings = Settings()
    limits, delivery = Limits(), settings.delivery
    assert limits.tick * 1000 == delivery.tick_ms
    assert limits.heartbeat == delivery.heartbeat_s
    assert limits.max_clients == delivery.max_clients
    assert limits.max_clients_per_ip == delivery.max_clients_per_ip
    assert limits.mailbox_bytes == delivery.mailbox_kb * 1024
    assert limits.mailbox_age == delivery.mailbox_s
    assert limits.stall == 2 * delivery.mailbox_s
    assert limits.age == delivery.stream_age_s
    assert limits.backlog == delivery.ring_events + delivery.ring_trades
    assert Daemon(settings).hub.limits == limits


async def test_what_is_configured_reaches_the_hub() -> None:
    chosen = {
        "tick_ms": 50,
        "heartbeat_s": 7,
        "max_clients": 11,
        "max_clients_per_ip": 3,
        "mailbox_kb": 64,
        "mailbox_s": 9,
        "ring_events": 200,
        "ring_trades": 300,
        "stream_age_s": 77,
    }
    limits = Daemon(Settings.model_validate({"delivery": chosen})).hub.limits
    assert limits == Limits(
        tick=0.05,
        heartbeat=7,
        max_clients=11,
        max_clients_per_ip=3,
        mailbox_bytes=65536,
        mailbox_age=9,
        backlog=500,
        stall=18,  # twice as long as a log event may wait
        age=77,
    )


def test_limits_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Limits().tick = 1  # type: ignore[misc]


def test_a_hub_that_nobody_called_has_counted_nothing() -> None:
    assert msgspec.structs.asdict(Rig().hub.stats()) == msgspec.structs.asdict(
        Stats(clients=0, events={}, conflated=0, dropped=0, aborted={}, refused={}, buffer_bytes=0)
    )
