"""Exact order flow from Binance's aggTrade streams."""

__all__ = ["__version__"]

__version__ = "0.1.0"
