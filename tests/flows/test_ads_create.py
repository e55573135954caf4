"""`gateway/domain/ads/create.py`: nothing is created twice, whatever becomes of an answer."""

import grpc
import pytest
from google.rpc import error_details_pb2
from sqlalchemy import text

from providers.errors import ContentRefused, RateLimited, Unavailable
from socialgateway.ads.v1 import delivery_pb2
from storage import posts
from tests.fixtures.ads import AdsWorld, campaign, request_id
from tests.fixtures.rows import post_row
from tests.rpc.answers import assert_reason, detail, status_of

State = delivery_pb2
MINUTES = 60.0


async def test_a_lost_answer_is_looked_up_at_once(advertising: AdsWorld) -> None:
    """The vendor created it and its answer was lost: it is found by its key, and the caller notices nothing."""
    advertising.vendor.fail("create", after=True)
    made = await advertising.campaign()

    assert (State.DELIVERY_STATE_PAUSED, False) == (made.state, made.reconciling)
    assert (1, 1) == (len(advertising.vendor.nodes), advertising.vendor.made("create"))


async def test_a_new_object_that_the_vendor_does_not_show_yet_is_found_later(advertising: AdsWorld) -> None:
    """Until the vendor shows it, it is INDETERMINATE; the background finds it, and never creates it again."""
    vendor = advertising.vendor
    vendor.hides = True
    vendor.fail("create", after=True)
    made = await advertising.campaign()
    assert (State.DELIVERY_STATE_INDETERMINATE, True) == (made.state, made.reconciling)

    await advertising.run_due(6)
    vendor.hides = False
    await advertising.run_due(60)
    found = await advertising.get(made.name)
    assert (State.DELIVERY_STATE_PAUSED, False) == (found.state, found.reconciling)
    assert (1, 1) == (len(vendor.nodes), vendor.made("create"))


async def test_what_never_arrived_fails_after_ten_minutes(advertising: AdsWorld) -> None:
    """Nothing is sent a second time: it is FAILED with the reason, and can be deleted here."""
    advertising.vendor.fail("create")
    made = await advertising.campaign()
    assert State.DELIVERY_STATE_INDETERMINATE == made.state
    for _ in range(8):
        await advertising.run_due(3 * MINUTES)

    failed = await advertising.get(made.name)
    assert (State.DELIVERY_STATE_FAILED, False) == (failed.state, failed.reconciling)
    assert "ten minutes" in failed.error.message
    assert (0, 0) == (len(advertising.vendor.nodes), advertising.vendor.made("create"))
    await advertising.call("CampaignService/DeleteCampaign", name=made.name, etag=failed.etag)


async def test_the_same_request_twice_is_one_object(advertising: AdsWorld) -> None:
    """A request id is answered with the first call's object, also while that is in doubt."""
    vendor, id = advertising.vendor, request_id()
    wanted = {"parent": advertising.account, "campaign": campaign(), "request_id": id}
    vendor.hides = True
    vendor.fail("create", after=True)
    first = await advertising.call("CampaignService/CreateCampaign", **wanted)
    again = await advertising.call("CampaignService/CreateCampaign", **wanted)
    vendor.hides = False
    advertising.world.clock.advance(60)
    third = await advertising.call("CampaignService/CreateCampaign", **wanted)

    assert first.name == again.name == third.name
    assert State.DELIVERY_STATE_PAUSED == third.state
    assert (1, 1) == (len(vendor.nodes), vendor.made("create"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ContentRefused("no", code="40002"), "CONTENT_REJECTED"),
        (Unavailable("away"), "PROVIDER_UNAVAILABLE"),
        (RateLimited("slow"), "PROVIDER_RATE_LIMITED"),
    ],
)
async def test_what_certainly_was_not_created_is_an_error_and_may_be_repeated(
    advertising: AdsWorld, error: Exception, reason: str
) -> None:
    """A refusal leaves nothing here, and the same request id makes the object afterwards."""
    id = request_id()
    wanted = {"parent": advertising.account, "campaign": campaign(), "request_id": id}
    advertising.vendor.fail("create", error)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call("CampaignService/CreateCampaign", **wanted)
    info = detail(status_of(caught.value), error_details_pb2.ErrorInfo)
    assert info is not None
    assert reason == info.reason
    listed = await advertising.call("CampaignService/ListCampaigns", parent=advertising.account)
    assert 0 == len(listed.campaigns)

    made = await advertising.call("CampaignService/CreateCampaign", **wanted)
    assert (State.DELIVERY_STATE_PAUSED, 1) == (made.state, len(advertising.vendor.nodes))


async def test_a_refusal_that_proves_nothing_is_looked_up(advertising: AdsWorld) -> None:
    """The vendor says that it exists already: what it has under the key is the one that was asked for."""
    advertising.vendor.fail("create", ContentRefused("exists", code="40050", unproven=True), after=True)
    made = await advertising.campaign()
    assert (State.DELIVERY_STATE_PAUSED, 1) == (made.state, len(advertising.vendor.nodes))


async def test_a_vendor_that_ignores_the_pause_is_paused_at_once(advertising: AdsWorld) -> None:
    """What comes back switched on is switched off before the caller hears of it."""
    advertising.vendor.ignores_pause = True
    made = await advertising.campaign()
    assert State.DELIVERY_STATE_PAUSED == made.state
    assert [] == advertising.vendor.spending()


async def test_a_pause_that_fails_after_a_create_is_made_later(advertising: AdsWorld) -> None:
    """The object is not said to be made before it is known to be paused."""
    vendor = advertising.vendor
    vendor.ignores_pause = True
    vendor.fail("switch paused", Unavailable("away"))
    made = await advertising.campaign()
    assert made.reconciling
    await advertising.run_due(60)

    found = await advertising.get(made.name)
    assert (State.DELIVERY_STATE_PAUSED, False, []) == (found.state, found.reconciling, vendor.spending())
    assert 1 == vendor.made("create")


async def test_an_upload_is_sent_once_and_waited_for(advertising: AdsWorld) -> None:
    """An ad of an upload is PREPARING until the vendor has transcoded it; a second ad of it sends no bytes again."""
    top = await advertising.campaign()
    middle = await advertising.group(top.name)
    upload = await advertising.world.api.upload(b"0" * 70_000)
    creative = {"upload": upload, "text": "Fresh", "identity": {"kind": "ACCOUNT", "identity_id": "i1"}}
    advertising.vendor.hides = True
    made = await advertising.ad(middle.name, creative=creative)
    assert (State.DELIVERY_STATE_PREPARING, True, upload) == (made.state, made.reconciling, made.creative.upload)

    await advertising.run_due(1)
    await advertising.run_due(11)
    assert State.DELIVERY_STATE_PREPARING == (await advertising.get(made.name)).state
    advertising.vendor.hides = False
    await advertising.run_due(11)
    done = await advertising.get(made.name)

    assert (State.DELIVERY_STATE_PAUSED, "Fresh") == (done.state, done.creative.text)
    assert (1, 3) == (advertising.vendor.made("upload_media"), len(advertising.vendor.nodes))


async def test_a_creative_that_the_vendor_refuses_fails_the_ad(advertising: AdsWorld) -> None:
    """What is found out after the call has ended stands in the ad, and nothing is created."""
    top = await advertising.campaign()
    middle = await advertising.group(top.name)
    upload = await advertising.world.api.upload(b"0" * 70_000)
    creative = {"upload": upload, "text": "Fresh", "identity": {"kind": "ACCOUNT", "identity_id": "i1"}}
    made = await advertising.ad(middle.name, creative=creative)
    advertising.vendor.fail("upload_media", ContentRefused("no video", code="40900"))
    await advertising.run_due(1)

    failed = await advertising.get(made.name)
    assert (State.DELIVERY_STATE_FAILED, "no video") == (failed.state, failed.error.message)


async def test_an_upload_that_is_no_video_is_refused(advertising: AdsWorld) -> None:
    """A picture is MEDIA_INVALID, and an identity is required, before anything is sent."""
    top = await advertising.campaign()
    middle = await advertising.group(top.name)
    picture = await advertising.world.api.upload(b"0" * 100, "image/png")
    creative = {"upload": picture, "text": "Fresh", "identity": {"kind": "ACCOUNT", "identity_id": "i1"}}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.ad(middle.name, creative=creative)
    assert_reason(caught.value, "MEDIA_INVALID")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.ad(middle.name, creative={"upload": picture, "text": "Fresh"})
    assert_reason(caught.value, "FIELD_INVALID", field="ad.creative.identity")


async def test_what_is_refused_in_the_background_fails_the_ad(advertising: AdsWorld) -> None:
    """The vendor refuses an ad whose name the caller has: it stays, FAILED with the reason."""
    top = await advertising.campaign()
    middle = await advertising.group(top.name)
    upload = await advertising.world.api.upload(b"0" * 70_000)
    creative = {"upload": upload, "text": "Fresh", "identity": {"kind": "ACCOUNT", "identity_id": "i1"}}
    made = await advertising.ad(middle.name, creative=creative)
    advertising.vendor.fail("create", Unavailable("away"))
    advertising.vendor.fail("create", ContentRefused("not this", code="40002"))
    await advertising.run_due(1)
    assert State.DELIVERY_STATE_PREPARING == (await advertising.get(made.name)).state
    await advertising.run_due(10)

    failed = await advertising.get(made.name)
    assert (State.DELIVERY_STATE_FAILED, "not this", False) == (failed.state, failed.error.message, failed.reconciling)
    assert 2 == len(advertising.vendor.nodes)


async def test_what_the_vendor_does_not_show_is_not_said_to_be_deleted(advertising: AdsWorld) -> None:
    """It may still spend: its state is unknown, and it can be paused."""
    made = await advertising.campaign()
    node = advertising.vendor.nodes.pop(made.provider_campaign_id)
    assert State.DELIVERY_STATE_UNSPECIFIED == (await advertising.get(made.name)).state
    advertising.vendor.nodes[node.id] = node
    await advertising.call("CampaignService/PauseCampaign", name=made.name)
    assert State.DELIVERY_STATE_PAUSED == (await advertising.get(made.name)).state


async def test_a_published_post_becomes_an_ad(advertising: AdsWorld) -> None:
    """The connection that published it makes the code, and the ad names the post; one that is not out is refused."""
    [account] = (await advertising.call("AccountService/ListAccounts", parent="locations/l1")).accounts
    own = {"account": account.name.rpartition("/")[2], "connection": account.connection.rpartition("/")[2]}
    now = advertising.domain.clock()
    async with advertising.domain.db.transaction() as tx:
        await posts.insert(tx, post_row(now, id="p1", state="PUBLISHED", provider_post_id="77", **own))
        await posts.insert(tx, post_row(now, id="p2", state="FAILED", **own))
    middle = await advertising.group((await advertising.campaign()).name)
    creative = {"post": "locations/l1/posts/p1", "authorization_days": 30}
    made = await advertising.ad(middle.name, creative=creative)

    assert (State.DELIVERY_STATE_PAUSED, "locations/l1/posts/p1", "post-1") == (
        made.state,
        made.creative.post,
        made.creative.provider_post_id,
    )
    shared = [about for name, about in advertising.vendor.calls if name in ("share_post", "authorize_post")]
    assert [(own["connection"], "77", 30), "#made"] == shared
    for wrong, reason in (
        ({**creative, "post": "locations/l1/posts/p2"}, "STATE_FORBIDS"),
        ({**creative, "post": "locations/l1/posts/none"}, "RESOURCE_NOT_FOUND"),
        ({**creative, "post": "locations/l2/posts/p1"}, "FIELD_INVALID"),
        ({"post": "locations/l1/posts/p1"}, "FIELD_INVALID"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await advertising.ad(middle.name, creative=wrong)
        assert_reason(caught.value, reason)
    assert 3 == len(advertising.vendor.nodes)


async def test_a_restored_database_creates_nothing_that_is_there(advertising: AdsWorld) -> None:
    """The backup says that it was never sent, and the vendor has it: it is found by its key."""
    made = await advertising.campaign()
    unsent = "UPDATE ad_operations SET state = 'INTENT', payload = '{}', sent_time = NULL, due_at = create_time"
    unknown = "UPDATE ads SET state = 'PREPARING', provider_id = '', operation = (SELECT id FROM ad_operations)"
    async with advertising.domain.db.transaction() as tx:
        for statement in (unsent, unknown):
            await tx.execute(text(statement))
    await advertising.run_due(1)
    found = await advertising.get(made.name)
    assert (State.DELIVERY_STATE_PAUSED, made.provider_campaign_id, 1, False) == (
        found.state,
        found.provider_campaign_id,
        advertising.vendor.made("create"),
        found.reconciling,
    )
