"""The publish state machine: from a queued post to its outcome, resumable after every line.

Owns the rule that keeps a post from being published twice: a publish id publishes at most once, and resending a chunk
to its own address is safe, so only a second *submit* can publish twice. Up to UPLOADING a new attempt may start; from
FINAL_SENT on, or from a submit that publishes by itself, the vendor is asked in case of doubt. Knows no job queue:
`step` stores in `due_at` when it is to be called again.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from gateway.domain import vendor_errors
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.leases import Held
from gateway.domain.preflight.check import Ready
from gateway.domain.publishing import (
    journal,
    moves,
    reconcile,
    retry_policy,
    schedule,
    submit,
    transfer,
    vendor_cancel,
    vendor_lookup,
    vendor_status,
)
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from gateway.domain.publishing.submit import Known
from gateway.domain.quotas import limiter
from providers.errors import Ambiguous, ProviderError
from providers.models.publishing import PublishPhase, PublishStatus
from storage import posts
from storage.attempts import AttemptRow
from storage.database import DatabaseBusy, DatabaseUnavailable
from storage.key_ring import KeyMissing
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)

KEY_RETRY = timedelta(seconds=5)
"""When a post is due again that needs an encryption key which this process does not have: another one may have it."""


async def step(
    domain: Domain,
    location: str,
    post: str,
    *,
    stopping: Callable[[], bool] = lambda: False,
    lease: Held | None = None,
    known: Known | None = None,
) -> None:
    """Advance a post as far as possible now, then store in `due_at` when the next step is due.

    Safe to call at any time and concurrently: a superseded worker stops. With `lease`, that of this process, nothing is
    done for a post that somebody else has taken up, or made due, since, or may take up now. A post that was just
    created need not be read again if it is `known`. If `stopping` becomes true, stop at the next safe point. Raises
    DatabaseUnavailable.
    """
    async with limiter.released_together(domain) as together:
        await _step(together, location, post, stopping, lease, known)


async def _step(
    domain: Domain,
    location: str,
    post: str,
    stopping: Callable[[], bool],
    lease: Held | None,
    known: Known | None,
) -> None:
    try:
        ready = None if known is None or not submit.is_current(domain, known) else known.ready
        if known is not None and ready is not None:
            work: NextWork = None
            if lease is None or _stands(domain, lease, lease.until):
                work = await journal.open_first(domain, known.post)
        else:
            row, attempt = await journal.read(domain, location, post)
            lost = row is None or (lease is not None and not _stands(domain, lease, row.due_at))
            work = None if row is None or lost else await _resume(domain, row, attempt)
        if work is not None:
            with domain.telemetry.job("step", link=work.post.traceparent):
                await _advance(domain, work, stopping, ready)
    except Superseded:
        log.info("publish.overtaken", location=location, post=post)
    except DatabaseBusy as error:
        # Not a fault: somebody holds a row of the post. It is due again when this step's lease ends.
        log.info("publish.busy", location=location, post=post, error=str(error))
    except DatabaseUnavailable:
        # Nothing can be stored now: the post becomes due again and continues where its journal says.
        raise
    except KeyMissing as error:
        # During a key change, a process that has the new key already has sealed something. It is not a fault: the post
        # continues in a process that has the key, or here after the restart that brings it.
        log.warning("publish.key_missing", location=location, post=post, key=error.key_id)
        async with domain.db.transaction() as tx:
            await posts.set_due(tx, location, post, domain.clock() + KEY_RETRY)
    except Exception as error:
        log.error("publish.fault", location=location, post=post, exc_info=error)
        with suppress(Superseded):
            await _handle_fault(domain, location, post)


async def _advance(domain: Domain, first: Work, stopping: Callable[[], bool], ready: Ready | None) -> None:
    """Carry a post on from where it is until it must wait, has ended, or this process stops."""
    work: NextWork = first
    while work is not None:
        if stopping():
            await journal.defer(domain, work, domain.clock())
            return
        if work.attempt.state == AttemptState.INTENT:
            work = await submit.submit(domain, work, stopping, ready)
            ready = None
        else:
            work = await _HANDLERS[work.attempt.state](domain, work)


def _stands(domain: Domain, lease: Held, stored: datetime | None) -> bool:
    """Return whether a post is still leased as it was when the step began; from then on the lease is renewed."""
    lease.read = lease.until == stored and domain.clock() < lease.until
    return lease.read


async def _handle_fault(domain: Domain, location: str, post: str) -> None:
    """Retry after an unexpected exception with growing delays, show callers the error, and give up in the end.

    A post that the vendor may already have does not fail: its outcome is unknown.
    """
    row, attempt = await journal.read(domain, location, post)
    if row is None or row.due_at is None:
        return
    error = vendor_errors.stored_error("INTERNAL", "The gateway met a fault of its own; its log has the cause.")
    if attempt is None or row.state in journal.FINAL or attempt.state in (AttemptState.FAILED, AttemptState.ABANDONED):
        await journal.set_due(domain, row, domain.clock() + retry_policy.RETRY_MAX)
        return
    work = await journal.move(domain, Work(row, attempt), attempt.state, faults=attempt.faults + 1)
    if work.attempt.faults <= retry_policy.MAX_FAULTS:
        await moves.defer(domain, work, retry_policy.retry_delay(attempt.faults), error=error)
    elif attempt.final_sent_time is None:
        await moves.fail(domain, work, error)
    else:
        await vendor_status.mark_indeterminate(domain, work, Ambiguous(error["message"], provider=row.provider))


async def _resume(domain: Domain, post: PostRow, attempt: AttemptRow | None) -> Work | None:
    """Return the work to continue with; after a crash between two states, first resolve what the journal left open."""
    if post.due_at is None:
        return None
    if schedule.is_waiting(domain, post):
        return await schedule.release(domain, post, attempt)
    if attempt is not None and post.state in journal.FINAL:
        return await _follow_up(domain, Work(post, attempt))
    if post.state in journal.FINAL:
        return None
    if attempt is None or attempt.state == AttemptState.ABANDONED:
        return await journal.open_attempt(domain, post, attempt, state=PostState.QUEUED)
    if attempt.state == AttemptState.INIT_SENT:
        return await submit.handle_lost_response(domain, Work(post, attempt))
    if attempt.state == AttemptState.FINAL_SENT:
        return await transfer.resolve(domain, Work(post, attempt))
    runnable = attempt.state == AttemptState.INTENT or attempt.state in _HANDLERS
    return Work(post, attempt) if runnable else None


async def _follow_up(domain: Domain, work: Work) -> NextWork:
    """Look for what may still be missing after a final state: the public id, a draft's outcome, an unknown outcome."""
    if work.post.state in (PostState.PUBLISHED, PostState.AWAITING_CREATOR):
        return await _poll_late(domain, work)
    if work.post.state == PostState.INDETERMINATE:
        return await reconcile.look_for_proof(domain, work)
    return None


async def _poll(domain: Domain, work: Work) -> NextWork:
    """PROCESSING: poll the vendor once; while the post is CANCELLING, also repeat the cancel request."""
    if not work.attempt.publish_id:
        return await vendor_lookup.search(domain, work)
    try:
        status = await moves.fetch_status(domain, work, "status")
    except ProviderError as error:
        return await vendor_status.poll_failed(domain, work, error)
    if work.post.state == PostState.CANCELLING and status.phase in (PublishPhase.RECEIVING, PublishPhase.SCHEDULED):
        await vendor_cancel.repeat_cancel(domain, work)
    return await vendor_status.apply(domain, work, status)


async def _poll_late(domain: Domain, work: Work) -> NextWork:
    """PUBLISHED without an id, or AWAITING_CREATOR: poll for a day, with growing delays."""
    now = domain.clock()
    over = now - vendor_status.outcome_since(work) > retry_policy.POST_ID_LIMIT
    try:
        status = await moves.fetch_status(domain, work, "late-status")
    except ProviderError:
        status = PublishStatus(PublishPhase.RUNNING)
    return await vendor_status.apply_late(domain, work, status, over=over)


_HANDLERS = {
    AttemptState.INIT_OK: transfer.send_chunk,
    AttemptState.UPLOADING: transfer.send_chunk,
    AttemptState.FINAL_SENT: transfer.send_chunk,
    AttemptState.PROCESSING: _poll,
}
