"""[journal]: what is kept on the disk, so that a restart begins where the process before it ended."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainValidator

from orderflow_stream.config import values
from orderflow_stream.config.faults import wrong
from orderflow_stream.config.kinds import Table, Whole, key


def folder(value: object) -> Path | None:
    """A directory, `~` for that of the user; empty text is None."""
    # A Path has been through here before.
    raw = str(value) if isinstance(value, Path) else values.text(value)
    if not raw:
        return None
    try:
        return Path(raw).expanduser()
    except RuntimeError as error:
        raise wrong(f"{raw}: {error}", "write the directory out") from None


class Journal(Table):
    """[journal]"""

    directory: Annotated[Path | None, PlainValidator(folder)] = key(
        "",
        type="directory or empty",
        meaning="where tapes, large prints and the place in the event log outlive a restart; empty: they do not",
    )
    max_mb: Whole = key(
        1024,
        type="integer from 16",
        unit="MB",
        meaning="size of the journal on the disk; the oldest of it is forgotten first",
        ge=16,
        le=1_048_576,
    )
    keep_h: Whole = key(24, type="integer 1-8760", unit="h", meaning="age at which it is forgotten", ge=1, le=8760)
    frame_ms: Whole = key(
        200,
        type="integer 50-1000",
        unit="ms",
        meaning="trades of so long a time are written together; about what a kill of the process loses",
        ge=50,
        le=1000,
    )
    snapshot_s: Whole = key(
        300,
        type="integer 10-3600",
        unit="s",
        meaning="time in which every symbol's tape is written anew; what a restart must read beside it",
        ge=10,
        le=3600,
    )
    synchronous: Annotated[Literal["normal", "full"], BeforeValidator(values.word)] = key(
        "normal",
        type="normal or full",
        meaning="full waits for the disk at every write; normal may lose seconds in a power cut, refilled by id",
    )
