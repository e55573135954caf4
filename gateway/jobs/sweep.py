"""The sweeper: has what is due looked at, releases the jobs of dead workers, and deletes what is old.

Owns the bodies of the loops. Due times are in our own indexed columns; the queue holds only what is due now.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from procrastinate import App
from procrastinate.jobs import Status

from gateway.audit import seal
from gateway.domain import locations
from gateway.domain.ads import audience_sending, reports
from gateway.domain.context import Domain
from gateway.domain.engagement import sync, sync_steps
from gateway.domain.events.cursors import RETENTION
from gateway.domain.media import addresses, upload_sweep, uploads
from gateway.domain.publishing import queue, retry_policy
from gateway.domain.quotas.sliding_window import CALL_SECONDS
from storage import (
    ad_operations,
    ad_reports,
    authorizations,
    clock_steps,
    comments,
    engagement,
    engagement_videos,
    event_order,
    events,
    idempotency,
    media,
    metric_points,
    network_consents,
    partitions,
    quotas,
    removed_comments,
    videos,
)
from storage import due as due_rows
from storage import engagement_syncs as synced
from storage import webhooks as deliveries
from storage.database import Transaction, try_advisory_lock

log = structlog.get_logger(__name__)

SYNCS_RETENTION = timedelta(days=30)
IDEMPOTENCY_RETENTION = timedelta(days=30)
"""How long a request id is known at least: it is forgotten with the last one of its partition."""
VIDEOS_RETENTION = timedelta(days=1)
QUOTAS_RETENTION = timedelta(days=2)
MEDIA_RETENTION = timedelta(days=30)
AUTHORIZATIONS_RETENTION = timedelta(days=7)
WEBHOOKS_RETENTION = timedelta(days=30)
"""Far longer than vendors retry a delivery (TikTok: 72 hours), so that a late duplicate is still recognised."""


async def due(
    domain: Domain,
    take_posts: Callable[[], Awaitable[None]],
    look_at_webhooks: Callable[[], None] = lambda: None,
    look_at_endpoints: Callable[[], None] = lambda: None,
) -> None:
    """Take the posts that are due, and have webhooks and endpoints that are due looked at."""
    async with domain.db.read() as tx:
        found = await due_rows.look(tx, domain.clock())
    if found.endpoints:
        look_at_endpoints()
    if found.webhooks:
        look_at_webhooks()
    if found.posts:
        await take_posts()


async def recover_from_clock_step(domain: Domain, *, observed: bool = False) -> None:
    """Let nothing wait for as long as the clock was set back; `observed` if this process saw that it was."""
    async with domain.db.transaction() as tx:
        if not await try_advisory_lock(tx, "clock-step"):
            return
        found = await clock_steps.recover(
            tx,
            domain.clock(),
            longest_wait=retry_policy.RETRY_MAX if observed else None,
            longest_call=timedelta(seconds=CALL_SECONDS),
        )
    if found:
        log.warning("jobs.clock_set_back", posts=found)


async def engagement_syncs(domain: Domain) -> None:
    """Make the syncs that are due, and read their accounts, a few at once, until nothing is due."""
    while True:
        async with domain.db.read() as tx:
            if not await synced.any_due(tx, domain.clock()):
                return
        made = await sync.start_due(domain)
        if not await sync_steps.run_due(domain) and not made:
            return


async def stalled(app: App, domain: Domain, stale_seconds: float) -> None:
    """Remove the jobs of workers without a heartbeat from the queue, and make their posts due now.

    It may be a false alarm (a frozen process wakes up): the journal makes that safe, never the queue. The job itself is
    not re-queued: that would fail if another job with the same queueing lock is already waiting.
    """
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=stale_seconds):
        log.warning("jobs.stalled", job=job.id, task=job.task_name)
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        if job.task_name == queue.PUBLISH_TASK:
            await queue.wake(domain, str(job.task_kwargs["location"]), str(job.task_kwargs["post"]))


async def old(domain: Domain) -> None:
    """Delete what is past its retention; one replica at a time."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        if not await try_advisory_lock(tx, "sweep-old"):
            return
        await authorizations.prune(tx, now - AUTHORIZATIONS_RETENTION)
        await network_consents.prune(tx, now - AUTHORIZATIONS_RETENTION)
        # As long as the request ids that refer to them.
        await comments.prune(tx, now - IDEMPOTENCY_RETENTION - partitions.TABLES["idempotency"])
        await ad_operations.prune(tx, now - IDEMPOTENCY_RETENTION - partitions.TABLES["idempotency"])
        await ad_reports.prune(tx, now - reports.KEPT)
        await media.prune(tx, now - MEDIA_RETENTION)
        await videos.prune(tx, now - VIDEOS_RETENTION)
        await quotas.prune(tx, now - QUOTAS_RETENTION)
        await synced.prune(tx, now - SYNCS_RETENTION)
        await engagement_videos.prune(tx, now - domain.engagement_retention)
        await removed_comments.prune(tx, now - domain.engagement_retention)
    await _partitions(domain, now)
    # These grow with traffic, so they are deleted in batches that do not block writers for long.
    await _batches(domain, lambda tx: deliveries.prune(tx, now - WEBHOOKS_RETENTION))
    await _batches(domain, lambda tx: engagement.prune(tx, now - domain.engagement_retention))
    await _batches(domain, lambda tx: metric_points.prune(tx, now - domain.engagement_retention))
    await upload_sweep.expire(domain, now)


async def _partitions(domain: Domain, now: datetime) -> None:
    """Create the partitions that are needed next, and drop those that are past their retention."""
    if created := await partitions.keep(domain.db, now):
        log.info("partitions.created", partitions=created)
    dropped = await idempotency.drop(domain.db, now - IDEMPOTENCY_RETENTION)
    dropped += await events.drop(domain.db, now - RETENTION)
    dropped += await event_order.drop(domain.db, now - RETENTION)
    dropped += await seal.drop_old(domain.db, domain.audit_secret, now - domain.audit_retention)
    if dropped:
        log.info("partitions.dropped", partitions=dropped)


async def _batches(domain: Domain, prune: Callable[[Transaction], Awaitable[int]]) -> None:
    """Delete batch after batch, each in its own transaction, until there is nothing left."""
    while True:
        async with domain.db.transaction() as tx:
            if not await prune(tx):
                return


async def audit(domain: Domain) -> None:
    """Give the new rows of the audit log their places in its chain."""
    await seal.seal_all(domain.db, domain.audit_secret, domain.clock)


async def orphans(domain: Domain) -> None:
    """Delete stored bytes that belong to no upload, and expire uploads whose bytes are gone."""
    now = domain.clock()
    await upload_sweep.orphans(domain, now)
    await audience_sending.orphans(domain)
    await upload_sweep.lost(domain, now)


async def clear_addresses(domain: Domain) -> None:
    """Hide addresses of media that processes of earlier versions stored in clear."""
    await addresses.hide_earlier(domain)
    await addresses.hide_earlier_events(domain)


async def counts(domain: Domain) -> None:
    """Mend what processes of earlier versions did not count or record."""
    await uploads.recount(domain)
    await locations.strengthen_earlier(domain.db)
