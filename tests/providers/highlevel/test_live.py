"""HighLevel's live suite without HighLevel: over the simulator each of its tests holds, and costs what it says."""

import inspect

import httpx
import pytest

from gateway.clock import now
from providers.highlevel import build
from providers.simulators.highlevel import create_app
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from tests.live import costs, test_highlevel

TESTS = {name: test for name, test in vars(test_highlevel).items() if name.startswith("test_")}


def test_every_test_has_a_price() -> None:
    """What is not in the table would be spent without a word."""
    assert TESTS.keys() == costs.HIGHLEVEL_COSTS.keys()
    assert set(costs.HIGHLEVEL_POSTING) <= TESTS.keys()


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
@pytest.mark.parametrize("name", TESTS)
async def test_it_holds_over_the_simulator_at_its_price(name: str, version: str) -> None:
    """Both generations; nothing is published, and no draft is left behind."""
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
def test_the_price_is_said_before_it_is_paid(leave: str, uploads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leave nothing that writes is in the price, and how to give it is told."""
    for name in costs.HIGHLEVEL.needed:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv(costs.HIGHLEVEL.leave, leave)
    said = "\n".join(costs.HIGHLEVEL.lines())
    assert uploads == said.count("medias/upload-file") == said.count("which stays")
    assert (not leave) == ("HIGHLEVEL_LIVE_POST=1" in said)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials no price is told: nothing is called."""
    for name in costs.HIGHLEVEL.needed:
        monkeypatch.delenv(name, raising=False)
    [line] = costs.HIGHLEVEL.lines()
    assert "HIGHLEVEL_LIVE_TOKEN_FILE" in line
