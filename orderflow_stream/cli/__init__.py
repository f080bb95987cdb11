"""The command `orderflow-stream`: what can be asked of it, and its exit codes.

0 fine (a drained Ctrl-C or SIGTERM too), 1 failed, 2 wrong usage or configuration, 130 cut short. Data goes to
standard output, everything else to standard error. Each command imports what it needs when it runs, so that `--help`
and `--version` answer at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from orderflow_stream import __version__

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CUT_SHORT: Final = 130

NAME: Final = "orderflow-stream"

app = App(
    name=NAME,
    version=__version__,
    help="Real-time crypto order flow on your own machine: exact, accounted for, self-hosted.",
    help_epilogue="Settings: --config FILE, else $ORDERFLOW_CONFIG, else ./config.toml, else defaults; any key also "
    "as ORDERFLOW_TABLE__KEY in the environment.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


def _notional(_: object, tokens: Sequence[Any]) -> int:
    """A notional of the command line at 10^-16, by the rules of the API: a plain decimal above 0."""
    from orderflow_stream.core.units import parse_notional

    text = tokens[0].value
    try:
        value = parse_notional(text)
    except ValueError:
        value = 0
    if not value:
        raise ValueError(f"{text[:40]!r} is no plain decimal above 0 (write 100000, or 0.5; no sign, no exponent)")
    return value


def _price(_: object, tokens: Sequence[Any]) -> int:
    """A plain decimal above 0 at 10^-8, of the command line."""
    from orderflow_stream.core.units import parse_scaled

    text = tokens[0].value
    try:
        value = parse_scaled(text)
    except ValueError:
        value = 0
    if not value:
        raise ValueError(f"{text[:40]!r} is no plain decimal above 0 with at most 8 decimals (write 100, or 10)")
    return value


ConfigFile = Annotated[Path | None, Parameter(name=["--config", "-c"], help="Configuration file (TOML).")]
Host = Annotated[str | None, Parameter(help="Address to listen on (server.host).")]
Port = Annotated[int | None, Parameter(help="Port to listen on, 0 for any free one (server.port).")]
Symbols = Annotated[
    str | None, Parameter(help="Comma-separated symbols or patterns to stream (venues.binance.symbols).")
]
Level = Annotated[str | None, Parameter(help="debug, info, warning or error (log.level).")]


@app.command
def serve(
    *, config: ConfigFile = None, host: Host = None, port: Port = None, symbols: Symbols = None, log_level: Level = None
) -> int:
    """Run the daemon on the real exchange. No key needed. Ctrl-C drains, a second one cuts short."""
    gc.disable()  # nothing that is imported is garbage, and looking for some takes a tenth of the time
    from orderflow_stream.cli.serve import run

    gc.enable()

    return run(config, _flags(host, port, symbols, log_level))


@app.command
def demo(
    *,
    config: Annotated[
        Path | None, Parameter(name=["--config", "-c"], help="Configuration file (TOML); read only if named.")
    ] = None,
    host: Host = None,
    port: Port = None,
    log_level: Level = None,
    seed: Annotated[int, Parameter(help="Of the synthetic market.")] = 7,
    rate: Annotated[float, Parameter(help="Trades a second, all spot symbols together.")] = 60.0,
    json: Annotated[bool, Parameter(negative="", help="Say where it listens as one JSON object.")] = False,
) -> int:
    """Run the daemon over the built-in simulator: no network, no key, nothing left behind."""
    from orderflow_stream.cli.demo import run

    return run(config, _flags(host, port, None, log_level), seed=seed, rate=rate, as_json=json)


@app.command
def check_config(
    *,
    config: ConfigFile = None,
    json: Annotated[bool, Parameter(negative="", help="The same as one JSON object.")] = False,
) -> int:
    """Say whether the configuration is right, and if not, every fault with its key. Exit code 0 or 2."""
    from orderflow_stream.cli.check_config import run

    return run(config, as_json=json)


@app.command
def tail(
    symbols: Annotated[list[str], Parameter(help="One or more symbols, or patterns such as '*USDT'.")],
    /,
    *,
    venue: Annotated[str | None, Parameter(help="Their venue, such as binance-usdm. [default: binance]")] = None,
    url: Annotated[str, Parameter(help="Where the daemon listens.")] = "http://127.0.0.1:8080",
    key_file: Annotated[Path | None, Parameter(help="File with the key, where the daemon asks for one.")] = None,
    min_notional: Annotated[
        int | None, Parameter(converter=_notional, help="Only trades of at least this much quote.")
    ] = None,
    window: Annotated[str, Parameter(help="Delta over this window, beside the CVD since the start.")] = "1m",
    summary: Annotated[
        float | None,
        Parameter(help="Delta and CVD as lines among the trades, every so many seconds. [default: below the tape]"),
    ] = None,
    json: Annotated[bool, Parameter(negative="", help="One JSON object a line.")] = False,
) -> int:
    """Print the live tape from a running daemon, with delta and CVD. Ctrl-C ends it."""
    from orderflow_stream.cli.tail import run

    return run(symbols, url, min_notional, as_json=json, key_file=key_file, venue=venue, window=window, summary=summary)


@app.command
def top(
    symbols: Annotated[list[str] | None, Parameter(help="Symbols or patterns. [default: all]")] = None,
    /,
    *,
    window: Annotated[str | None, Parameter(help="One of the daemon's windows. [default: 5m]")] = None,
    sort: Annotated[
        str, Parameter(help="symbol, last, delta, buy, pressure, volume, trades, bought, sold or state.")
    ] = "delta",
    reverse: Annotated[bool, Parameter(negative="", help="From the other end.")] = False,
    venue: Annotated[str | None, Parameter(help="Their venue, such as binance-usdm. [default: binance]")] = None,
    url: Annotated[str, Parameter(help="Where the daemon listens.")] = "http://127.0.0.1:8080",
    key_file: Annotated[Path | None, Parameter(help="File with the key, where the daemon asks for one.")] = None,
    once: Annotated[bool, Parameter(negative="", help="A table, and no more; so without a terminal, too.")] = False,
    json: Annotated[bool, Parameter(negative="", help="The same once, as one JSON object.")] = False,
) -> int:
    """Watch every symbol of a running daemon on one screen: delta, share, pressure, CVD, state. q ends it."""
    from orderflow_stream.cli.top import run

    return run(
        symbols or [],
        url,
        window=window,
        sort=sort,
        reverse=reverse,
        venue=venue,
        key_file=key_file,
        once=once,
        as_json=json,
    )


@app.command
def replay(
    files: Annotated[
        list[Path], Parameter(help="Archive files (CSV or JSON; plain, .gz or .zip), or the directory of a journal.")
    ],
    /,
    *,
    symbol: Annotated[str | None, Parameter(help="Their symbol; otherwise the file name up to the first '-'.")] = None,
    quote: Annotated[str | None, Parameter(help="Its quote asset; otherwise the ending of the symbol.")] = None,
    venue: Annotated[
        str | None, Parameter(help="Its venue, such as binance-usdm. [default: binance; of a journal, any]")
    ] = None,
    contract_size: Annotated[
        int | None,
        Parameter(
            converter=_price, help="What a contract is worth in the quote asset, where quantities count contracts."
        ),
    ] = None,
    trades: Annotated[int, Parameter(help="The flow of the last N trades, 100-5000.")] = 1000,
    min_notional: Annotated[
        int | None, Parameter(converter=_notional, help="Large prints from this much quote. [default: 100000]")
    ] = None,
    json: Annotated[bool, Parameter(negative="", help="Print {flow, large} exactly as the API answers.")] = False,
) -> int:
    """Play archive files or a journal through the engine, print flow and large prints; the tape is the clock."""
    from orderflow_stream.cli.replay import run

    return run(files, symbol, quote, trades, min_notional, as_json=json, venue=venue, contract_size=contract_size)


@app.command
def mcp(
    *,
    url: Annotated[str, Parameter(help="Where the daemon listens.")] = "http://127.0.0.1:8080",
    key_file: Annotated[Path | None, Parameter(help="File with the key, where the daemon asks for one.")] = None,
    transport: Annotated[
        Literal["stdio", "http"], Parameter(help="stdio: for the program that starts this; http: streamable HTTP.")
    ] = "stdio",
    host: Annotated[str, Parameter(help="Address to listen on, with http.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on, with http; 0 for any free one.")] = 8081,
    allow_unauthenticated: Annotated[
        bool, Parameter(negative="", help="With http: also where other machines can reach it. It asks for no key.")
    ] = False,
) -> int:
    """Serve a running daemon's answers as Model Context Protocol tools. Needs the extra orderflow-stream[mcp]."""
    from orderflow_stream.cli.mcp import run

    return run(url, transport, host, port, key_file=key_file, allow_unauthenticated=allow_unauthenticated)


@app.command
def openapi(
    *, text: Annotated[bool, Parameter(negative="", help="As plain text in Markdown, as /llms.txt has it.")] = False
) -> int:
    """Print the API's OpenAPI 3.1 document: for generators of clients, without a daemon."""
    from orderflow_stream.cli.openapi import run

    return run(as_text=text)


_key = App(name="key", help="Keys for clients, which the configuration then asks for.")
app.command(_key)


@_key.command(name="new")
def key_new(
    *,
    name: Annotated[str, Parameter(help="Whose it is; two keys of one name share one plan's limits.")] = "",
    plan: Annotated[str, Parameter(help="Its limits: free, starter, pro, business, or one of auth.plans.")] = "",
    scopes: Annotated[str, Parameter(help="What it may: read, stream, metrics, admin, joined with +.")] = "read+stream",
    expires: Annotated[str, Parameter(help="Its last day (2027-12-31, UTC) or how many (90d); none: it stays.")] = "",
    json: Annotated[bool, Parameter(negative="", help="Both as one JSON object.")] = False,
) -> int:
    """Make a key: print it, once, and the line of it that belongs in auth.keys or auth.keys_file."""
    from orderflow_stream.cli.key import new

    return new(name, plan, scopes, expires, as_json=json)


@app.command
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell it is for.")], /) -> int:
    """Print what makes a shell complete commands and options: source it. `--install-completion` puts it in place."""
    print(app.generate_completion(shell=shell))
    return OK


app.register_install_completion_command(help="Put the completion of commands in place, for the shell you use.")


def _flags(host: str | None, port: int | None, symbols: str | None, log_level: str | None) -> dict[str, object]:
    """The flags that were given, by the key they override."""
    given: dict[str, object] = {
        "server.host": host,
        "server.port": port,
        "venues.binance.symbols": symbols,
        "log.level": log_level,
    }
    return {key: value for key, value in given.items() if value is not None}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if not arguments:
        print("orderflow-stream: no command; `--help` lists them, `demo` shows what this is", file=sys.stderr)
        return USAGE
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()  # here, where a reader that has gone is still ours to deal with
    except CycloptsError as error:
        print(f"{NAME}: {_usage(error)}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("cut short", file=sys.stderr)
        return CUT_SHORT
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): nothing is wrong, and nothing more can be said. The interpreter
        # flushes once more at its end; that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # the same, as rich has it while it prints the help
            return OK
        raise
    return result if isinstance(result, int) else OK


def _usage(error: CycloptsError) -> str:
    """What was wrong with the command line, on one line, and where to look."""
    if isinstance(error, UnusedCliTokensError):
        message = f"unexpected argument: {' '.join(error.unused_tokens or ())}"
    else:
        message = " ".join(str(error).split())
    command = " ".join([NAME, *(error.command_chain or ())])
    return f"{message} (see {command} --help)"
