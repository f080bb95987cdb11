"""What may go wrong when a venue is asked over REST. Each error says what to do about it.

`retry` is `never` (asking again gives the same), `now` (once more, at once) or `backoff` (later, less often);
`hint` is one line for a person; `retry_after` are whole seconds to wait, where somebody knows them.
"""

from __future__ import annotations

from typing import Literal

Retry = Literal["never", "now", "backoff"]


class UpstreamError(Exception):
    """The root: catch this to catch every REST failure."""

    retry: Retry = "backoff"

    def __init__(self, reason: str, *, hint: str = "", retry: Retry | None = None, retry_after: int | None = None):
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.retry_after = retry_after
        if retry is not None:
            self.retry = retry

    def line(self) -> str:
        """Reason and hint on one line."""
        return f"{self.reason} ({self.hint})" if self.hint else self.reason


class UpstreamFailed(UpstreamError):
    """No usable answer: unreachable, broken, garbage, or a refusal that is not about weight."""


class UpstreamBusy(UpstreamError):
    """The request weight is used up (or the venue said stop) for longer than the caller may wait."""

    retry_after: int

    def __init__(self, reason: str, *, retry_after: int, hint: str = ""):
        super().__init__(reason, hint=hint, retry="backoff", retry_after=max(1, retry_after))


class UnknownSymbol(UpstreamError):
    """The venue does not know the symbol."""

    retry: Retry = "never"


class Blocked(UpstreamFailed):
    """The venue refuses this address: a restricted country (451) or its firewall (403)."""
