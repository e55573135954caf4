"""`gateway/domain/ads/launch.py` and `stakes.py`: nothing spends that nobody meant, and nothing is launched twice."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from providers.errors import ContentRefused, Unavailable
from providers.models.ads import AdBudget, AdLevel, BudgetKind, Switch
from socialgateway.ads.v1 import delivery_pb2
from tests.fixtures.ads import AdsWorld, money, request_id
from tests.rpc.answers import assert_reason, detail, status_of

IN_REVIEW, PAUSED = delivery_pb2.DELIVERY_STATE_IN_REVIEW, delivery_pb2.DELIVERY_STATE_PAUSED
LAUNCH = "CampaignService/LaunchCampaign"


async def refusal(world: AdsWorld, method: str, reason: str, **values: Any) -> dict[str, str]:
    """Call a method that is refused for a reason, and return the error's metadata."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.call(method, **values)
    assert_reason(caught.value, reason)
    info = detail(status_of(caught.value), error_details_pb2.ErrorInfo)
    assert info is not None
    return dict(info.metadata)


async def large(world: AdsWorld) -> tuple[Any, Any]:
    """Create a campaign whose ad group may spend 100 dollars a day."""
    top = await world.campaign()
    return top, await world.group(top.name, budget={"daily": money(100)})


async def test_above_the_ceiling_a_launch_needs_the_confirmation_of_its_refusal(advertising: AdsWorld) -> None:
    """The refusal says how much; nothing is switched on before the same call brings its confirmation."""
    top, _ = await large(advertising)
    wanted = {"name": top.name, "etag": top.etag, "include_children": True, "request_id": request_id()}
    told = await refusal(advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", **wanted)
    assert ("3000.00 USD", "1000 USD") == (told["amount"], told["ceiling"])
    assert [] == advertising.vendor.spending()

    await advertising.call(LAUNCH, **wanted, spend_confirmation=told["spendConfirmation"])
    assert 2 == len(advertising.vendor.spending())


async def test_a_confirmation_is_not_for_more_objects(advertising: AdsWorld) -> None:
    """One for the campaign alone does not launch its children."""
    top, group = await large(advertising)
    advertising.vendor.nodes[group.provider_ad_group_id] = replace(
        advertising.vendor.nodes[group.provider_ad_group_id], switch=Switch.ENABLED
    )
    alone = await refusal(advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", name=top.name, etag=top.etag)
    both = {"name": top.name, "etag": top.etag, "include_children": True}
    token = alone["spendConfirmation"]
    await refusal(advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", **both, spend_confirmation=token)
    assert [group.provider_ad_group_id] == advertising.vendor.spending()


async def test_a_confirmation_is_not_for_another_budget(advertising: AdsWorld) -> None:
    """Whoever changed the budget in between, here or at the vendor, the call is refused, and nothing is launched."""
    top, group = await large(advertising)
    wanted = {"name": top.name, "etag": top.etag, "include_children": True}
    told = await refusal(advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", **wanted)
    node = advertising.vendor.nodes[group.provider_ad_group_id]
    more = AdBudget(BudgetKind.DAILY, Decimal(500))
    spec: Any = node.spec
    advertising.vendor.nodes[node.id] = replace(node, spec=replace(spec, budget=more))

    again = await refusal(
        advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", **wanted, spend_confirmation=told["spendConfirmation"]
    )
    assert "15000 USD" == again["amount"]
    assert [] == advertising.vendor.spending()


async def test_a_confirmation_is_used_once(advertising: AdsWorld) -> None:
    """The etag that it was for is over with the launch."""
    top, _ = await large(advertising)
    wanted = {"name": top.name, "etag": top.etag, "include_children": True}
    told = await refusal(advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", **wanted)
    confirmed = {**wanted, "spend_confirmation": told["spendConfirmation"]}
    await advertising.call(LAUNCH, **confirmed)
    await advertising.call("CampaignService/PauseCampaign", name=top.name)
    await refusal(advertising, LAUNCH, "ETAG_MISMATCH", **confirmed)


async def test_what_somebody_else_launched_is_counted(advertising: AdsWorld) -> None:
    """An ad group that was made and launched in the vendor's own pages spends with the campaign: it counts."""
    top = await advertising.campaign()
    group = await advertising.group(top.name)
    stranger = advertising.vendor.add(
        AdLevel.AD_GROUP,
        replace(
            advertising.vendor.nodes[group.provider_ad_group_id].spec,  # type: ignore[type-var]
            budget=AdBudget(BudgetKind.LIFETIME, Decimal(5000)),
        ),
        top.provider_campaign_id,
    )
    advertising.vendor.nodes[stranger.id] = replace(stranger, switch=Switch.ENABLED)
    told = await refusal(advertising, LAUNCH, "BUDGET_CEILING_EXCEEDED", name=top.name, etag=top.etag)
    assert "5000 USD" == told["amount"]


async def test_a_campaigns_budget_limits_its_ad_groups(advertising: AdsWorld) -> None:
    """Ad groups of 3,000 dollars below a campaign of 600 can spend 600: below the ceiling."""
    top = await advertising.campaign(budget={"lifetime": money(600)})
    await advertising.group(top.name, budget={"daily": money(100)})
    on = await advertising.call(LAUNCH, name=top.name, etag=top.etag, include_children=True)
    assert IN_REVIEW == on.state


async def test_a_launch_whose_answer_is_lost_is_read_not_repeated(advertising: AdsWorld) -> None:
    """The vendor launched it: the answer says so, and no call was made twice."""
    top, middle, _ = await advertising.tree()
    advertising.vendor.fail("switch enabled", after=True)
    on = await advertising.call("AdGroupService/LaunchAdGroup", name=middle.name, etag=middle.etag)
    assert (IN_REVIEW, False) == (on.state, on.reconciling)
    assert 1 == advertising.vendor.made("switch enabled")
    assert top


async def test_a_launch_that_may_still_arrive_is_waited_for_and_never_repeated(advertising: AdsWorld) -> None:
    """It is reconciling for ten minutes, then it was not launched: paused, with the reason."""
    top = await advertising.campaign()
    advertising.vendor.fail("switch enabled")
    id = request_id()
    wanted = {"name": top.name, "etag": top.etag, "request_id": id}
    first = await advertising.call(LAUNCH, **wanted)
    assert (PAUSED, True) == (first.state, first.reconciling)
    again = await advertising.call(LAUNCH, **wanted)
    assert again.reconciling
    for _ in range(8):
        await advertising.run_due(180)

    over = await advertising.get(top.name)
    assert (PAUSED, False, 0) == (over.state, over.reconciling, advertising.vendor.made("switch enabled"))
    assert over.error.message
    last = await advertising.call(LAUNCH, **wanted)
    assert PAUSED == last.state
    assert [] == advertising.vendor.spending()


async def test_a_launch_that_fails_halfway_leaves_the_campaign_paused(advertising: AdsWorld) -> None:
    """Its ads are on, its ad group was refused: the campaign stays off, nothing can spend, and the error says why."""
    top, middle, low = await advertising.tree()
    advertising.vendor.refused.add(middle.provider_ad_group_id)
    answer = await advertising.call(LAUNCH, name=top.name, etag=top.etag, include_children=True)

    assert (PAUSED, "no", False) == (answer.state, answer.error.message, answer.reconciling)
    assert [low.provider_ad_id] == advertising.vendor.spending()


async def test_what_is_refused_among_several_does_not_hide_the_others(advertising: AdsWorld) -> None:
    """One of two ads was refused: the other is on, which both show, and nothing above is launched."""
    top, middle, low = await advertising.tree()
    other = await advertising.ad(middle.name)
    advertising.vendor.refused.add(other.provider_ad_id)
    answer = await advertising.call(LAUNCH, name=top.name, etag=top.etag, include_children=True)

    assert (PAUSED, "no", False) == (answer.state, answer.error.message, answer.reconciling)
    assert [IN_REVIEW, PAUSED] == [(await advertising.get(each.name)).state for each in (low, other)]
    assert [low.provider_ad_id] == advertising.vendor.spending()


async def test_a_vendor_that_goes_away_halfway_ends_the_launch(advertising: AdsWorld) -> None:
    """Nothing was sent for the ad group: it is known at once that it and the campaign are paused."""
    top, middle, low = await advertising.tree()

    async def away(method: str) -> None:
        if advertising.vendor.made("switch enabled"):
            advertising.vendor.before = None
            advertising.vendor.fail("switch enabled", Unavailable("away"))

    advertising.vendor.before = away
    answer = await advertising.call(LAUNCH, name=top.name, etag=top.etag, include_children=True)
    assert (PAUSED, "away", False) == (answer.state, answer.error.message, answer.reconciling)
    assert ([low.provider_ad_id], PAUSED) == (
        advertising.vendor.spending(),
        (await advertising.get(middle.name)).state,
    )


@pytest.mark.parametrize("error", [Unavailable("away"), ContentRefused("no", code="40002")])
async def test_a_launch_that_certainly_did_not_happen_is_an_error(advertising: AdsWorld, error: Exception) -> None:
    """The first call was refused: nothing is on, and the same request may be made again with the new etag."""
    top = await advertising.campaign()
    advertising.vendor.fail("switch enabled", error)
    with pytest.raises(grpc.aio.AioRpcError):
        await advertising.call(LAUNCH, name=top.name, etag=top.etag)
    now = await advertising.get(top.name)
    assert (PAUSED, False, []) == (now.state, now.reconciling, advertising.vendor.spending())
    assert IN_REVIEW == (await advertising.call(LAUNCH, name=top.name, etag=now.etag)).state


async def test_two_launches_at_once_are_one(advertising: AdsWorld) -> None:
    """Of two with the same etag one launches, and the other is told before any call."""
    top = await advertising.campaign()
    results = await asyncio.gather(
        *(advertising.call(LAUNCH, name=top.name, etag=top.etag) for _ in range(2)), return_exceptions=True
    )
    [error] = [each for each in results if isinstance(each, grpc.aio.AioRpcError)]
    info = detail(status_of(error), error_details_pb2.ErrorInfo)
    assert info is not None
    assert info.reason in ("ETAG_MISMATCH", "CONFLICT")
    assert 1 == advertising.vendor.made("switch enabled")


async def test_a_pause_ends_a_launch_that_is_under_way(advertising: AdsWorld) -> None:
    """Paused between two calls of a launch, the campaign stays off: the next call is not made."""
    top, _, low = await advertising.tree()

    async def pause_the_campaign(method: str) -> None:
        if method == "switch enabled":
            advertising.vendor.before = None
            await advertising.call("CampaignService/PauseCampaign", name=top.name)

    advertising.vendor.before = pause_the_campaign
    await advertising.call(LAUNCH, name=top.name, etag=top.etag, include_children=True)
    await advertising.run_due(400)

    now = await advertising.get(top.name)
    assert (PAUSED, False) == (now.state, now.reconciling)
    assert [low.provider_ad_id] == advertising.vendor.spending()
    assert 1 == advertising.vendor.made("switch enabled")


async def test_a_launch_that_arrives_after_a_pause_is_paused_again(advertising: AdsWorld) -> None:
    """The call of the launch was on its way when the campaign was paused: in the end it is off."""
    top = await advertising.campaign()

    async def pause_first(method: str) -> None:
        if method == "switch enabled":
            advertising.vendor.before = None
            await advertising.call("CampaignService/PauseCampaign", name=top.name)

    advertising.vendor.before = pause_first
    await advertising.call(LAUNCH, name=top.name, etag=top.etag)
    for _ in range(3):
        await advertising.run_due(400)
    now = await advertising.get(top.name)
    assert (PAUSED, False, []) == (now.state, now.reconciling, advertising.vendor.spending())
