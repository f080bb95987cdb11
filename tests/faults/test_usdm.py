"""The faults of the way to the exchange, on USD-M: the same tests, over a futures exchange.

Nothing is copied: the test functions are those of the modules named in `MODULES`, whose `house` and `Steady` are the
futures exchange's while they run here. What is not run here stands in `LEFT_OUT`, with the reason.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import types
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.process import environment, started, status
from tests.faults import test_exchange, test_frames, test_network, test_rest
from tests.faults.catalogue import UPSTREAM
from tests.faults.house import House, house
from tests.faults.market_usdm import SteadyContracts
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

VENUE: Final = "binance-usdm"
MODULES: Final = (test_network, test_rest, test_frames, test_exchange)
#: What all the markets of those modules have together.
RATES: Final = {"AAAUSDT": 80, "BBBUSDT": 15, "CCCUSDT": 1, "DDDUSDT": 0, "EEEUSDT": 0}

LEFT_OUT: Final[dict[str, str]] = {
    "test_server_shutdown": "spot's own: `serverShutdown` was never seen on futures; other ends are `test_close`",
    "test_the_exchange_is_stopped": "it asks spot's own REST; on USD-M it is `test_the_futures_exchange_is_stopped`",
    "test_a_busy_symbol_falls_silent": "questions are dear: `test_a_busy_symbol_falls_silent_where_questions_are_dear`",
    "test_a_name_that_does_not_resolve": "it waits for the first line; here it is `test_nobody_to_trust_or_to_find`",
    "test_certificates": "it waits for the first line; on USD-M it is `test_nobody_to_trust_or_to_find`",
    "test_a_name_with_several_addresses": "which address of a name is dialled is decided before any venue is known",
    "test_a_tls_handshake_that_stalls": "nothing of a venue was said by then; `test_drip` is given up the same way",
    "test_handshake_never_answered": "nothing of a venue was said by then; `test_drip` is given up the same way",
}
#: Of what has many forms, those that differ by more than the words: each costs a second or a daemon of its own.
FEWER: Final[dict[str, tuple[str, Sequence[object]]]] = {
    "test_close": ("code", [1001]),
    "test_pongs_but_no_data": ("silent,least", [(2, 3.0)]),
    "test_told_to_stop": ("status,retry_after,least", [(429, "1", 1.0)]),
    "test_told_to_stop_for_long": ("status,retry_after", [(418, "120")]),
    "test_handshake_refused": ("answer", ["451"]),
    "test_no_answer": ("kind", ["502", "html", "truncated", "reset"]),
    "test_missing_ids": ("count", [1, 5_000]),
    "test_frames_that_break_the_protocol": ("name", ["bad UTF-8", "a masked frame", "a fragmented ping"]),
}


class Keys(dict[str, str]):
    """Configuration in which what is said of the default venue is said of the futures'."""

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(self._there(key))

    def __setitem__(self, key: str, value: str) -> None:
        super().__setitem__(self._there(key), value)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]
        for key, value in dict(other).items():
            self[key] = value
        return self

    @staticmethod
    def _there(key: str) -> str:
        return key.replace("ORDERFLOW_VENUES__BINANCE__", "ORDERFLOW_VENUES__BINANCE_USDM__")


@asynccontextmanager
async def at_usdm(*arguments: Any, **keys: Any) -> AsyncIterator[House]:
    async with house(*arguments, **keys, venue=VENUE) as home:
        home.keys = Keys(home.keys)
        yield home


@pytest.fixture(autouse=True)
def on_usdm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The houses that those tests build, and the market in them, are of the futures exchange."""
    for module in MODULES:
        monkeypatch.setattr(module, "house", at_usdm)
        monkeypatch.setattr(module, "Steady", SteadyContracts)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("daemon")
    async with at_usdm(folder, SteadyContracts(RATES)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def home(shared: House) -> AsyncIterator[House]:
    """Whole before and after; nothing in force."""
    await shared.until_whole()
    yield shared
    shared.sim.faults.clear()
    shared.streams.clear()
    shared.rest.clear()
    await shared.assert_whole()
    shared.assert_quiet_log()


def of_module(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    """The tests of a module, by name."""
    return {
        name: made
        for name, made in vars(module).items()
        if name.startswith("test_") and inspect.isfunction(made) and made.__module__ == module.__name__
    }


def chosen(test: Callable[..., Any], names: str, values: Sequence[object]) -> Callable[..., Any]:
    """That test with these of its parameters only."""
    assert isinstance(test, types.FunctionType)
    copy = types.FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)
    copy.__dict__.update(test.__dict__)
    copy.__module__, copy.__doc__, copy.__annotations__ = test.__module__, test.__doc__, test.__annotations__
    marks = [mark for mark in test.__dict__.get("pytestmark", []) if mark.name != "parametrize"]
    copy.__dict__["pytestmark"] = marks
    return pytest.mark.parametrize(names, values)(copy)


def _run_here() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for name, made in [each for module in MODULES for each in of_module(module).items()]:
        if name not in LEFT_OUT:
            assert name not in found, name
            found[name] = chosen(made, *FEWER[name]) if name in FEWER else made
    return found


globals().update(_run_here())


async def test_every_fault_of_the_way_to_the_exchange_is_run_here_or_left_out_with_a_reason() -> None:
    every = {name: made for module in MODULES for name, made in of_module(module).items()}
    here = {name for name in every if name in globals()}
    assert here | LEFT_OUT.keys() == every.keys(), "each is run, or left out"
    assert not here & LEFT_OUT.keys()
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())
    assert FEWER.keys() <= here
    rows = {row.id: {test.rpartition("::")[2] for test in row.tests} for row in UPSTREAM if row.id.startswith("U")}
    only_left_out = [id_ for id_, tests in rows.items() if not tests & here]
    assert only_left_out == ["U5", "U17", "U21", "U22"], "U17 is spot's; the others have tests of their own below"


async def test_a_busy_symbol_falls_silent_where_questions_are_dear(home: House) -> None:
    """U4: four questions about single symbols in half a minute, for all of the venue: a busy symbol that says nothing
    while REST has newer trades is said to be silent when it is its turn. One that does not trade is not accused."""
    home.sim.faults.silence(test_network.BUSY)
    calm: set[str] = set()

    async def said() -> bool:
        calm.add((await home.coverage(test_network.CALM, trades=100))["state"])
        return not (await home.coverage(test_network.BUSY, trades=100))["complete"]

    assert await home.until(said, "said to be incomplete", 45.0) <= 40.0
    assert calm <= {"live", "quiet"}
    home.sim.faults.speak()
    await home.until_whole()


async def test_the_futures_exchange_is_stopped(tmp_path: Path) -> None:
    """U5: its process stands still (SIGSTOP): found within 3 s, by streams and by /readyz. After SIGCONT everything it
    has is had."""
    arguments = ("--market", "usdm", "--rate", "300")
    async with test_exchange.exchange(tmp_path, *arguments) as (venue, urls), aiohttp.ClientSession() as session:
        env = environment(
            ORDERFLOW_VENUES__BINANCE__SYMBOLS="",
            ORDERFLOW_VENUES__BINANCE__STREAM_URL="ws://127.0.0.1:1",
            ORDERFLOW_VENUES__BINANCE__REST_URL="http://127.0.0.1:1",
            ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS="BTCUSDT,ETHUSDT",
            ORDERFLOW_VENUES__BINANCE_USDM__STREAM_URL=urls["stream"],
            ORDERFLOW_VENUES__BINANCE_USDM__REST_URL=urls["rest"],
        )
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = json.loads(await daemon.line('"listening"'))["url"]

            async def get(path: str, base: str = url) -> Any:
                async with session.get(base + path) as answer:
                    return await answer.json()

            await status(f"{url}/readyz?strict=1", 200, 30.0)
            await asyncio.sleep(6.0)  # a rhythm is known
            venue.kill(signal.SIGSTOP)
            assert await status(f"{url}/readyz", 503, 20.0) <= 3.0
            flow = (await get("/v1/flow?symbol=BTCUSDT&venue=binance-usdm"))["data"]
            assert (flow["coverage"]["state"], flow["coverage"]["complete"]) == ("stale", False)
            venue.kill(signal.SIGCONT)
            await status(f"{url}/readyz?strict=1", 200, 40.0)
            told = (await get("/v1/trades?symbol=BTCUSDT&venue=binance-usdm&limit=1000"))["data"]["trades"]
            ids = [row["id"] for row in told]
            truth = await get(f"/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000&fromId={ids[0]}", urls["rest"])
            assert ids == [row["a"] for row in truth if row["a"] <= ids[-1]]
            assert not [line for line in daemon.err if "Traceback" in line]


@pytest.mark.parametrize("kind", ["no such name", "expired"])
async def test_nobody_to_trust_or_to_find(tmp_path: Path, kind: str) -> None:
    """U21, U22: a name that does not resolve, a certificate that is over: said of streams, liquidations and REST, with
    a remedy. What was asked for before it was configured is streamed like all else: `connecting`, not an error."""
    context, trusted = test_exchange.certificate("expired")
    trusted.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    async with (
        at_usdm(tmp_path, SteadyContracts({"AAAUSDT": 30}), serve=False, symbols="AAAUSDT") as home,
        Proxy((home.sim.host, home.sim.port), tls=context) as doors,
    ):
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of a broken handshake
        host = "futures.invalid" if kind == "no such name" else f"localhost:{doors.port}"
        home.keys |= {
            "ORDERFLOW_VENUES__BINANCE__STREAM_URL": f"wss://{host}",
            "ORDERFLOW_VENUES__BINANCE__REST_URL": f"https://{host}",
            "SSL_CERT_FILE": str(tmp_path / "authority.pem"),
        }
        async with home.serving() as daemon:
            await daemon.line("rest does not answer")
            await daemon.line('adapters.connections","event":"feed cannot connect')

            async def connecting() -> bool:
                answered, body = await home.raw("/v1/flow", symbol="AAAUSDT")
                return answered == 200 and json.loads(body)["data"]["coverage"]["state"] == "connecting"

            await home.until(connecting, "streamed as soon as it can be", 30.0)
            lines = home.said("feed cannot connect")
            assert {line.get("stream") for line in lines} == {None, "liquidations"}
            word = "cannot resolve futures.invalid" if kind == "no such name" else "expired"
            assert all(word in line["reason"] and line["hint"] and line["venue"] == VENUE for line in lines), lines
            assert not [link for link in doors.links if link.request]
        home.assert_quiet_log()
