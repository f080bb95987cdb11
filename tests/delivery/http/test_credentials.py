"""Where a key may stand in a request, and where it must not."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from orderflow_stream.delivery.http.credentials import Refused, missing, presented, refuse_in_url

KEY = "ofd_abcdefgh_" + "A" * 43
OTHER = "ofd_abcdefgh_" + "B" * 43


@pytest.mark.parametrize(
    "headers,expected",
    [
        ([], None),
        ([("x-api-key", KEY)], KEY),
        ([("X-Oanor-Key", KEY)], KEY),
        ([("Authorization", f"Bearer {KEY}")], KEY),
        ([("authorization", f"bEARER   {KEY} ")], KEY),
        ([("x-api-key", f" {KEY} ")], KEY),
        ([("x-api-key", "")], None),
        ([("x-api-key", KEY), ("x-oanor-key", KEY), ("Authorization", f"Bearer {KEY}")], KEY),
        ([("x-api-key", KEY), ("Authorization", "Basic dTpw")], KEY),  # of a proxy before us
        ([("x-api-key", "what is no key")], "what is no key"),
        ([("Authorization", "")], None),
    ],
)
def test_presented(headers: list[tuple[str, str]], expected: str | None) -> None:
    assert presented(make_mocked_request("GET", "/v1/flow", headers=CIMultiDict(headers))) == expected


@pytest.mark.parametrize(
    "headers,reason,words",
    [
        ([("Authorization", "Basic dTpw")], "scheme", "Bearer"),
        ([("Authorization", KEY)], "scheme", "Bearer"),
        ([("Authorization", "Digest x")], "scheme", "Bearer"),
        ([("x-api-key", KEY), ("x-oanor-key", OTHER)], "several", "send one"),
        ([("x-api-key", KEY), ("x-api-key", OTHER)], "several", "send one"),
        ([("x-api-key", KEY), ("Authorization", f"Bearer {OTHER}")], "several", "send one"),
    ],
)
def test_what_is_no_way_to_send_one(headers: list[tuple[str, str]], reason: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as raised:
        presented(make_mocked_request("GET", "/v1/flow", headers=CIMultiDict(headers)))
    assert (raised.value.status, raised.value.reason) == (401, reason)
    assert raised.value.headers["WWW-Authenticate"] == 'Bearer realm="orderflow_stream"'
    assert KEY[13:] not in str(raised.value)


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/flow?api_key={KEY}",
        f"/v1/flow?symbol=BTCUSDT&x={KEY[:14]}",
        f"/v1/flow?{KEY}=1",
        f"/v1/flow/{KEY}",
        f"/?{KEY.replace('_', '%5F')}",
        f"/v1/flow?key=%6f%66%64{KEY[3:]}",
    ],
)
def test_never_in_a_url(path: str) -> None:
    with pytest.raises(Refused) as raised:
        refuse_in_url(make_mocked_request("GET", path))
    assert (raised.value.status, raised.value.code, raised.value.reason) == (400, "bad_parameter", "in_url")
    assert "x-api-key" in raised.value.message


@pytest.mark.parametrize(
    "path", ["/", "/v1/flow?symbol=BTCUSDT", "/v1/flow?symbol=ofd_BTC", "/v1/flow?symbol=%E5%B8%81"]
)
def test_other_urls_are_none_of_that(path: str) -> None:
    refuse_in_url(make_mocked_request("GET", path))


@pytest.mark.parametrize("name", ["key", "api_key", "apikey", "X-API-KEY", "x-oanor-key", "access_token", "token"])
def test_a_parameter_by_the_name_of_a_key_is_the_better_explanation(name: str) -> None:
    refused = missing(make_mocked_request("GET", f"/v1/flow?symbol=BTCUSDT&{name}=hunter2"))
    assert (refused.status, refused.param, refused.reason) == (400, name, "in_url")
    assert "hunter2" not in refused.message


def test_none_at_all() -> None:
    refused = missing(make_mocked_request("GET", "/v1/flow?symbol=BTCUSDT"))
    assert (refused.status, refused.code, refused.reason) == (401, "unauthorized", "missing")
