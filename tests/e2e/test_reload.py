"""SIGHUP: the real process reads its configuration anew, says what came of it, and goes on serving."""

from __future__ import annotations

import signal
from pathlib import Path

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.process import get, started, status, url_of


async def test_sighup_reloads_and_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    one, two = (listing.symbol for listing in DEFAULT_LISTINGS[:2])
    file = tmp_path / "config.toml"
    market = SyntheticMarket(seed=8, listings=DEFAULT_LISTINGS[:2], rate=100.0)
    async with Simulator(SyntheticPlayer(market, 30.0)) as sim:

        def write(symbols: str, more: str = "") -> None:
            urls = f"stream_url = '{sim.stream_url}'\nrest_url = '{sim.rest_url}'"
            file.write_text(f"[server]\nport = 0\n[venues.binance]\nsymbols = {symbols}\n{urls}\n{more}")

        write(f"['{one}']")
        async with started("serve", cwd=tmp_path) as daemon:  # ./config.toml is found by itself
            url = url_of([await daemon.line("listening")])
            await status(f"{url}/readyz", 200, 20.0)
            write(f"['{one}', '{two}']", "[delivery]\nring_events = 500\n")
            daemon.kill(signal.SIGHUP)
            assert "venues.binance.symbols" in await daemon.line("configuration reloaded")
            assert "delivery.ring_events" in await daemon.line("need a restart")
            await daemon.line(f"(?s)the symbol list changed.*{two}")
            write("['BTC USDT']", "[delivery]\ntick = 1\n")
            seen = len(daemon.err)
            daemon.kill(signal.SIGHUP)
            assert "config.toml" in await daemon.line(r"nothing was changed.*venues\.binance\.symbols", after=seen)
            await daemon.line(r"nothing was changed.*delivery\.tick", after=seen)
            code, body = await get(f"{url}/v1/flow?symbol={one}")
            assert code == 200, body
            daemon.kill(signal.SIGTERM)
            assert await daemon.ended() == 0
