"""`serve`: the daemon in the foreground, with its signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import structlog
import uvloop

from orderflow_stream import logs
from orderflow_stream.app import Daemon, StartError
from orderflow_stream.cli import CUT_SHORT, FAILED, NAME, OK, USAGE, warmup
from orderflow_stream.cli.check_config import load_or_complain
from orderflow_stream.cli.notify import Notifier
from orderflow_stream.config import Settings, load

log = structlog.get_logger("orderflow_stream")


def run(config: Path | None, flags: dict[str, object]) -> int:
    """Serve until Ctrl-C or SIGTERM; a second one ends at once."""
    settings = load_or_complain(config, flags)
    if settings is None:
        return USAGE
    stream = warmup.LogStream()
    logs.configure(settings.log.level, settings.log.format, stream.text)
    if settings.source_file is not None:
        log.info("configuration read", file=str(settings.source_file))
    elif "venues" not in settings.model_fields_set:
        log.info(
            "nothing is configured: the default symbols are streamed",
            symbols=", ".join(settings.venues.binance.symbols),
            hint="choose others with --symbols, ORDERFLOW_VENUES__BINANCE__SYMBOLS or config.toml",
        )
    return run_until_signal(lambda: _as_is(settings, lambda: load(config, os.environ, flags)), stream)


@asynccontextmanager
async def _as_is(settings: Settings, reread: Callable[[], Settings]) -> AsyncIterator[Daemon]:
    yield Daemon(settings, reread=reread)


def run_until_signal(
    make: Callable[[], AbstractAsyncContextManager[Daemon]], stream: warmup.LogStream | None = None
) -> int:
    """Run what `make` makes; the exit code. `stream` is where the log goes, if a bar may stand there."""
    return uvloop.run(_run(make, stream))


def settle_memory() -> None:
    """What start-up made stays for good: the collector need not look at it again, each time for 50 ms and more. What
    comes later is nearly all without cycles (trades and columns are not even tracked), so it may look seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _run(make: Callable[[], AbstractAsyncContextManager[Daemon]], stream: warmup.LogStream | None) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    daemon: Daemon | None = None
    notifier = Notifier()
    asked = 0

    def on_signal() -> None:
        nonlocal asked
        asked += 1
        notifier.stopping()
        if daemon is not None and asked == 1:
            daemon.stop()
        else:
            task.cancel()

    def on_hangup() -> None:
        if daemon is not None:
            notifier.reloading()
            daemon.reload()
            notifier.ready()

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        async with make() as daemon:
            settle_memory()
            telling = asyncio.create_task(_tell(notifier, daemon), name="notify")
            showing = asyncio.create_task(warmup.show(daemon, stream), name="warm-up")
            try:
                await daemon.run()
            finally:
                telling.cancel()
                showing.cancel()
    except StartError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return FAILED
    except asyncio.CancelledError:
        if not asked:
            raise
        if daemon is None:
            return OK  # asked to end before there was anything to drain
        print("cut short", file=sys.stderr)
        return CUT_SHORT
    except Exception as failure:
        # The outermost edge: a broken invariant ends the process, and is said clearly.
        for leaf in _leaves(failure):
            log.error("the daemon failed", exc_info=leaf)
        return FAILED
    return OK


async def _tell(notifier: Notifier, daemon: Daemon) -> None:
    """Tell the service manager when clients can connect, and then that the loop turns."""
    await daemon.ready.wait()
    notifier.ready()
    await notifier.keep_alive()


def _leaves(error: BaseException) -> list[BaseException]:
    """The exceptions inside a group, and inside its groups."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for each in error.exceptions for leaf in _leaves(each)]
