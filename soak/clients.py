"""Clients that hurt, in numbers: readers among others that never read, slow requests, floods, herds, a goodbye to all.

    python -m soak.clients                         all of it, two to three minutes
    python -m soak.clients readers --mute 500      one part

Each part prints a line; with --json one object at the end. The exit code is 1 where a bound was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvloop

from orderflow_stream.simulator import DEFAULT_LISTINGS, SyntheticMarket, SyntheticPlayer
from tests.clients.apart import apart, begun
from tests.clients.crowd import Asker, cpu, files, listen, more_files, mute, percentile, rss, until
from tests.faults.house import House, house

LISTINGS: Final = DEFAULT_LISTINGS[:3]
SYMBOL: Final = LISTINGS[0].symbol
FLOW: Final = f"/v1/flow?symbol={SYMBOL}&trades=1000"
LOGS: Final = f"/v1/stream?symbols={SYMBOL}&topics=trade,large"
HEAVY: Final = "/v1/stream?symbols=*&topics=flow,watch,trade,large"
KEYS: Final[dict[str, Any]] = {"delivery__max_clients_per_ip": 20_000}

Figures = dict[str, Any]


def _market(rate: float) -> SyntheticPlayer:
    return SyntheticPlayer(SyntheticMarket(21, LISTINGS, rate=rate), 600)


async def readers(given: argparse.Namespace, folder: Path) -> tuple[Figures, list[str]]:
    """So many streams that are read and so many that never are: what the former miss, what the latter cost."""
    async with house(folder, _market(8.0), **KEYS) as home:
        pid = home.daemon.process.pid
        alone = rss(pid)
        async with begun("follow", home.url, "--count", str(given.readers), "--path", LOGS) as crowd:
            # Compared is like with like: the same streams, first read by somebody, then by nobody.
            async with begun("follow", home.url, "--count", str(given.mute), "--path", HEAVY) as heavy:
                await asyncio.sleep(2)
                await crowd.mark()
                await asyncio.sleep(given.seconds)
                calm = await crowd.mark()
                await heavy.result()
            with_readers = rss(pid)
            began = time.monotonic()
            silent = await mute(home.url, HEAVY, given.mute)
            most = with_readers
            held = 0.0
            # Ended as slow by the hub, or before that by the system, since nothing was acknowledged for 20 s.
            # Those who read it have left by themselves, and are not among them.
            while (gone := await _given_up(home)) < given.mute:
                most = max(most, rss(pid))
                held = max(held, await home.metric("orderflow_sse_buffer_bytes"))
                if time.monotonic() - began > 120:
                    break
                await asyncio.sleep(3.0)  # a scrape of 2,000 streams is work too, and not what is measured
            ended = time.monotonic() - began
            slow = await home.metric("orderflow_sse_aborted_total", reason="slow")
            given_up = gone - slow
            stalled = await crowd.mark()
            for sock in silent:
                sock.close()
            newest = (await home.flow(SYMBOL))["coverage"]["last_id"]
            await asyncio.sleep(2)
            result = await crowd.result()
        figures = {
            "readers": given.readers,
            "mute": given.mute,
            "mute_ended": int(gone),
            "as_slow": int(slow),
            "as_timeout": int(given_up),
            "ended_after_s": round(ended, 1),
            "trades_each": result["trades_each"],
            "missed": result["missed"] + result["went_back"] + result["silent"] + result["ended"],
            "rss_alone_mib": round(alone),
            "rss_readers_mib": round(with_readers),
            "rss_worst_mib": round(most),
            "held_for_one_kib": round(held / 1024 / given.mute),
            "delay_p99_ms": calm["delay_p99_ms"],
            "delay_p99_stalled_ms": stalled["delay_p99_ms"],
            "delay_p50_ms": calm["delay_p50_ms"],
            "delay_p50_stalled_ms": stalled["delay_p50_ms"],
        }
        faults = []
        if figures["missed"]:
            faults.append("readers missed something")
        if result["newest"] < newest:
            faults.append("readers are behind")
        if slow + given_up < given.mute:
            faults.append(f"not every client that never reads was ended: {await _ends(home)}")
        if figures["held_for_one_kib"] > 320:  # what the transport holds, and a mailbox
            faults.append("more is held for a client than its bounds")
        return figures, faults


async def _given_up(home: House) -> float:
    """How many streams the hub ended as slow, or the system as dead."""
    ended = [await home.metric("orderflow_sse_aborted_total", reason=reason) for reason in ("slow", "timeout")]
    return sum(ended)


async def _ends(home: House) -> list[str]:
    """What the daemon says of its streams."""
    _, body = await home.raw("/metrics")
    return [line for line in body.decode().splitlines() if line.startswith(("orderflow_sse_", "orderflow_http_conn"))]


async def attack(given: argparse.Namespace, folder: Path) -> tuple[Figures, list[str]]:
    """Slow requests and nonsense, against one bot that asks as always; the same bot without them in the same run."""
    async with house(folder, _market(60.0), **KEYS) as home:
        pid = home.daemon.process.pid
        asker = Asker(home.url, FLOW)
        await asker.run(1.0)
        calm = await asker.run(given.seconds)
        before = files(pid)
        seconds = given.seconds + 10
        # First the slow ones alone, which cost only their place; then with a flood, which takes its part of a core.
        async with begun("attack", home.url, "--slow", str(given.slow), "--flood", "0", "--seconds", "1") as crowd:
            slow = await asker.run(given.seconds)
            cut = await crowd.result()
        flooding = ("--slow", str(given.slow), "--flood", str(given.flood), "--seconds", str(seconds))
        async with begun("attack", home.url, *flooding) as crowd:
            used = cpu(pid)
            flooded = await asker.run(given.seconds)
            used = (cpu(pid) - used) / given.seconds
            cut_too = await crowd.result()
        await _files(home, before)
        figures = {
            "slow": given.slow,
            "flood": given.flood,
            "cut": cut["cut"] + cut_too["cut"],
            "longest_s": max(cut["longest"], cut_too["longest"]),
            "nonsense_per_s": round(cut_too["nonsense"] / seconds),
            "cpu_flooded": round(used, 2),
            "flow_p50_ms": round(1000 * percentile(calm, 0.5), 2),
            "flow_p99_ms": round(1000 * percentile(calm, 0.99), 2),
            "flow_p99_slow_ms": round(1000 * percentile(slow, 0.99), 2),
            "flow_p50_flooded_ms": round(1000 * percentile(flooded, 0.5), 2),
            "flow_p99_flooded_ms": round(1000 * percentile(flooded, 0.99), 2),
            "bad_answers": len(asker.bad),
        }
        figures |= await _slowhttptest(home)
        faults = []
        if figures["cut"] < 2 * given.slow or figures["longest_s"] > 12:
            faults.append("slow requests were not all cut in time")
        if asker.bad:
            faults.append(f"the bot was answered {asker.bad[:3]}")
        if figures["flow_p99_flooded_ms"] > 500:
            faults.append("the bot waits for the attackers")
        return figures, faults


async def _files(home: House, most: int) -> None:
    await until(lambda: files(home.daemon.process.pid) <= most + 2, 30)


async def _slowhttptest(home: House) -> Figures:
    """The four attacks of slowhttptest, where it is installed: whether the daemon was available throughout."""
    program = shutil.which("slowhttptest")
    if program is None:
        return {"slowhttptest": "not installed (Debian, Ubuntu: apt-get install slowhttptest)"}
    out: Figures = {}
    for name, flags in {
        "headers": ("-H", "-i", "2"),
        "body": ("-B", "-i", "2"),
        "range": ("-R",),
        "read": ("-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32"),
    }.items():
        path = f"/v1/trades?symbol={SYMBOL}&limit=5000" if name == "read" else FLOW
        asker = Asker(home.url, FLOW)
        asking = asyncio.create_task(asker.run(12.0))
        process = await asyncio.create_subprocess_exec(
            *(program, *flags, "-c", "1000", "-r", "500", "-l", "14", "-p", "3", "-u", home.url + path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text, _ = await process.communicate()
        times = await asking
        out[f"slowhttptest_{name}_p99_ms"] = round(1000 * percentile(times, 0.99), 2)
        out[f"slowhttptest_{name}_bad"] = len(asker.bad) + (b"service available:   NO" in text)
    return out


async def returning(given: argparse.Namespace, folder: Path) -> tuple[Figures, list[str]]:
    """Everybody comes at the same instant."""
    async with house(folder, _market(60.0), **KEYS) as home:
        result = await apart("herd", home.url, "--count", str(given.streams), "--path", LOGS)
        figures = {name: result[name] for name in ("count", "hello", "first_event_p50", "first_event_p99")}
        faults = [] if result["hello"] == given.streams else ["not every client had its first event"]
        if result["first_event_p99"] > 2.0:
            faults.append("the first event takes too long")
        return figures, faults


async def goodbye(given: argparse.Namespace, folder: Path) -> tuple[Figures, list[str]]:
    """SIGTERM with so many streams, some of which never read."""
    async with house(folder, _market(60.0), **KEYS) as home:
        streams = await listen(home.url, LOGS, given.streams)
        silent = await mute(home.url, HEAVY, 20)
        began = time.monotonic()
        home.daemon.kill(signal.SIGTERM)
        code = await home.daemon.ended()
        took = time.monotonic() - began
        async with asyncio.timeout(20):
            await asyncio.gather(*[each.ended for each in streams])
        retries = [each.retry for each in streams if each.retry is not None]
        figures = {
            "streams": given.streams,
            "exit": code,
            "drain_s": round(took, 2),
            "goodbyes": sum(each.reason == "bye: shutdown" for each in streams),
            "spread_s": round((max(retries) - min(retries)) / 1000, 2),
            "missed": sum(each.missed() + each.went_back for each in streams),
        }
        for sock in silent:
            sock.close()
        good = code == 0 and took < 5 and figures["goodbyes"] == given.streams and figures["spread_s"] >= 4
        return figures, [] if good and not figures["missed"] else ["the goodbye is not as it should be"]


Part = Callable[[argparse.Namespace, Path], Awaitable[tuple[Figures, list[str]]]]
PARTS: Final[dict[str, Part]] = {"readers": readers, "attack": attack, "herd": returning, "goodbye": goodbye}


async def run(given: argparse.Namespace) -> tuple[Figures, list[str]]:
    """The parts that were asked for: figures by part, and the bounds that were broken."""
    figures: Figures = {}
    broken: list[str] = []
    for name in given.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            found, faults = await PARTS[name](given, Path(folder))
        figures[name] = found
        broken += [f"{name}: {fault}" for fault in faults]
        print(f"{name}: " + "  ".join(f"{key} {value}" for key, value in found.items()), flush=True)
        for fault in faults:
            print(f"{name}: BROKEN: {fault}", flush=True)
    return figures, broken


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m soak.clients", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which (all)")
    parser.add_argument("--readers", type=int, default=1_800)
    parser.add_argument("--mute", type=int, default=200)
    parser.add_argument("--slow", type=int, default=1_000)
    parser.add_argument("--flood", type=int, default=16)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    more_files()
    figures, broken = uvloop.run(run(given))
    if given.json:
        print(json.dumps(figures))
    return 1 if broken else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
