"""Everything that can go wrong and is tested: one row a fault, with what is done to it and what is then seen.

A row names its tests (`file::test`, paths from `tests/`); a row without tests says why there are none.
`test_catalogue.py` holds that every test named exists and that every test of the fault suites has its row. The README's
table is `markdown()`.

To add a fault: one `Fault(...)` in the list of its kind, and its test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Fault(NamedTuple):
    """`how`: what the test does. `sees`: what a user and an operator then see, in a sentence for the README. `why`: why
    there is no test, where there is none."""

    id: str
    name: str
    how: str
    sees: str
    tests: tuple[str, ...] = ()
    why: str = ""


_NET: Final = "faults/test_network.py::"
_FRAMES: Final = "faults/test_frames.py::"
_REST: Final = "faults/test_rest.py::"
_EXCHANGE: Final = "faults/test_exchange.py::"

UPSTREAM: Final = (
    Fault(
        "U1", "TCP reset of a connection", "the proxy resets it",
        "Dialled again at once, trades flow within half a second, what was missed is read from REST. With two "
        "connections nothing is missing at all.",
        (_NET + "test_reset", _NET + "test_one_of_two_is_reset"),
    ),
    Fault(
        "U2", "the exchange closes a connection (1000, 1001, 1006)", "the simulator closes or drops it",
        "The same; `orderflow_reconnects_total` counts it by reason.",
        (_NET + "test_close",),
    ),
    Fault(
        "U3", "half-open: the peer vanished without a word", "the proxy holds both ways",
        "Found within 3 s: `stale` until another connection brings trades, then repaired.",
        (_NET + "test_half_open",),
    ),
    Fault(
        "U4", "pings are answered, no data comes", "the simulator is silent, for a connection or for one symbol",
        "One of two that carried 50 trades/s is replaced within 1.5 s. Both: `stale` within 3 s; a single busy symbol: "
        "within 6 s; with REST as the witness, and others are opened. A symbol that does not trade is `quiet`, never "
        "`stale`.",
        (_NET + "test_pongs_but_no_data", _NET + "test_a_busy_symbol_falls_silent"),
    ),
    Fault(
        "U5", "the exchange's process hangs (SIGSTOP)", "the simulator, a process of its own, is stopped",
        "`/readyz` is 503 and states are `stale` within 3 s; everything is read again when it is back.",
        (_EXCHANGE + "test_the_exchange_is_stopped",),
    ),
    Fault(
        "U6", "bytes drip in one by one", "the proxy passes 20 bytes a second",
        "A handshake that takes longer than 10 s is given up, `feed cannot connect … did not answer in time`; data "
        "that drips is silence.",
        (_NET + "test_drip",),
    ),
    Fault(
        "U7", "delay and jitter on one of two connections", "the proxy delays one by 100 to 300 ms",
        "Nothing: trades are in the order of their ids, no gap is made of it.",
        (_NET + "test_delay_and_jitter",),
    ),
    Fault(
        "U8", "duplicates, whole bursts again", "the simulator repeats and replays",
        "Dropped, and counted in `orderflow_trades_duplicate_total`.",
        (_FRAMES + "test_duplicates",),
    ),
    Fault(
        "U9", "missing ids: 1, 10, 5,000", "the simulator skips them",
        "`complete: false` with the ranges at once, a `gap` event, read from REST in as few pages as hold them "
        "(a thousand within a second), `corrected`.",
        (_FRAMES + "test_missing_ids",),
    ),
    Fault(
        "U10", "REST lacks them too", "the simulator hides them from everyone",
        "`partial`: declared lost, listed in `/v1/gaps`, no answer over them is complete; asked again on a schedule, "
        "not in a loop.",
        (_FRAMES + "test_missing_from_rest_too",),
    ),
    Fault(
        "U11", "frames that break the websocket protocol", "bad UTF-8, reserved bits, masks, fragments, half a frame",
        "That connection is ended (1002, 1007) and replaced; nothing is missed.",
        (_FRAMES + "test_frames_that_break_the_protocol", _FRAMES + "test_a_frame_cut_in_two"),
    ),
    Fault(
        "U12", "a frame of 20 MB, a compression bomb", "the simulator sends it; the handshake is read",
        "Closed with 1009, memory does not follow. Compression is never offered.",
        (_FRAMES + "test_a_frame_that_is_too_large",),
    ),
    Fault(
        "U13", "frames that are no trades", "every kind of garbage, deep nesting, 4,300 digits, foreign events",
        "Dropped, counted by reason in `orderflow_frames_rejected_total`, sampled into the log; more than 60 a minute "
        "replace the connection, the new one first.",
        (_FRAMES + "test_frames_that_are_no_trades", _FRAMES + "test_more_bad_frames_than_can_be_borne"),
    ),
    Fault(
        "U14", "values that are no numbers", "NaN, Infinity, negative, 1e308, null, wrong types",
        "Not believed; REST is asked for that trade and has the truth.",
        (_FRAMES + "test_values_that_are_no_numbers",),
    ),
    Fault(
        "U15", "ids go back, jump by 10^9, begin anew", "replays, a jump, a symbol reset to 1",
        "Back: dropped as duplicates. A jump: one hole, looked for in a few calls, then `lost`. Anew, and REST agrees: "
        "`generation` goes up and no answer spans two.",
        (_FRAMES + "test_ids_that_go_back", _FRAMES + "test_an_id_far_ahead", _FRAMES + "test_ids_begin_anew"),
    ),
    Fault(
        "U16", "trade times an hour off", "times an hour back and an hour ahead",
        "Taken in the order of ids; windows still end about now.",
        (_FRAMES + "test_trades_out_of_their_time",),
    ),
    Fault(
        "U17", "`serverShutdown`, the 24 h limit", "the simulator announces and closes",
        "The next connection is there before the old one goes: no gap, no `unverified`.",
        (_FRAMES + "test_server_shutdown", "feed/test_session.py::*"),
    ),
    Fault(
        "U18", "REST says stop (429, 418)", "Retry-After 1, 2, 120, a date, nonsense, none",
        "Nothing is asked before that time, by anybody; `fresh=true` gets 503 with `Retry-After` at once; holes stay "
        "declared; the streams do not notice.",
        (_REST + "test_told_to_stop", _REST + "test_told_to_stop_for_long"),
    ),
    Fault(
        "U19", "REST fails or answers nonsense",
        "5xx, HTML, `[]`, cut short, reset, rows in disorder, overlapping pages",
        "Asked again, ever less often; nothing of it is taken for trades.",
        (_REST + "test_no_answer", _REST + "test_pages_in_disorder"),
    ),
    Fault(
        "U20", "95 % of the request weight is used by others", "the simulator's counter is set",
        "The rest is never overdrawn; live trades are untouched; users are told when to come back.",
        (_REST + "test_the_budget_is_nearly_used",),
    ),
    Fault(
        "U21", "a name does not resolve, or its first address is dead", "`stream.invalid`; `localhost` with no IPv6",
        "`feed cannot connect … cannot resolve`, with a hint; what is in memory is served. The next address is taken.",
        (_EXCHANGE + "test_a_name_that_does_not_resolve", _EXCHANGE + "test_a_name_with_several_addresses"),
    ),
    Fault(
        "U22", "TLS: expired, wrong name, self-signed, stalled", "a TLS proxy with such certificates",
        "Refused, with the reason in one line; never without TLS.",
        (_EXCHANGE + "test_certificates", _EXCHANGE + "test_a_tls_handshake_that_stalls"),
    ),
    Fault(
        "U23", "no upgrade: silence, 301, 400, 429, 451", "the proxy answers, or does not",
        "One line with the status and a remedy; silence is given up after 10 s; 429 is obeyed to the second.",
        (_NET + "test_handshake_never_answered", _NET + "test_handshake_told_to_wait", _NET + "test_handshake_refused"),
    ),
    Fault(
        "U24", "streams and REST both down for a while", "the proxies reset everyone",
        "`stale` at once, `/readyz` 503, no answer complete; memory as before; all of it is had in the end.",
        (_NET + "test_everything_down_for_a_while",),
    ),
    Fault(
        "U25", "fifty times the usual", "3,200 orders a second for some seconds",
        "Nothing is lost, no gap, and the lag is gone a second afterwards.",
        (_EXCHANGE + "test_a_burst",),
    ),
)  # fmt: skip

_CROWDS: Final = "clients/test_crowds.py::"
_ATTACKS: Final = "clients/test_attacks.py::"
_RESTART: Final = "e2e/test_restart.py::"
_PROCESS: Final = "faults/test_process.py::"
_TASKS: Final = "faults/test_process_tasks.py::"

#: The process and its machine: P1-P13.
PROCESS: Final[tuple[Fault, ...]] = (
    Fault(
        "P1", "SIGTERM with a thousand streams", "the signal, under load",
        "`/readyz` is 503 first, every stream gets `bye` and a time of its own to come back, exit 0 within 5 s.",
        (_CROWDS + "test_a_thousand_are_told_goodbye",
         _CROWDS + "test_who_does_not_read_does_not_hold_up_the_end_and_meanwhile_it_is_not_ready"),
    ),
    Fault(
        "P2", "a second SIGTERM or Ctrl-C", "the signal again", "It ends at once, exit 130.",
        (_CROWDS + "test_a_second_signal_ends_it_at_once",),
    ),
    Fault(
        "P3", "`kill -9`, again and again", "the signal at random moments under load, and a start over the journal",
        "Full windows, large prints and the streams' positions are back within seconds; only what was missed is "
        "asked of REST.",
        (_RESTART + "test_killed_three_times_under_load_it_is_whole_again",
         _RESTART + "test_a_clean_end_loses_nothing_and_counts_on"),
    ),
    Fault(
        "P4", "a damaged journal", "flipped bits, torn and cut files",
        "Set aside as `….damaged-<time>`, named in the log, read again by REST; never served.",
        (_RESTART + "test_damage_is_said_set_aside_and_made_good", "adapters/journal/test_aside.py::*"),
    ),
    Fault(
        "P5", "the disk is full, read-only, slow", "a small file system, a file limit, a locked file",
        "Said once, `orderflow_journal_ok` is 0, serving goes on; written again when there is room.",
        (_PROCESS + "test_a_full_disk", _PROCESS + "test_files_that_may_not_grow",
         _PROCESS + "test_a_disk_that_is_read_only", _PROCESS + "test_a_disk_that_does_not_answer"),
    ),
    Fault(
        "P6", "out of memory", "limits at the start and while it runs",
        "It ends with an error (exit 1 or a signal) and is started anew, or it has enough and does all its work.",
        (_PROCESS + "test_too_little_memory_to_start", _PROCESS + "test_memory_that_runs_out"),
    ),
    Fault(
        "P7", "out of file descriptors", "`ulimit -n 64` and more clients than that",
        "New clients are refused; the feed keeps its sockets.",
        (_ATTACKS + "test_with_few_open_files_clients_are_refused_and_the_feed_goes_on",),
    ),
    Fault(
        "P8", "the daemon stands still", "SIGSTOP for 0.1 to 4.5 s, again and again; the watchdog",
        "Its own stall is not laid at the exchange's door: nothing `stale`, nothing missed. Half a minute: systemd "
        "starts it anew.",
        (_PROCESS + "test_it_stands_still_for_a_while",
         "deploy/test_unit.py::test_the_manager_is_told_and_the_watchdog_fed"),
    ),
    Fault(
        "P9", "the machine's clock jumps", "an hour forwards, then two back, by libfaketime",
        "No time-out fires and no window moves; within seconds `clock_offset_ms` and `orderflow_clock_offset_seconds` "
        "say by how much it is off.",
        ("faults/test_process_clock.py::test_the_wall_clock_is_stepped_by_hours",),
    ),
    Fault(
        "P10", "a wrong configuration", "unknown keys, bad values, a key file that others can read",
        "Refused with exit code 2, every fault on a line with its key.",
        (_PROCESS + "test_a_wrong_configuration",
         "e2e/test_keys.py::test_a_file_of_keys_that_others_can_read_is_refused_in_one_line"),
    ),
    Fault(
        "P11", "a journal of an older or newer version", "files of both",
        "Migrated; a newer one is refused and left alone.",
        ("adapters/journal/test_sqlite.py::test_an_older_format_is_migrated",
         "adapters/journal/test_sqlite.py::test_a_newer_format_is_refused_and_left_alone"),
    ),
    Fault(
        "P12", "a task inside dies", "each is cancelled, each is made to raise",
        "It is started again, or the process says why and ends with exit code 1: never a zombie.",
        tuple(_TASKS + f"test_{name}" for name in (
            "every_task_is_either_replaced_or_the_daemon_ends", "a_repair_that_is_cancelled_is_made_again",
            "the_process_says_why_and_ends_with_1", "a_task_that_raises_ends_it_too")),
    ),
    Fault(
        "P13", "several machines: node loss, partition, two owners", "", "",
        why="one process serves; there is nothing distributed yet",
    ),
)  # fmt: skip

#: Who asks: C1-C12.
CLIENTS: Final[tuple[Fault, ...]] = (
    Fault(
        "C1", "stream clients that do not read", "raw sockets among hundreds that do",
        "They are ended (`slow`, `orderflow_sse_aborted_total`); the others miss nothing.",
        ("clients/test_slow_readers.py::*",),
    ),
    Fault(
        "C2", "a thousand come back at the same instant", "they do",
        "Everyone has a first event within a second; the feed does not notice.",
        (_CROWDS + "test_a_thousand_come_back_at_the_same_instant",),
    ),
    Fault(
        "C3", "slow headers, slow bodies, slow readers", "hundreds of raw sockets, and a flood",
        "Closed within 10 s; `/v1/flow` answers others as before.",
        (_ATTACKS + "test_a_bot_is_answered_while_hundreds_dawdle_and_others_shout",
         "delivery/http/test_server.py::test_headers_must_come_in_time",
         "delivery/http/test_server.py::test_who_does_not_read_his_answer_is_cut"),
    ),
    Fault(
        "C4", "malformed requests", "headers, lines, bytes and methods of every wrong kind",
        "400, 405 or 431 in one short line of the log, however many.",
        ("delivery/http/test_server.py::test_malformed_requests",
         "delivery/http/test_server.py::test_a_flood_of_nonsense_is_one_line"),
    ),
    Fault(
        "C5", "absurd queries", "10,000 parameters, bad escapes, every boundary of the OpenAPI document",
        "A 4xx that names the parameter, never a 5xx.",
        ("fuzz/test_requests.py::*", "fuzz/test_openapi.py::*"),
    ),
    Fault(
        "C6", "clients that leave at any moment", "resets, half requests, a hundred pipelined ones",
        "No traceback, nothing leaks.",
        (_ATTACKS + "test_leaving_at_any_moment_leaks_nothing",),
    ),
    Fault(
        "C7", "a `Last-Event-ID` of any kind", "unknown, future, foreign, 10 KB, no text at all",
        "400, or `recovered: false` and a snapshot: never a silent jump.",
        ("fuzz/test_resume_id.py::*",),
    ),
    Fault(
        "C8", "bad websocket clients", "", "", why="there is no websocket server: the API is REST and SSE",
    ),
    Fault(
        "C9", "foreign pages, rebinding, `Origin: null`", "the whole matrix of hosts, origins and methods",
        "403; preflights as listed.",
        ("delivery/http/test_guard.py::*",),
    ),
    Fault(
        "C10", "thousands of idle streams", "500 and 1,000 here, 2,000 in `make soak`",
        "Under 40 KiB each; old streams come back by themselves and miss nothing.",
        ("faults/test_clients_idle.py::test_idle_streams",
         _CROWDS + "test_old_streams_come_back_by_themselves_and_miss_nothing",),
    ),
    Fault(
        "C11", "tried keys, wrong schemes, keys in a URL", "they are",
        "401 or 400 with a hint, then 429 for who goes on trying; no key is ever logged.",
        tuple(f"delivery/http/test_auth.py::test_{name}" for name in (
            "what_is_no_key_of_ours", "who_tries_keys_is_made_to_wait_and_who_has_one_is_not",
            "a_key_is_said_nowhere")),
    ),
    Fault(
        "C12", "hostile names, line ends, escape codes", "in paths, symbols and headers",
        "Text in answers, one line in the log.",
        ("delivery/http/test_auth.py::test_hostile_names_are_text_and_one_line", "test_logs.py::*"),
    ),
)  # fmt: skip

RANDOM: Final = (
    Fault(
        "R1", "everything at random, for a stated seed", "an hour of market in a minute, any of the above at any time, "
        "an observer that polls and follows throughout",
        "The tape equals the source, id by id; no answer was wrong over the ids it claims; every `large` once.",
        ("faults/test_random.py::test_fixed_seeds", "faults/test_random.py::test_a_fresh_seed"),
    ),
)  # fmt: skip

_USDM: Final = "faults/test_usdm.py::"
_SILENCE: Final = "faults/test_usdm_silence.py::"

#: What the futures have beside: all of the above that is not spot's own is made on USD-M too (`test_usdm.py`).
FUTURES: Final = (
    Fault(
        "F1", "everything above that is not spot's own, on USD-M", "the same tests, over a futures exchange",
        "The same. A question to REST is dear there: a single busy symbol that falls silent is said to be within 6 s, "
        "or within 40 s where others were in doubt shortly before.",
        tuple(_USDM + f"test_{name}" for name in (
            "every_fault_of_the_way_to_the_exchange_is_run_here_or_left_out_with_a_reason",
            "a_busy_symbol_falls_silent_where_questions_are_dear", "the_futures_exchange_is_stopped",
            "nobody_to_trust_or_to_find")),
    ),
    Fault(
        "F2", "all of USD-M is away for half a minute", "300 symbols, 120 calls a minute counted for real",
        "Symbols with an open stream are whole first, then by volume; the log and `/readyz` (`repair`) say how long it "
        "takes; REST never has to say stop.",
        ("faults/test_usdm_outage.py::test_three_hundred_symbols_heal_in_the_order_of_importance",),
    ),
    Fault(
        "F3", "subscriptions are acknowledged and nothing comes", "the simulator is silent on the path of trades",
        "One line for all symbols within half a minute, with what to do about it; `stale`, `/readyz` 503; whole again "
        "by itself when the path speaks.",
        (_SILENCE + "test_a_path_that_acknowledges_and_stays_silent",),
    ),
    Fault(
        "F4", "the ids of a contract begin anew", "the simulator counts from 1 again, REST agrees",
        "`generation` goes up, no answer spans two, other contracts do not notice.",
        (_SILENCE + "test_ids_that_begin_anew_open_a_generation",),
    ),
    Fault(
        "F5", "a contract is delivered", "a quarterly comes to its date while it is followed",
        "`contracts are delivered` in the log; `quiet`, never `stale`; its tape stays and is served.",
        (_SILENCE + "test_a_contract_that_is_delivered",),
    ),
    Fault(
        "F6", "one of two venues is gone", "the futures' proxy resets everyone, from the start and later",
        "The other is live, complete and asks no more than usual; the one that is gone says so, and is whole again "
        "when it is back.",
        (_SILENCE + "test_spot_does_not_notice_that_the_futures_are_gone",),
    ),
    Fault(
        "F7", "everything at random on USD-M", "as R1, over a futures exchange whose weight is counted",
        "As R1; sums without RPI are held against the source too.",
        ("faults/test_random_usdm.py::test_a_fixed_seed_on_usdm",
         "faults/test_random_usdm.py::test_a_fresh_seed_on_usdm"),
    ),
)  # fmt: skip

ROWS: Final = (*UPSTREAM, *PROCESS, *CLIENTS, *RANDOM, *FUTURES)


def markdown(rows: Iterable[Fault] = ROWS) -> str:
    """The README's table: fault, what you will see, test."""
    lines = ["| fault | what you will see | test |", "|---|---|---|"]
    for row in rows:
        seen = row.sees or f"Does not apply: {row.why}."
        tests = ", ".join(f"`{test.partition('::')[2].removeprefix('test_').replace('*', test)}`" for test in row.tests)
        lines.append(f"| {row.id} {row.name} | {seen} | {tests or '–'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
