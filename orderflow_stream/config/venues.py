"""[venues.<name>]: which symbols of a venue, from where. One table a venue of the catalogue, all with the same keys.

The first venue is always on. Another one is on where its table is given at all, by whatever source; then it reads on
demand, until it is told its symbols. A shell has no dash in the names of its variables, so `[venues.binance-usdm]` is
`ORDERFLOW_VENUES__BINANCE_USDM__…` there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, create_model

from orderflow_stream.config import values
from orderflow_stream.config.faults import shown, wrong
from orderflow_stream.config.kinds import Notional, Redundancy, Symbols, Table, Whole, key
from orderflow_stream.venues.catalogue import VENUES, Spec

#: The names of all venues, the one that is always on first.
NAMES: Final = tuple(spec.name for spec in VENUES)
DEFAULT: Final = NAMES[0]

StreamUrl = Annotated[str, PlainValidator(values.websocket_url)]
RestUrl = Annotated[str, PlainValidator(values.http_url)]


class Venue(Table):
    """[venues.<name>]. What a venue's own table has for its defaults, URLs above all, `_of` says."""

    symbols: Symbols = key(
        [],
        type="list of symbols or patterns",
        meaning='kept in memory: names or patterns ("*USDT", "*", "top:100" by 24 h volume); [] reads on demand only',
    )
    stream_url: StreamUrl = ""
    rest_url: RestUrl = ""
    streams_per_connection: Whole = key(
        200, type="integer 1-1024", unit="streams", meaning="streams on one websocket connection", ge=1, le=1024
    )
    redundancy: Redundancy = key(
        "auto",
        type="auto, 1 or 2",
        unit="connections",
        meaning="for the same symbols, so that either may go without a gap; auto: 2 up to 100 symbols, else 1",
    )

    @property
    def urls_are_default(self) -> bool:
        """Whether the venue's public fallbacks may be tried."""
        fields = type(self).model_fields
        return (self.stream_url, self.rest_url) == (fields["stream_url"].default, fields["rest_url"].default)


def _of(spec: Spec) -> type[Venue]:
    """The table of one venue, with its defaults."""
    symbols = Venue.model_fields["symbols"]
    words: Any = symbols.json_schema_extra
    return create_model(
        "".join(part.capitalize() for part in spec.name.split("-")),
        __base__=Venue,
        __doc__=f"[venues.{spec.name}]",
        symbols=(Symbols, key(list(spec.symbols), type=words["type"], meaning=symbols.description or "")),
        stream_url=(
            StreamUrl,
            key(
                spec.stream_url,
                type="ws or wss URL",
                meaning="websocket endpoint; public fallbacks are tried only while both URLs are the defaults",
            ),
        ),
        rest_url=(
            RestUrl,
            key(
                spec.rest_url,
                type="http or https URL",
                meaning="REST endpoint, for backfill, gap repair and symbol lists",
            ),
        ),
    )


#: The table of each venue by its name.
TABLES: Final[Mapping[str, type[Venue]]] = {spec.name: _of(spec) for spec in VENUES}
Binance: Final = TABLES[DEFAULT]


class _Venues(Table):
    """[venues]"""

    if TYPE_CHECKING:
        binance: Venue = Field(default_factory=Binance)

    @property
    def tables(self) -> Mapping[str, Venue]:
        """Those that are on, by name, in the order of the catalogue."""
        return {name: table for name in NAMES if (table := getattr(self, name)) is not None}


if TYPE_CHECKING:
    Venues = _Venues
else:
    _fields = {name: (table | None, None) for name, table in TABLES.items()}
    _fields[DEFAULT] = (TABLES[DEFAULT], Field(default_factory=TABLES[DEFAULT]))
    Venues = create_model("Venues", __base__=_Venues, __doc__=_Venues.__doc__, **_fields)


def near_venue(name: str) -> str:
    """A remedy for a venue that does not exist: the nearest that does, and all of them."""
    near = difflib.get_close_matches(name.lower().replace("_", "-"), NAMES, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"? There are {", ".join(NAMES)}' if near else f"there are {', '.join(NAMES)}"


def symbol(value: object) -> str:
    """The name of one symbol, upper-cased, of every venue; `venue:symbol` is that venue's."""
    venue, colon, name = values.text(value).partition(":")
    if not colon:
        return values.asset(value)
    if venue.lower() not in NAMES:
        raise wrong(f"names an unknown venue: {shown(value)}", near_venue(venue))
    return f"{venue.lower()}:{values.asset(name)}"


#: A notional by symbol.
SymbolNotionals = Annotated[
    Mapping[Annotated[str, PlainValidator(symbol)], Notional],
    BeforeValidator(values.one_key_each),
    AfterValidator(values.read_only),
    PlainSerializer(dict),
]
