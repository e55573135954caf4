"""The publish state machine: from a queued post to the vendor's last word, resumable after every line.

Owns the one rule that keeps a post from being published twice: a publish id posts at most once, and sending a chunk
again on its own address is safe, so only a second *init* can double. Up to UPLOADING a new attempt may begin; from
FINAL_SENT, or from an init that acts by itself, every doubt is put to the vendor. Knows no job queue: `step` is called
until it says when to come back.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from gateway.domain import vendor_errors
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import (
    journal,
    moves,
    reconcile,
    retry_policy,
    submit,
    transfer,
    vendor_cancel,
    vendor_lookup,
    vendor_status,
)
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import Again
from providers.errors import Ambiguous, ProviderError
from providers.models.publishing import PublishPhase, PublishStatus
from storage import posts
from storage.attempts import AttemptRow
from storage.database import DatabaseUnavailable
from storage.key_ring import KeyMissing
from storage.posts import PostRow

log = structlog.get_logger(__name__)

KEY_RETRY = timedelta(seconds=5)
"""When a post is due again that needs an encryption key which this process does not have: another one may have it."""


async def step(domain: Domain, location: str, post: str, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Carry a post as far as it goes now, then say in `due_at` when to look at it again.

    Safe to call at any time and by several at once: whoever is overtaken stops. `stopping` ends it at the next safe
    place.
    """
    try:
        row, attempt = await journal.read(domain, location, post)
        work = None if row is None else await _enter(domain, row, attempt)
        while work is not None:
            if stopping():
                await journal.rest(domain, work, domain.clock())
                return
            if work.attempt.state == "INTENT":
                work = await submit.begin(domain, work, stopping)
            else:
                work = await _HANDLERS[work.attempt.state](domain, work)
    except Superseded:
        log.info("publish.overtaken", location=location, post=post)
    except DatabaseUnavailable:
        # Nothing can be written down now: the post is due again, and goes on where its journal says.
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
            await _after_fault(domain, location, post)


async def _after_fault(domain: Domain, location: str, post: str) -> None:
    """Nobody foresaw this, and it may pass or not: try again, ever more seldom, show that, and give up in the end.

    A post that may be with the vendor already is not failed, its outcome is unknown.
    """
    row, attempt = await journal.read(domain, location, post)
    if row is None or row.due_at is None:
        return
    kept = vendor_errors.stored_error("INTERNAL", "The gateway met a fault of its own; its log has the cause.")
    if attempt is None or row.state in journal.FINAL or attempt.state in ("FAILED", "ABANDONED"):
        await journal.put_off(domain, row, domain.clock() + retry_policy.RETRY_MAX)
        return
    work = await journal.move(domain, Work(row, attempt), attempt.state, faults=attempt.faults + 1)
    if work.attempt.faults <= retry_policy.MAX_FAULTS:
        await moves.rest(domain, work, retry_policy.retry_delay(attempt.faults), error=kept)
    elif attempt.final_sent_time is None:
        await moves.fail(domain, work, kept)
    else:
        await vendor_status.indeterminate(domain, work, Ambiguous(kept["message"], provider=row.provider))


async def _enter(domain: Domain, post: PostRow, attempt: AttemptRow | None) -> Work | None:
    """Find where a post stands; one that crashed between states is taken up where its journal says."""
    if post.due_at is None:
        return None
    if attempt is not None and post.state in journal.FINAL:
        return await _after_the_end(domain, Work(post, attempt))
    if post.state in journal.FINAL:
        return None
    if attempt is None or attempt.state == "ABANDONED":
        return await journal.open_attempt(domain, post, attempt, state="QUEUED")
    if attempt.state == "INIT_SENT":
        lost = reconcile.lost if moves.acts_at_once(domain, post) else submit.lost_init
        return await lost(domain, Work(post, attempt))
    if attempt.state == "FINAL_SENT":
        return await transfer.doubt(domain, Work(post, attempt))
    known = attempt.state == "INTENT" or attempt.state in _HANDLERS
    return Work(post, attempt) if known else None


async def _after_the_end(domain: Domain, work: Work) -> Again:
    """Ask what may still be learnt: a public id, a draft's fate, or how an open outcome ended."""
    if work.post.state in ("PUBLISHED", "AWAITING_CREATOR"):
        return await _watch_late(domain, work)
    if work.post.state == "INDETERMINATE":
        return await reconcile.look(domain, work)
    return None


async def _poll(domain: Domain, work: Work) -> Again:
    """PROCESSING: one question to the vendor; while the post is being called back, one more request to stop."""
    if not work.attempt.publish_id:
        return await vendor_lookup.seek(domain, work)
    try:
        status = await moves.ask(domain, work, "status")
    except ProviderError as error:
        return await vendor_status.status_unknown(domain, work, error)
    if work.post.state == "CANCELLING" and status.phase in (PublishPhase.RECEIVING, PublishPhase.SCHEDULED):
        await vendor_cancel.repeat_cancel(domain, work)
    return await vendor_status.settle(domain, work, status)


async def _watch_late(domain: Domain, work: Work) -> Again:
    """PUBLISHED without an id, or AWAITING_CREATOR: ask ever more seldom whether the vendor knows more, for a day."""
    now = domain.clock()
    over = now - vendor_status.since(work) > retry_policy.POST_ID_LIMIT
    try:
        status = await moves.ask(domain, work, "late-status")
    except ProviderError:
        status = PublishStatus(PublishPhase.RUNNING)
    return await vendor_status.learn_late(domain, work, status, over=over)


_HANDLERS = {
    "INIT_OK": transfer.send,
    "UPLOADING": transfer.send,
    "FINAL_SENT": transfer.send,
    "PROCESSING": _poll,
}
