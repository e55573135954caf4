"""A death at each step of a write to an ad account: nothing is made twice, and nothing is launched unmeant.

Owns the list of places. A death is an exception that nothing of ours handles; what the journal has committed by then is
all that the next process knows. The vendor's ledger is the judge.
"""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from gateway.domain.ads import create, launch, stop, update, writes
from socialgateway.ads.v1 import delivery_pb2
from tests.fixtures.ads import AdsWorld, campaign, money, request_id

PAUSED, IN_REVIEW = delivery_pb2.DELIVERY_STATE_PAUSED, delivery_pb2.DELIVERY_STATE_IN_REVIEW
ENDED = (writes, create, update, launch, stop)
COMMITS = ("ads.after-commit.INTENT", "ads.after-commit.SENT", "ads.after-commit.DONE")
CREATING = (*COMMITS, "ads.after-call.create")
UPLOADING = ("ads.after-call.upload",)
UPDATING = (*COMMITS, "ads.after-call.update")
LAUNCHING = (*COMMITS, "ads.before-call.launch", "ads.after-call.launch")
STOPPING = (*COMMITS, "ads.after-call.switch")
PLACES = sorted({*CREATING, *UPLOADING, *UPDATING, *LAUNCHING, *STOPPING})
LEASE = writes.LEASE.total_seconds() + 1


class Died(BaseException):
    """The process died here."""


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return how the process is told to die at a place, once."""

    def tell(place: str) -> None:
        armed = [place]

        def reach(name: str) -> None:
            if name in armed:
                armed.remove(name)
                raise Died

        for module in ENDED:
            monkeypatch.setattr(module, "reach", reach)

    return tell


async def dies(world: AdsWorld, method: str, **values: Any) -> None:
    """Call a method whose process dies."""
    with pytest.raises(grpc.aio.AioRpcError):
        await world.call(method, **values)


async def next_process(world: AdsWorld) -> None:
    """Let the lease end, and the background of another process do what is due, until it has all been settled."""
    for _ in range(8):
        await world.run_due(LEASE)


@pytest.mark.parametrize("place", CREATING)
async def test_a_death_while_creating(advertising: AdsWorld, die_at: Callable[[str], None], place: str) -> None:
    """One object, paused, known; and the same request gives that one."""
    wanted = {"parent": advertising.account, "campaign": campaign(), "request_id": request_id()}
    die_at(place)
    await dies(advertising, "CampaignService/CreateCampaign", **wanted)
    await next_process(advertising)
    made = await advertising.call("CampaignService/CreateCampaign", **wanted)

    listed = await advertising.call("CampaignService/ListCampaigns", parent=advertising.account)
    if place == "ads.after-commit.SENT":
        # Nobody can know that it never left: it is not sent again.
        assert (delivery_pb2.DELIVERY_STATE_FAILED, 0) == (made.state, len(advertising.vendor.nodes))
    else:
        assert (PAUSED, 1) == (made.state, len(advertising.vendor.nodes))
    assert [made.name] == [each.name for each in listed.campaigns]
    assert ([], False) == (advertising.vendor.spending(), made.reconciling)


@pytest.mark.parametrize("place", UPLOADING)
async def test_a_death_after_an_upload(advertising: AdsWorld, die_at: Callable[[str], None], place: str) -> None:
    """The bytes are not sent again, and one ad is made of them."""
    top = await advertising.campaign()
    middle = await advertising.group(top.name)
    upload = await advertising.world.api.upload(b"0" * 70_000)
    creative = {"upload": upload, "text": "Fresh", "identity": {"kind": "ACCOUNT", "identity_id": "i1"}}
    made = await advertising.ad(middle.name, creative=creative)
    die_at(place)
    with pytest.raises(Died):
        await advertising.run_due(1)
    await next_process(advertising)
    assert (PAUSED, 1, 3) == (
        (await advertising.get(made.name)).state,
        advertising.vendor.made("upload_media"),
        len(advertising.vendor.nodes),
    )


@pytest.mark.parametrize("place", UPDATING)
async def test_a_death_while_updating(advertising: AdsWorld, die_at: Callable[[str], None], place: str) -> None:
    """It was made once or not at all, which the resource shows, and it can be written to again."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    die_at(place)
    wanted = {"name": made.name, "etag": made.etag, "budget": {"lifetime": money(200)}}
    await dies(advertising, "CampaignService/UpdateCampaign", campaign=wanted)
    await next_process(advertising)

    now = await advertising.get(made.name)
    calls = advertising.vendor.made("update")
    assert (100 + 100 * calls, False) == (now.budget.lifetime.units, now.reconciling)
    assert calls == (0 if place in COMMITS[:2] else 1)
    again = {**wanted, "etag": now.etag, "budget": {"lifetime": money(300)}}
    changed = await advertising.call("CampaignService/UpdateCampaign", campaign=again)
    assert 300 == changed.budget.lifetime.units


@pytest.mark.parametrize("place", LAUNCHING)
async def test_a_death_while_launching(advertising: AdsWorld, die_at: Callable[[str], None], place: str) -> None:
    """What was called is on, nothing else is called ever, and what is still paused can be launched by a new call."""
    top, _, _ = await advertising.tree()
    die_at(place)
    wanted = {"name": top.name, "etag": top.etag, "include_children": True}
    await dies(advertising, "CampaignService/LaunchCampaign", **wanted)
    called = advertising.vendor.made("switch enabled")
    on = advertising.vendor.spending()
    await next_process(advertising)

    now = await advertising.get(top.name)
    assert (called, on, False) == (
        advertising.vendor.made("switch enabled"),
        advertising.vendor.spending(),
        now.reconciling,
    )
    if place == "ads.after-commit.DONE":
        assert (IN_REVIEW, 3) == (now.state, len(on))
    else:
        # The campaign comes last: nothing spends by half a launch.
        assert (PAUSED, True) == (now.state, bool(now.error.message))
        await advertising.call("CampaignService/LaunchCampaign", **{**wanted, "etag": now.etag})
        assert 3 == len(advertising.vendor.spending())


@pytest.mark.parametrize("verb", ["Pause", "Delete"])
@pytest.mark.parametrize("place", STOPPING)
async def test_a_death_while_stopping(
    advertising: AdsWorld, die_at: Callable[[str], None], place: str, verb: str
) -> None:
    """A pause and a deletion are made all the same: they are what somebody wants who is afraid for their money."""
    made = await advertising.campaign()
    on = await advertising.call("CampaignService/LaunchCampaign", name=made.name, etag=made.etag)
    die_at(place)
    etag = {"etag": on.etag} if verb == "Delete" else {}
    await dies(advertising, f"CampaignService/{verb}Campaign", name=made.name, **etag)
    await next_process(advertising)

    assert [] == advertising.vendor.spending()
    if verb == "Pause":
        assert (PAUSED, False) == ((now := await advertising.get(made.name)).state, now.reconciling)
    else:
        assert "deleted" == advertising.vendor.nodes[made.provider_campaign_id].switch
