"""The tree below an ad account: created once, switched, reviewed, delivered until the money is spent, deleted.

Owns: the states and the lists. The codes of what is wrong are in test_ads_codes.py.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.providers.simulators.tiktok_business.advertising import ACCOUNT, CAMPAIGN, GROUP, TOKYO, Advertiser
from tests.providers.simulators.tiktok_business.conftest import World, simulated

HOUR = 3_600
REVIEW = HOUR


async def test_a_repeat_with_the_same_request_id_creates_nothing(world: World) -> None:
    """The second call is 40050 on both levels that have the id; without it a campaign's name is unique."""
    advertiser = Advertiser(world)
    first = await advertiser.post("/campaign/create/", **CAMPAIGN, request_id="7")
    again = await advertiser.post("/campaign/create/", **CAMPAIGN, request_id="7")
    other = await advertiser.post("/campaign/create/", **CAMPAIGN, request_id="8")
    unnamed = await advertiser.post("/campaign/create/", **CAMPAIGN)
    group = {**GROUP, "campaign_id": first["data"]["campaign_id"], "request_id": "7"}
    groups = [(await advertiser.post("/adgroup/create/", **group))["code"] for _ in range(2)]

    assert [0, 40050, 0, 40002] == [each["code"] for each in (first, again, other, unnamed)]
    assert [0, 40050] == groups
    assert 3 == len(advertiser.marketing.created)


async def test_an_ad_has_no_deduplication(world: World) -> None:
    """The same call twice makes two ads, and a `request_id` changes nothing."""
    advertiser = Advertiser(world)
    group, creative = await advertiser.group(await advertiser.campaign()), await advertiser.creative()
    for _ in range(2):
        await advertiser.post("/ad/create/", adgroup_id=group, creatives=[creative], request_id="7")
    assert ["ad", "ad"] == [level for level, _, _ in advertiser.marketing.created[2:]]


async def test_unknown_keys_are_dropped_without_a_word(world: World) -> None:
    """A typo is no error: the field is missing in what is read back."""
    advertiser = Advertiser(world)
    answer = await advertiser.post("/campaign/create/", **CAMPAIGN, buget_optimise="yes")
    assert (0, False) == (answer["code"], "buget_optimise" in answer["data"])


async def test_the_pause_of_a_campaign_can_be_ignored() -> None:
    """Some apps' campaigns are switched on whatever they ask for; their ad groups are paused all the same."""
    async with simulated(ignore_disable=True) as world:
        advertiser = Advertiser(world)
        campaign = await advertiser.campaign()
        group = await advertiser.group(campaign)
        assert "CAMPAIGN_STATUS_ENABLE" == await advertiser.status("campaign", campaign)
        assert "ADGROUP_STATUS_DISABLE" == await advertiser.status("adgroup", group)


async def test_a_node_is_delivered_once_everything_above_is_on_and_it_is_reviewed(world: World) -> None:
    """AUDIT first, DELIVERY_OK after the review; a switch above stops everything below."""
    advertiser = Advertiser(world)
    campaign, group, ad = await advertiser.tree()
    assert ("ADGROUP_STATUS_AUDIT", "AD_STATUS_AUDIT") == (
        await advertiser.status("adgroup", group),
        await advertiser.status("ad", ad),
    )
    world.vendor.advance_clock(REVIEW)
    assert "AD_STATUS_DELIVERY_OK" == await advertiser.status("ad", ad)
    await advertiser.switch("campaign", [campaign], "DISABLE")
    assert "AD_STATUS_CAMPAIGN_DISABLE" == await advertiser.status("ad", ad)
    assert "ADGROUP_STATUS_CAMPAIGN_DISABLE" == await advertiser.status("adgroup", group)
    await advertiser.switch("campaign", [campaign], "ENABLE")
    await advertiser.switch("adgroup", [group], "DISABLE")
    assert "AD_STATUS_ADGROUP_DISABLE" == await advertiser.status("ad", ad)


async def test_a_rejected_ad_says_why(world: World) -> None:
    """The list has only AUDIT_DENY, the review has the reason; before the review it looks available."""
    advertiser = Advertiser(world)
    advertiser.marketing.deny("bad", "Misleading claim")
    group = await advertiser.group(await advertiser.campaign())
    ad = await advertiser.ad(group, ad_name="bad ad")

    async def review() -> dict[str, Any]:
        answer = await advertiser.get("/ad/review_info/", ad_ids=[ad])
        found: dict[str, Any] = answer["data"]["ad_review_map"][ad]
        return found

    before = await review()
    assert ("ALL_AVAILABLE", False) == (before["review_status"], "last_audit_time" in before)
    world.vendor.advance_clock(REVIEW)
    after = await review()
    assert ("AD_STATUS_AUDIT_DENY", False) == (await advertiser.status("ad", ad), after["is_approved"])
    assert ["Misleading claim"] == after["reject_info"][0]["reasons"]
    groups = await advertiser.get("/adgroup/review_info/", adgroup_ids=[group])
    assert not groups["data"]["ad_group_review_map"][group]["is_approved"]


async def test_delivery_ends_when_the_budget_of_the_day_is_spent(world: World) -> None:
    """An ad group stops at its budget, and goes on when its day begins anew in the account's time zone."""
    advertiser = Advertiser(world)
    ad = (await advertiser.tree())[2]
    world.vendor.advance_clock(REVIEW + 24 * HOUR)
    spent = advertiser.marketing.nodes[ad].spend
    by_day: dict[Any, Decimal] = {}
    for (day, _), cost in spent.items():
        by_day[day] = by_day.get(day, Decimal(0)) + cost
    assert by_day
    assert max(by_day.values()) <= 21
    assert Decimal(10_000) - sum(by_day.values()) == advertiser.marketing.advertisers[ACCOUNT].balance


async def test_a_budget_that_is_spent_is_a_state(world: World) -> None:
    """BUDGET_EXCEED of the ad group, and of the ad below it; BALANCE_EXCEED when the account has no money."""
    async with simulated(spend_per_hour=50) as rich:
        advertiser = Advertiser(rich)
        _, group, ad = await advertiser.tree()
        rich.vendor.advance_clock(REVIEW + HOUR)
        assert "ADGROUP_STATUS_BUDGET_EXCEED" == await advertiser.status("adgroup", group)
        assert "AD_STATUS_BUDGET_EXCEED" == await advertiser.status("ad", ad)
    poor = Advertiser(world)
    _, group, _ = await poor.tree()
    poor.marketing.set_advertiser(ACCOUNT, balance=Decimal(0))
    world.vendor.advance_clock(REVIEW)
    assert "ADGROUP_STATUS_BALANCE_EXCEED" == await poor.status("adgroup", group)


async def test_a_campaigns_budget_stops_all_of_its_ad_groups() -> None:
    """CAMPAIGN_EXCEED below, BUDGET_EXCEED of the campaign."""
    async with simulated(spend_per_hour=60) as world:
        advertiser = Advertiser(world)
        campaign, group, _ = await advertiser.tree(budget=51)
        await advertiser.post("/adgroup/update/", adgroup_id=group, budget=500)
        world.vendor.advance_clock(REVIEW + HOUR)
        assert "CAMPAIGN_STATUS_BUDGET_EXCEED" == await advertiser.status("campaign", campaign)
        assert "ADGROUP_STATUS_CAMPAIGN_EXCEED" == await advertiser.status("adgroup", group)


async def test_a_schedule_begins_and_ends(world: World) -> None:
    """NOT_START before, TIME_DONE after, and DONE of the ad."""
    advertiser = Advertiser(world)
    now = world.vendor.now()
    later = {"schedule_type": "SCHEDULE_START_END", "operation_status": "ENABLE"}
    times = {"schedule_start_time": f"{now:%Y-%m-%d} 23:59:59", "schedule_end_time": "2026-12-20 00:00:00"}
    group = await advertiser.group(await advertiser.campaign(operation_status="ENABLE"), **later, **times)
    ad = await advertiser.ad(group, operation_status="ENABLE")
    world.vendor.advance_clock(REVIEW)
    assert "ADGROUP_STATUS_NOT_START" == await advertiser.status("adgroup", group)
    world.vendor.advance_clock(40 * 24 * HOUR)
    assert "ADGROUP_STATUS_TIME_DONE" == await advertiser.status("adgroup", group)
    assert "AD_STATUS_DONE" == await advertiser.status("ad", ad)


async def test_a_suspended_account_delivers_nothing(world: World) -> None:
    """Every level says that the account is punished, and nothing is spent."""
    advertiser = Advertiser(world)
    _, _, ad = await advertiser.tree()
    advertiser.marketing.set_advertiser(ACCOUNT, status="STATUS_LIMIT")
    world.vendor.advance_clock(REVIEW + 5 * HOUR)
    assert "ADVERTISER_ACCOUNT_PUNISH" == await advertiser.status("ad", ad)
    assert {} == advertiser.marketing.nodes[ad].spend


async def test_a_deletion_is_final_and_hides(world: World) -> None:
    """A deleted node is only listed if everything is asked for, is never switched on again, and takes its children."""
    advertiser = Advertiser(world)
    campaign, group, ad = await advertiser.tree()
    await advertiser.switch("campaign", [campaign], "DELETE")

    assert [] == (await advertiser.get("/campaign/get/"))["data"]["list"]
    assert [] == (await advertiser.get("/ad/get/"))["data"]["list"]
    assert "ADGROUP_STATUS_CAMPAIGN_DELETE" == await advertiser.status("adgroup", group, primary_status="STATUS_ALL")
    assert "AD_STATUS_CAMPAIGN_DELETE" == await advertiser.status("ad", ad, primary_status="STATUS_ALL")
    assert 40002 == (await advertiser.switch("campaign", [campaign], "ENABLE"))["code"]


@pytest.mark.parametrize("level", ["campaign", "adgroup", "ad"])
async def test_a_switch_answers_node_by_node(world: World, level: str) -> None:
    """Up to 20 nodes are switched; those that are not there are listed with 20001."""
    advertiser = Advertiser(world)
    ids = dict(zip(("campaign", "adgroup", "ad"), await advertiser.tree(), strict=True))
    more = {"allow_partial_success": True} if level == "adgroup" else {}

    answer = await advertiser.switch(level, [ids[level], "1"], "DISABLE", **more)

    assert (20001, ["1"]) == (answer["code"], [each[f"{level}_id"] for each in answer["data"]["error_list"]])
    assert 40011 == (await advertiser.switch(level, [str(each) for each in range(21)], "DISABLE"))["code"]
    assert 40002 == (await advertiser.switch(level, [ids[level]], "PAUSE"))["code"]


async def test_ad_groups_fail_together_unless_partial_success_is_allowed(world: World) -> None:
    """Without `allow_partial_success` one wrong id refuses the call, and nothing is switched."""
    advertiser = Advertiser(world)
    _, group, _ = await advertiser.tree()
    assert 40007 == (await advertiser.switch("adgroup", [group, "1"], "DISABLE"))["code"]
    assert "ENABLE" == advertiser.marketing.nodes[group].operation_status


async def test_what_cannot_change_is_refused(world: World) -> None:
    """Objective, budget mode, goal and billing are fixed; name and budget are not."""
    advertiser = Advertiser(world)
    campaign, group, _ = await advertiser.tree()
    fixed = [
        await advertiser.post("/campaign/update/", campaign_id=campaign, objective_type="REACH"),
        await advertiser.post("/campaign/update/", campaign_id=campaign, budget_mode="BUDGET_MODE_TOTAL"),
        await advertiser.post("/adgroup/update/", adgroup_id=group, billing_event="CPM"),
        await advertiser.post("/campaign/update/", campaign_id=campaign, budget=1),
    ]
    changed = await advertiser.post("/campaign/update/", campaign_id=campaign, campaign_name="m", budget=70)
    assert [40002] * 4 == [each["code"] for each in fixed]
    assert ("m", 70) == (changed["data"]["campaign_name"], changed["data"]["budget"])


@pytest.mark.parametrize("patch", [True, False])
async def test_an_update_of_an_ad_patches_or_replaces(world: World, patch: bool) -> None:
    """With `patch_update` what is not sent stays, without it everything must be sent."""
    advertiser = Advertiser(world)
    _, group, ad = await advertiser.tree()
    sent = {"adgroup_id": group, "creatives": [{"ad_id": ad, "ad_text": "new"}], "patch_update": patch}
    answer = await advertiser.post("/ad/update/", **sent)
    assert (0 if patch else 40002) == answer["code"]


async def test_lists_are_filtered_and_paged(world: World) -> None:
    """By ids, by what is above, by a part of the name; the newest first, with the number of pages."""
    advertiser = Advertiser(world)
    ids = []
    for name in ("one", "two", "one more"):
        ids.append(await advertiser.campaign(campaign_name=name))
        world.vendor.advance_clock(1)

    async def names(**query: Any) -> list[str]:
        return [each["campaign_name"] for each in (await advertiser.get("/campaign/get/", **query))["data"]["list"]]

    assert ["one more", "two", "one"] == await names()
    assert ["one more", "one"] == await names(filtering={"campaign_name": "one"})
    assert ["two"] == await names(filtering={"campaign_ids": [ids[1]]})
    page = (await advertiser.get("/campaign/get/", page=2, page_size=2))["data"]
    assert {"page": 2, "page_size": 2, "total_number": 3, "total_page": 2} == page["page_info"]
    assert [] == await names(advertiser_id=TOKYO)
    assert [] == (await advertiser.get("/adgroup/get/", filtering={"campaign_ids": ids}))["data"]["list"]


async def test_a_post_is_advertised_with_its_authors_code(world: World) -> None:
    """The code authorises the ad account, once and again; then the post can be an ad, without text of its own."""
    advertiser = Advertiser(world)
    code = advertiser.marketing.add_spark_code("7602997517160123000")
    group = await advertiser.group(await advertiser.campaign())
    assert 40001 == (await advertiser.get("/tt_video/info/", auth_code=code))["code"]
    for _ in range(2):
        assert 0 == (await advertiser.post("/tt_video/authorize/", auth_code=code))["code"]
    info = (await advertiser.get("/tt_video/info/", auth_code=code))["data"]
    creative = {
        "ad_name": "spark",
        "ad_format": "SINGLE_VIDEO",
        "tiktok_item_id": info["item_info"]["item_id"],
        "identity_type": "AUTH_CODE",
        "identity_id": info["user_info"]["identity_id"],
        "landing_page_url": "https://shop.example/",
    }
    answer = await advertiser.post("/ad/create/", adgroup_id=group, creatives=[creative])
    assert (0, True) == (answer["code"], answer["data"]["need_audit"])
    world.vendor.advance_clock(31 * 24 * HOUR)
    assert 40002 == (await advertiser.post("/tt_video/authorize/", auth_code=code))["code"]
