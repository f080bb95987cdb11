"""Frames for the tests: any at all, and such as a market makes."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from orderflow_stream.adapters.journal.frame import FrameData, Rows

INT64 = st.integers(-(2**63), 2**63 - 1)
#: Values as they are met, and those at which arithmetic breaks.
VALUE = st.one_of(
    st.integers(0, 5), st.sampled_from([-1, 0, 10**8, 6_512_345 * 10**6, 2**63 - 1, -(2**63), 10**18]), INT64
)


@st.composite
def frames(draw: st.DrawFn) -> FrameData:
    """Anything that can be written down."""
    instruments = tuple(draw(st.lists(st.text(max_size=12), max_size=6)))
    entry = st.tuples(st.integers(0, 2**62), st.text(max_size=5), st.binary(max_size=30))
    lost, entries = draw(st.integers(0, 2**40)), draw(st.lists(entry, max_size=4))
    frame = FrameData(draw(INT64), draw(INT64), instruments, draw(INT64), lost, entries=entries)
    if instruments:
        which = st.integers(0, len(instruments) - 1)
        for row in draw(st.lists(st.tuples(which, *([VALUE] * 7)), max_size=30)):
            frame.add(*row)
    return frame


def market(seed: int, trades: int, symbols: int = 5) -> FrameData:
    """A frame as a market makes it."""
    rng = random.Random(seed)
    base = 1_760_000_000_000_000 + seed * 200_000
    frame = FrameData(base + 200_000, 1_000 + trades, tuple(f"binance:S{n}USDT" for n in range(symbols)), 1_000)
    ids = [10**6 * (n + 1) for n in range(symbols)]
    fills = [10**9 * (n + 1) for n in range(symbols)]
    for n in range(trades):
        which = rng.randrange(symbols)
        legs = rng.choice((1, 1, 1, 2, 7))
        frame.add(
            which,
            ids[which],
            (60_000 + rng.randrange(100)) * 10**6,
            rng.choice((1, -1)) * rng.randrange(1, 10**5) * 1_000,
            base + n,
            fills[which],
            fills[which] + legs - 1,
            1_001 + n,
        )
        ids[which] += 1
        fills[which] += legs
    return frame


def columns(frame: FrameData) -> Rows:
    """The rows of a frame as if they were of one instrument."""
    return Rows(frame.ids, frame.price, frame.qty, frame.ts_event, frame.first, frame.last)


def pieces(data: bytes) -> list[bytes]:
    """The data cut off everywhere (about), and with a bit changed everywhere (about)."""
    places = sorted({*range(0, len(data), max(1, len(data) // 60)), *range(min(40, len(data)))})
    cut = [data[:at] for at in places]
    return cut + [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in places]
