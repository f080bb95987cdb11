"""The model: defaults, bounds, frozen."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from orderflow_stream.config.settings import Binance, Flow, Large, Server, Settings
from orderflow_stream.config.values import Window


def test_defaults() -> None:
    settings = Settings()
    assert (settings.server.host, settings.server.port, settings.server.metrics_listen) == ("127.0.0.1", 8080, None)
    assert settings.venues.binance.symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "DOGEUSDT")
    assert settings.analytics.flow.windows == (
        Window("1m", 60),
        Window("5m", 300),
        Window("15m", 900),
        Window("1h", 3600),
    )
    assert settings.analytics.flow.pressure_strong == Decimal("0.30")
    assert settings.analytics.large.min_notional == 100_000
    assert settings.tape.trades == 5000
    assert settings.delivery.heartbeat_s == 2.0
    assert settings.source_file is None


def test_nothing_can_be_changed() -> None:
    settings: Any = Settings()
    for table, name in ((settings, "server"), (settings.server, "port"), (settings.analytics.flow, "windows")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(table, name, None)
    with pytest.raises(TypeError):
        settings.analytics.large.by_quote["BTC"] = 1


def test_the_process_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER", '{"port": 1}')
    monkeypatch.setenv("ORDERFLOW_SERVER__PORT", "1")
    assert Settings().server.port == 8080


def test_fallbacks_only_while_both_urls_are_the_defaults() -> None:
    assert Binance().urls_are_default
    assert Binance.model_validate({"rest_url": "https://api.binance.com/"}).urls_are_default
    assert not Binance.model_validate({"rest_url": "http://127.0.0.1:1"}).urls_are_default
    assert not Binance.model_validate({"stream_url": "ws://127.0.0.1:1"}).urls_are_default


@pytest.mark.parametrize("name", ["host", "metrics_listen", "pages_listen"])
def test_a_reachable_address_must_be_meant(name: str) -> None:
    open_to_all = "0.0.0.0" if name == "host" else "0.0.0.0:9090"
    with pytest.raises(ValidationError, match=r"0\.0\.0\.0 can be reached"):
        Server.model_validate({name: open_to_all})
    assert Server.model_validate({name: open_to_all, "allow_unauthenticated": True}).allow_unauthenticated


def test_the_same_is_said_even_if_another_key_is_wrong() -> None:
    with pytest.raises(ValidationError) as caught:
        Server.model_validate({"host": "::", "port": -1, "nonsense": 1})
    assert caught.value.error_count() == 3


@pytest.mark.parametrize("pair", [("0", "0.3"), ("0.4", "0.3"), ("0.1", "1.01")])
def test_pressure_thresholds_are_ordered(pair: tuple[str, str]) -> None:
    with pytest.raises(ValidationError):
        Flow.model_validate(dict(zip(("pressure_balanced", "pressure_strong"), pair, strict=True)))
    assert Flow.model_validate({"pressure_balanced": "1", "pressure_strong": 1}).pressure_strong == 1


def test_tables_of_thresholds() -> None:
    large = Large.model_validate({"by_quote": {"btc": "0.5"}, "by_symbol": {"币安人生usdt": 7}})
    assert dict(large.by_quote) == {"BTC": Decimal("0.5")}
    assert dict(large.by_symbol) == {"币安人生USDT": Decimal(7)}
    assert large.model_dump()["by_quote"] == {"BTC": Decimal("0.5")}


def test_symbols_may_be_none_and_are_each_once() -> None:
    assert Binance.model_validate({"symbols": []}).symbols == ()
    assert Binance.model_validate({"symbols": ["btcusdt", "ETHUSDT", "BTCUSDT"]}).symbols == ("BTCUSDT", "ETHUSDT")


def test_windows_may_not_be_none() -> None:
    with pytest.raises(ValidationError):
        Flow.model_validate({"windows": []})
