"""One browser for the tests of the chart, and one page that most of them share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.page_chart.stage import House, Stage, stage


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    found = House()
    yield found
    found.close()


@pytest.fixture(scope="session")
def page(house: House) -> Iterator[Stage]:
    with stage(house) as found:
        yield found


@pytest.fixture
def shown(page: Stage) -> Iterator[Stage]:
    """The page with a chart that shows nothing yet."""
    page.move(999, 639)
    page.make()
    yield page
    page.call("destroy")
