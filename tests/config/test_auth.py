"""[auth]: keys that go together, plans, and the doors that keys may open."""

from pathlib import Path
from typing import Any

import pytest

from orderflow_stream.config import ConfigError, Settings, load
from orderflow_stream.config.auth import PLANS
from orderflow_stream.delivery.http.keys import make

HASHES = f"sha256={'A' * 43} stream={'B' * 42}8"
LINE = f"ofd_abcdefgh {HASHES}"
SECOND = f"ofd_hgfedcba {HASHES}"


def written(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load(path, environ)


def faults(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        written(tmp_path, text, **environ)
    return [str(fault) for fault in raised.value.faults]


def test_nobody_needs_a_key_by_default() -> None:
    auth = Settings().auth
    assert (auth.lines, auth.plans, auth.usage_file) == ((), {}, "")
    assert (auth.per_ip_per_second, auth.per_ip_burst) == (50, 100)


def test_lines_of_the_list_and_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(SECOND)
    file.chmod(0o600)
    auth = written(tmp_path, f'[auth]\nkeys = ["{LINE} plan=pro name=desk"]\nkeys_file = "{file}"\n').auth
    assert [(line.id, line.plan) for line in auth.lines] == [("abcdefgh", "pro"), ("hgfedcba", "")]
    by_variable = load(None, {"ORDERFLOW_AUTH__KEYS": f"{LINE} scopes=read+admin, {SECOND}"}).auth
    assert [sorted(line.scopes) for line in by_variable.lines] == [["admin", "read"], ["read", "stream"]]


def test_plans_that_are_there_and_own_ones(tmp_path: Path) -> None:
    assert {name: (each.per_second, each.per_month) for name, each in PLANS.items()} == {
        "free": (2, 450),
        "starter": (6, 11_500),
        "pro": (18, 68_000),
        "business": (45, 360_000),
    }
    auth = written(
        tmp_path, "[auth.plans.Desk]\nper_second = 0.5\nstreams = 3\n[auth.plans]\npro = { per_month = 7 }\n"
    ).auth
    desk = auth.plan("desk")
    assert (desk.per_second, desk.at_once, desk.per_month, desk.streams) == (0.5, 1, 0, 3)
    assert (auth.plan("pro").per_month, auth.plan("pro").per_second) == (7, 0)
    assert (auth.plan("free").per_second, auth.plan("free").at_once) == (2, 4)
    by_variable = load(
        None, {"ORDERFLOW_AUTH__PLANS__DESK__PER_SECOND": "3", "ORDERFLOW_AUTH__PLANS__DESK__BURST": "9"}
    ).auth
    assert (by_variable.plan("desk").per_second, by_variable.plan("desk").at_once) == (3, 9)


@pytest.mark.parametrize(
    "text,words",
    [
        (f'keys = "{LINE}"', "auth.keys: expected a list"),
        (f'keys = ["{LINE}", "ofd_x"]', "auth.keys[1]: is not the line of a key"),
        (f'keys = ["{LINE}", "{LINE}"]', "auth.keys: ofd_abcdefgh is there twice"),
        (f'keys = ["{LINE} plan=gold"]', "auth.keys: ofd_abcdefgh has no such plan: gold; there are business, free"),
        (
            f'keys = ["{LINE} name=a", "{SECOND} name=a", "ofd_22222222 {HASHES} name=a"]',
            "auth.keys: 3 keys named a; two at most",
        ),
        (
            f'keys = ["{LINE} name=a plan=pro", "{SECOND} name=a"]',
            "auth.keys: the keys named a have different plans",
        ),
        ('keys_file = "/no/such/file"', "auth.keys_file: cannot read /no/such/file: No such file"),
        ("plans = { a = { per_second = -1 } }", "auth.plans.a.per_second: must be at least 0"),
        ("plans = { a = { per_minute = 1 } }", "auth.plans.a.per_minute: unknown key"),
        ("plans = { a = 7 }", "auth.plans.a: expected a table"),
        ('plans = { "a b" = {} }', "is not a name for a plan"),
        ("plans = { a = { burst = 1 }, A = { burst = 1 } }", "auth.plans: a is given twice"),
        ("per_ip_burst = 0", "auth.per_ip_burst: must be at least 1"),
        ("per_ip_per_second = -1", "auth.per_ip_per_second: must be at least 0"),
    ],
)
def test_faults(tmp_path: Path, text: str, words: str) -> None:
    found = faults(tmp_path, f"[auth]\n{text}\n")
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    "text", ['keys = "{key}"', 'keys = ["{key}"]', 'keys_file = "{key}"', "{key} = 1", 'plans = {{ a = "{key}" }}']
)
def test_no_fault_repeats_a_key(tmp_path: Path, text: str) -> None:
    key = make()
    for fault in faults(tmp_path, f"[auth]\n{text.format(key=key)}\n"):
        assert key[13:20] not in fault


@pytest.mark.parametrize("where", ['host = "0.0.0.0"', 'metrics_listen = "0.0.0.0:9100"'])
def test_keys_let_a_door_be_open(tmp_path: Path, where: str) -> None:
    (fault,) = faults(tmp_path, f"[server]\n{where}\n")
    assert "clients are not asked for a key; set auth.keys (`orderflow-stream key new`)" in fault
    settings: Any = written(tmp_path, f'[server]\n{where}\n[auth]\nkeys = ["{LINE}"]\n')
    assert settings.auth.lines
    assert not settings.server.allow_unauthenticated
    assert load(None, {"ORDERFLOW_SERVER__HOST": "0.0.0.0", "ORDERFLOW_AUTH__KEYS": LINE}).server.host == "0.0.0.0"
    # the door is no key's business any more once there is none
    assert len(faults(tmp_path, f"[server]\n{where}\n[auth]\nkeys = []\n")) == 1
    # and a file without a key does not open it either
    empty = tmp_path / "keys"
    empty.touch(0o600)
    assert "has no key" in faults(tmp_path, f'[server]\n{where}\n[auth]\nkeys_file = "{empty}"\n')[0]
