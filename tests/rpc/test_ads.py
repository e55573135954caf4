"""CampaignService, AdGroupService, AdService: what callers see of each method, through a real server.

Owns answers and refusals. What happens when the vendor fails is in tests/flows/test_ads_*.py.
"""

from typing import Any

import grpc
import pytest

from socialgateway.ads.v1 import delivery_pb2
from storage import ads
from storage.states import DeliveryState
from tests.fixtures.ads import AdsWorld, campaign, group, money
from tests.rpc.answers import assert_reason

PAUSED = delivery_pb2.DELIVERY_STATE_PAUSED
IN_REVIEW = delivery_pb2.DELIVERY_STATE_IN_REVIEW


async def refused(world: AdsWorld, method: str, reason: str, **values: Any) -> grpc.aio.AioRpcError:
    """Call a method that is refused for a reason, and return the error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.call(method, **values)
    assert_reason(caught.value, reason)
    return caught.value


async def test_a_campaign_is_created_paused_and_read_back(advertising: AdsWorld) -> None:
    """What is created is paused, has what was asked for and the vendor's id, and Get answers the same."""
    made = await advertising.campaign(budget={"daily": money(60, 500_000_000)}, special_industries=["HOUSING"])

    assert (PAUSED, "Croissants", "TRAFFIC", ["HOUSING"]) == (
        made.state,
        made.display_name,
        made.objective,
        list(made.special_industries),
    )
    assert (60, 500_000_000, "USD") == (
        made.budget.daily.units,
        made.budget.daily.nanos,
        made.budget.daily.currency_code,
    )
    assert "Croissants" == advertising.vendor.nodes[made.provider_campaign_id].name
    assert (False, []) == (made.reconciling, list(made.warnings))
    assert made == await advertising.get(made.name)


async def test_an_ad_group_has_what_was_asked_for(advertising: AdsWorld) -> None:
    """Targeting, bid, flight and budget of an ad group come back as they were sent."""
    top = await advertising.campaign()
    wanted = {
        "targeting": {"region_codes": ["US", "DE"], "age_bands": ["18-24"], "audiences": ["7"]},
        "bid": {"strategy": "BID_STRATEGY_BID_CAP", "amount": money(2)},
        "budget": {"lifetime": money(200)},
        "flight": {"start_time": {"seconds": 2_000_000_000}, "end_time": {"seconds": 2_000_864_000}},
        "frequency_cap": {"times": 3, "days": 7},
    }
    made = await advertising.group(top.name, **wanted)

    assert (["US", "DE"], ["18-24"], ["7"]) == (
        list(made.targeting.region_codes),
        list(made.targeting.age_bands),
        list(made.targeting.audiences),
    )
    assert (2, 200, 2_000_000_000, 2_000_864_000, 3) == (
        made.bid.amount.units,
        made.budget.lifetime.units,
        made.flight.start_time.seconds,
        made.flight.end_time.seconds,
        made.frequency_cap.times,
    )
    assert made.name.startswith(f"{top.name}/adGroups/")
    assert made == await advertising.get(made.name)


async def test_an_ad_of_a_code_shows_its_post(advertising: AdsWorld) -> None:
    """The code is redeemed, the ad has the post and its author, and nobody sees the code again."""
    _, _, made = await advertising.tree()

    assert ("post-1", "author", PAUSED) == (
        made.creative.provider_post_id,
        made.creative.identity.identity_id,
        made.state,
    )
    assert "" == made.creative.authorization_code
    async with advertising.domain.db.read() as tx:
        row = await ads.get(tx, "l1", made.name.rpartition("/")[2])
    assert "#code" not in str(row.model_dump())


async def test_lists_are_paged_and_filtered(advertising: AdsWorld) -> None:
    """Newest first, page by page; a state that nothing has gives nothing."""
    names = [(await advertising.campaign(display_name=f"c{number}")).name for number in range(3)]
    first = await advertising.call("CampaignService/ListCampaigns", parent=advertising.account, page_size=2)
    rest = await advertising.call(
        "CampaignService/ListCampaigns", parent=advertising.account, page_size=2, page_token=first.next_page_token
    )
    none = await advertising.call(
        "CampaignService/ListCampaigns", parent=advertising.account, states=["DELIVERY_STATE_DELIVERING"]
    )

    assert names[::-1] == [each.name for each in (*first.campaigns, *rest.campaigns)]
    assert ("", 0) == (rest.next_page_token, len(none.campaigns))


async def test_each_level_is_listed_below_its_parent(advertising: AdsWorld) -> None:
    """Ad groups are listed below their campaign, ads below their ad group, and nothing below another one."""
    top, middle, low = await advertising.tree()
    other = await advertising.campaign()

    groups = await advertising.call("AdGroupService/ListAdGroups", parent=top.name)
    ads = await advertising.call("AdService/ListAds", parent=middle.name)
    none = await advertising.call("AdGroupService/ListAdGroups", parent=other.name)
    assert ([middle.name], [low.name], []) == (
        [each.name for each in groups.ad_groups],
        [each.name for each in ads.ads],
        list(none.ad_groups),
    )


async def test_a_chain_of_names_must_belong_together(advertising: AdsWorld) -> None:
    """An ad group below another campaign than its own is not found, nor is one of another ad account."""
    top, middle, _ = await advertising.tree()
    other = await advertising.campaign()

    await refused(
        advertising, "AdGroupService/GetAdGroup", "RESOURCE_NOT_FOUND", name=middle.name.replace(top.name, other.name)
    )
    await refused(
        advertising,
        "CampaignService/GetCampaign",
        "RESOURCE_NOT_FOUND",
        name=top.name.replace(advertising.account, "locations/l1/adAccounts/another"),
    )


async def test_an_ad_account_of_another_tenant_is_refused_before_it_is_looked_for(advertising: AdsWorld) -> None:
    """A key of another agency is told the same about what is there and what is not."""
    rival = await advertising.world.key("rival")
    for name in (advertising.account, "locations/l1/adAccounts/none"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await advertising.call("CampaignService/CreateCampaign", key=rival, parent=name, campaign=campaign())
        assert_reason(caught.value, "LOCATION_FORBIDDEN")
    assert [] == advertising.vendor.calls


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"budget": {"daily": money(60, currency="EUR")}}, "campaign.budget.daily.currency_code"),
        ({"budget": {"daily": money(60, 1)}}, "campaign.budget.daily"),
        ({"budget": {"daily": money(0)}}, "campaign.budget.daily"),
        ({"budget": {"daily": money(-5)}}, "campaign.budget.daily"),
        ({"budget": {}}, "campaign.budget"),
        ({"objective": ""}, "campaign.objective"),
        ({"display_name": ""}, "campaign.display_name"),
    ],
)
async def test_a_campaign_that_is_wrong_names_its_field(
    advertising: AdsWorld, values: dict[str, Any], field: str
) -> None:
    """Another currency, a part of a cent, nothing, less than nothing: each is FIELD_INVALID, and nothing is called."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.campaign(**values)
    assert_reason(caught.value, "FIELD_INVALID", field=field)
    assert [] == advertising.vendor.calls


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"targeting": {}}, "ad_group.targeting.region_codes"),
        ({"bid": {}}, "ad_group.bid.strategy"),
        ({"bid": {"strategy": "BID_STRATEGY_BID_CAP"}}, "ad_group.bid.amount"),
        ({"bid": {"strategy": "BID_STRATEGY_LOWEST_COST", "amount": money(1)}}, "ad_group.bid.amount"),
        ({"flight": {"start_time": {"seconds": 9}, "end_time": {"seconds": 9}}}, "ad_group.flight.end_time"),
        ({"budget": None}, "ad_group.budget"),
    ],
)
async def test_an_ad_group_that_is_wrong_names_its_field(
    advertising: AdsWorld, values: dict[str, Any], field: str
) -> None:
    """Nothing is shown everywhere, bid without a bound or for a flight that never is, by what was left out."""
    top = await advertising.campaign()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.group(top.name, **values)
    assert_reason(caught.value, "FIELD_INVALID", field=field)
    assert 1 == len(advertising.vendor.nodes)


async def test_a_rule_of_the_vendor_is_named_before_any_call(advertising: AdsWorld) -> None:
    """A budget below the minimum is CONTENT_REJECTED with its bound, and nothing is called."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.campaign(budget={"daily": money(19)})
    assert_reason(caught.value, "CONTENT_REJECTED", field="budget.amount", allowed="20")
    assert [] == advertising.vendor.calls


async def test_validate_only_changes_nothing(advertising: AdsWorld) -> None:
    """Each check that a create makes is made, the answer has no name, and nothing is called or kept."""
    wanted: dict[str, Any] = {"parent": advertising.account, "validate_only": True}
    made = await advertising.call("CampaignService/CreateCampaign", campaign=campaign(), **wanted)
    too_small = campaign(budget={"daily": money(1)})
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call("CampaignService/CreateCampaign", campaign=too_small, **wanted)
    assert_reason(caught.value, "CONTENT_REJECTED")

    listed = await advertising.call("CampaignService/ListCampaigns", parent=advertising.account)
    assert ("", "Croissants", 0) == (made.name, made.display_name, len(listed.campaigns))
    assert [] == advertising.vendor.calls


async def test_validate_only_of_a_launch_launches_nothing(advertising: AdsWorld) -> None:
    """The ceiling is checked, and nothing is switched on."""
    _, _, low = await advertising.tree()
    answer = await advertising.call("AdService/LaunchAd", name=low.name, etag=low.etag, validate_only=True)
    assert (PAUSED, low.etag) == (answer.state, answer.etag)
    assert [] == advertising.vendor.spending()


async def test_an_update_changes_what_it_names(advertising: AdsWorld) -> None:
    """The mask says which fields: the others stay, and the etag is another one."""
    made = await advertising.campaign(budget={"daily": money(60)})
    changed = await advertising.call(
        "CampaignService/UpdateCampaign",
        campaign={"name": made.name, "etag": made.etag, "display_name": "Baguettes", "objective": "REACH"},
        update_mask={"paths": ["display_name"]},
    )
    assert ("Baguettes", 60, "TRAFFIC") == (changed.display_name, changed.budget.daily.units, changed.objective)
    assert changed.etag != made.etag
    assert "Baguettes" == advertising.vendor.nodes[made.provider_campaign_id].name


async def test_every_write_that_may_spend_needs_the_etag(advertising: AdsWorld) -> None:
    """Without one it is FIELD_INVALID, with an old one ETAG_MISMATCH, and nothing is called."""
    made = await advertising.campaign()
    before = len(advertising.vendor.calls)
    for etag, reason in (("", "FIELD_INVALID"), ("0", "ETAG_MISMATCH")):
        wanted = {"name": made.name, "etag": etag, "display_name": "x"}
        await refused(advertising, "CampaignService/UpdateCampaign", reason, campaign=wanted)
        await refused(advertising, "CampaignService/DeleteCampaign", reason, name=made.name, etag=etag)
        await refused(advertising, "CampaignService/LaunchCampaign", reason, name=made.name, etag=etag)
    assert before == len(advertising.vendor.calls)


async def test_delete_removes_what_is_below(advertising: AdsWorld) -> None:
    """A campaign goes with its ad groups and ads, here and at the vendor."""
    top, middle, low = await advertising.tree()
    await advertising.call("CampaignService/DeleteCampaign", name=top.name, etag=top.etag)

    for each in (top, middle, low):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await advertising.get(each.name)
        assert_reason(caught.value, "RESOURCE_NOT_FOUND")
    assert "deleted" == advertising.vendor.nodes[top.provider_campaign_id].switch


async def test_a_launch_with_children_goes_from_the_bottom_up(advertising: AdsWorld) -> None:
    """Ads, then ad groups, then the campaign: nothing can spend before everything that was meant is on."""
    top, middle, low = await advertising.tree()
    launched = await advertising.call(
        "CampaignService/LaunchCampaign", name=top.name, etag=top.etag, include_children=True
    )
    switched = [about for name, about in advertising.vendor.calls if name == "switch enabled"]

    assert [(low.provider_ad_id,), (middle.provider_ad_group_id,), (top.provider_campaign_id,)] == switched
    assert (IN_REVIEW, False) == (launched.state, launched.reconciling)
    assert IN_REVIEW == (await advertising.get(low.name)).state


async def test_a_launch_alone_launches_nothing_else(advertising: AdsWorld) -> None:
    """include_children defaults to false: what is below keeps its own switch."""
    top, _, _ = await advertising.tree()
    await advertising.call("CampaignService/LaunchCampaign", name=top.name, etag=top.etag)
    assert [top.provider_campaign_id] == advertising.vendor.spending()


async def test_a_launch_needs_the_scope_for_spending(advertising: AdsWorld) -> None:
    """A key that may write ads, but not spend, creates and pauses, and cannot launch or raise what is launched."""
    key = await advertising.world.key(scopes=frozenset({"ads.read", "ads.write"}))
    top = await advertising.campaign(budget={"daily": money(20)})
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call("CampaignService/LaunchCampaign", key=key, name=top.name, etag=top.etag)
    assert_reason(caught.value, "SCOPE_MISSING", scope="ads.spend")

    on = await advertising.call("CampaignService/LaunchCampaign", name=top.name, etag=top.etag)
    more = {"name": top.name, "etag": on.etag, "budget": {"daily": money(30)}}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call("CampaignService/UpdateCampaign", key=key, campaign=more)
    assert_reason(caught.value, "SCOPE_MISSING", scope="ads.spend")
    paused = await advertising.call("CampaignService/PauseCampaign", key=key, name=top.name)
    assert PAUSED == paused.state


async def test_a_pause_switches_off(advertising: AdsWorld) -> None:
    """A launched ad group is paused at the vendor, and its ad keeps its own switch."""
    _, middle, low = await advertising.tree()
    on = await advertising.call(
        "AdGroupService/LaunchAdGroup", name=middle.name, etag=middle.etag, include_children=True
    )
    off = await advertising.call("AdGroupService/PauseAdGroup", name=middle.name)

    assert (IN_REVIEW, PAUSED) == (on.state, off.state)
    assert [low.provider_ad_id] == advertising.vendor.spending()


async def test_what_the_vendor_dropped_is_a_warning(advertising: AdsWorld) -> None:
    """A field that the vendor has otherwise is named in the resource, and what it shows is what the vendor has."""
    advertising.vendor.drops = "special_industries"
    made = await advertising.campaign(special_industries=["HOUSING"])
    assert (["special_industries"], []) == ([each.field for each in made.warnings], list(made.special_industries))


async def test_a_parent_that_does_not_exist_at_the_vendor_takes_nothing(advertising: AdsWorld) -> None:
    """Below a campaign whose creation is in doubt nothing can be created: STATE_FORBIDS with its state."""
    advertising.vendor.hides = True
    advertising.vendor.fail("create", after=True)
    top = await advertising.campaign()
    error = await refused(
        advertising, "AdGroupService/CreateAdGroup", "STATE_FORBIDS", parent=top.name, ad_group=group()
    )
    assert_reason(error, "STATE_FORBIDS", state=DeliveryState.INDETERMINATE)
