"""The journal by itself: bytes and CPU a trade, commits, and reading it again. `python -m bench.journal`.

The frames are those of recorded or made-up tapes as one market would play them: `--tapes` names a folder of archives.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import random
import statistics
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orderflow_stream.adapters.journal import frame as codec
from orderflow_stream.adapters.journal.frame import FrameData, Rows, decode, decode_rows, encode, encode_rows
from orderflow_stream.adapters.journal.jobs import FrameJob
from orderflow_stream.adapters.journal.rows import Snapshot
from orderflow_stream.adapters.journal.sqlite import SqliteLog
from orderflow_stream.adapters.journal.writer import Writer
from orderflow_stream.core.events import Trade
from orderflow_stream.venues.binance_archive import read_archive
from orderflow_stream.venues.binance_rest import Row, to_trade

Print = tuple[int, int, int, int, int]  # id, price, signed qty, first, last


def tapes(folder: Path | None, most: int) -> list[list[Print]]:
    """The trades of some symbols."""
    found = sorted(folder.glob("*USD*-spot-*aggtrades-*.csv.gz")) if folder else []
    return [_recorded(path, most) for path in found] or [_made_up(seed, most) for seed in range(5)]


def _recorded(path: Path, most: int) -> list[Print]:
    out = []
    for row in itertools.islice(read_archive(path), most):
        trade = to_trade(
            "x", Row(a=row.id, p=row.price, q=row.qty, T=row.ts, m=row.buyer_is_maker, f=row.first, l=row.last), row.ts
        )
        assert isinstance(trade, Trade)
        out.append((trade.id, trade.price, trade.qty * trade.side, trade.first_id, trade.last_id))
    return out


def _made_up(seed: int, most: int) -> list[Print]:
    rng = random.Random(seed)
    price, fill, out = 60_000, 10**9, []
    for id_ in range(10**8, 10**8 + most):
        price += rng.choice((-1, 0, 0, 0, 1))
        legs = rng.choice((1, 1, 1, 1, 2, 5))
        out.append((id_, price * 10**6, rng.choice((1, -1)) * rng.randrange(1, 10**6) * 1000, fill, fill + legs - 1))
        fill += legs
    return out


def frames(
    source: list[list[Print]], symbols: int, rate: int, seconds: float, milliseconds: int = 200
) -> Iterator[FrameData]:
    """`rate` trades a second over all symbols, the first of them the busiest (Zipf)."""
    rng = random.Random(1)
    plays = [itertools.cycle(_turned(source[n % len(source)], n)) for n in range(symbols)]
    weights = list(itertools.accumulate(1 / n for n in range(1, symbols + 1)))
    now, seq = 1_760_000_000_000_000, 0
    each = rate * milliseconds // 1000
    for _ in range(int(seconds * 1000 / milliseconds)):
        chosen = rng.choices(range(symbols), cum_weights=weights, k=each)
        names = sorted(set(chosen))
        index = {one: n for n, one in enumerate(names)}
        frame = FrameData(now + milliseconds * 1000, seq + each, tuple(f"binance:SYM{n}USDT" for n in names), seq)
        for n, ts in zip(chosen, sorted(rng.randrange(milliseconds * 1000) for _ in range(each)), strict=True):
            id_, price, qty, first, last = next(plays[n])
            seq += 1
            frame.add(index[n], id_, price, qty, now + ts, first, last, seq)
        now += milliseconds * 1000
        yield frame


def _turned(tape: list[Print], n: int) -> list[Print]:
    """The same tape, begun elsewhere."""
    at = n * 37 % len(tape)
    return tape[at:] + tape[:at]


def codecs() -> dict[str, Callable[[bytes], bytes]]:
    """Ways to compress; zstandard only where it happens to be installed."""
    ways: dict[str, Callable[[bytes], bytes]] = {f"zlib-{n}": lambda data, n=n: zlib.compress(data, n) for n in (1, 6)}  # type: ignore[misc]
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        return ways
    return ways | {f"zstd-{n}": zstandard.ZstdCompressor(level=n).compress for n in (1, 3)}


def codec_table(console: Console, source: list[list[Print]]) -> None:
    table = Table(title="Frames of 200 ms: bytes and µs of CPU a trade")
    for column in ("trades/s", "symbols", "rows a frame", "codec", "B", "encode", "decode"):
        table.add_column(column, justify="right")
    for rate, symbols in ((300, 20), (5_000, 20), (5_000, 1_370)):
        made = list(frames(source, symbols, rate, 20))
        rows = sum(map(len, made))
        for name, compress in codecs().items():
            vars(codec)["zlib"] = _Zlib(compress)
            try:
                encoded, took = _timed(encode, made)
            finally:
                vars(codec)["zlib"] = zlib
            back = f"{_timed(decode, encoded)[1] / rows * 1e6:.2f}" if name.startswith("zlib") else ""
            table.add_row(
                str(rate), str(symbols), str(len(made[0])), name,
                f"{sum(map(len, encoded)) / rows:.1f}", f"{took / rows * 1e6:.2f}", back,
            )  # fmt: skip
    console.print(table)


class _Zlib:
    def __init__(self, compress: Callable[[bytes], bytes]) -> None:
        self._compress = compress
        self.crc32 = zlib.crc32

    def compress(self, data: bytes, level: int) -> bytes:
        return self._compress(data)


def _timed(call: Callable[[Any], Any], values: list[Any]) -> tuple[list[Any], float]:
    began = time.process_time()
    out = [call(value) for value in values]
    return out, time.process_time() - began


def snapshots(console: Console, source: list[list[Print]]) -> None:
    table = Table(title="A whole tape: bytes a row, ms")
    for column in ("rows", "B", "encode", "decode"):
        table.add_column(column, justify="right")
    for count in (5_000, 200_000):
        frame = FrameData(0, 0, ("x",))
        for n, (id_, price, qty, first, last) in enumerate(itertools.islice(itertools.cycle(source[0]), count)):
            frame.add(0, id_, price, qty, 1_760_000_000_000_000 + n * 3_000, first, last)
        rows = Rows(frame.ids, frame.price, frame.qty, frame.ts_event, frame.first, frame.last)
        (data,), took = _timed(encode_rows, [rows])
        back = _timed(decode_rows, [data])[1]
        table.add_row(f"{count:,}", f"{len(data) / count:.1f}", f"{took * 1e3:.1f}", f"{back * 1e3:.1f}")
    console.print(table)


def commits(console: Console, source: list[list[Print]], hours: float) -> None:
    table = Table(title="One commit a frame; then opened and read as after a kill")
    for column in (
        "trades/s",
        "synchronous",
        "p50 ms",
        "p99 ms",
        "worst ms",
        "B/trade on disk",
        "CPU µs/trade",
        "read s",
    ):
        table.add_column(column, justify="right")
    for rate, synchronous, seconds in ((300, "normal", hours * 3600), (300, "full", 120), (5_000, "normal", 120)):
        with tempfile.TemporaryDirectory() as folder:
            log = SqliteLog.open(Path(folder), synchronous=synchronous)  # type: ignore[arg-type]
            took, cpu, rows = [], 0.0, 0
            for frame in frames(source, 20, rate, seconds):
                began, busy = time.perf_counter(), time.process_time()
                log.append(encode(frame), frame.ts)
                took.append((time.perf_counter() - began) * 1e3)
                cpu += time.process_time() - busy
                rows += len(frame)
            log.put_snapshot(Snapshot("x", log.last, 0, b""))
            log.close()
            size = sum(one.stat().st_size for one in Path(folder).iterdir())
            began = time.perf_counter()
            log = SqliteLog.open(Path(folder))
            found = sum(len(decode(body)) for _, body in log.read())
            read = time.perf_counter() - began
            log.close()
            assert found == rows
            cuts = statistics.quantiles(took, n=100)
            table.add_row(
                str(rate), synchronous, f"{cuts[49]:.2f}", f"{cuts[98]:.2f}", f"{max(took):.1f}",
                f"{size / rows:.1f}", f"{cpu / rows * 1e6:.2f}", f"{read:.2f} ({rows:,} trades)",
            )  # fmt: skip
    console.print(table)


def stalls(console: Console, source: list[list[Print]], rate: int, seconds: float) -> None:
    """How late another thread is while the writer's is at work: frames, and a large snapshot every second."""
    made = list(frames(source, 20, rate, seconds))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for busy in (False, True):
            writer = Writer(SqliteLog.open(path), lambda: SqliteLog.open(path))
            late: list[float] = []
            stop = threading.Event()

            def tick(late: list[float] = late, stop: threading.Event = stop) -> None:
                while not stop.is_set():
                    began = time.perf_counter()
                    time.sleep(0.002)
                    late.append((time.perf_counter() - began - 0.002) * 1e3)

            ticker = threading.Thread(target=tick)
            ticker.start()
            if busy:
                writer.start()
            for frame in made:
                if busy:
                    assert writer.offer(FrameJob(frame, len(frame)))
                time.sleep(seconds / len(made))
            stop.set()
            ticker.join()
            writer.close(10)
            cuts = statistics.quantiles(late, n=1000)
            console.print(
                f"a thread that wakes every 2 ms is late by p50 {cuts[499]:.2f}, p99 {cuts[989]:.2f}, "
                f"p99.9 {cuts[998]:.2f} ms "
                + (f"while {rate} trades/s are written" if busy else "with nothing written")
            )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.journal", description=__doc__)
    parser.add_argument("--tapes", type=Path, help="a folder of archive files")
    parser.add_argument("--hours", type=float, default=1.0, help="length of the journal that is read again")
    args = parser.parse_args()
    console = Console(width=110)
    source = tapes(args.tapes, 40_000)
    codec_table(console, source)
    snapshots(console, source)
    commits(console, source, args.hours)
    stalls(console, source, 5_000, 10)


if __name__ == "__main__":
    main()
