"""`gateway/domain/ads/stop.py`: a pause and a deletion are sent until they are true."""

import grpc
import pytest

from providers.errors import ContentRefused, Unavailable
from socialgateway.ads.v1 import delivery_pb2
from tests.fixtures.ads import AdsWorld, money, request_id
from tests.flows.test_ads_launch import LAUNCH, refusal
from tests.rpc.answers import assert_reason

PAUSE, DELETE = "CampaignService/PauseCampaign", "CampaignService/DeleteCampaign"


@pytest.mark.parametrize("after", [False, True])
async def test_a_pause_whose_answer_is_lost_becomes_true(advertising: AdsWorld, *, after: bool) -> None:
    """It is sent again by the background, and off in the end."""
    made = await advertising.campaign()
    await advertising.call(LAUNCH, name=made.name, etag=made.etag)
    advertising.vendor.fail("switch paused", after=after)
    await advertising.call(PAUSE, name=made.name)
    await advertising.run_due(10)

    now = await advertising.get(made.name)
    assert (delivery_pb2.DELIVERY_STATE_PAUSED, False) == (now.state, now.reconciling)
    assert [] == advertising.vendor.spending()


async def test_a_pause_waits_for_no_other_write(advertising: AdsWorld) -> None:
    """While the answer to an update is lost, a pause is made all the same."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    on = await advertising.call(LAUNCH, name=made.name, etag=made.etag)
    advertising.vendor.fail("update")
    more = {"name": on.name, "etag": on.etag, "budget": {"lifetime": money(200)}}
    assert (await advertising.call("CampaignService/UpdateCampaign", campaign=more)).reconciling

    off = await advertising.call(PAUSE, name=made.name, request_id=request_id())
    assert delivery_pb2.DELIVERY_STATE_PAUSED == off.state
    assert [] == advertising.vendor.spending()


async def test_a_pause_that_the_vendor_refuses_is_an_error(advertising: AdsWorld) -> None:
    """A refusal is told, and the same request may be made again."""
    made = await advertising.campaign()
    on = await advertising.call(LAUNCH, name=made.name, etag=made.etag)
    advertising.vendor.fail("switch paused", ContentRefused("no", code="40002"))
    wanted = {"name": on.name, "request_id": request_id()}
    await refusal(advertising, PAUSE, "CONTENT_REJECTED", **wanted)
    assert delivery_pb2.DELIVERY_STATE_PAUSED == (await advertising.call(PAUSE, **wanted)).state


@pytest.mark.parametrize("after", [False, True])
async def test_a_deletion_whose_answer_is_lost_becomes_true(advertising: AdsWorld, *, after: bool) -> None:
    """The caller is told that it is not known yet; the background deletes it."""
    made = await advertising.campaign()
    advertising.vendor.fail("switch deleted", after=after)
    wanted = {"name": made.name, "etag": made.etag, "request_id": request_id()}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call(DELETE, **wanted)
    assert_reason(caught.value, "CONFLICT")
    await advertising.run_due(10)

    await advertising.call(DELETE, **wanted)
    await refusal(advertising, "CampaignService/GetCampaign", "RESOURCE_NOT_FOUND", name=made.name)
    assert "deleted" == advertising.vendor.nodes[made.provider_campaign_id].switch


async def test_what_is_in_doubt_cannot_be_deleted(advertising: AdsWorld) -> None:
    """It may exist: it is kept until that is known."""
    advertising.vendor.hides = True
    advertising.vendor.fail("create", after=True)
    made = await advertising.campaign()
    await refusal(advertising, DELETE, "STATE_FORBIDS", name=made.name, etag=made.etag)


async def test_a_vendor_that_is_away_delays_a_deletion(advertising: AdsWorld) -> None:
    """Nothing was sent: the campaign is still there, and deleted when the vendor is back."""
    made = await advertising.campaign()
    advertising.vendor.fail("switch deleted", Unavailable("away"))
    with pytest.raises(grpc.aio.AioRpcError):
        await advertising.call(DELETE, name=made.name, etag=made.etag)
    await advertising.run_due(10)
    await refusal(advertising, "CampaignService/GetCampaign", "RESOURCE_NOT_FOUND", name=made.name)
