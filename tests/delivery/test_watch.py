from orderflow_stream.delivery.outbox import HIGH_WATER
from tests.delivery.rig import BTC, EPOCH, ETH, Rig


def test_all_rows_at_first_then_once_a_second_those_that_changed() -> None:
    rig = Rig(BTC, ETH)
    _, sink = rig.attach(rig.filter(patterns=("*",), topics="watch"))
    rig.loop.settle()
    (rows,) = sink.of("watch")
    assert sorted(row["symbol"] for row in rows) == ["BTCUSDT", "ETHUSDT"]
    sink.clear()
    for _ in range(20):
        rig.trade(ETH)
        rig.loop.run(0.05)
    rig.loop.run(0.5)
    assert [[row["symbol"] for row in rows] for rows in sink.of("watch")] == [["ETHUSDT"]]
    rig.loop.run(1.0)
    assert sink.of("watch")[-1][0]["trades"] == 20
    sink.clear()
    rig.loop.run(5)
    assert sink.of("watch") == []


def test_rows_age_out_of_their_window() -> None:
    rig = Rig()
    rig.trade()
    _, sink = rig.attach(rig.filter(topics="watch"))
    rig.loop.settle()
    sink.clear()
    rig.loop.run(62)
    assert [rows[0]["trades"] for rows in sink.of("watch")] == [0]


def test_a_group_gets_only_its_rows_and_a_newcomer_all_of_them() -> None:
    rig = Rig(BTC, ETH)
    _, one = rig.attach(rig.filter(ETH, topics="watch"))
    rig.run(1.5)
    one.clear()
    _, two = rig.attach(rig.filter(ETH, BTC, topics="watch"))
    rig.trade(BTC)
    rig.run(1.5)
    assert one.of("watch") == []
    assert sorted(row["symbol"] for row in two.of("watch")[0]) == ["BTCUSDT", "ETHUSDT"]
    two.clear()
    _, three = rig.attach(rig.filter(ETH, BTC, topics="watch"))
    rig.run(1.5)
    assert sorted(row["symbol"] for row in three.of("watch")[0]) == ["BTCUSDT", "ETHUSDT"]
    assert two.of("watch") == []


def test_a_client_that_does_not_read_gets_the_newest_of_every_row() -> None:
    rig = Rig(BTC, ETH)
    rig.trade(BTC)
    rig.trade(ETH)
    _, sink = rig.attach(rig.filter(BTC, ETH, topics="watch"))
    rig.loop.settle()
    sink.clear()
    sink.stalled, sink.held = True, HIGH_WATER
    rig.trade(BTC)
    rig.loop.run(2)
    rig.trade(ETH)
    rig.loop.run(2)
    rig.trade(ETH)
    rig.loop.run(2)
    sink.stalled = False
    rig.loop.run(0.5)
    (rows,) = sink.of("watch")
    assert {row["symbol"]: row["trades"] for row in rows} == {"BTCUSDT": 2, "ETHUSDT": 3}


def test_all_rows_come_after_a_replay() -> None:
    rig = Rig()
    start = rig.log.seq
    for _ in range(300):
        rig.large()
    _, sink = rig.attach(rig.filter(topics="watch,large"), last=f"{EPOCH}-{start}")
    rig.run(2)
    topics = sink.topics()
    assert topics.index("watch") > topics.index("large")
    assert sink.of("watch")[0][0]["symbol"] == "BTCUSDT"
    ids = sink.ids()
    assert ids == sorted(ids)
