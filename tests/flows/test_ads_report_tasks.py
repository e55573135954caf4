"""`gateway/domain/ads/report_tasks.py`: a report is made in spite of lost answers, or FAILED with the reason."""

import asyncio
from typing import Any

import pytest

from gateway.domain.ads import report_tasks
from gateway.domain.ads.report_tasks import LEASE, PATIENCE
from providers.errors import Ambiguous, ContentRefused, Unavailable
from providers.models.ads import ReportTask, ReportTaskState
from socialgateway.ads.v1.ad_report_pb2 import AdReport
from tests.fixtures.ads import AdsWorld
from tests.rpc.test_ads_reports import GET, MADE, create


async def found(world: AdsWorld, report: AdReport) -> AdReport:
    """Return a report as it is now."""
    now: AdReport = await world.call(GET, name=report.name)
    return now


@pytest.mark.parametrize("error", [Ambiguous("lost"), Unavailable("down")])
@pytest.mark.parametrize("method", ["request_report", "report_task"])
async def test_a_lost_answer_is_tried_again(advertising: AdsWorld, method: str, error: Exception) -> None:
    """The report is made all the same; what went wrong is shown meanwhile, and gone at the end."""
    advertising.vendor.fail(method, error)
    advertising.vendor.task = MADE
    report = await create(advertising)
    told = []
    for _ in range(4):
        await advertising.run_due(30)
        told.append((await found(advertising, report)).error.code)
    done = await found(advertising, report)
    assert (AdReport.SUCCEEDED, 0, True) == (done.state, done.error.code, any(told))


@pytest.mark.parametrize(
    ("refusal", "task"),
    [(ContentRefused("not allowlisted"), MADE), (None, ReportTask(ReportTaskState.FAILED, "not allowlisted"))],
    ids=["refused", "failed"],
)
async def test_what_the_vendor_refuses_is_failed(
    advertising: AdsWorld, refusal: Exception | None, task: ReportTask
) -> None:
    """FAILED in the vendor's words, and it is not asked again."""
    if refusal is not None:
        advertising.vendor.fail("request_report", refusal)
    advertising.vendor.task = task
    report = await create(advertising)
    for _ in range(4):
        await advertising.run_due(3_600)
    failed = await found(advertising, report)
    calls = len(advertising.vendor.calls)
    await advertising.run_due(24 * 3_600)
    assert (AdReport.FAILED, "not allowlisted", calls) == (
        failed.state,
        failed.error.message,
        len(advertising.vendor.calls),
    )


async def test_a_report_that_never_comes_is_given_up(advertising: AdsWorld) -> None:
    """It is looked at less and less often, and FAILED after two days."""
    report = await create(advertising)
    await advertising.run_due()
    for _ in range(5):
        await advertising.run_due(3_600)
    looked = advertising.vendor.made("report_task")
    assert AdReport.RUNNING == (await found(advertising, report)).state
    await advertising.run_due(PATIENCE.total_seconds())
    assert (AdReport.FAILED, 5) == ((await found(advertising, report)).state, looked)


async def test_two_processes_ask_once(advertising: AdsWorld) -> None:
    """Of two that look at the same time one takes the step."""
    await create(advertising)
    await asyncio.gather(*(report_tasks.run_due(advertising.domain) for _ in range(2)))
    assert 1 == advertising.vendor.made("request_report")


async def test_a_death_before_the_task_is_known_costs_a_second_task(
    advertising: AdsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process asks again, and the report is made of that."""

    class Died(BaseException):
        pass

    def reach(name: str) -> Any:
        monkeypatch.undo()
        raise Died

    advertising.vendor.task = MADE
    report = await create(advertising)
    monkeypatch.setattr(report_tasks, "reach", reach)
    with pytest.raises(Died):
        await advertising.run_due()
    for _ in range(3):
        await advertising.run_due(LEASE.total_seconds() + 1)
    assert (AdReport.SUCCEEDED, 2) == (
        (await found(advertising, report)).state,
        advertising.vendor.made("request_report"),
    )
