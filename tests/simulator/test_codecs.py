"""What the stand-in writes and what the venues read were made from the same documents, apart: every frame and page of a
market has to come out of its codec as it went in."""

from __future__ import annotations

import aiohttp
import pytest

from orderflow_stream.core.events import BUY, SELL, UNTOLD, Instrument, Liquidation, Trade
from orderflow_stream.core.units import parse_scaled
from orderflow_stream.simulator import FuturesMarket, MarketPlayer, Simulator, SyntheticMarket, default_listings
from orderflow_stream.venues.binance_archive import ArchiveRow
from orderflow_stream.venues.catalogue import VENUES, Spec
from orderflow_stream.venues.codec import LIQUIDATIONS, Codec
from orderflow_stream.venues.values import Ack, Request, Shutdown
from tests.simulator.kit import NOON, Clock, end_of, get, stream


@pytest.fixture(params=VENUES, ids=lambda spec: spec.market)
def spec(request: pytest.FixtureRequest) -> Spec:
    spec: Spec = request.param
    return spec


def simulator(spec: Spec, trades: int = 600) -> tuple[Simulator, MarketPlayer]:
    make = SyntheticMarket if spec.market == "spot" else FuturesMarket
    player = MarketPlayer(make(5, default_listings(spec.market, NOON), rate=400.0), trades, history=trades // 2)
    clock = Clock(NOON + 3_600_000_000)
    return Simulator(player, market=spec.market, clock=clock, autoplay=False, liquidation_window=0), player


async def asked(sim: Simulator, request: Request) -> bytes:
    async with (
        aiohttp.ClientSession() as session,
        session.get(sim.rest_url + request.path, params=request.params, headers=request.headers) as response,
    ):
        assert response.status == 200, await response.text()
        assert sim.calls[-1].weight == request.weight
        return await response.read()


def told(codec: Codec, instrument: Instrument, row: ArchiveRow, ts_recv: int) -> Trade:
    """A published row as a trade, worked out apart from the codec."""
    grain = 1 if codec.market == "spot" else 1000
    nq = parse_scaled(row.nq) if row.nq else UNTOLD
    return Trade(instrument.key, row.id, parse_scaled(row.price), parse_scaled(row.qty),
                 SELL if row.buyer_is_maker else BUY, row.ts - row.ts % grain, row.first, row.last, ts_recv,
                 nq)  # fmt: skip


async def test_every_trade_of_streams_and_pages(spec: Spec) -> None:
    codec: Codec = spec.codec()
    sim, player = simulator(spec)
    async with sim:
        listed = codec.decode_exchange_info(await asked(sim, codec.exchange_info_request())).instruments
        assert [each.symbol for each in listed] == [each.symbol for each in player.listings]
        codec.watch(listed)
        symbols = [each.symbol for each in listed]
        (batch,) = codec.batches(symbols)
        async with stream("", codec.stream_url(sim.stream_url, batch)) as socket:
            await sim.subscribed(*symbols)
            await socket.send(codec.subscribe(batch, 7))
            assert codec.decode(await socket.recv(), 1) == Ack(7)
            sim.play()
            await sim.played()
            live = sum(len(sim.published(symbol)) for symbol in symbols) - sum(
                len(order.rows) for order in player.orders[: player._split]
            )
            trades = [codec.decode(await socket.recv(), 5) for _ in range(live)]
        truth = {each.key: [told(codec, each, row, 5) for row in sim.published(each.symbol)] for each in listed}
        for instrument in listed:
            streamed = [each for each in trades if isinstance(each, Trade) and each.instrument == instrument.key]
            assert streamed == truth[instrument.key][-len(streamed) :] if streamed else True
            paged = codec.decode_trades(
                instrument, await asked(sim, codec.trades_request(instrument.symbol, from_id=0)), 5
            )
            assert paged == truth[instrument.key][:1000]
        assert all(isinstance(each, Trade) for each in trades)


async def test_lists_limits_and_clock(spec: Spec) -> None:
    codec: Codec = spec.codec()
    sim, player = simulator(spec)
    async with sim:
        info = codec.decode_exchange_info(await asked(sim, codec.exchange_info_request()))
        assert any(limit.limit == spec.weight_limit and limit.kind == "REQUEST_WEIGHT" for limit in info.limits)
        assert codec.decode_time(await asked(sim, codec.time_request())) == sim.clock()
        volumes = codec.decode_ticker(await asked(sim, codec.ticker_request()))
        assert set(volumes) == {each.symbol for each in player.listings}
        assert await asked(sim, codec.ping_request()) == b"{}"
        for listing, instrument in zip(player.listings, info.instruments, strict=True):
            assert (instrument.base, instrument.quote, instrument.market) == (listing.base, listing.quote, spec.market)
            assert (instrument.tick, instrument.step) == (parse_scaled(listing.tick), parse_scaled(listing.step))
            size = getattr(listing, "contract_size", 0)
            assert (instrument.contract, instrument.inverse) == (size * 10**8, bool(size))
            assert instrument.delivery == getattr(listing, "delivery", 0)
            assert (instrument.kind == "delivery") == bool(instrument.delivery)
            assert instrument.settle == getattr(listing, "margin", "")


async def test_a_status_that_turns_is_read(spec: Spec) -> None:
    codec: Codec = spec.codec()
    sim, player = simulator(spec)
    dated = [each for each in player.listings if getattr(each, "delivery", 0)]
    assert bool(dated) is (spec.market != "spot")
    async with sim:
        for listing in dated[:1]:
            sim.clock.now = listing.delivery - 1000  # type: ignore[attr-defined]
            seen = codec.decode_exchange_info(await asked(sim, codec.exchange_info_request("")))
            status = {each.symbol: (each.status, each.trading) for each in seen.instruments}
            assert status[listing.symbol] == ("PRE_DELIVERING", False)


async def test_liquidations(spec: Spec) -> None:
    codec: Codec = spec.codec()
    venue = codec.liquidations_venue()
    assert (venue is not None) is spec.liquidations is (spec.market != "spot")
    if venue is None:
        return
    sim, player = simulator(spec)
    symbol = player.listings[0].symbol
    async with sim, stream("", venue.stream_url(sim.stream_url, [LIQUIDATIONS])) as socket:
        await sim.hub.until(lambda: bool(sim.open_connections))
        sim.publish_liquidation(
            symbol, "SELL", "9910.5", "14", avg_price="9911", filled="13", status="PARTIALLY_FILLED"
        )
        sim.publish_liquidation(symbol, "BUY", "9910.5", "14", product=3 - (sim.facts.product or 0))
        first, foreign = [venue.decode(await socket.recv(), 5) for _ in range(2)]
    assert first == Liquidation(f"{spec.name}:{symbol}", SELL, 991_050_000_000, 991_100_000_000, 14 * 10**8,
                                13 * 10**8, sim.clock() // 1000 * 1000, 5, "PARTIALLY_FILLED")  # fmt: skip
    assert not isinstance(foreign, Liquidation)


async def test_a_goodbye_is_understood(spec: Spec) -> None:
    codec: Codec = spec.codec()
    sim, player = simulator(spec)
    async with sim, stream("", codec.stream_url(sim.stream_url, [player.listings[0].symbol])) as socket:
        await sim.subscribed(player.listings[0].symbol)
        sim.faults.shutdown(delay=0)
        if sim.facts.says_goodbye:
            assert codec.decode(await socket.recv(), 1) == Shutdown()
        end = (await end_of(socket)).rcvd
        assert end is not None
        assert end.code == 1001


async def test_errors_are_read(spec: Spec) -> None:
    codec: Codec = spec.codec()
    sim, _ = simulator(spec)
    async with sim:
        request = codec.trades_request("NOSUCH")
        status, body, _ = await get(sim.rest_url, f"{request.path}?symbol=NOSUCH")
        assert status == 400
        assert body["code"] == -1121
