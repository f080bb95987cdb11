"""A venue's REST as a function: a tape of ids, and the pages it answers with."""

from collections.abc import Iterable, Sequence

from orderflow_stream.core.events import BUY, Trade

KEY = "binance:BTCUSDT"
#: Venue time (µs) of trade id 0; ids are one second apart unless said otherwise.
T0 = 1_760_000_000_000_000
SECOND = 1_000_000


def trade(id: int, *, ts: int | None = None, qty: int = 10**8, price: int = 10**8, key: str = KEY) -> Trade:
    """A trade whose time follows from its id."""
    return Trade(key, id, price if qty else 0, qty, BUY, T0 + id * SECOND if ts is None else ts, id, id, 0)


class RestTape:
    """Trades that REST has, by id; `visible` is the newest id that its database has caught up with."""

    def __init__(self, ids: Iterable[int], *, key: str = KEY, step: int = SECOND) -> None:
        self.trades = {id_: trade(id_, ts=T0 + id_ * step, key=key) for id_ in ids}
        self.visible: int | None = None

    def page(self, from_id: int | None, limit: int) -> list[Trade]:
        """What the venue answers."""
        ids = sorted(id_ for id_ in self.trades if self.visible is None or id_ <= self.visible)
        chosen: Sequence[int] = ids[-limit:] if from_id is None else [id_ for id_ in ids if id_ >= from_id][:limit]
        return [self.trades[id_] for id_ in chosen]
