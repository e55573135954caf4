"""Ads at TikTok's simulated Marketing API, from the consent of an advertiser to a report; its ledger is the judge.

Owns that the parts fit together. What each does by itself is shown elsewhere.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.domain.ads import launch, report_tasks, sweep
from gateway.domain.connections import verify
from providers.simulators.faults import Fault
from providers.simulators.tiktok_business import create_app
from socialgateway.ads.v1 import ad_account_pb2, delivery_pb2
from socialgateway.ads.v1.ad_report_pb2 import AdReport
from socialgateway.v1 import connection_pb2, event_pb2
from socialgateway.v1.connection_service_pb2 import CreateConnectionRequest
from tests.fixtures.ads import money, request_id
from tests.fixtures.business import ORIGIN, SIMULATED, BusinessWorld, opened
from tests.fixtures.clock import Clock
from tests.fixtures.consent import decide, query_of
from tests.rpc.answers import assert_reason, detail, status_of

ADVERTISER = connection_pb2.GRANT_KIND_ADVERTISER
PAUSED, IN_REVIEW = delivery_pb2.DELIVERY_STATE_PAUSED, delivery_pb2.DELIVERY_STATE_IN_REVIEW
DELIVERING, REJECTED = delivery_pb2.DELIVERY_STATE_DELIVERING, delivery_pb2.DELIVERY_STATE_REJECTED


class Advertiser:
    """An advertiser of a gateway: the calls, and what TikTok's ledger says of them."""

    def __init__(self, business: BusinessWorld) -> None:
        self.business = business
        self.marketing: Any = business.vendor.marketing

    async def connect(self, location: str = "l1") -> Any:
        """Connect an advertiser: create, consent in the portal, complete."""
        wanted = connection_pb2.Connection(provider="providers/tiktok", grant_kind=ADVERTISER)
        request = CreateConnectionRequest(parent=f"locations/{location}", connection=wanted)
        made = await self.business.api.connections.CreateConnection(request)
        back = await decide(self.business.browser, made.authorization.uri)
        return await self.business.world.complete(query_of(back, "state", "code"))

    async def call(self, method: str, **values: Any) -> Any:
        """Call a method with time going on, since the application's quota is counted by the second."""
        self.business.world.clock.advance(5)
        return await self.business.api.call(method, **values)

    async def account(self, currency: str = "USD") -> Any:
        """Return the ad account in a currency."""
        found = (await self.call("AdAccountService/ListAdAccounts", parent="locations/l1")).ad_accounts
        return next(each for each in found if each.currency_code == currency)

    async def tree(self, account: Any) -> tuple[Any, Any]:
        """Create a campaign and an ad group."""
        campaign = {"display_name": "Croissants", "objective": "TRAFFIC"}
        top = await self.call("CampaignService/CreateCampaign", parent=account.name, campaign=campaign)
        return top, await self.call("AdGroupService/CreateAdGroup", parent=top.name, ad_group=self.group(account))

    def group(self, account: Any) -> dict[str, Any]:
        """Return an ad group of 25 a day."""
        return {
            "display_name": "mornings",
            "budget": {"daily": money(25, currency=account.currency_code)},
            "targeting": {"region_codes": ["US"]},
            "bid": {"strategy": "BID_STRATEGY_LOWEST_COST"},
            "optimization_goal": "CLICK",
            "billing_event": "CPC",
            "promotion_type": "WEBSITE",
        }

    async def ad(self, account: Any, group: Any, name: str = "ad") -> Any:
        """Create an ad of a post whose author gave a code."""
        code = self.marketing.add_spark_code("7000000000000000042")
        creative = {"authorization_code": code, "landing_uri": "https://bakery.example/"}
        return await self.call("AdService/CreateAd", parent=group.name, ad={"display_name": name, "creative": creative})

    async def later(self, span: timedelta) -> None:
        """Let time pass, and the background do what is due then, with more time going by."""
        self.business.world.clock.advance(span)
        await sweep.run_due(self.business.running())
        await report_tasks.run_due(self.business.running())


@pytest.fixture
async def advertiser(database_url: str, tmp_path: Path) -> AsyncIterator[Advertiser]:
    """Yield a gateway before a simulated TikTok, with a ceiling of 1,000 US dollars."""
    clock = Clock()
    simulator = create_app(replace(SIMULATED, review_seconds=3600), clock=clock)
    told = {
        "tiktok_advertiser_authorize_url": f"{ORIGIN}/portal/auth",
        "ads_spend_ceiling": "USD=1000",
    }
    async with opened(database_url, tmp_path, clock=clock, simulator=simulator, **told) as business:
        yield Advertiser(business)


async def test_an_advertiser_connects_and_chooses_among_ad_accounts(advertiser: Advertiser) -> None:
    """The consent gives a VALID connection, and each ad account with its currency, time zone and balance."""
    made = await advertiser.connect()
    found = (await advertiser.call("AdAccountService/ListAdAccounts", parent="locations/l1")).ad_accounts

    assert (connection_pb2.Connection.VALID, ADVERTISER) == (made.status, made.grant_kind)
    assert sorted(advertiser.marketing.advertisers) == sorted(each.provider_ad_account_id for each in found)
    assert {made.name} == {each.connection for each in found}
    first = found[0]
    assert (ad_account_pb2.AdAccount.ACTIVE, True, True) == (
        first.state,
        bool(first.currency_code and first.time_zone),
        first.HasField("balance"),
    )
    assert first == await advertiser.call("AdAccountService/GetAdAccount", name=first.name)


async def test_ad_accounts_are_read_again_and_keep_their_names(advertiser: Advertiser) -> None:
    """The daily verification brings news of an ad account; a disconnected one is UNREACHABLE and takes nothing."""
    made = await advertiser.connect()
    before = await advertiser.account()
    advertiser.marketing.set_advertiser(before.provider_ad_account_id, name="Renamed", status="STATUS_DISABLE")
    advertiser.business.world.clock.advance(timedelta(days=1))
    await verify.sweep(advertiser.business.running())
    after = await advertiser.account()
    assert (before.name, "Renamed", ad_account_pb2.AdAccount.DISABLED) == (after.name, after.display_name, after.state)

    await advertiser.call("ConnectionService/DisconnectConnection", name=made.name)
    assert ad_account_pb2.AdAccount.UNREACHABLE == (await advertiser.account()).state
    campaign = {"display_name": "Croissants", "objective": "TRAFFIC"}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertiser.call("CampaignService/CreateCampaign", parent=after.name, campaign=campaign)
    assert_reason(caught.value, "REAUTHORIZATION_REQUIRED")


async def test_from_a_campaign_to_its_report(advertiser: Advertiser) -> None:
    """Created paused, launched from the bottom up, reviewed, delivered, reported, paused: as the ledger has it."""
    await advertiser.connect()
    account = await advertiser.account()
    top, group = await advertiser.tree(account)
    ad = await advertiser.ad(account, group)
    assert ([PAUSED] * 3, []) == ([each.state for each in (top, group, ad)], advertiser.marketing.launched)
    assert [[], [], []] == [list(each.warnings) for each in (top, group, ad)]

    wanted = {"name": top.name, "etag": top.etag, "include_children": True}
    launched = await advertiser.call("CampaignService/LaunchCampaign", **wanted)
    assert ["ad", "adgroup", "campaign"] == [level for level, _ in advertiser.marketing.launched]
    assert launched.state != PAUSED
    assert IN_REVIEW == (await advertiser.call("AdService/GetAd", name=ad.name)).state

    await advertiser.later(timedelta(hours=2))
    assert DELIVERING == (await advertiser.call("AdService/GetAd", name=ad.name)).state
    events = (await advertiser.call("EventService/ListEvents", parent="locations/l1", subject=ad.name)).events
    changed = [each for each in events if each.type == event_pb2.EVENT_TYPE_AD_STATE_CHANGED]
    assert ("IN_REVIEW", "DELIVERING") == (
        changed[-1].ad_state_change.previous_state,
        changed[-1].ad_state_change.state,
    )

    advertiser.business.world.clock.advance(timedelta(hours=10))
    await advertiser.call("CampaignService/PauseCampaign", name=top.name)
    today = advertiser.business.world.clock().date()
    begin = today - timedelta(days=2)
    report = await advertiser.call(
        "AdReportService/QueryAdMetrics",
        parent=account.name,
        level="AD_REPORT_LEVEL_AD",
        metrics=["AD_METRIC_SPEND", "AD_METRIC_IMPRESSIONS"],
        start_date={"year": begin.year, "month": begin.month, "day": begin.day},
        end_date={"year": today.year, "month": today.month, "day": today.day},
        names=[ad.name],
    )
    [row] = report.rows
    spent = row.metrics[0].money
    assert (ad.name, account.currency_code, account.time_zone) == (row.resource, spent.currency_code, report.time_zone)
    assert spent.units + spent.nanos / 1e9 > 0


async def test_a_long_report_is_streamed_from_the_vendors_file(advertiser: Advertiser) -> None:
    """Asked for, made in the background, and read: the ad's name here, its spend as Money, by the day."""
    await advertiser.connect()
    account = await advertiser.account()
    top, group = await advertiser.tree(account)
    ad = await advertiser.ad(account, group)
    await advertiser.call("CampaignService/LaunchCampaign", name=top.name, etag=top.etag, include_children=True)
    await advertiser.later(timedelta(hours=12))
    await advertiser.call("CampaignService/PauseCampaign", name=top.name)
    today = advertiser.business.world.clock().date()
    wanted = {
        "level": "AD_REPORT_LEVEL_AD",
        "dimensions": ["AD_DIMENSION_DAY"],
        "metrics": ["AD_METRIC_SPEND", "AD_METRIC_CONVERSIONS"],
        "start_date": {"year": today.year - 1, "month": 1, "day": 1},
        "end_date": {"year": today.year, "month": today.month, "day": today.day},
        "names": [ad.name],
    }
    report = await advertiser.call("AdReportService/CreateAdReport", parent=account.name, ad_report=wanted)
    for _ in range(3):
        await advertiser.later(timedelta(minutes=1))
    done = await advertiser.call("AdReportService/GetAdReport", name=report.name)
    message = await advertiser.call("AdReportService/StreamAdReport", name=report.name)

    spent = sum(row.metrics[0].money.units + row.metrics[0].money.nanos / 1e9 for row in message.rows)
    assert (AdReport.SUCCEEDED, account.time_zone, {ad.name}) == (
        done.state,
        message.time_zone,
        {row.resource for row in message.rows},
    )
    assert round(float(advertiser.marketing.nodes[ad.provider_ad_id].spent()), 2) == round(spent, 2) > 0
    assert {1} == {len(row.metrics) for row in message.rows}
    assert all(row.dimensions[0].value <= today.isoformat() for row in message.rows)


async def test_a_rejected_ad_says_why(advertiser: Advertiser) -> None:
    """The review's reason is in the ad and in the event."""
    await advertiser.connect()
    account = await advertiser.account()
    advertiser.marketing.deny("misleading", "Too good to be true")
    top, group = await advertiser.tree(account)
    ad = await advertiser.ad(account, group, "misleading")
    await advertiser.call("CampaignService/LaunchCampaign", name=top.name, etag=top.etag, include_children=True)
    await advertiser.later(timedelta(hours=2))

    now = await advertiser.call("AdService/GetAd", name=ad.name)
    assert (REJECTED, True) == (now.state, "Too good to be true" in now.rejection_reason)


async def test_another_currency_has_no_ceiling(advertiser: Advertiser) -> None:
    """A launch in a currency that the operator did not name needs the confirmation of its refusal."""
    await advertiser.connect()
    found = (await advertiser.call("AdAccountService/ListAdAccounts", parent="locations/l1")).ad_accounts
    account = next(each for each in found if each.currency_code != "USD")
    campaign = {"display_name": "Croissants", "objective": "TRAFFIC"}
    top = await advertiser.call("CampaignService/CreateCampaign", parent=account.name, campaign=campaign)
    wanted = {"name": top.name, "etag": top.etag, "request_id": request_id()}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertiser.call("CampaignService/LaunchCampaign", **wanted)
    assert_reason(caught.value, "SPEND_CONFIRMATION_REQUIRED")
    info = detail(status_of(caught.value), error_details_pb2.ErrorInfo)
    assert info is not None
    assert [] == advertiser.marketing.launched
    token = info.metadata["spendConfirmation"]
    await advertiser.call("CampaignService/LaunchCampaign", **wanted, spend_confirmation=token)
    assert 1 == len(advertiser.marketing.launched)


@pytest.mark.parametrize("operation", ["campaign.create", "adgroup.create", "ad.create"])
async def test_a_lost_answer_creates_one(advertiser: Advertiser, operation: str) -> None:
    """TikTok created it and its answer was lost: one of it is in the ledger, and the caller has it."""
    await advertiser.connect()
    account = await advertiser.account()
    advertiser.business.vendor.faults.add(Fault(match=operation, kind="drop_after"))
    _, group = await advertiser.tree(account)
    ad = await advertiser.ad(account, group)
    await advertiser.later(timedelta(seconds=30))

    assert ["ad", "adgroup", "campaign"] == sorted(level for level, _, _ in advertiser.marketing.created)
    assert PAUSED == (await advertiser.call("AdService/GetAd", name=ad.name)).state
    assert [] == advertiser.marketing.launched


async def test_whoever_was_frozen_before_a_call_does_not_make_it(
    advertiser: Advertiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that wakes up later than others have concluded that nothing was launched launches nothing."""
    await advertiser.connect()
    top, _ = await advertiser.tree(await advertiser.account())

    def freeze(place: str) -> None:
        if place == "ads.before-call.launch":
            advertiser.business.world.clock.advance(timedelta(minutes=20))

    monkeypatch.setattr(launch, "reach", freeze)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertiser.call("CampaignService/LaunchCampaign", name=top.name, etag=top.etag)
    assert_reason(caught.value, "PROVIDER_UNAVAILABLE")
    assert [] == advertiser.marketing.launched
