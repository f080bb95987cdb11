"""Open files: as many as the system allows, and a part of them kept for what is not a client.

A daemon whose clients have taken every descriptor cannot connect to the venue any more, and cannot even say so. Hence
connections are refused while there still are some.
"""

from __future__ import annotations

import resource
from typing import Final

#: Kept for the venue's connections, REST, the journal, resolution of names and the process itself.
LEAST: Final = 40
MOST: Final = 256


def raise_limit() -> int:
    """Lift the soft limit of open files to the hard one, as far as that can be done; the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft  # macOS refuses "unlimited"
        soft = hard
    return 1_000_000_000 if soft == resource.RLIM_INFINITY else soft


def connections(wanted: int, limit: int) -> int:
    """How many of the `wanted` client connections there can be where `limit` files may be open."""
    kept = max(LEAST, min(MOST, limit // 8))
    return max(1, min(wanted, limit - kept))
