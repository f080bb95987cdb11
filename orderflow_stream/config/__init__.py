"""Configuration: TOML and environment in, one frozen and fully checked `Settings` out.

Precedence, per key: command line > environment > file > default. Nothing is guessed and nothing is ignored: an unknown
key or an unknown `ORDERFLOW_*` variable is a fault, and all faults are reported at once, each with its key.
"""

from orderflow_stream.config.auth import Auth
from orderflow_stream.config.describe import KeyDoc, describe, example, markdown
from orderflow_stream.config.faults import ConfigError, Fault
from orderflow_stream.config.journal import Journal
from orderflow_stream.config.load import load
from orderflow_stream.config.settings import (
    Analytics,
    Binance,
    Delivery,
    Flow,
    Large,
    Log,
    Metrics,
    Server,
    Settings,
    Tape,
    Venue,
    Venues,
)
from orderflow_stream.config.values import Address, Window

__all__ = [
    "Address",
    "Analytics",
    "Auth",
    "Binance",
    "ConfigError",
    "Delivery",
    "Fault",
    "Flow",
    "Journal",
    "KeyDoc",
    "Large",
    "Log",
    "Metrics",
    "Server",
    "Settings",
    "Tape",
    "Venue",
    "Venues",
    "Window",
    "describe",
    "example",
    "load",
    "markdown",
]
