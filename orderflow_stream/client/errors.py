"""What can go wrong, as exceptions that say what to do about it."""

from __future__ import annotations

from typing import Any, Final


class OrderFlowError(Exception):
    """Any of them. `str(error)` is a sentence for a person."""


class Unreachable(OrderFlowError, ConnectionError):
    """No daemon answers there, or not in time. `url` is where it was looked for."""

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url: Final = url

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.url)


class BadAnswer(OrderFlowError):
    """Something answers that is no orderflow-stream daemon, or one that speaks otherwise than this client."""


class Failed(OrderFlowError):
    """The daemon says no.

    `code` is a word for a program (`bad_parameter`, `unknown_symbol`, `rate_limited` …), `param` names the parameter at
    fault (None: none), `message` is for a person, `status` the HTTP status. `retry_after` is in seconds, where waiting
    helps. `request_id` is in the daemon's log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status: Final = status
        self.code: Final = code
        self.message: Final = message
        self.param: Final = param
        self.retry_after: Final = retry_after
        self.request_id: Final = request_id

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.status, self.code, self.message, self.param, self.retry_after)


def _rebuild(
    kind: type[Failed], status: int, code: str, message: str, param: str | None, after: float | None
) -> Failed:
    return kind(status, code, message, param=param, retry_after=after)


class BadRequest(Failed):
    """400: a parameter is missing, wrong, unknown, or contradicts another; `param` names it."""


class Unauthorized(Failed):
    """401: this daemon wants a key, or another one: `OrderFlow(url, key="ofd_…")`."""


class Forbidden(Failed):
    """403: the key lacks the scope, or the host is not one the daemon answers to."""


class NotFound(Failed):
    """404: no such symbol (`code` is `unknown_symbol`; the message names those near) or no such route."""


class RateLimited(Failed):
    """429: more requests than the plan has; `retry_after` says when there is room again."""


class UpstreamFailed(Failed):
    """502: the exchange did not answer, and this question needed it."""


class Unavailable(Failed):
    """503: too busy now; `retry_after` says when to ask again."""


class Lost(OrderFlowError):
    """A stream could not take up where it ended: what happened between is not in the daemon's log any more.

    `from_position` is the last position that was received (or asked for), `position` where the stream goes on;
    `epoch_changed`: it is another log altogether, as after a restart without a journal. Events between the two are
    lost to the *stream*; the daemon may still have the trades: see `OrderFlow.stream` for how to go on.
    """

    def __init__(self, from_position: str, position: str) -> None:
        self.from_position: Final = from_position
        self.position: Final = position
        self.epoch_changed: Final = from_position.partition("-")[0] != position.partition("-")[0]
        why = (
            "the daemon has begun another log (restarted without a journal)"
            if self.epoch_changed
            else "the daemon's log does not reach back that far, or the stream asks for more than before"
        )
        super().__init__(
            f"events after {from_position} are lost, the stream goes on from {position}: {why}; read what is missing "
            "with large(since_id=…) or trades(from_id=…), then go on iterating"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.from_position, self.position)


#: The exception of a status; any other failure is a plain `Failed`.
BY_STATUS: Final[dict[int, type[Failed]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
    502: UpstreamFailed,
    503: Unavailable,
}
