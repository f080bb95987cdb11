"""The lines of code in the client's README do what they say."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from tests.clients_ts.declarations import FOLDER
from tests.e2e.inside import LISTINGS, market, running
from tests.e2e.process import get
from tests.tools import needs


async def test_the_lines_of_the_readme_run(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```js\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "orderflow-stream-client").symlink_to(FOLDER)
    assert {"BTCUSDT", "ETHUSDT"} <= {listing.symbol for listing in LISTINGS}
    async with market() as exchange, running(exchange, tmp_path, analytics__large__min_notional=1000) as daemon:
        (tmp_path / "readme.mjs").write_text(snippet.replace("http://127.0.0.1:8080", daemon.url))
        node = await asyncio.create_subprocess_exec(
            *(needs("node"), "readme.mjs"), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        assert node.stdout is not None
        try:
            async with asyncio.timeout(40):
                delta, pressure, complete = (await node.stdout.readline()).decode().split()
                told = (await node.stdout.readline()).decode().split()
        finally:
            node.kill()
            await node.wait()
        query = f"symbol={told[0]}&group=order&min_notional=1000&limit=5000&numbers=string"
        code, body = await get(f"{daemon.url}/v1/large?{query}")
        assert code == 200
        known = {(row["side"], row["notional_usd"]) for row in json.loads(body)["data"]["largest"]}
    assert re.fullmatch(r"-?\d+(\.\d+)?", delta)
    assert pressure in {"strong_sell", "sell", "balanced", "buy", "strong_buy"}
    assert complete in {"true", "false"}
    assert (told[1], told[2]) in known
