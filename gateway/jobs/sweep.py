"""The sweeper: what is due is put into the queue, what a dead worker held is freed, what is old is removed.

Owns the three loops' bodies. When something is due stands in our own indexed columns; the queue only holds what is
due now.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from procrastinate import App
from procrastinate.jobs import Status

from gateway.domain.connections import verify
from gateway.domain.context import Domain
from gateway.domain.media import uploads
from gateway.domain.publishing import queue
from gateway.domain.webhooks import deliveries as webhook_deliveries
from storage import authorizations, comments, events, idempotency, media, network_consents, quotas, videos
from storage import webhooks as deliveries
from storage.database import Transaction, try_advisory_lock

log = structlog.get_logger(__name__)

IDEMPOTENCY_KEPT = timedelta(days=30)
EVENTS_KEPT = timedelta(days=30)
VIDEOS_KEPT = timedelta(days=1)
QUOTAS_KEPT = timedelta(days=2)
MEDIA_KEPT = timedelta(days=30)
AUTHORIZATIONS_KEPT = timedelta(days=7)
WEBHOOKS_KEPT = timedelta(days=30)
"""Far longer than a vendor repeats a delivery (TikTok: 72 hours), so that a late repetition is still known."""


async def due(domain: Domain) -> None:
    """Enqueue all posts and deliveries that are due, batch by batch."""
    while await queue.sweep(domain) == queue.SWEEP_LIMIT:
        pass
    while await webhook_deliveries.sweep(domain) == webhook_deliveries.SWEEP_LIMIT:
        pass


async def connections(domain: Domain) -> None:
    """Renew grants ahead of their end, and verify connections whose time has come."""
    await domain.tokens.renew_due()
    await verify.sweep(domain)


async def stalled(app: App, domain: Domain, stale_seconds: float) -> None:
    """Take the jobs of workers that no longer show a sign of life out of the queue, and make their posts due now.

    It may be a false alarm (a frozen process wakes up): what makes that harmless is the journal, never the queue. The
    job itself is not put back: one that waits behind it already, under the same queueing lock, would make that fail.
    """
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=stale_seconds):
        log.warning("jobs.stalled", job=job.id, task=job.task_name)
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        if job.task_name == queue.PUBLISH_TASK:
            await queue.wake(domain, str(job.task_kwargs["location"]), str(job.task_kwargs["post"]))
        if job.task_name == webhook_deliveries.TASK:
            await webhook_deliveries.wake(domain, str(job.task_kwargs["id"]))


async def old(domain: Domain) -> None:
    """Remove what has outlived its purpose; one replica at a time."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        if not await try_advisory_lock(tx, "sweep-old"):
            return
        await idempotency.prune(tx, now - IDEMPOTENCY_KEPT)
        await authorizations.prune(tx, now - AUTHORIZATIONS_KEPT)
        await network_consents.prune(tx, now - AUTHORIZATIONS_KEPT)
        # With the request ids that lead to them.
        await comments.prune(tx, now - IDEMPOTENCY_KEPT)
        await media.prune(tx, now - MEDIA_KEPT)
        await videos.prune(tx, now - VIDEOS_KEPT)
        await quotas.prune(tx, now - QUOTAS_KEPT)
    # These grow with traffic: in batches, so that nobody who writes there waits long.
    await _batches(domain, lambda tx: events.prune(tx, now - EVENTS_KEPT))
    await _batches(domain, lambda tx: deliveries.prune(tx, now - WEBHOOKS_KEPT))
    await uploads.sweep(domain, now)


async def _batches(domain: Domain, prune: Callable[[Transaction], Awaitable[int]]) -> None:
    """Remove batch after batch, each with a transaction of its own, until there is nothing left."""
    while True:
        async with domain.db.transaction() as tx:
            if not await prune(tx):
                return


async def orphans(domain: Domain) -> None:
    """Remove bytes that no upload lists."""
    await uploads.sweep_orphans(domain, domain.clock())
