"""`/v1/meta`, member by member, with and without a venue (in test_answers.py too, for its real answers)."""

import msgspec
import pytest

from orderflow_stream.shapes.meta import Semantics, SpecMeta
from tests.delivery.http.world import Daemon
from tests.shapes.test_answers import same_members


@pytest.mark.parametrize("venue", ["binance", "binance-usdm", "binance-coinm"])
async def test_what_the_rows_of_each_venue_mean(many: Daemon, venue: str) -> None:
    data = await many.data(f"/v1/meta?venue={venue}")
    assert msgspec.convert(data, SpecMeta, strict=True).venue == venue
    same_members(Semantics, data["semantics"])


async def test_what_is_not_stated_is_refused(many: Daemon) -> None:
    data = await many.data("/v1/meta")
    for place in (data, data["flow"], data["large"], data["rounding"], data["limits"], data["bars"]):
        place["more"] = 1
        with pytest.raises(msgspec.ValidationError, match="more"):
            msgspec.convert(data, SpecMeta, strict=True)
        del place["more"]
    msgspec.convert(data, SpecMeta, strict=True)
