"""Background work on long reports: the vendor is asked to make them, and then whether it has.

Owns who does that next, in turns by agency. One vendor call is one step, under a lease. A task that is created twice,
because a process died before it knew the first one's id, costs quota and nothing else.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from gateway.domain import vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.ads import accounts, specs
from gateway.domain.ads.create import is_temporary
from gateway.domain.ads.stepping import Work
from gateway.domain.concurrency import Superseded, backoff
from gateway.domain.context import Domain
from gateway.errors import DomainError
from gateway.failpoints import reach
from providers.errors import ProviderError
from providers.interface.ads import Ads
from providers.models.ads import ReportTaskState
from storage import ad_reports
from storage.ad_accounts import AdAccountRow
from storage.ad_reports import AdReportRow
from storage.states import AdReportState

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than a call can take."""

LOOK_FIRST, LOOK_MAX = timedelta(seconds=5), timedelta(minutes=10)
PATIENCE = timedelta(days=2)
"""After so long without a file a report is FAILED."""


@dataclass(frozen=True, slots=True)
class Target:
    """A report, and what is needed to call its vendor."""

    domain: Domain
    account: AdAccountRow
    row: AdReportRow

    @property
    def facet(self) -> Ads:
        """The facet that is called."""
        return accounts.facet_of(self.domain, self.account)

    @property
    def access(self) -> ConnectionAccess:
        """The access that the connection gives, behind callers."""
        return accounts.access_to(self.domain, self.account, background=True)


async def run_due(domain: Domain) -> int:
    """Take the next step of every report that is due; return how many. Any number of replicas may."""
    return await _WORK.run_due(domain)


async def _step(domain: Domain, account: AdAccountRow, row: AdReportRow) -> None:
    await _advance(Target(domain, account, row))


_WORK = Work("ad_reports", ad_reports, LEASE, _step)


async def _advance(target: Target) -> None:
    row = target.row
    try:
        if row.provider_id:
            await _check(target)
        else:
            await _request(target)
    except (ProviderError, DomainError) as error:
        log.warning("ad_reports.step_failed", location=row.location, id=row.id, error=type(error).__name__)
        stored = vendor_errors.as_stored(error)
        await (_again(target, stored) if is_temporary(error) else _failed(target, stored))


async def _request(target: Target) -> None:
    """Let the vendor make the report."""
    query, account = specs.load_query(target.row.query), target.account.provider_ad_account_id
    id = await target.facet.request_report(target.access, account, query)
    reach("ad_reports.after-call.request")
    await _change(target, provider_id=id, tries=0, error=None, due_at=target.domain.clock() + LOOK_FIRST)


async def _check(target: Target) -> None:
    """Look whether the vendor has made it."""
    task = await target.facet.report_task(target.access, target.account.provider_ad_account_id, target.row.provider_id)
    if task.state == ReportTaskState.SUCCEEDED:
        now = target.domain.clock()
        await _change(target, state=AdReportState.SUCCEEDED, complete_time=now, error=None, due_at=None)
    elif task.state == ReportTaskState.FAILED:
        await _failed(target, vendor_errors.stored_error("CONTENT_REJECTED", task.message or "The vendor failed."))
    else:
        await _again(target, None)


async def _again(target: Target, error: dict[str, Any] | None) -> None:
    """Commit when to look again; a report that has not come for days is given up."""
    now, tries = target.domain.clock(), target.row.tries + 1
    if now >= target.row.create_time + PATIENCE:
        late = vendor_errors.stored_error("PROVIDER_UNAVAILABLE", "The vendor has not made the report for two days.")
        await _failed(target, error or late)
        return
    due = now + backoff(LOOK_FIRST, tries - 1, LOOK_MAX)
    await _change(target, tries=tries, error=error, due_at=due)


async def _failed(target: Target, error: dict[str, Any]) -> None:
    await _change(target, state=AdReportState.FAILED, error=error, due_at=None)


async def _change(target: Target, **values: Any) -> None:
    """Change the row; raises Superseded if somebody else has changed it since it was read."""
    async with target.domain.db.transaction() as tx:
        if await ad_reports.change(tx, target.row, target.domain.clock(), **values) is None:
            raise Superseded
