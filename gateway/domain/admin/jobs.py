"""The jobs of operators: taken up by any worker, carried on by another one should that die, and tried until they end.

Owns leases, failures and pauses. What a job does is `deletion.py` and `encryption_keys.py`; each step may be repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from gateway.domain import vendor_errors
from gateway.domain.admin import deletion, encryption_keys
from gateway.domain.concurrency import LEASE
from gateway.domain.context import Domain
from gateway.errors import DomainError
from providers.errors import ProviderError
from storage import admin_jobs
from storage.admin_jobs import AdminJobRow
from storage.key_ring import KeyMissing, KeyWrong
from storage.states import AdminJobKind

log = structlog.get_logger(__name__)

RENEW_SECONDS = 10.0
PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)

Step = Callable[[Domain, AdminJobRow], Awaitable[Mapping[str, Any] | None]]
"""Does some of a job, and returns the columns to store, `due_at` among them; None if it has removed the job."""

_STEPS: dict[AdminJobKind, Step] = {
    AdminJobKind.DELETE_AGENCY: deletion.agency_step,
    AdminJobKind.DELETE_LOCATION: deletion.location_step,
    AdminJobKind.REWRAP_KEYS: encryption_keys.rewrap_step,
}


async def run_due(domain: Domain) -> None:
    """Take a step of each job that is due, one after the other."""
    while True:
        now = domain.clock()
        async with domain.db.transaction() as tx:
            job = await admin_jobs.take_due(tx, now, now + LEASE)
        if job is None:
            return
        await _run(domain, job)


async def _run(domain: Domain, job: AdminJobRow) -> None:
    """Take one step, and keep the lease meanwhile. Who has lost it goes on, since steps are safe to repeat."""
    working = asyncio.create_task(_values(domain, job))
    try:
        while not (await asyncio.wait({working}, timeout=RENEW_SECONDS))[0]:
            job = await _change(domain, job, due_at=domain.clock() + LEASE) or job
    finally:
        # At a stop: what the step had not committed is done again by whoever takes the job up next.
        working.cancel()
        await asyncio.wait({working})
    values = working.result()
    if values is not None:
        await _change(domain, job, **values)


async def _values(domain: Domain, job: AdminJobRow) -> Mapping[str, Any] | None:
    """Return what a step leaves to store; a failure is stored too, and tried again after a pause."""
    try:
        return await _STEPS[job.kind](domain, job)
    except Exception as error:
        log.warning("admin_job.failed", job=job.resource, kind=job.kind, error=type(error).__name__)
        pause = min(PAUSE * 2 ** min(job.failures, 10), LONGEST_PAUSE)
        told = {"failures": job.failures + 1, "last_error": _told(error)}
        return {**told, "due_at": domain.clock() + pause}


def _told(error: Exception) -> str:
    """Return what an operator may read of a failure."""
    if isinstance(error, (DomainError, ProviderError)):
        stored = vendor_errors.as_stored(error)
        return f"{stored['reason']}: {stored['message']}"[:500]
    # These name a key by its id.
    return str(error) if isinstance(error, (KeyMissing, KeyWrong)) else type(error).__name__


async def _change(domain: Domain, job: AdminJobRow, **values: Any) -> AdminJobRow | None:
    async with domain.db.transaction() as tx:
        return await admin_jobs.change(tx, job, domain.clock(), **values)
