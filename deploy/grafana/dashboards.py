"""The dashboards, as tables of panels: `python deploy/grafana/dashboards.py` writes `dashboards/*.json`.

Only panels that Grafana has by itself (10 or newer). Ids are a panel's place, so that a change shows as a change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "dashboards"
Json = dict[str, Any]

BUY, SELL, GOOD, WARN, BAD, CALM = "#648FFF", "#FE6100", "#2E9E6B", "#FFB000", "#DC267F", "#8A8F98"
#: One vocabulary of states, with one colour each, as everywhere else.
STATES: Final = {
    "live": GOOD, "quiet": CALM, "warming": BUY, "connecting": BUY, "unverified": WARN, "gap": SELL, "stale": BAD,
    "partial": WARN,
}  # fmt: skip
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
JOB: Final = 'job="orderflow-stream",instance=~"$instance"'
ONE: Final = f'{JOB},venue=~"$venue",symbol=~"$symbol"'


def target(expr: str, legend: str = "", *, table: bool = False) -> Json:
    """One query. `table`: its newest values, a row each."""
    found: Json = {"datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto"}
    return {**found, "format": "table", "instant": True} if table else found


def panel(kind: str, title: str, targets: list[Json], *, w: int, h: int = 7, about: str = "", **field: Any) -> Json:
    """`field`: unit, min, max … of the values; `custom`, `overrides`, `options`, `transformations` likewise."""
    found: Json = {"type": kind, "title": title, "datasource": SOURCE, "gridPos": {"w": w, "h": h}}
    if about:
        found["description"] = about
    overrides, options = field.pop("overrides", []), field.pop("options", None)
    transformations = field.pop("transformations", None)
    found["targets"] = [{**each, "refId": chr(ord("A") + n)} for n, each in enumerate(targets)]
    found["fieldConfig"] = {"defaults": field, "overrides": overrides}
    if options:
        found["options"] = options
    if transformations:
        found["transformations"] = transformations
    return found


def line(title: str, *queries: tuple[str, str], w: int = 8, **more: Any) -> Json:
    """Lines over time from (expression, legend)."""
    custom = {"lineWidth": 1, "fillOpacity": 0, "showPoints": "never", **more.pop("custom", {})}
    options = {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": {"displayMode": "list", "placement": "bottom"}}
    return panel("timeseries", title, [target(*each) for each in queries], w=w, custom=custom, options=options, **more)


def number(
    title: str, expr: str, *, w: int = 4, steps: list[tuple[float | None, str]] | None = None, **more: Any
) -> Json:
    """One number; `steps`: from which value on it has which colour."""
    shown = [{"value": value, "color": colour} for value, colour in steps or [(None, CALM)]]
    thresholds = {"mode": "absolute", "steps": shown}
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background" if steps else "value"}
    return panel("stat", title, [target(expr)], w=w, h=4, thresholds=thresholds, options=options, **more)


def coloured(pattern: str, colour: str) -> Json:
    """What is called so has this colour."""
    value = {"mode": "fixed", "fixedColor": colour}
    return {
        "matcher": {"id": "byRegexp", "options": f"/{pattern}/"},
        "properties": [{"id": "color", "value": value}],
    }


SIDES: Final = [coloured("buy", BUY), coloured("sell", SELL)]
BY_STATE: Final = [coloured(f"^{name}$", colour) for name, colour in STATES.items()]


def variable(name: str, query: str, *, many: bool) -> Json:
    """A choice of what Prometheus knows."""
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": 1,
        "multi": many, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def market() -> list[Json]:
    """What trades."""
    # A state is a number here: a series for each would be a row for each.
    words = {str(n): {"text": name, "color": colour, "index": n} for n, (name, colour) in enumerate(STATES.items())}
    numbered = " or ".join(f'orderflow_feed_state{{{ONE},state="{name}"}} * {n}' for n, name in enumerate(STATES))
    columns = {
        "Value #A": "last", "Value #B": "delta 5m", "Value #C": "buy share 5m", "Value #D": "large orders 1h",
        "Value #E": "since last trade",
    }  # fmt: skip
    units = {"delta 5m": "short", "buy share 5m": "percentunit", "since last trade": "s"}
    return [
        panel(
            "table",
            "Watchlist",
            [
                target(f"orderflow_last_price{{{ONE}}}", table=True),
                target(f'orderflow_window_delta_quote{{{ONE},window="5m"}}', table=True),
                target(f'orderflow_window_buy_volume_ratio{{{ONE},window="5m"}}', table=True),
                target(f"sum without (side) (increase(orderflow_large_prints_total{{{ONE}}}[1h]))", table=True),
                target(f"orderflow_event_age_seconds{{{ONE}}}", table=True),
            ],
            w=14,
            h=9,
            about="Of the symbols with series of their own (metrics.max_symbols).",
            transformations=[
                {"id": "merge", "options": {}},
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": dict.fromkeys(
                            ("Time", "__name__", "job", "instance", "market", "window"), True
                        ),
                        "renameByName": columns,
                    },
                },
            ],
            overrides=[
                {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
                for name, unit in units.items()
            ],
        ),
        panel(
            "state-timeline",
            "State of the feed",
            [target(f"max by (venue, symbol) ({numbered})", "{{symbol}}")],
            w=10,
            h=9,
            about="Old numbers are never live ones: what is stale, gap or partial says so here.",
            mappings=[{"type": "value", "options": words}],
            options={"showValue": "never", "mergeValues": True, "rowHeight": 0.8},
        ),
        line("Price", (f"orderflow_last_price{{{ONE}}}", "{{symbol}}"), w=12, h=8),
        line(
            "CVD, quote",
            (f"orderflow_cvd_quote{{{ONE}}}", "{{symbol}}"),
            w=12,
            h=8,
            unit="short",
            about="Since the oldest trade held when the daemon began: orderflow_cvd_anchor_timestamp_seconds.",
        ),
        line(
            "Taker volume a second, quote",
            (f'sum by (side) (symbol_side:orderflow_trade_volume_quote:rate1m{{{ONE},side="buy"}})', "buy"),
            (f'-sum by (side) (symbol_side:orderflow_trade_volume_quote:rate1m{{{ONE},side="sell"}})', "sell"),
            unit="short",
            custom={"drawStyle": "bars", "fillOpacity": 80},
            overrides=SIDES,
            w=12,
            about="Over one minute; sells below zero.",
        ),
        line(
            "Delta over five minutes, quote",
            (f"symbol:orderflow_delta_quote:increase5m{{{ONE}}}", "{{symbol}}"),
            unit="short",
            w=12,
        ),
        line(
            "Buy share by window",
            (f"avg by (window) (orderflow_window_buy_volume_ratio{{{ONE}}})", "{{window}}"),
            unit="percentunit",
            min=0,
            max=1,
            about="Of the symbols chosen, each counts the same.",
        ),
        line(
            "Large orders a minute",
            (f"sum by (side) (increase(orderflow_large_prints_total{{{ONE}}}[1m]))", "{{side}}"),
            overrides=SIDES,
        ),
        line("Trades a second", (f"sum by (symbol) (rate(orderflow_trades_total{{{ONE}}}[1m]))", "{{symbol}}")),
        line(
            "Liquidations a minute (futures)",
            (f"sum by (side) (increase(orderflow_liquidations_total{{{ONE}}}[1m]))", "{{side}}"),
            overrides=SIDES,
            w=12,
        ),
        line("Since the last trade", (f"orderflow_event_age_seconds{{{ONE}}}", "{{symbol}}"), unit="s", w=12),
    ]


def daemon() -> list[Json]:
    """What the daemon does."""
    down = [(None, BAD), (1.0, GOOD)]
    bad = [(None, GOOD), (1.0, BAD)]
    return [
        number("Ready", f"min(orderflow_ready{{{JOB}}})", steps=down),
        number("Scraped", f"min(up{{{JOB}}})", steps=down),
        number(
            "Alerts that fire", 'count(ALERTS{alertstate="firing",alertname=~"OrderFlow.*"}) or vector(0)', steps=bad
        ),
        number("Stale symbols", f'sum(orderflow_instruments{{{JOB},state="stale"}})', steps=bad),
        number(
            "Oldest open gap",
            f"max(orderflow_open_gap_age_seconds{{{JOB}}})",
            steps=[(None, GOOD), (5.0, BAD)],
            unit="s",
        ),
        number("REST barred for", f"max(orderflow_rest_blocked_seconds{{{JOB}}})", steps=bad, unit="s"),
        line(
            "Symbols by state",
            (f"sum by (state) (orderflow_instruments{{{JOB}}})", "{{state}}"),
            custom={"stacking": {"mode": "normal"}, "fillOpacity": 60},
            overrides=BY_STATE,
        ),
        line("Trades applied a second", (f"venue:orderflow_trades_applied:rate1m{{{JOB}}}", "{{venue}}")),
        line(
            "How late trades come",
            (f"orderflow_feed_lag_seconds{{{JOB}}}", "{{venue}} {{connection}}"),
            unit="s",
            about="Receipt minus the venue's time of the newest trade, by connection.",
        ),
        line("What became of trades", (f"sum by (fate) (rate(orderflow_all_trades_total{{{JOB}}}[1m]))", "{{fate}}")),
        line(
            "Gaps",
            (f"sum by (venue) (orderflow_all_open_gaps{{{JOB}}})", "{{venue}} open"),
            (f"max by (venue) (orderflow_open_gap_age_seconds{{{JOB}}})", "{{venue}} oldest, s"),
            (f"sum by (venue) (orderflow_repair_calls{{{JOB}}})", "{{venue}} REST calls left"),
        ),
        line(
            "Connections",
            (f"sum by (venue) (orderflow_connections{{{JOB}}})", "{{venue}} open"),
            (
                f"sum by (venue, reason) (increase(orderflow_reconnects_total{{{JOB}}}[5m]))",
                "{{venue}} lost: {{reason}}",
            ),
        ),
        line(
            "Age of connections",
            (f"time() - orderflow_connection_since_timestamp_seconds{{{JOB}}}", "{{venue}} {{connection}}"),
            unit="s",
            about="Renewed before the 24 h after which the venue cuts them.",
        ),
        line(
            "REST weight used",
            (
                f"orderflow_rest_pool_weight_used{{{JOB}}} / orderflow_rest_pool_weight_limit{{{JOB}}}",
                "{{pool}}",
            ),
            unit="percentunit",
            min=0,
            max=1,
        ),
        line(
            "REST calls a second",
            (
                f"sum by (venue, path, status) (rate(orderflow_rest_requests_total{{{JOB}}}[1m]))",
                "{{venue}} {{path}} {{status}}",
            ),
            (
                f"sum by (venue, status) (increase(orderflow_rest_stops_total{{{JOB}}}[5m]))",
                "{{venue}} stop: {{status}}",
            ),
        ),
        line(
            "Streams",
            (f"sum(orderflow_sse_clients{{{JOB}}})", "open"),
            (f"sum by (reason) (increase(orderflow_sse_aborted_total{{{JOB}}}[5m]))", "ended in 5 min: {{reason}}"),
            (f"sum by (reason) (increase(orderflow_sse_refused_total{{{JOB}}}[5m]))", "refused in 5 min: {{reason}}"),
        ),
        line(
            "Events to streams a second",
            (f"sum by (event) (rate(orderflow_sse_events_total{{{JOB}}}[1m]))", "{{event}}"),
            (f"sum(rate(orderflow_sse_conflated_total{{{JOB}}}[1m]))", "conflated"),
        ),
        line("Not sent yet", (f"sum(orderflow_sse_buffer_bytes{{{JOB}}})", "bytes"), unit="bytes"),
        line(
            "Requests a second",
            (f"sum by (route, code) (rate(orderflow_http_requests_total{{{JOB}}}[1m]))", "{{route}} {{code}}"),
        ),
        line(
            "99 of 100 requests take at most",
            (f"route:orderflow_http_request_duration_seconds:p99_5m{{{JOB}}}", "{{route}}"),
            unit="s",
        ),
        line(
            "Refused by key, scope or rate",
            (f"sum by (reason) (rate(orderflow_auth_refused_total{{{JOB}}}[1m]))", "{{reason}}"),
        ),
        line(
            "Event loop",
            (f"max_over_time(orderflow_event_loop_lag_seconds{{{JOB}}}[10s])", "late by"),
            (f"rate(process_cpu_seconds_total{{{JOB}}}[1m])", "CPU"),
            unit="s",
        ),
        line(
            "Memory",
            (f"process_resident_memory_bytes{{{JOB}}}", "process"),
            (f"orderflow_tape_bytes{{{JOB}}}", "tapes"),
            unit="bytes",
        ),
        line(
            "Descriptors and connections",
            (f"process_open_fds{{{JOB}}}", "descriptors"),
            (f"orderflow_http_connections{{{JOB}}}", "connections of clients"),
        ),
        line(
            "Journal",
            (f"orderflow_journal_ok{{{JOB}}}", "written"),
            (f"orderflow_journal_queue{{{JOB}}}", "waiting"),
            (f"increase(orderflow_journal_dropped_trades_total{{{JOB}}}[5m])", "dropped in 5 min"),
        ),
        line(
            "Journal on disk",
            (f"orderflow_journal_file_bytes{{{JOB}}}", "file"),
            (f"rate(orderflow_journal_bytes_total{{{JOB}}}[1m])", "written a second"),
            unit="bytes",
        ),
        line("Journal commits", (f"orderflow_journal_commit_seconds{{{JOB}}}", "last"), unit="s"),
        line("The venue's clock minus ours", (f"orderflow_clock_offset_seconds{{{JOB}}}", "{{venue}}"), unit="s", w=12),
        line(
            "Frames that were no trade",
            (f"sum by (venue, reason) (rate(orderflow_frames_rejected_total{{{JOB}}}[1m]))", "{{venue}} {{reason}}"),
            w=12,
        ),
    ]


def dashboard(uid: str, title: str, panels: list[Json], variables: list[Json], refresh: str) -> Json:
    """The panels from left to right, line by line."""
    x = y = tall = 0
    for number_, each in enumerate(panels, 1):
        grid = each["gridPos"]
        if x + grid["w"] > 24:
            x, y, tall = 0, y + tall, 0
        each["id"], each["gridPos"] = number_, {**grid, "x": x, "y": y}
        x, tall = x + grid["w"], max(tall, grid["h"])
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {"value": "prometheus"}}
    other = {"orderflow-market": "orderflow-daemon", "orderflow-daemon": "orderflow-market"}[uid]
    return {
        "uid": uid, "title": title, "tags": ["orderflow-stream"], "schemaVersion": 38, "editable": False,
        "refresh": refresh, "time": {"from": "now-15m", "to": "now"}, "timezone": "utc", "graphTooltip": 1,
        "templating": {"list": [source, *variables]},
        "links": [{"type": "link", "title": other, "url": f"/d/{other}", "keepTime": True}],
        "panels": panels,
    }  # fmt: skip


def build() -> dict[str, Json]:
    """Every dashboard, by file name."""
    instance = variable("instance", 'label_values(orderflow_build_info{job="orderflow-stream"}, instance)', many=True)
    venue = variable("venue", 'label_values(orderflow_instruments{instance=~"$instance"}, venue)', many=True)
    symbol = variable("symbol", 'label_values(orderflow_last_price{venue=~"$venue"}, symbol)', many=True)
    return {
        "market.json": dashboard("orderflow-market", "Order flow: market", market(), [instance, venue, symbol], "1s"),
        "daemon.json": dashboard("orderflow-daemon", "Order flow: daemon", daemon(), [instance], "5s"),
    }


def text(found: Json) -> str:
    """As it stands in the file: a line a panel, so that a difference can be read."""
    panels = found["panels"]
    head = json.dumps({**found, "panels": []}, indent=1)
    rows = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in panels)
    return head.replace('"panels": []', f'"panels": [\n  {rows}\n ]') + "\n"


if __name__ == "__main__":
    for name, found in build().items():
        (FOLDER / name).write_text(text(found))
