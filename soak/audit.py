"""`python -m soak.audit`: known vulnerabilities among the locked dependencies, where an advisory service answers.

pip-audit finds nothing, and says so like a success, wherever its service has no data (a mirror of the package index,
for one). So a release that is known to be vulnerable is asked about first: unless that is found, nothing was audited.

Exit code 0: audited and clean; 1: a vulnerability, or the audit failed; 3: not run. Never 0 without an audit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.lock"
#: CVE-2024-23334 and others; any service that has advisories at all has these.
CANARY: Final = "aiohttp==3.9.1 --hash=sha256:" + "0" * 64 + "\n"
SERVICES: Final = ("pypi", "osv")
PATIENCE: Final = 300.0
CLEAN, FOUND, NOT_RUN = 0, 1, 3

#: Exit code and standard output of pip-audit with these arguments.
Audit = Callable[[Sequence[str]], tuple[int, str]]


def pip_audit(arguments: Sequence[str]) -> tuple[int, str]:
    """Run it as a process of its own."""
    command = [sys.executable, "-m", "pip_audit", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return 1, ""
    return done.returncode, done.stdout


def vulnerable(output: str) -> list[str]:
    """What a report in JSON finds: `name version: id, id`; empty too where it is no report."""
    try:
        report = json.loads(output)
    except ValueError:
        return []
    return [
        f"{each['name']} {each['version']}: {', '.join(found['id'] for found in each['vulns'])}"
        for each in report.get("dependencies", [])
        if each.get("vulns")
    ]


def service_that_answers(audit: Audit) -> str | None:
    """The first service that knows of the canary."""
    with TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text(CANARY)
        return next((name for name in SERVICES if vulnerable(audit(_arguments(name, canary))[1])), None)


def _arguments(service: str, file: Path) -> list[str]:
    asked = ["--strict", "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", "15"]
    return [*asked, "--format", "json", "--vulnerability-service", service, "--requirement", str(file)]


def main(argv: Sequence[str] = (), audit: Audit = pip_audit, lock: Path = LOCK) -> int:
    """Audit `requirements.lock`."""
    service = service_that_answers(audit)
    if service is None:
        print(f"dependency audit: not run: no advisory service answers here ({', '.join(SERVICES)} were asked)")
        return NOT_RUN
    code, output = audit(_arguments(service, lock))
    found = vulnerable(output)
    if found or code:
        print(f"dependency audit: FAILED ({service})", *(found or ["pip-audit ended without a report"]), sep="\n  ")
        return FOUND
    count = len(json.loads(output)["dependencies"])
    print(f"dependency audit: {count} locked releases, no known vulnerability ({service})")
    return CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
