"""`gateway/domain/ads/update.py`: one of two wins, a lost answer is read, and nobody raises a budget by accident."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from providers.errors import Unavailable
from socialgateway.ads.v1 import delivery_pb2
from tests.fixtures.ads import AdsWorld, money, request_id
from tests.flows.test_ads_launch import LAUNCH, refusal
from tests.rpc.answers import assert_reason, detail, status_of

UPDATE = "CampaignService/UpdateCampaign"


def budget(made: Any, units: int, **values: Any) -> dict[str, Any]:
    """Return a campaign with another budget."""
    return {"name": made.name, "etag": made.etag, "budget": {"lifetime": money(units)}, **values}


async def test_of_two_budgets_at_once_one_wins(advertising: AdsWorld) -> None:
    """Both read the same etag: one is made, the other answered ETAG_MISMATCH, and the vendor was called once."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    results = await asyncio.gather(
        *(advertising.call(UPDATE, campaign=budget(made, units)) for units in (200, 300)), return_exceptions=True
    )
    [error] = [each for each in results if isinstance(each, grpc.aio.AioRpcError)]
    [winner] = [each for each in results if not isinstance(each, BaseException)]
    assert_reason(error, "ETAG_MISMATCH")
    node = advertising.vendor.nodes[made.provider_campaign_id]
    assert winner.budget.lifetime.units == node.spec.budget.amount  # type: ignore[union-attr]
    assert 1 == advertising.vendor.made("update")


async def test_a_change_at_the_vendor_is_seen_first(advertising: AdsWorld) -> None:
    """Somebody renamed it there: the update is decided upon an old state, and refused with the new etag."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    node = advertising.vendor.nodes[made.provider_campaign_id]
    spec = replace(node.spec, name="theirs")  # type: ignore[type-var]
    advertising.vendor.nodes[node.id] = replace(node, spec=spec)
    told = await refusal(advertising, UPDATE, "ETAG_MISMATCH", campaign=budget(made, 200))
    now = await advertising.get(made.name)
    assert ("theirs", told["etag"]) == (now.display_name, now.etag)
    assert 0 == advertising.vendor.made("update")


async def test_a_lost_answer_that_was_made_is_done(advertising: AdsWorld) -> None:
    """The vendor has what was asked for: that is the answer, after one write."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    advertising.vendor.fail("update", after=True)
    changed = await advertising.call(UPDATE, campaign=budget(made, 200))
    assert (200, False, 1) == (
        changed.budget.lifetime.units,
        changed.reconciling,
        advertising.vendor.made("update"),
    )


async def test_a_lost_answer_that_was_not_made_is_given_up(advertising: AdsWorld) -> None:
    """Nothing is sent again: reconciling, then as it was before with the reason, and free for the next write."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    advertising.vendor.fail("update")
    first = await advertising.call(UPDATE, campaign=budget(made, 200, etag=made.etag), request_id=request_id())
    assert first.reconciling
    await refusal(advertising, UPDATE, "CONFLICT", campaign=budget(made, 300, etag=first.etag))
    for _ in range(6):
        await advertising.run_due(180)
    over = await advertising.get(made.name)
    assert (100, False, 0) == (over.budget.lifetime.units, over.reconciling, advertising.vendor.made("update"))
    assert over.error.message
    assert 300 == (await advertising.call(UPDATE, campaign=budget(over, 300))).budget.lifetime.units


async def test_a_refusal_leaves_it_as_it_was(advertising: AdsWorld) -> None:
    """The vendor was away: an error, nothing changed, and nothing is under way."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    advertising.vendor.fail("update", Unavailable("away"))
    await refusal(advertising, UPDATE, "PROVIDER_UNAVAILABLE", campaign=budget(made, 200))
    now = await advertising.get(made.name)
    assert (100, False) == (now.budget.lifetime.units, now.reconciling)


async def test_more_money_for_something_launched_needs_a_confirmation_above_the_ceiling(advertising: AdsWorld) -> None:
    """Raised within the ceiling it passes, above it needs the confirmation of the refusal; less needs none."""
    made = await advertising.campaign(budget={"lifetime": money(500)})
    on = await advertising.call(LAUNCH, name=made.name, etag=made.etag)
    within = await advertising.call(UPDATE, campaign=budget(on, 900))
    told = await refusal(advertising, UPDATE, "BUDGET_CEILING_EXCEEDED", campaign=budget(within, 1500))
    token = told["spendConfirmation"]
    other = {"campaign": budget(within, 1600), "spend_confirmation": token}
    await refusal(advertising, UPDATE, "BUDGET_CEILING_EXCEEDED", **other)
    assert "1500.00 USD" == told["amount"]

    above = await advertising.call(UPDATE, campaign=budget(within, 1500), spend_confirmation=token)
    less = await advertising.call(UPDATE, campaign=budget(above, 1400))
    assert (1500, 1400) == (above.budget.lifetime.units, less.budget.lifetime.units)
    assert delivery_pb2.DELIVERY_STATE_IN_REVIEW == less.state


async def test_a_later_end_is_more_money(advertising: AdsWorld) -> None:
    """A launched ad group that ends in five days may spend more when it ends in thirty."""
    top = await advertising.campaign()
    start = int(advertising.world.clock().timestamp())
    made = await advertising.group(
        top.name, budget={"daily": money(100)}, flight={"end_time": {"seconds": start + 5 * 86_400}}
    )
    on = await advertising.call("AdGroupService/LaunchAdGroup", name=made.name, etag=made.etag)
    longer = {"name": on.name, "etag": on.etag, "flight": {"end_time": {"seconds": start + 30 * 86_400}}}
    told = await refusal(advertising, "AdGroupService/UpdateAdGroup", "BUDGET_CEILING_EXCEEDED", ad_group=longer)
    assert "3000.00 USD" == told["amount"]


async def test_what_is_paused_may_be_raised(advertising: AdsWorld) -> None:
    """A paused campaign spends nothing: its launch will be asked."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    assert 5000 == (await advertising.call(UPDATE, campaign=budget(made, 5000))).budget.lifetime.units
    await refusal(advertising, UPDATE, "FIELD_INVALID", campaign={"name": made.name, "etag": made.etag})


async def test_without_a_difference_nothing_is_called(advertising: AdsWorld) -> None:
    """An update to what is there already answers it, without a write."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    same = await advertising.call(UPDATE, campaign=budget(made, 100))
    assert (made.etag, 0) == (same.etag, advertising.vendor.made("update"))


async def test_the_same_update_twice_is_one(advertising: AdsWorld) -> None:
    """A request id is answered with what it made, although its etag is an old one by then."""
    made = await advertising.campaign(budget={"lifetime": money(100)})
    wanted = {"campaign": budget(made, 200), "request_id": request_id()}
    first = await advertising.call(UPDATE, **wanted)
    again = await advertising.call(UPDATE, **wanted)
    assert (first.etag, 1) == (again.etag, advertising.vendor.made("update"))
    other = {"campaign": budget(made, 300), "request_id": wanted["request_id"]}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call(UPDATE, **other)
    info = detail(status_of(caught.value), error_details_pb2.ErrorInfo)
    assert info is not None
    assert "REQUEST_ID_REUSED" == info.reason
