"""Settings as plain values: exact, and each where it belongs."""

from __future__ import annotations

from fractions import Fraction

from orderflow_stream.app.options import auth_policy, http_options, hub_limits
from orderflow_stream.config import load
from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import NOTIONAL_SCALE

LINE = (
    "ofd_et3taflw sha256=o-tmUZmOyvVHE6T0611GDvrX82UPACw58oCN808vxWE stream=3pVi5TYzbVz8pamJXViFc9lT5vzxeeIry1b2cd7ofss"
)


def test_thresholds_are_exact_and_the_nearest_one_counts() -> None:
    over = {
        "analytics.large.min_notional": "100000.5",
        "analytics.large.by_quote": {"BTC": "2"},
        "analytics.large.by_symbol": {"ETHBTC": "0.00000001"},
    }
    options = http_options(load(environ={}, overrides=over), {"1m": 60_000_000})

    def least(symbol: str, quote: str) -> int:
        return options.threshold(Instrument("binance", symbol, "X", quote))

    assert least("BTCUSDT", "USDT") == 100_000 * NOTIONAL_SCALE + NOTIONAL_SCALE // 2
    assert least("SOLBTC", "BTC") == 2 * NOTIONAL_SCALE
    assert least("ETHBTC", "BTC") == NOTIONAL_SCALE // 10**8


def test_pressure_is_judged_by_exact_shares() -> None:
    over = {"analytics.flow.pressure_balanced": "0.1", "analytics.flow.pressure_strong": "0.3"}
    rules = http_options(load(environ={}, overrides=over), {}).rules
    assert (rules.balanced, rules.strong) == (Fraction(1, 10), Fraction(3, 10))


def test_listeners_of_their_own_take_their_routes_with_them() -> None:
    plain = http_options(load(environ={}), {})
    assert (plain.metrics_here, plain.pages_here) == (True, True)
    over = {"server.metrics_listen": "127.0.0.1:1", "server.pages_listen": "127.0.0.1:2"}
    apart = http_options(load(environ={}, overrides=over), {})
    assert (apart.metrics_here, apart.pages_here) == (False, False)


def test_the_streams_bounds_are_in_seconds_and_bytes() -> None:
    over = {"delivery.tick_ms": 50, "delivery.mailbox_kb": 64, "delivery.mailbox_s": 3, "delivery.stream_age_s": 0}
    limits = hub_limits(load(environ={}, overrides=over))
    assert (limits.tick, limits.mailbox_bytes, limits.mailbox_age, limits.stall, limits.age) == (0.05, 65_536, 3, 6, 0)


def test_keys_come_with_their_plans_and_nothing_of_them_is_stated() -> None:
    settings = load(
        environ={},
        overrides={
            "auth.keys": [f"{LINE} name=desk plan=mine scopes=read"],
            "auth.plans": {"mine": {"per_second": 3, "per_month": 10, "streams": 1}},
        },
    )
    policy = auth_policy(settings)
    [key] = policy.keys
    assert (key.id, key.name, key.scopes) == ("et3taflw", "desk", frozenset({"read"}))
    assert key.plan is not None
    assert (key.plan.name, key.plan.per_second, key.plan.per_month, key.plan.streams) == ("mine", 3, 10, 1)
    stated = http_options(settings, {}).stated
    assert stated["auth"]["key_needed"] is True
    assert "et3taflw" not in repr(stated)
