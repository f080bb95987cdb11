"""The kinds of value a key may have, and how a key is written down: shared by every table of the configuration."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
)

from orderflow_stream.config import values
from orderflow_stream.config.values import Network, Window

Text = Annotated[str, PlainValidator(values.text)]
Redundancy = Annotated[Literal["auto", 1, 2], PlainValidator(values.redundancy)]
Whole = Annotated[int, BeforeValidator(values.whole)]
Seconds = Annotated[float, BeforeValidator(values.seconds)]
Share = Annotated[Decimal, BeforeValidator(values.decimal)]
Switch = Annotated[bool, PlainValidator(values.switch)]
Host = Annotated[str, PlainValidator(values.host)]
Hosts = Annotated[tuple[Host, ...], AfterValidator(values.distinct)]
Origins = Annotated[tuple[Annotated[str, PlainValidator(values.origin)], ...], AfterValidator(values.distinct)]
Networks = Annotated[tuple[Annotated[Network, PlainValidator(values.network)], ...], AfterValidator(values.distinct)]
Symbols = Annotated[tuple[Annotated[str, PlainValidator(values.symbol)], ...], AfterValidator(values.distinct)]
Windows = Annotated[
    tuple[Annotated[Window, PlainValidator(values.window)], ...],
    Field(min_length=1),
    AfterValidator(values.distinct_windows),
]
Notional = Annotated[Decimal, PlainValidator(values.notional)]
Notionals = Annotated[
    Mapping[Annotated[str, PlainValidator(values.asset)], Notional],
    BeforeValidator(values.one_key_each),
    AfterValidator(values.read_only),
    PlainSerializer(dict),
]


def key(
    default: object,
    *,
    type: str,
    unit: str = "",
    meaning: str,
    gt: float | None = None,
    ge: float | None = None,
    le: float | None = None,
) -> Any:  # whatever the field's annotation makes of it
    """A key. `default` is written as in TOML and goes through the same checks; `type`, `unit`, `meaning` are words."""
    extra: dict[str, Any] = {"type": type, "unit": unit}
    return Field(default, validate_default=True, description=meaning, json_schema_extra=extra, gt=gt, ge=ge, le=le)


class Table(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
