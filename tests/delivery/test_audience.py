from orderflow_stream.core.events import Instrument
from tests.delivery.rig import BTC, ETH, Rig

ETHBTC = Instrument("binance", "ETHBTC", "ETH", "BTC")


def symbols(beats: list[dict[str, dict[str, int]]]) -> list[str]:
    return sorted(beats[-1]["symbols"])


def test_a_pattern_follows_what_is_added_and_removed() -> None:
    rig = Rig(BTC, ETHBTC)
    _, sink = rig.attach(rig.filter(patterns=("*USDT",), topics="flow,trade"))
    rig.run(2.1)
    assert symbols(sink.of("heartbeat")) == ["BTCUSDT"]
    rig.add(ETH)
    sink.clear()
    rig.run(2.1)
    assert symbols(sink.of("heartbeat")) == ["BTCUSDT", "ETHUSDT"]
    assert "ETHUSDT" in [flow["symbol"] for flow in sink.of("flow")]  # its snapshot
    rig.trade(ETH)
    rig.loop.settle()
    assert [row["symbol"] for row in sink.of("trade")] == ["ETHUSDT"]
    rig.engine.remove(BTC.key)
    sink.clear()
    rig.run(2.1)
    assert symbols(sink.of("heartbeat")) == ["ETHUSDT"]
    assert not rig.hub.listened(BTC.key)


def test_a_named_instrument_stays_through_a_removal() -> None:
    rig = Rig(BTC, ETH)
    _, sink = rig.attach(rig.filter(BTC, patterns=("ETH*",), topics="trade"))
    rig.engine.remove(BTC.key)
    rig.run(1.5)
    assert rig.hub.listened(BTC.key)
    rig.add(BTC)
    rig.trade(BTC)
    rig.loop.settle()
    assert [row["symbol"] for row in sink.of("trade")] == ["BTCUSDT"]


def test_a_symbol_read_on_demand_is_in_no_pattern() -> None:
    rig = Rig(BTC)
    rig.engine.add(ETH).demand = True
    _, sink = rig.attach(rig.filter(patterns=("*",), topics="large"))
    rig.run(2.1)
    assert symbols(sink.of("heartbeat")) == ["BTCUSDT"]


def test_all_may_be_asked_for_before_there_is_any() -> None:
    rig = Rig(BTC)
    rig.engine.remove(BTC.key)
    _, sink = rig.attach(rig.filter(patterns=("*",)))
    rig.loop.settle()
    assert sink.topics() == ["hello"]
    rig.add(ETH)
    rig.trade(ETH)
    rig.run(1.5)
    assert [flow["symbol"] for flow in sink.of("flow")] == ["ETHUSDT"]


def test_clients_with_the_same_wishes_share_a_group() -> None:
    rig = Rig(BTC, ETH)
    one, _ = rig.attach(rig.filter(BTC, ETH))
    two, _ = rig.attach(rig.filter(ETH, BTC))
    other, _ = rig.attach(rig.filter(BTC))
    assert one.group is two.group
    assert one.group is not other.group
    rig.hub.detach(one)
    assert rig.hub.listened(ETH.key)
    rig.hub.detach(two)
    assert not rig.hub.listened(ETH.key)
    assert rig.hub.listened(BTC.key)
