"""AdAccountService and AdReportService: choosing an ad account, as whom it shows ads, and what they brought."""

from decimal import Decimal
from typing import Any

import grpc
import pytest

from providers.models.ads import AdMetric, ReportDimension, ReportRow
from tests.fixtures.ads import AdsWorld, an_account, attach
from tests.rpc.answers import assert_reason

DAY = {"year": 2026, "month": 11, "day": 20}
QUERY = "AdReportService/QueryAdMetrics"


def query(world: AdsWorld, **values: Any) -> dict[str, Any]:
    """Return the fields of a request for a report."""
    usual = {
        "parent": world.account,
        "level": "AD_REPORT_LEVEL_CAMPAIGN",
        "metrics": ["AD_METRIC_SPEND", "AD_METRIC_CLICKS", "AD_METRIC_REACH"],
        "dimensions": ["AD_DIMENSION_DAY"],
        "start_date": DAY,
        "end_date": DAY,
    }
    return {**usual, **values}


async def test_a_report_has_money_names_and_gaps(advertising: AdsWorld) -> None:
    """Money is Money, a count a number, what the vendor has no number for is missing, and the time zone is named."""
    made = await advertising.campaign()
    metrics = {AdMetric.SPEND: Decimal("12.34"), AdMetric.CLICKS: Decimal(7), AdMetric.REACH: None}
    dimensions = {ReportDimension.DAY: "2026-11-20"}
    advertising.vendor.rows = (
        ReportRow(made.provider_campaign_id, metrics, dimensions),
        ReportRow("elsewhere", metrics, dimensions),
    )
    report = await advertising.call(QUERY, **query(advertising, names=[made.name]))

    assert "America/New_York" == report.time_zone
    assert [made.name, ""] == [row.resource for row in report.rows]
    first = report.rows[0]
    assert ["2026-11-20"] == [each.value for each in first.dimensions]
    spend, clicks = first.metrics
    assert (12, 340_000_000, "USD", 7.0) == (
        spend.money.units,
        spend.money.nanos,
        spend.money.currency_code,
        clicks.number,
    )


async def test_a_report_is_paged(advertising: AdsWorld) -> None:
    """The pages are the vendor's rows in order, each once."""
    advertising.vendor.rows = tuple(ReportRow(str(number), {}) for number in range(5))
    found, token = [], ""
    while True:
        page = await advertising.call(QUERY, **query(advertising, page_size=2, page_token=token))
        found += [row.provider_id for row in page.rows]
        token = page.next_page_token
        if not token:
            break
    assert ["0", "1", "2", "3", "4"] == found


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"end_date": {"year": 2026, "month": 11, "day": 19}}, "end_date"),
        ({"start_date": {"year": 2026, "month": 2, "day": 30}}, "start_date"),
        ({"metrics": []}, "metrics"),
        ({"level": 0}, "level"),
        ({"metrics": [0]}, "metrics[0]"),
        ({"dimensions": [99]}, "dimensions[0]"),
        ({"names": ["locations/l1/adAccounts/other/campaigns/c"]}, "names[0]"),
        ({"level": "AD_REPORT_LEVEL_ACCOUNT", "names": ["x"]}, "names"),
    ],
)
async def test_a_report_that_is_wrong_names_its_field(
    advertising: AdsWorld, values: dict[str, Any], field: str
) -> None:
    """Each is FIELD_INVALID, and nothing is called."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call(QUERY, **query(advertising, **values))
    assert_reason(caught.value, "FIELD_INVALID", field=field)
    assert [] == advertising.vendor.calls


async def test_identities_are_the_vendors(advertising: AdsWorld) -> None:
    """What is listed can be written into an ad as it is."""
    page = await advertising.call("AdAccountService/ListAdIdentities", parent=advertising.account)
    [found] = page.identities
    assert ("i1", "Bakery", True, "") == (
        found.identity.identity_id,
        found.display_name,
        found.usable,
        page.next_page_token,
    )


async def test_an_account_in_yen_has_no_parts_of_a_yen(advertising: AdsWorld) -> None:
    """The smallest step is the currency's own."""
    account = await attach(advertising.world, advertising.vendor, an_account("adv-2", "JPY"), location="l2")
    budget = {"daily": {"currency_code": "JPY", "units": 5000, "nanos": 500_000_000}}
    wanted = {"display_name": "c", "objective": "TRAFFIC", "budget": budget}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call("CampaignService/CreateCampaign", parent=account, campaign=wanted)
    assert_reason(caught.value, "FIELD_INVALID", field="campaign.budget.daily")


async def test_an_account_of_another_location_is_not_found(advertising: AdsWorld) -> None:
    """An id of one location means nothing in another, also for a key that may use both."""
    other = await attach(advertising.world, advertising.vendor, an_account("adv-2"), location="l2")
    for name in (other.replace("/l2/", "/l1/"), "locations/l1/adAccounts/none"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await advertising.call("AdAccountService/GetAdAccount", name=name)
        assert_reason(caught.value, "RESOURCE_NOT_FOUND")
