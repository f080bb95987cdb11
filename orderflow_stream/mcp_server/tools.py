"""The tools: what they are called, what they take and say of themselves. Each asks the daemon and reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Final, Literal, ParamSpec, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from orderflow_stream.client import (
    BadAnswer,
    Failed,
    NotFound,
    OrderFlow,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unreachable,
    UpstreamFailed,
)
from orderflow_stream.mcp_server import reports
from orderflow_stream.mcp_server.results import (
    BarsResult,
    FlowResult,
    GapsResult,
    HealthResult,
    LargeResult,
    Result,
    ScreenerResult,
    SymbolsResult,
)

P = ParamSpec("P")
R = TypeVar("R", bound=Result)

Symbol = Annotated[str, Field(description="symbol of the venue, such as BTCUSDT", min_length=1, max_length=40)]
Venue = Annotated[
    str | None,
    Field(
        description="binance (spot; the default), binance-usdm or binance-coinm (futures), where the daemon has them"
    ),
]
Window = Annotated[str | None, Field(description="a configured time window: usually 1m, 5m, 15m or 1h")]

#: What to do about a refusal, where its own sentence does not say.
REMEDIES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (NotFound, "Find the right name with list_symbols."),
    (Unauthorized, "Start this server with --key-file FILE, holding a key made by `orderflow-stream key new`."),
    (RateLimited, "Ask less often, or wait as long as it says."),
    (UpstreamFailed, "The exchange did not answer; symbols that are followed live can still be asked for."),
    (Unavailable, "Ask again in a few seconds."),
    (BadAnswer, "Check --url."),
)


class Tools:
    """The tools over one daemon."""

    def __init__(self, api: OrderFlow) -> None:
        self._api: Final = api

    async def list_symbols(
        self,
        quote: Annotated[str | None, Field(description="only symbols of this quote asset, such as USDT")] = None,
        contains: Annotated[str | None, Field(description="only symbols with this in their name, such as BTC")] = None,
        limit: Annotated[int, Field(description="names listed at most", ge=1, le=5_000)] = 200,
        venue: Venue = None,
    ) -> SymbolsResult:
        """Symbols that can be asked about, those that are followed live first."""
        symbols = await self._api.symbols(quote=quote, venue=venue)
        live = await self._api.screener(venue=venue, sort="symbol", limit=5_000)
        return reports.symbols_result(symbols, live, contains, limit)

    async def get_flow(
        self,
        symbol: Symbol,
        window: Window = None,
        trades: Annotated[
            int | None, Field(description="instead of window: the last so many trades; default 1000", ge=100, le=5_000)
        ] = None,
        venue: Venue = None,
    ) -> FlowResult:
        """Who is hitting the market, and how hard: taker buy and sell volume, delta, CVD and pressure of one symbol,
        over a time window or the last trades. Quantities are in the base asset, values in the quote asset, exact."""
        return reports.flow_result(await self._api.flow(symbol, window=window, trades=trades, venue=venue))

    async def get_large_prints(
        self,
        symbol: Symbol,
        min_notional: Annotated[
            str | None,
            Field(description='least value in the quote asset, a plain decimal such as "250000"; default 100000'),
        ] = None,
        percentile: Annotated[
            float | None, Field(description="instead: the largest, from this percentile on", ge=50, le=99.999)
        ] = None,
        group: Annotated[
            Literal["order", "row"], Field(description="order: whole taker orders; row: single rows of the tape")
        ] = "order",
        limit: Annotated[int, Field(description="prints listed, the largest first", ge=1, le=500)] = 20,
        venue: Venue = None,
    ) -> LargeResult:
        """Large aggressive prints of one symbol among its last 5000 trades, the largest first, each a buy or a sell."""
        found = await self._api.large(
            symbol, min_notional=min_notional, percentile=percentile, group=group, limit=limit, venue=venue
        )
        return reports.large_result(found)

    async def get_bars(
        self,
        symbol: Symbol,
        interval: Annotated[Literal["1s", "5s", "1m", "5m", "1h"], Field(description="width of a bar")] = "1m",
        limit: Annotated[int, Field(description="bars, the newest", ge=1, le=1_000)] = 30,
        anchor: Annotated[
            Literal["session", "oldest"],
            Field(description="where CVD is 0: midnight UTC, or the oldest trade held"),
        ] = "session",
        venue: Venue = None,
    ) -> BarsResult:
        """Price bars of one symbol with taker buy and sell volume, delta and CVD. 1s and 5s reach back an hour, the
        others a day; times are ms since the epoch, UTC."""
        found = await self._api.bars(symbol, interval, limit=limit, anchor=anchor, venue=venue)
        return reports.bars_result(found)

    async def get_screener(
        self,
        window: Window = None,
        sort: Annotated[
            str, Field(description="symbol, or a number such as delta_quote, quote_volume, trades, buy_volume_share")
        ] = "delta_quote",
        order: Annotated[Literal["asc", "desc"] | None, Field(description="direction")] = None,
        limit: Annotated[int, Field(description="rows listed", ge=1, le=500)] = 20,
        quote: Annotated[str | None, Field(description="only this quote asset, whose values can be compared")] = None,
        venue: Venue = None,
    ) -> ScreenerResult:
        """Every symbol that is followed live over one window, sorted: where buyers or sellers are most aggressive."""
        found = await self._api.screener(window=window, sort=sort, order=order, limit=limit, quote=quote, venue=venue)
        return reports.screener_result(found)

    async def get_data_health(self) -> HealthResult:
        """Whether the numbers can be trusted now: the state of every feed, what is missing, and what is being repaired.
        Ask this first when a result is incomplete or looks too quiet."""
        return reports.health_result(await self._api.ready(strict=True), await self._api.alive())

    async def get_gaps(self, symbol: Symbol, venue: Venue = None) -> GapsResult:
        """Ranges of trades of one symbol that were missed, and whether each was repaired or is lost."""
        return reports.gaps_result(await self._api.gaps(symbol, venue=venue))


def told(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[CallToolResult]]:
    """The same, with what the client of the protocol reads: the result as text and as data, a failure as a sentence."""

    @wraps(tool)
    async def call(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            result = await tool(*args, **kwargs)
        except Unreachable as error:
            raise ToolError(f"{error} (or orderflow-stream demo, without a network), then ask again.") from error
        except (Failed, BadAnswer) as error:
            raise ToolError(remedy(error)) from error
        return CallToolResult(
            content=[TextContent(type="text", text=result.model_dump_json())],
            structured_content=result.model_dump(mode="json"),
        )

    return call


def remedy(error: Failed | BadAnswer) -> str:
    """What the daemon says, and what to do."""
    said = str(error)
    if isinstance(error, Failed) and error.retry_after is not None:
        said += f" (in {error.retry_after:g} s)"
    more = next((text for kind, text in REMEDIES if isinstance(error, kind)), "")
    return f"{said}. {more}".replace("..", ".").rstrip() if more else said
