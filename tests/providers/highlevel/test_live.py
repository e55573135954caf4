"""HighLevel's live suite over the simulator: each of its tests passes, with the stated number of calls."""

import inspect

import httpx
import pytest

from gateway.clock import now
from providers.highlevel import build
from providers.simulators.highlevel import create_app
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from tests.live import costs, test_highlevel

TESTS = {name: test for name, test in vars(test_highlevel).items() if name.startswith("test_")}


def test_every_test_has_a_cost() -> None:
    """Calls of a test that is not in the table would not be announced."""
    assert TESTS.keys() == costs.HIGHLEVEL_COSTS.keys()
    assert set(costs.HIGHLEVEL.posting) <= TESTS.keys()


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
@pytest.mark.parametrize("name", TESTS)
async def test_it_passes_over_the_simulator_at_its_cost(name: str, version: str) -> None:
    """It passes in both API versions, publishes nothing and leaves no draft behind."""
    simulator = create_app(clock=now)
    vendor = simulator.state.vendor
    provider = build({"api_version": version}, clock=now, transport=httpx.ASGITransport(simulator))
    given = {
        "provider": provider,
        "access": test_highlevel.lent(provider, vendor.private_token(BAKERY), BAKERY, OWNER),
        "location": BAKERY,
    }
    await TESTS[name](**{each: given[each] for each in inspect.signature(TESTS[name]).parameters})
    await provider.close()

    calls = sum(count for what, count in costs.HIGHLEVEL_COSTS[name].items() if what not in costs.HIGHLEVEL_TRACES)
    assert calls == len(vendor.requests)
    assert [] == vendor.posts
    assert all(record.deleted for record in vendor.planner.records.values())


@pytest.mark.parametrize(("leave", "uploads"), [("", 0), ("1", 1)])
def test_the_cost_is_printed_in_advance(leave: str, uploads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without permission the cost contains no writes, and the variable that grants it is printed."""
    for name in costs.HIGHLEVEL.needed:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv(costs.HIGHLEVEL.leave, leave)
    printed = "\n".join(costs.HIGHLEVEL.lines())
    assert uploads == printed.count("medias/upload-file") == printed.count("which stays")
    assert (not leave) == ("HIGHLEVEL_LIVE_POST=1" in printed)


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials no cost is printed, as nothing is called."""
    for name in costs.HIGHLEVEL.needed:
        monkeypatch.delenv(name, raising=False)
    [line] = costs.HIGHLEVEL.lines()
    assert "HIGHLEVEL_LIVE_TOKEN_FILE" in line
