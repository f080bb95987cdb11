"""`key new`: a key for a client, and the line that the configuration keeps of it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from orderflow_stream.cli import NAME, OK, USAGE
from orderflow_stream.config.keylines import KeyLine, expiry, scopes
from orderflow_stream.config.keylines import name as name_of
from orderflow_stream.delivery.http import keys


def new(name: str, plan: str, scope: str, expires: str, *, as_json: bool = False) -> int:
    """Print the key and its line, one a line (or as JSON); what to do with them goes to standard error."""
    given = {"name": name, "plan": plan, "scopes": scope, "expires": expires}
    today = datetime.now(UTC).date()
    key = keys.make()
    option = ""
    try:
        for option in ("name", "plan"):
            if given[option]:
                name_of(given[option])
        option = "scopes"
        allowed = scopes(scope)
        option = "expires"
        last = expiry(expires, today) if expires else None
        if last is not None and last < today:
            raise ValueError("that is over already")
    except (ValueError, OverflowError) as error:
        print(f"{NAME}: --{option} {given[option][:40]!r}: {error}", file=sys.stderr)
        return USAGE
    line = KeyLine(
        id=keys.id_of(key) or "",
        sha256=keys.digest_of(key),
        stream=keys.anchor_of(key),
        name=name,
        plan=plan,
        scopes=allowed,
        expires=last,
    )
    if as_json:
        print(json.dumps({"id": line.id, "key": key, "line": str(line)}), flush=True)
        return OK
    print(key)
    print(line)
    sys.stdout.flush()
    print(
        "\nThe first line is the key: hand it over and keep no copy, it is stored nowhere and cannot be shown again.\n"
        "The second is what the daemon keeps of it; alone it opens nothing. Put it into the configuration:\n"
        '  [auth]\n  keys = ["<the second line>"]    # or as a line of the file that auth.keys_file names\n'
        "and reload (SIGHUP) or restart. Clients send the key as x-api-key or Authorization: Bearer.",
        file=sys.stderr,
    )
    return OK
