"""Failed jobs: vendors' webhooks that could not be applied, to be tried again or given up.

Owns from how many tries on one counts as failed. How one is applied is `gateway/domain/webhooks/deliveries.py`.
"""

from collections.abc import Sequence

import structlog

from gateway.aip import names
from gateway.audit import acts
from gateway.domain.context import Domain
from storage import webhooks
from storage.database import Transaction, notify
from storage.errors import NotFound
from storage.webhooks import WebhookRow

log = structlog.get_logger(__name__)

TRIES = 3
KIND = "failed job"
DROPPED = "dropped"


def name_of(row: WebhookRow) -> str:
    """Return the resource name of a failed job."""
    return names.FAILED_JOB.format(row.agency or names.WILDCARD, row.id)


async def page(domain: Domain, agency: str, *, after: str, limit: int) -> Sequence[WebhookRow]:
    """Return failed jobs of an agency, of all and of none with "", in order of their ids."""
    async with domain.db.read() as tx:
        return await webhooks.failed(tx, TRIES, agency=agency, after=after, limit=limit)


async def retry(domain: Domain, agency: str, id: str) -> WebhookRow:
    """Try a failed job again now; raises storage's NotFound."""
    async with domain.db.transaction() as tx:
        row = await _get(tx, agency, id)
        await webhooks.begin_again(tx, row, domain.clock())
        await notify(tx, webhooks.TOPIC, "")
        await acts.record(tx, domain.clock(), resource=name_of(row), agency=row.agency)
    log.info("failed_job.retried", id=id, agency=row.agency)
    return row


async def drop(domain: Domain, agency: str, id: str) -> None:
    """Give a failed job up; raises storage's NotFound."""
    async with domain.db.transaction() as tx:
        row = await _get(tx, agency, id)
        await webhooks.finish(tx, id, DROPPED)
        await acts.record(tx, domain.clock(), resource=name_of(row), agency=row.agency)
    log.warning("failed_job.dropped", id=id, agency=row.agency, provider=row.provider, name=row.event)


async def _get(tx: Transaction, agency: str, id: str) -> WebhookRow:
    """Return a job of an agency, of any with "", that has failed; raises storage's NotFound."""
    row = await webhooks.find(tx, id)
    if row is None or (agency and row.agency != agency) or row.due_at is None or row.tries < TRIES:
        raise NotFound(KIND, id)
    return row
