"""How a market writes a trade: the members around a row's own, which differ from market to market."""

from __future__ import annotations

from typing import Final, NamedTuple

from orderflow_stream.venues.binance_archive import ArchiveRow

Ends = tuple[bytes, bytes]


class Wire(NamedTuple):
    """What follows the time of a row, by `buyer_is_maker`, in a page of REST and in a stream's event; whether the event
    has the id before the symbol, as COIN-M writes it; and the grain of times, in µs."""

    page: Ends
    event: Ends
    id_first: bool = False
    grain: int = 1


def _ends(more: str) -> Ends:
    return f',"m":false{more}}}'.encode(), f',"m":true{more}}}'.encode()


SPOT: Final = Wire(_ends(',"M":true'), _ends(',"M":true'))
#: `st`: 1 is USD-M, 2 COIN-M; only streams have it. There is no `M` on futures.
USDM: Final = Wire(_ends(""), _ends(',"st":1'), grain=1000)
COINM: Final = Wire(_ends(""), _ends(',"st":2'), id_first=True, grain=1000)


def row_body(row: ArchiveRow) -> bytes:
    """The members of a row that do not depend on the time unit, ready to be followed by the time. `nq` is there where
    the row tells it."""
    nq = f'"nq":"{row.nq}",' if row.nq else ""
    return f'"a":{row.id},"p":"{row.price}","q":"{row.qty}",{nq}"f":{row.first},"l":{row.last},"T":'.encode()


def trade_event(
    symbol: str,
    row: ArchiveRow,
    published: int,
    divisor: int,
    body: bytes | None = None,
    wire: Wire = SPOT,
) -> bytes:
    """The bare `aggTrade` event; `divisor` is 1 for µs, 1000 for ms."""
    body = row_body(row) if body is None else body
    name = symbol.encode()
    if wire.id_first:
        id_, _, rest = body.partition(b",")
        members = b'%b,"s":"%b",%b' % (id_, name, rest)
    else:
        members = b'"s":"%b",%b' % (name, body)
    return b'{"e":"aggTrade","E":%d,%b%d%b' % (
        published // divisor,
        members,
        row.ts // divisor,
        wire.event[row.buyer_is_maker],
    )
