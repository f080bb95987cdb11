"""The document of a daemon with several venues, held against it by the same tool: `venue=`, and one coin on all."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis import Case

from orderflow_stream.app import Daemon
from tests.e2e.markets import exchange, over, symbols_of
from tests.fuzz import openapi
from tests.fuzz.house import House, on_a_thread

VENUES = ("binance", "binance-usdm", "binance-coinm")
#: A right question to every data route, `{venue}` and `{symbol}` to be filled in.
ASKED = (
    "/v1/flow?symbol={symbol}&venue={venue}",
    "/v1/flow?symbols=*&venue={venue}&window=1m&numbers=string",
    "/v1/large?symbol={symbol}&venue={venue}&group=order&min_notional=1",
    "/v1/large?symbol={symbol}&venue={venue}&min_notional=1&numbers=string",
    "/v1/trades?symbol={symbol}&venue={venue}",
    "/v1/trades?symbol={symbol}&venue={venue}&numbers=string&limit=5",
    "/v1/gaps?symbol={symbol}&venue={venue}",
    "/v1/screener?venue={venue}",
    "/v1/symbols?venue={venue}",
    "/v1/meta?venue={venue}",
    "/v1/liquidations?symbol={symbol}&venue={venue}",
    "/v1/liquidations?symbols=*&venue={venue}&numbers=string",
    "/v1/flow?coin=BTC&venues={venue}",
    "/v1/flow?coin=BTC&venues=binance,{venue}&window=1m&numbers=string",
    "/v1/flow?coin=NOPE&venues={venue}",
    "/v1/flow?symbol=NOPE&venue={venue}",
    "/readyz",
)


@asynccontextmanager
async def of_all(folder: Path) -> AsyncIterator[Daemon]:
    async with exchange() as markets:
        daemon = over(markets, folder, delivery__max_clients_per_ip=1000)
        task = asyncio.create_task(daemon.run())
        async with asyncio.timeout(20):
            await daemon.ready.wait()
        try:
            yield daemon
        finally:
            daemon.stop()
            await asyncio.wait_for(task, 20)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with on_a_thread(of_all) as house:
        yield house
        assert house.complaints == []


@pytest.mark.parametrize("venue", VENUES)
def test_every_answer_is_one_that_the_document_promises(house: House, venue: str) -> None:
    schema = schemathesis.openapi.from_dict(house.get("/openapi.json").json)
    statuses: Counter[int] = Counter()
    symbol = symbols_of(venue)[0]
    for line in ASKED:
        path, _, query = line.format(venue=venue, symbol=symbol).partition("?")
        params = dict(part.split("=", 1) for part in query.split("&")) if query else {}
        case: Case[Any] = schema[path]["GET"].Case(query=params)
        response = requests.get(house.url + path, params=params, timeout=20)
        case.validate_response(response)
        statuses[response.status_code] += 1
    refused = 2 if venue == "binance" else 0  # it tells of no liquidations
    assert statuses == {200: len(ASKED) - 2 - refused, 404: 2, **({400: refused} if refused else {})}


def test_every_example_and_every_boundary(house: House) -> None:
    report = openapi.sweep(house, 20251004)
    found = re.search(r"(\d+) generated, (\d+) passed", report)
    assert found is not None, report
    assert found[1] == found[2]
    assert int(found[1]) > 300
