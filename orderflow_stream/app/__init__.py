"""The roof: builds the graph, holds the order of start and drain."""

from orderflow_stream.app.addresses import StartError, try_addresses
from orderflow_stream.app.daemon import Daemon

__all__ = ["Daemon", "StartError", "try_addresses"]
