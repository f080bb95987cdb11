"""Where the daemon is that a command asks, and the words for what goes wrong on the way to it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: What to do where nobody answers.
REMEDY: Final = "start one: orderflow-stream serve"


class BadKey(Exception):
    """The file holds no key; the message says which file, and why."""


def read_key(file: Path | None) -> str:
    """The key in that file, empty where there is none. A key on the command line would be in the list of processes.

    Raises `BadKey`.
    """
    if file is None:
        return ""
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKey(f"cannot read --key-file {file}: {getattr(error, 'strerror', None) or 'it is no text'}") from error
    if not key.isascii() or not key.isprintable() or not key:
        raise BadKey(f"--key-file {file} does not hold one key")
    return key


def base_of(url: str) -> str:
    """The address as it is asked: with a scheme, without a slash at the end."""
    return (url if "://" in url else f"http://{url}").rstrip("/")


def nobody(url: str, why: str) -> str:
    """The daemon is not there."""
    return f"no daemon at {url} ({why}); {REMEDY}"
