"""Open files."""

import resource
import subprocess
import sys

import pytest

from orderflow_stream.app.descriptors import LEAST, connections


@pytest.mark.parametrize(
    "wanted,limit,got",
    [
        (12_000, 1_000_000_000, 12_000),
        (12_000, 20_000, 12_000),
        (12_000, 4_096, 4_096 - 256),
        (12_000, 1_024, 1_024 - 128),
        (12_000, 64, 64 - LEAST),
        (10, 64, 10),
        (12_000, 16, 1),  # hopeless, but somebody can still ask why
    ],
)
def test_a_part_is_kept_for_what_is_no_client(wanted: int, limit: int, got: int) -> None:
    assert connections(wanted, limit) == got


def in_a_process(soft: int, hard: int) -> tuple[int, int]:
    """What `raise_limit` says, and the soft limit afterwards."""
    code = (
        "import resource; from orderflow_stream.app.descriptors import raise_limit;"
        "print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    said, after = done.stdout.split()
    return int(said), int(after)


def test_the_soft_limit_is_lifted_to_the_hard_one() -> None:
    hard = min(4_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert in_a_process(100, hard) == (hard, hard)
    assert in_a_process(hard, hard) == (hard, hard)
