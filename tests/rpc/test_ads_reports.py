"""AdReportService: long reports, from asking for one to the last of its rows."""

from decimal import Decimal
from typing import Any

import grpc
import pytest

from gateway.domain.ads.reports import AT_ONCE
from providers.errors import Unavailable
from providers.models.ads import AdMetric, ReportDimension, ReportRow, ReportTask, ReportTaskState
from socialgateway.ads.v1.ad_report_pb2 import AdReport
from socialgateway.ads.v1.ad_report_service_pb2 import StreamAdReportRequest
from tests.fixtures.ads import AdsWorld, request_id
from tests.rpc.answers import assert_reason

CREATE, GET, STREAM = (f"AdReportService/{verb}AdReport" for verb in ("Create", "Get", "Stream"))
MADE = ReportTask(ReportTaskState.SUCCEEDED)


def wanted(**values: Any) -> dict[str, Any]:
    """Return the fields of a report of half a year."""
    return {
        "level": "AD_REPORT_LEVEL_CAMPAIGN",
        "metrics": ["AD_METRIC_SPEND", "AD_METRIC_CLICKS"],
        "dimensions": ["AD_DIMENSION_DAY"],
        "start_date": {"year": 2026, "month": 1, "day": 1},
        "end_date": {"year": 2026, "month": 6, "day": 30},
        **values,
    }


async def create(world: AdsWorld, **values: Any) -> AdReport:
    """Ask for a report."""
    made: AdReport = await world.call(CREATE, parent=world.account, ad_report=wanted(**values))
    return made


async def made(world: AdsWorld, **values: Any) -> AdReport:
    """Ask for a report, and let the vendor make it."""
    world.vendor.task = MADE
    report = await create(world, **values)
    await world.run_due()
    await world.run_due(10)
    found: AdReport = await world.call(GET, name=report.name)
    return found


async def stream(world: AdsWorld, name: str) -> list[Any]:
    """Return the messages of a report."""
    return await world.world.api.stream(STREAM, [StreamAdReportRequest(name=name)])


async def test_a_report_is_asked_for_polled_and_streamed(advertising: AdsWorld) -> None:
    """RUNNING until the vendor has made it; then each row once, with our name, money and what has no number."""
    campaign = await advertising.campaign()
    report = await create(advertising, names=[campaign.name])
    await advertising.run_due()
    await advertising.run_due(10)
    running = await advertising.call(GET, name=report.name)
    advertising.vendor.task = MADE
    await advertising.run_due(60)
    done = await advertising.call(GET, name=report.name)
    metrics = {AdMetric.SPEND: Decimal("12.34"), AdMetric.CLICKS: None}
    days = [{ReportDimension.DAY: f"2026-01-0{day}"} for day in (1, 2)]
    advertising.vendor.rows = tuple(ReportRow(campaign.provider_campaign_id, metrics, day) for day in days)
    [message] = await stream(advertising, report.name)

    assert [AdReport.RUNNING, AdReport.RUNNING, AdReport.SUCCEEDED] == [each.state for each in (report, running, done)]
    assert (False, True) == (running.HasField("complete_time"), done.HasField("complete_time"))
    assert 30 * 24 * 3600 == done.expire_time.seconds - done.create_time.seconds
    assert wanted(names=[campaign.name]) == {
        "level": "AD_REPORT_LEVEL_CAMPAIGN",
        "metrics": ["AD_METRIC_SPEND", "AD_METRIC_CLICKS"],
        "dimensions": ["AD_DIMENSION_DAY"],
        "start_date": {"year": done.start_date.year, "month": done.start_date.month, "day": done.start_date.day},
        "end_date": {"year": done.end_date.year, "month": done.end_date.month, "day": done.end_date.day},
        "names": list(done.names),
    }
    [query] = [about for method, about in advertising.vendor.calls if method == "request_report"]
    assert (campaign.provider_campaign_id,) == query.ids
    assert "America/New_York" == message.time_zone
    assert ["2026-01-01", "2026-01-02"] == [row.dimensions[0].value for row in message.rows]
    assert {campaign.name} == {row.resource for row in message.rows}
    assert [12] == [each.money.units for each in message.rows[0].metrics]


async def test_many_rows_come_in_several_messages(advertising: AdsWorld) -> None:
    """A few hundred rows at a time, in the vendor's order; an empty report is one empty message."""
    report = await made(advertising)
    advertising.vendor.rows = tuple(ReportRow(str(number), {}) for number in range(2 * AT_ONCE + 1))
    messages = await stream(advertising, report.name)
    advertising.vendor.rows = ()
    [empty] = await stream(advertising, report.name)

    assert [AT_ONCE, AT_ONCE, 1] == [len(each.rows) for each in messages]
    assert [str(number) for number in range(2 * AT_ONCE + 1)] == [row.provider_id for m in messages for row in m.rows]
    assert [True, False, False] == [bool(each.time_zone) for each in messages]
    assert (0, "America/New_York") == (len(empty.rows), empty.time_zone)


async def test_a_stream_that_breaks_says_so(advertising: AdsWorld) -> None:
    """It ends with an error, so that nobody takes half a report for the whole."""
    report = await made(advertising)
    advertising.vendor.rows = tuple(ReportRow(str(number), {}) for number in range(3))
    advertising.vendor.fail("report_rows", Unavailable("broken"), after=True)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream(advertising, report.name)
    assert_reason(caught.value, "PROVIDER_UNAVAILABLE")


async def test_the_same_request_is_one_report(advertising: AdsWorld) -> None:
    """With its request_id a repeated call gives the first one's report."""
    request = {"parent": advertising.account, "ad_report": wanted(), "request_id": request_id()}
    first, second = [await advertising.call(CREATE, **request) for _ in range(2)]
    assert first.name == second.name
    request["ad_report"] = wanted(metrics=["AD_METRIC_REACH"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await advertising.call(CREATE, **request)
    assert_reason(caught.value, "REQUEST_ID_REUSED")


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"dimensions": ["AD_DIMENSION_HOUR"]}, "OPTION_UNSUPPORTED", "dimensions"),
        ({"end_date": {"year": 2025, "month": 6, "day": 30}}, "FIELD_INVALID", "ad_report.end_date"),
        ({"start_date": {"year": 2026, "month": 2, "day": 30}}, "FIELD_INVALID", "ad_report.start_date"),
        ({"names": ["locations/l1/adAccounts/other/campaigns/c1"]}, "FIELD_INVALID", "ad_report.names[0]"),
        ({"metrics": []}, "FIELD_INVALID", "ad_report.metrics"),
    ],
)
async def test_what_cannot_be_reported_is_refused_at_once(
    advertising: AdsWorld, values: dict[str, Any], reason: str, field: str
) -> None:
    """The field is named, and the vendor hears of nothing."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await create(advertising, **values)
    assert_reason(caught.value, reason)
    assert field in str(caught.value.details()) + str(caught.value.trailing_metadata())
    await advertising.run_due()
    assert 0 == advertising.vendor.made("request_report")


async def test_only_a_report_that_is_made_has_rows(advertising: AdsWorld) -> None:
    """Until then STATE_FORBIDS, and what is not there is not found."""
    report = await create(advertising)
    for name, reason in ((report.name, "STATE_FORBIDS"), (f"{report.name}x", "RESOURCE_NOT_FOUND")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream(advertising, name)
        assert_reason(caught.value, reason)
