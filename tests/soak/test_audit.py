"""The audit is never taken for run where it was not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from soak import audit


def report(*vulnerable: str) -> str:
    rows: list[dict[str, object]] = [{"name": "good", "version": "1", "vulns": []}]
    rows += [{"name": name, "version": "1", "vulns": [{"id": "CVE-1"}]} for name in vulnerable]
    return json.dumps({"dependencies": rows})


def stub(canary: dict[str, tuple[int, str]], lock: tuple[int, str]) -> audit.Audit:
    """A pip-audit that answers about the canary by service, and about the lock file."""

    def run(arguments: Sequence[str]) -> tuple[int, str]:
        assert {"--strict", "--require-hashes", "--disable-pip"} <= set(arguments)
        service = arguments[arguments.index("--vulnerability-service") + 1]
        return canary[service] if arguments[-1].endswith("canary.txt") else lock

    return run


KNOWS = (1, report("aiohttp"))
#: What an index without advisories says: an error with --strict, and with older releases a clean report.
MUTE = (1, "")
BLIND = (0, report())


@pytest.mark.parametrize(
    "canary,lock,code,said",
    [
        ({"pypi": MUTE, "osv": MUTE}, BLIND, 3, "not run: no advisory service answers"),
        ({"pypi": BLIND, "osv": BLIND}, BLIND, 3, "not run"),
        ({"pypi": KNOWS, "osv": MUTE}, (0, report()), 0, "no known vulnerability (pypi)"),
        ({"pypi": MUTE, "osv": KNOWS}, (0, report()), 0, "no known vulnerability (osv)"),
        ({"pypi": KNOWS, "osv": MUTE}, (1, report("yarl")), 1, "yarl 1: CVE-1"),
        ({"pypi": KNOWS, "osv": MUTE}, (0, report("yarl")), 1, "yarl 1: CVE-1"),
        ({"pypi": KNOWS, "osv": MUTE}, (1, ""), 1, "without a report"),
    ],
)
def test_exit_codes(
    canary: dict[str, tuple[int, str]],
    lock: tuple[int, str],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit.main((), stub(canary, lock), tmp_path / "requirements.lock") == code
    assert said in capsys.readouterr().out
