"""Every key, with its default, bounds, unit and meaning. Frozen: a running daemon's settings never change."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from orderflow_stream.config import values
from orderflow_stream.config.auth import KEYED, Auth, has_keys
from orderflow_stream.config.faults import wrong
from orderflow_stream.config.journal import Journal
from orderflow_stream.config.kinds import (
    Host,
    Hosts,
    Networks,
    Notional,
    Notionals,
    Origins,
    Seconds,
    Share,
    Switch,
    Table,
    Whole,
    Windows,
    key,
)
from orderflow_stream.config.values import Address
from orderflow_stream.config.venues import Binance, SymbolNotionals, Venue, Venues

__all__ = [
    "Analytics", "Binance", "Delivery", "Flow", "Large", "Log", "Metrics", "Server", "Settings", "Tape", "Venue",
    "Venues",
]  # fmt: skip


class Server(Table):
    """[server]: who may reach the daemon, and where."""

    host: Host = key("127.0.0.1", type="IP address or name", meaning="where the API listens")
    port: Whole = key(8080, type="integer 0-65535", meaning="its port; 0 takes any free one", ge=0, le=65535)
    allowed_hosts: Hosts = key(
        [],
        type="list of names",
        meaning="further names by which clients may call it; loopback names and `host` are always allowed",
    )
    allowed_origins: Origins = key(
        [],
        type="list of origins",
        meaning="web pages of other origins that may read it (CORS), each exactly: https://example.org",
    )
    trusted_proxies: Networks = key(
        [], type="list of IPs or CIDRs", meaning="reverse proxies whose X-Forwarded-For is believed"
    )
    metrics_listen: Annotated[Address | None, PlainValidator(values.address)] = key(
        "", type="host:port or empty", meaning="a listener of its own for /metrics; empty keeps it on the API's"
    )
    pages_listen: Annotated[Address | None, PlainValidator(values.address)] = key(
        "",
        type="host:port or empty",
        meaning="a listener of its own for the dashboard and the docs, with the data they show; empty: on the API's",
    )
    max_connections: Whole = key(
        12000,
        type="integer from 1",
        unit="connections",
        meaning="open at once, all listeners together; fewer where the system allows fewer open files",
        ge=1,
        le=1_000_000,
    )
    max_connections_per_ip: Whole = key(
        128,
        type="integer from 1",
        unit="connections",
        meaning="open at once from one address (IPv6: one /64); not counted for loopback and trusted_proxies",
        ge=1,
        le=1_000_000,
    )
    allow_unauthenticated: Switch = key(
        False, type="boolean", meaning="yes, everyone who can reach a non-loopback address may read everything"
    )

    @field_validator("allow_unauthenticated", mode="after")
    @classmethod
    def _open_only_knowingly(cls, allowed: bool, info: ValidationInfo) -> bool:
        """A validator of the last field, not of the table, so that it speaks up even where another key is wrong."""
        bound = {"host": info.data.get("host", "")}
        for other in ("metrics_listen", "pages_listen"):
            address: Address | None = info.data.get(other)
            bound[other] = address.host if address else ""
        for name, host in bound.items():
            if host and not allowed and not KEYED.get() and not values.is_loopback(host):
                raise wrong(
                    f"{host} can be reached from other machines and clients are not asked for a key",
                    "set auth.keys (`orderflow-stream key new`), or server.allow_unauthenticated = true if that is "
                    f"meant, or server.{name} to a loopback address",
                    instead_of=name,
                )
        return allowed


class Flow(Table):
    """[analytics.flow]: windows and the words for pressure."""

    windows: Windows = key(
        ["1m", "5m", "15m", "1h"],
        type="list of durations 1s-24h",
        unit="s, m or h",
        meaning="rolling windows over venue time",
    )
    pressure_balanced: Share = key(
        Decimal("0.10"),
        type="decimal 0-1",
        unit="share",
        meaning="base imbalance (B-S)/(B+S) below which pressure is `balanced`",
        gt=0,
        le=1,
    )
    pressure_strong: Share = key(
        Decimal("0.30"), type="decimal 0-1", unit="share", meaning="imbalance from which it is `strong_`", gt=0, le=1
    )

    @field_validator("pressure_strong", mode="after")
    @classmethod
    def _not_below_balanced(cls, strong: Decimal, info: ValidationInfo) -> Decimal:
        balanced: Decimal | None = info.data.get("pressure_balanced")
        if balanced is not None and strong < balanced:
            raise wrong(
                f"{strong} is less than analytics.flow.pressure_balanced, {balanced}",
                "strong begins where balanced has ended",
            )
        return strong


class Large(Table):
    """[analytics.large]: when a print is large. `by_symbol` wins over `by_quote`, and that over `min_notional`."""

    min_notional: Notional = key(
        100000, type="decimal > 0", unit="quote asset", meaning="notional from which a print is large"
    )
    by_quote: Notionals = key(
        {},
        type="table asset = decimal",
        unit="quote asset",
        meaning="the same for the symbols of one quote asset, such as { BTC = 2 }",
    )
    by_symbol: SymbolNotionals = key(
        {},
        type="table symbol = decimal",
        unit="quote asset",
        meaning='the same for one symbol, such as { BTCUSDT = 500000 }; of one venue: { "binance-usdm:BTCUSDT" = … }',
    )


class Analytics(Table):
    """[analytics]"""

    flow: Flow = Field(default_factory=Flow)
    large: Large = Field(default_factory=Large)


class Tape(Table):
    """[tape]: how much is kept."""

    trades: Whole = key(
        5000,
        type="integer from 5000",
        unit="trades",
        meaning="newest trades always kept of every symbol",
        ge=5000,
        le=1_000_000,
    )
    budget_mb: Whole = key(
        1024,
        type="integer from 16",
        unit="MB",
        meaning="memory for the tapes of all symbols; where it bites, time windows shorten first and say so",
        ge=16,
        le=1_048_576,
    )


class Delivery(Table):
    """[delivery]: the pace and the bounds of what is sent."""

    tick_ms: Whole = key(
        100,
        type="integer 10-1000",
        unit="ms",
        meaning="least time between two `flow` events of one symbol",
        ge=10,
        le=1000,
    )
    heartbeat_s: Seconds = key(2, type="number 0.1-60", unit="s", meaning="time between two heartbeats", ge=0.1, le=60)
    max_clients: Whole = key(
        10000, type="integer from 1", unit="clients", meaning="streams at once", ge=1, le=1_000_000
    )
    max_clients_per_ip: Whole = key(
        32, type="integer from 1", unit="clients", meaning="streams at once from one address", ge=1, le=1_000_000
    )
    mailbox_kb: Whole = key(
        256,
        type="integer 16-65536",
        unit="KiB",
        meaning="unsent bytes after which a client is too slow",
        ge=16,
        le=65536,
    )
    mailbox_s: Seconds = key(
        5,
        type="number 0.1-600",
        unit="s",
        meaning="age of the oldest unsent event after which it is too slow; of states alone, twice that",
        ge=0.1,
        le=600,
    )
    ring_events: Whole = key(
        20000,
        type="integer from 100",
        unit="events",
        meaning="log events other than trades kept for resuming",
        ge=100,
        le=10_000_000,
    )
    ring_trades: Whole = key(
        50000, type="integer from 100", unit="events", meaning="`trade` events kept for resuming", ge=100, le=10_000_000
    )
    stream_age_s: Seconds = key(
        600,
        type="number 0-86400",
        unit="s",
        meaning="age, give or take a fifth, at which a stream is ended and comes back by itself; 0: none",
        ge=0,
        le=86_400,
    )
    drain_s: Seconds = key(5, type="number 0-300", unit="s", meaning="time for saying goodbye at the end", ge=0, le=300)


class Metrics(Table):
    """[metrics]"""

    max_symbols: Whole = key(
        100,
        type="integer from 0",
        unit="symbols",
        meaning="symbols with series of their own in /metrics",
        ge=0,
        le=100_000,
    )


class Log(Table):
    """[log]"""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(values.word)] = key(
        "info", type="debug, info, warning or error", meaning="the least that is logged"
    )
    format: Annotated[Literal["auto", "console", "json"], BeforeValidator(values.word)] = key(
        "auto", type="auto, console or json", meaning="auto: console on a terminal, JSON lines otherwise"
    )


class Settings(BaseSettings):
    """All of it. Made by `load`; `Settings()` is the defaults and reads neither file nor environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", case_sensitive=True)

    server: Server = Field(default_factory=Server)
    auth: Auth = Field(default_factory=Auth)
    venues: Venues = Field(default_factory=Venues)
    analytics: Analytics = Field(default_factory=Analytics)
    tape: Tape = Field(default_factory=Tape)
    delivery: Delivery = Field(default_factory=Delivery)
    metrics: Metrics = Field(default_factory=Metrics)
    journal: Journal = Field(default_factory=Journal)
    log: Log = Field(default_factory=Log)

    @model_validator(mode="wrap")
    @classmethod
    def _with_keys(cls, data: object, check: ModelWrapValidatorHandler["Settings"]) -> "Settings":
        """[server] may open its doors where [auth] has keys, which must be known before either is checked."""
        before = KEYED.set(has_keys(data))
        try:
            return check(data)
        finally:
            KEYED.reset(before)

    _source_file: Path | None = PrivateAttr(default=None)

    @property
    def source_file(self) -> Path | None:
        """The file that was read, if any."""
        return self._source_file

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - this and the rest is the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `load` reads file and environment itself, to name every fault with its origin."""
        return (init_settings,)
