"""One daemon for all tests of a module: hypothesis asks it thousands of things."""

from collections.abc import Iterator

import pytest

from tests.fuzz.house import House, served


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with served(server__trusted_proxies=["127.0.0.1"], delivery__max_clients_per_ip=1000) as house:
        yield house
        assert house.complaints == []
