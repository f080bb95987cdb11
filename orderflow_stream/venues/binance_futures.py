"""What Binance's two futures markets share and spot has not; each has a file of its own for the rest.

- Times are milliseconds, always.
- A row is all fills of one price and one side within 100 ms, of whichever orders. Fills of the insurance fund and of
  deleveraging are left out, so `f`/`l` have holes where `a` has none: only `a` tells of gaps.
- `nq`, where it is told, is the quantity without RPI (retail price improvement) trades; `q` has them all.
- `st` says which of the two markets an event is of (1: USD-M, 2: COIN-M): streams of the whole exchange carry both.
- Pages of trades weigh 20 of the 2,400 a minute that both markets have together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

import msgspec
from msgspec import Struct

from orderflow_stream.core.events import UNTOLD, Instrument, Kind, Trade
from orderflow_stream.core.units import parse_scaled
from orderflow_stream.venues.binance_liquidations import BinanceLiquidations
from orderflow_stream.venues.binance_rest import BinanceRest, Filter, steps
from orderflow_stream.venues.binance_rows import Row, is_int, microseconds, to_trade
from orderflow_stream.venues.binance_stream import BinanceStream, Event, with_path
from orderflow_stream.venues.codec import LiquidationStream, Market
from orderflow_stream.venues.values import Request, RowFault

POOL: Final = "binance-futures"
WEIGHT_LIMIT: Final = 2_400
HOUR: Final = 3_600_000_000
#: Fills of one price and side are merged over so much (µs).
ROW_SPAN: Final = 100_000
_NO_HEADERS: Final[dict[str, str]] = {}
#: From here on a date of delivery means never: perpetuals carry 2100-12-25.
_NEVER: Final = 4_102_444_800_000


class ContractRow(Row, gc=False, kw_only=True):
    nq: Any = None  # text; of another kind it is not told, and the trade stands
    st: Any = None


class _ContractEvent(Event, gc=False, kw_only=True):
    nq: Any = None
    st: Any = None


class _Combined(Struct, gc=False):
    data: _ContractEvent


class _Contract(Struct):
    symbol: str
    baseAsset: str  # noqa: N815 - the wire's own names
    quoteAsset: str  # noqa: N815
    status: str = ""
    contractStatus: str = ""  # noqa: N815
    contractType: str = ""  # noqa: N815
    contractSize: int | str = 0  # noqa: N815
    pair: str = ""
    marginAsset: str = ""  # noqa: N815
    deliveryDate: Any = 0  # noqa: N815
    filters: list[Filter] = []


_combined = msgspec.json.Decoder(_Combined).decode
_bare = msgspec.json.Decoder(_ContractEvent).decode
_contract = msgspec.json.Decoder(_Contract).decode


def contract_trade(key: str, row: ContractRow | _ContractEvent, ts_recv: int) -> Trade | RowFault:
    """The row as a trade with its `nq`, or the reason why it cannot be one."""
    trade = to_trade(key, row, ts_recv)
    if row.nq is not None and isinstance(trade, Trade) and trade.qty:
        trade.nq = trade.qty if row.nq == row.q else told(row.nq, trade.qty)
    return trade


def told(nq: object, qty: int) -> int:
    """The quantity without RPI trades; `UNTOLD` where it is no part of `qty`, which must not cost the trade."""
    if not isinstance(nq, str):
        return UNTOLD
    try:
        value = parse_scaled(nq)
    except ValueError:
        return UNTOLD
    return value if value <= qty else UNTOLD


class BinanceFutures(BinanceStream, BinanceRest):
    """A codec but for what the two markets differ in: the attributes below, volumes and guesses."""

    name: ClassVar[str]
    market: ClassVar[Market]
    stream_url_default: ClassVar[str]
    stream_fallbacks: ClassVar[tuple[str, ...]] = ()
    #: What the paths of streams begin with.
    stream_path: str
    #: The exchange's number of this market.
    st: int
    #: Quantities are contracts.
    inverse: bool
    #: Rows tell `nq`.
    rpi: bool
    headers = _NO_HEADERS
    trades_weight = 20
    window = HOUR
    resting: Final = ()

    def __init__(self, ticker: type[Struct]) -> None:
        BinanceStream.__init__(self, _combined, _bare, self._event_trade)
        BinanceRest.__init__(self, ContractRow, ticker, contract_trade if self.rpi else to_trade)

    # -- stream ------------------------------------------------------------------------------------------------------

    def watch(self, instruments: Iterable[Instrument]) -> None:
        """Resolve trades of these from now on. Contracts of unknown size are left out: nobody could say what they are
        worth."""
        super().watch(each for each in instruments if not self.inverse or each.contract)

    def stream_url(self, base: str, symbols: Sequence[str]) -> str:
        """The URL of a combined stream that carries `symbols` (one batch, or none) from the start. `base` may end in
        the path already."""
        return super().stream_url(with_path(base, self.stream_path), symbols)

    def _event_trade(self, key: str, event: _ContractEvent, ts_recv: int) -> Trade | RowFault:
        if is_int(event.st) and event.st != self.st:
            return "market"
        return self._row_trade(key, event, ts_recv)

    def liquidations_venue(self) -> LiquidationStream:
        """The stream of the exchange's liquidations, of which this market's are kept."""
        return BinanceLiquidations(self.name, self.st, self.stream_url_default, self.stream_fallbacks, self.stream_path)

    # -- REST --------------------------------------------------------------------------------------------------------

    def exchange_info_request(self, status: str = "TRADING") -> Request:
        """All contracts, in whatever state: the exchange does not let one choose."""
        return Request(self.prefix + "/exchangeInfo", {}, self.headers, 1)

    def ticker_request(self) -> Request:
        """The 24 h volumes of every symbol."""
        return Request(self.prefix + "/ticker/24hr", {}, self.headers, 40)

    def _moment(self, us: int) -> str:
        return str(us // 1_000)

    def _instrument(self, raw: msgspec.Raw) -> Instrument:
        entry = _contract(raw)
        if not entry.symbol or not entry.baseAsset or not entry.quoteAsset:
            raise ValueError("a contract without a name")
        size = parse_scaled(str(entry.contractSize)) if self.inverse else 0
        if self.inverse and not size:
            raise ValueError("a contract of unknown size")
        tick, step = steps(entry.filters)
        status = entry.contractStatus or entry.status
        dated = is_int(entry.deliveryDate) and 0 < entry.deliveryDate < _NEVER
        perpetual = "PERPETUAL" in entry.contractType or not (entry.contractType or dated)
        kind: Kind = "perpetual" if perpetual else "delivery"
        return Instrument(
            self.name, entry.symbol, entry.baseAsset, entry.quoteAsset, self.market, status == "TRADING", tick, step,
            status, size, kind, entry.pair, entry.marginAsset, microseconds(entry.deliveryDate) if dated else 0,
            ROW_SPAN, self.rpi,
        )  # fmt: skip
