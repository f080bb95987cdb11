"""`key new`: the key once, and a line that the daemon takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orderflow_stream import cli
from orderflow_stream.app.options import auth_policy
from orderflow_stream.config import load
from orderflow_stream.delivery.http import keys


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str, str]:
    assert cli.main(["key", "new", *arguments]) == 0
    told = capsys.readouterr()
    key, line = told.out.splitlines()
    return key, line, told.err


def test_the_line_is_of_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    key, line, told = made(capsys)
    assert keys.id_of(key) is not None
    assert key[13:] not in line + told
    (kept,) = auth_policy(load(None, {"ORDERFLOW_AUTH__KEYS": line})).keys
    assert (kept.id, kept.digest, kept.anchor) == (keys.id_of(key), keys.digest_of(key), keys.anchor_of(key))
    assert (kept.plan, kept.name, kept.expires) == (None, "", None)
    assert kept.scopes == {"read", "stream"}
    assert "auth.keys_file" in told


def test_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    _, line, _ = made(capsys, "--name", "desk", "--plan", "pro", "--scopes", "read+admin", "--expires", "90d")
    (kept,) = auth_policy(load(None, {"ORDERFLOW_AUTH__KEYS": line})).keys
    assert kept.plan is not None
    assert (kept.name, kept.plan.per_second, kept.plan.burst, kept.plan.per_month) == ("desk", 18, 36, 68_000)
    assert kept.plan.streams == 16
    assert kept.scopes == {"read", "admin"}
    last = datetime.now(UTC).date() + timedelta(days=90)
    assert f"expires={last}" in line
    assert kept.expires == datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp() + 86_400


def test_no_two_are_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert len({made(capsys)[0] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("--scopes", "write"), "--scopes 'write': there are the scopes read, stream, metrics, admin"),
        (("--expires", "soon"), "--expires 'soon': write a date such as 2027-12-31 or a number of days"),
        (("--expires", "2001-01-01"), "that is over already"),
        (("--expires", "99999d"), None),
        (("--name", "a b"), "--name 'a b': letters"),
        (("--plan", "<x>"), "--plan '<x>'"),
    ],
)
def test_wrong_options(arguments: tuple[str, ...], words: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["key", "new", *arguments])
    told = capsys.readouterr()
    if words is None:  # far, but a day
        assert code == 0
        return
    assert (code, told.out, told.err.count("\n")) == (2, "", 1)
    assert words in told.err


def test_help_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["key", "--help"]) == 0
    assert " new " in capsys.readouterr().out
