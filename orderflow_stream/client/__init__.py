"""A typed client of a running daemon: `OrderFlow` for asyncio, and `sync.OrderFlow` without await.

    import asyncio
    from orderflow_stream.client import OrderFlow

    async def main():
        async with OrderFlow("http://127.0.0.1:8080") as api:
            flow = await api.flow("BTCUSDT", window="5m")
            print(flow.delta_base, flow.buy_volume_share, flow.coverage.complete)

    asyncio.run(main())

Numbers are exact (`Decimal`), times milliseconds since the epoch, and every answer says what it stands on
(`coverage`; `explain` puts that into a sentence). aiohttp is imported at the first question, not before.
"""

from orderflow_stream.client.api import OrderFlow
from orderflow_stream.client.errors import (
    BadAnswer,
    BadRequest,
    Failed,
    Forbidden,
    Lost,
    NotFound,
    OrderFlowError,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unreachable,
    UpstreamFailed,
)
from orderflow_stream.client.events import (
    BarEvent,
    CorrectedEvent,
    Event,
    FlowEvent,
    GapEvent,
    Heartbeat,
    Hello,
    LargeEvent,
    Retrying,
    StateEvent,
    TradeEvent,
)
from orderflow_stream.client.stream import Stream
from orderflow_stream.client.words import explain

__all__ = [
    "BadAnswer",
    "BadRequest",
    "BarEvent",
    "CorrectedEvent",
    "Event",
    "Failed",
    "FlowEvent",
    "Forbidden",
    "GapEvent",
    "Heartbeat",
    "Hello",
    "LargeEvent",
    "Lost",
    "NotFound",
    "OrderFlow",
    "OrderFlowError",
    "RateLimited",
    "Retrying",
    "StateEvent",
    "Stream",
    "TradeEvent",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UpstreamFailed",
    "explain",
]
