"""A new configuration: applied where it can be, named where it cannot, refused as a whole where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orderflow_stream.app.reload import Outcome, Reload, flat
from orderflow_stream.config import Settings, describe, load


class House:
    """A file that is changed, and a record of what was applied."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.file = folder / "config.toml"
        self.write(text)
        self.applied: list[tuple[str, Settings]] = []
        names = ("delivery.tick_ms", "delivery", "analytics.large", "venues.binance.symbols")
        self.reload = Reload(self.read(), self.read, {name: self._apply(name) for name in names})

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def read(self) -> Settings:
        return load(self.file, {})

    def _apply(self, name: str) -> Callable[[Settings], None]:
        return lambda settings: self.applied.append((name, settings))


def test_nothing_changed_applies_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, "[delivery]\ntick_ms = 50\n")
    assert house.reload() == Outcome()
    assert house.applied == []


def test_a_changed_key_goes_to_whoever_applies_it_and_only_there(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("[delivery]\ntick_ms = 50\n")
    assert house.reload() == Outcome(changed=("delivery.tick_ms",))
    [(name, settings)] = house.applied
    assert (name, settings.delivery.tick_ms) == ("delivery.tick_ms", 50)
    assert house.reload() == Outcome()  # it is in force now


def test_several_keys_of_one_table_are_applied_once(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("[delivery]\nmax_clients = 5\nheartbeat_s = 1\n[analytics.large.by_quote]\nBTC = 3\n")
    outcome = house.reload()
    assert outcome.changed == ("analytics.large.by_quote", "delivery.heartbeat_s", "delivery.max_clients")
    assert [name for name, _ in house.applied] == ["delivery", "analytics.large"]  # the order of `live`


def test_what_cannot_change_live_is_named_every_time_until_it_is_as_it_was(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("[server]\nport = 9999\n[venues.binance]\nsymbols = ['BTCUSDT']\n")
    assert house.reload() == Outcome(changed=("venues.binance.symbols",), restart=("server.port",))
    assert house.reload() == Outcome(restart=("server.port",))
    house.write("[venues.binance]\nsymbols = ['BTCUSDT']\n")
    assert house.reload() == Outcome()


def test_a_fault_anywhere_changes_nothing_and_all_faults_are_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("[delivery]\ntick_ms = 50\nticks = 1\n[server]\nport = 'x'\n")
    outcome = house.reload()
    assert (outcome.changed, outcome.restart) == ((), ())
    assert len(outcome.faults) == 2
    assert any("server.port" in fault for fault in outcome.faults)
    assert any("delivery.ticks" in fault for fault in outcome.faults)
    assert house.applied == []
    house.write("[delivery]\ntick_ms = 50\n")
    assert house.reload().changed == ("delivery.tick_ms",)


def test_a_file_that_has_gone_is_a_fault(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.file.unlink()
    [fault] = house.reload().faults
    assert "config.toml" in fault


def test_flat_names_every_documented_key() -> None:
    assert [name for name, _ in flat(Settings())] == [each.key for each in describe()]
