"""What the tools answer: a sentence, whether it is the whole truth, and the daemon's own answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from orderflow_stream.mcp_server.schemas import schema_of
from orderflow_stream.shapes import answers, bars, futures

Data = dict[str, Any]


class Result(BaseModel):
    """What every result says first."""

    model_config = ConfigDict(extra="forbid")

    summary: Annotated[str, Field(description="what the numbers say, in a sentence or two")]
    complete: Annotated[
        bool, Field(description="true: this is all that happened; false: something is not loaded, see warning")
    ]
    warning: Annotated[
        str | None, Field(description="why it is not all that happened, and what that means; null where it is")
    ]


class FlowResult(Result):
    """Of get_flow."""

    flow: Annotated[Data, WithJsonSchema(schema_of(futures.FuturesFlow))]


class LargeResult(Result):
    """Of get_large_prints."""

    large: Annotated[Data, WithJsonSchema(schema_of(futures.FuturesLarge))]


class BarsResult(Result):
    """Of get_bars."""

    bars: Annotated[Data, WithJsonSchema(schema_of(bars.Bars))]


class ScreenerResult(Result):
    """Of get_screener."""

    screener: Annotated[Data, WithJsonSchema(schema_of(answers.Screener))]


class GapsResult(Result):
    """Of get_gaps."""

    gaps: Annotated[Data, WithJsonSchema(schema_of(answers.Gaps))]


class SymbolsResult(Result):
    """Of list_symbols."""

    count: Annotated[int, Field(description="symbols that match, before limit")]
    venue: Annotated[str, Field(description="the venue they are of")]
    symbols: Annotated[list[str], Field(description="their names, at most limit of them")]
    streamed: Annotated[
        list[str], Field(description="those of them that are followed live; any other is read when it is asked for")
    ]


class SymbolHealth(BaseModel):
    """One symbol that is not all right."""

    model_config = ConfigDict(extra="forbid")

    symbol: str
    state: Annotated[str, Field(description="connecting warming live quiet unverified gap stale partial")]
    reason: Annotated[str, Field(description="why, in words")]
    missing_trades: Annotated[int, Field(description="trade ids known to be missing now")]
    since: Annotated[str, Field(description="since when, ISO 8601 UTC")]


class HealthResult(Result):
    """Of get_data_health."""

    version: Annotated[str, Field(description="of the daemon")]
    instruments: Annotated[int, Field(description="symbols that are followed live")]
    states: Annotated[dict[str, int], Field(description="how many are in each state")]
    journal: Annotated[str, Field(description="off, ok, slow or failed: whether what happens is kept over a restart")]
    not_ready_total: Annotated[int, Field(description="symbols that are not warm and complete")]
    not_ready: Annotated[list[SymbolHealth], Field(description="the first of them")]
    repair_seconds_left: Annotated[
        float | None, Field(description="until what is missing will have been asked for; null: nothing, or unknown")
    ]
