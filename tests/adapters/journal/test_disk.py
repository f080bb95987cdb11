"""A disk that is full, and a process that is killed: real ones."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from orderflow_stream.adapters.journal.frame import decode
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from tests.adapters.journal.keeping import change
from tests.adapters.journal.making import market

FULL = """
import resource, signal, sys, threading
from pathlib import Path
from orderflow_stream.adapters.journal.jobs import FlushJob, FrameJob
from orderflow_stream.adapters.journal.sqlite import SqliteLog
from orderflow_stream.adapters.journal.writer import Writer
from tests.adapters.journal.making import market

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
directory, now = Path(sys.argv[1]), [0.0]
writer = Writer(SqliteLog.open(directory), lambda: SqliteLog.open(directory), clock=lambda: now[0])
writer.start()

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

def write(n):
    told, done = [], threading.Event()
    taken = writer.offer(FrameJob(market(n, 2_000), 2_000))
    writer.offer(FlushJob(lambda well: (told.append(well), done.set())))
    assert done.wait(20)
    return taken and told[0]

limit(300_000)
n = 0
while write(n):
    n += 1
print(n, writer.stats().state, [change.text for change in writer.poll()])
print(write(n), writer.poll())
limit(resource.RLIM_INFINITY)
print(write(n))
now[0] = 11.0
print(write(n + 1), writer.stats().state, [change.text for change in writer.poll()])
print(writer.close(20))
"""


def test_a_full_disk_stops_the_writing_and_room_begins_it_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    first, second, third, fourth, fifth = done.stdout.splitlines()
    written, state, told = first.split(" ", 2)
    assert int(written) > 3
    assert state == "failed"
    assert told.count(NAME) == 1
    assert "it is tried again every 10 s" in told
    assert second == "False []"
    assert third == "False"
    assert fourth.startswith("True ok ['it is written again; ")
    assert fifth == "True"
    log = SqliteLog.open(tmp_path)
    frames = [decode(body) for _, body in log.read()]
    log.close()
    assert log.findings == []
    assert [frame.lost for frame in frames] == [0] * int(written) + [3]
    for n, frame in enumerate(frames[:-1]):
        assert frame.ids == market(n, 2_000).ids


WRITE = """
import sys
from pathlib import Path
from orderflow_stream.adapters.journal.frame import encode
from orderflow_stream.adapters.journal.rows import Snapshot
from orderflow_stream.adapters.journal.sqlite import SqliteLog
from tests.adapters.journal.making import market

log = SqliteLog.open(Path(sys.argv[1]), max_mb=16)
assert not log.findings, log.findings
while True:
    n = log.last
    with log.batch():
        for more in range(1 + n % 3):
            log.append(encode(market(n + more, 30 + n % 200)), n + more + 1)
        log.put_meta("n", b"%d" % log.last)
        log.put_snapshot(Snapshot(f"k{n % 7}", log.last, n, b"%d" % n * 2_000))
    if n % 50 == 0:
        log.sync()
    if n % 20 == 0:
        log.trim(log.last - 300)
    print(log.last, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_sound_journal(tmp_path: Path) -> None:
    """Ten kills on one journal: it opens, nothing that was committed is gone, nothing is skipped, all can be read."""
    rng = random.Random(7)
    before = 0
    for kill in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = 0
        for _ in range(rng.randrange(1, 120)):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout.read().splitlines() if line)])
        writer.wait()
        writer.stdout.close()
        assert change(tmp_path / NAME, "PRAGMA quick_check") == [("ok",)]
        log = SqliteLog.open(tmp_path, max_mb=16)
        assert (log.findings, log.renewed) == ([], 0), kill
        assert log.last >= told > before
        assert log.metas()["n"] == b"%d" % log.last  # a commit is there as a whole
        seqs = []
        for seq, body in log.read():
            assert decode(body).ids
            seqs.append(seq)
        assert seqs == list(range(log.first, log.last + 1))
        assert all(one.seq <= log.last and one.body == b"%d" % one.ts * 2_000 for one in log.snapshots())
        before = log.last
        log.close()


def test_what_must_last_is_moved_out_of_reach_of_a_torn_log(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path)
    log.append(b"x" * 10)
    before = (tmp_path / NAME).read_bytes()
    log.put_meta("reserved", b"1000000")
    assert (tmp_path / NAME).read_bytes() == before
    log.sync()  # now it is in the file itself: neither a power cut nor damage to SQLite's log takes it back
    assert b"1000000" in (tmp_path / NAME).read_bytes()
    log.close()
