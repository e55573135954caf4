"""`gateway/domain/ads/sweep.py`: what is read in the background, how often, and for whom first."""

from dataclasses import replace

from providers.errors import Unavailable
from providers.models.ads import DeliveryState
from socialgateway.ads.v1 import delivery_pb2
from tests.fixtures.ads import AdsWorld
from tests.flows.test_ads_launch import LAUNCH

HOUR = 3600.0


async def changes(world: AdsWorld, subject: str) -> list[tuple[str, str]]:
    """Return the changes of state that events tell of something."""
    found = [row for row in await world.world.events() if row.type == "AD_STATE_CHANGED" and row.subject == subject]
    return [(row.payload["ad_state"]["previous_state"], row.payload["ad_state"]["state"]) for row in found]


def becomes(world: AdsWorld, id: str, state: DeliveryState) -> None:
    """Let the vendor deliver something otherwise."""
    world.vendor.nodes[id] = replace(world.vendor.nodes[id], state=state)


async def test_a_change_at_the_vendor_is_one_event(advertising: AdsWorld) -> None:
    """Found within minutes of a review, told once however often it is read, and the etag is not touched."""
    made = await advertising.campaign()
    on = await advertising.call(LAUNCH, name=made.name, etag=made.etag)
    becomes(advertising, made.provider_campaign_id, DeliveryState.DELIVERING)
    await advertising.run_due(301)
    for _ in range(3):
        await advertising.run_due(HOUR)

    assert [("PREPARING", "PAUSED"), ("PAUSED", "IN_REVIEW"), ("IN_REVIEW", "DELIVERING")] == await changes(
        advertising, made.name
    )
    listed = await advertising.call("CampaignService/ListCampaigns", parent=advertising.account)
    assert (delivery_pb2.DELIVERY_STATE_DELIVERING, on.etag) == (listed.campaigns[0].state, listed.campaigns[0].etag)


async def test_what_is_paused_is_seldom_read(advertising: AdsWorld) -> None:
    """Twice a day; what is in review every five minutes."""
    quiet, live = await advertising.campaign(), await advertising.campaign()
    await advertising.call(LAUNCH, name=live.name, etag=live.etag)
    advertising.vendor.calls.clear()
    for _ in range(12):
        await advertising.run_due(301)

    read = [about.ids for name, about in advertising.vendor.calls if name == "find"]
    assert [(live.provider_campaign_id,)] * 12 == read
    assert quiet.provider_campaign_id != live.provider_campaign_id


async def test_a_vendor_that_is_away_is_asked_again(advertising: AdsWorld) -> None:
    """Nothing is concluded from no answer, and the next look finds it."""
    made = await advertising.campaign()
    await advertising.call(LAUNCH, name=made.name, etag=made.etag)
    becomes(advertising, made.provider_campaign_id, DeliveryState.REJECTED)
    advertising.vendor.fail("find", Unavailable("away"))
    await advertising.run_due(301)
    assert ("IN_REVIEW", "REJECTED") not in await changes(advertising, made.name)
    await advertising.run_due(301)
    assert ("IN_REVIEW", "REJECTED") in await changes(advertising, made.name)
