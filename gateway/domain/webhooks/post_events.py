"""Webhooks about posts: what a vendor reports of a publish, and how it moves the post.

Owns that a webhook makes only moves that a poll could have made: both compare and swap, so that only one of them
counts. A report that contradicts the journal becomes an event and moves nothing. Webhooks of a disconnected connection
move nothing either.
"""

from functools import partial
from typing import Any

from gateway import log
from gateway.aip import names
from gateway.domain.concurrency import retry_superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, reconcile, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.webhooks import result
from gateway.domain.webhooks.result import (
    APPLIED,
    AVAILABILITY,
    CONTRADICTED,
    NO_CHANGE,
    NO_CONNECTION,
    UNKNOWN_EVENT,
    PendingEvent,
    Result,
)
from providers.models.publishing import PublishPhase, PublishStatus
from providers.models.webhooks import Webhook, WebhookKind
from storage import attempts, connections, posts
from storage.attempts import AttemptRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import AttemptState, ConnectionStatus, PostState
from storage.webhooks import UNKNOWN_PUBLISH

_log = log.get("gateway.webhooks")

UPLOAD_IN_PROGRESS = (AttemptState.INIT_OK, AttemptState.UPLOADING, AttemptState.FINAL_SENT)
UNDECIDED = (AttemptState.PROCESSING, AttemptState.INDETERMINATE)
ENDED = (AttemptState.PUBLISHED, AttemptState.AWAITING_CREATOR)

PHASES = {
    WebhookKind.PUBLISH_FAILED: PublishPhase.FAILED,
    WebhookKind.PUBLISHED: PublishPhase.PUBLISHED,
    WebhookKind.PUBLICLY_AVAILABLE: PublishPhase.PUBLISHED,
    WebhookKind.AWAITING_CREATOR: PublishPhase.AWAITING_CREATOR,
}


async def apply_publish_event(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Apply a report of a publish to each attempt with its id; raises Superseded if other workers win too often."""
    found, known = await _attempts(domain, provider, webhook)
    if not known:
        # It may belong to a submit whose response was lost; or another delivery has just been matched to that one.
        await reconcile.adopt(domain, webhook, provider)
        found, known = await _attempts(domain, provider, webhook)
    if not found:
        unknown = not known and await result.live_connections(domain, provider, webhook)
        return Result(UNKNOWN_PUBLISH if unknown else NO_CONNECTION)
    outcomes, events = set(), list[PendingEvent]()
    for attempt in found:
        outcome = await retry_superseded(partial(_move, domain, attempt, webhook))
        outcomes.add(outcome)
        events += _events(attempt, provider, webhook, outcome)
    return Result("+".join(sorted(outcomes)), events)


async def _attempts(domain: Domain, provider: str, webhook: Webhook) -> tuple[list[AttemptRow], bool]:
    """Return the attempts that the webhook is about, and whether any attempt has its publish id.

    Attempts of another user's posts, and of disconnected connections, are left out.
    """
    async with domain.db.read() as tx:
        with_id = await attempts.by_publish_id(tx, webhook.publish_id)
        # If two attempts of one post have the same id, the newer one took over the publish of the older.
        in_order = sorted(with_id, key=lambda attempt: attempt.number)
        newest = {(attempt.location, attempt.post): attempt for attempt in in_order}
        found = [attempt for attempt in newest.values() if await _belongs_to(tx, attempt, provider, webhook.subject)]
    return found, bool(with_id)


async def _belongs_to(tx: Transaction, attempt: AttemptRow, provider: str, subject: str) -> bool:
    post = await posts.find(tx, attempt.location, attempt.post)
    if post is None or post.provider != provider:
        return False
    connection = await connections.find(tx, post.location, post.connection)
    return (
        connection is not None
        and connection.provider_subject == subject
        and connection.status != ConnectionStatus.DISCONNECTED
    )


async def _move(domain: Domain, found: AttemptRow, webhook: Webhook) -> str:
    """Move the attempt as it is now, and return the outcome; raises Superseded."""
    async with domain.db.read() as tx:
        post = await posts.get(tx, found.location, found.post)
        attempt = await attempts.find(tx, found.location, found.post, found.number)
    phase = PHASES.get(webhook.kind)
    if attempt is None or phase is None:
        return NO_CHANGE
    ids = (webhook.post_id,) if webhook.post_id else ()
    failed = {"fail_code": webhook.reason, "fail_kind": webhook.fail_kind, "fail_quota": webhook.fail_quota}
    status = PublishStatus(phase, post_ids=ids, **failed)  # type: ignore[arg-type]
    work = Work(post, attempt)
    if post.attempt == attempt.number and attempt.state in UPLOAD_IN_PROGRESS:
        return await _during_upload(domain, work, status)
    if post.attempt == attempt.number and attempt.state in UNDECIDED:
        await vendor_status.apply(domain, work, status)
        return APPLIED
    if post.attempt == attempt.number and attempt.state in ENDED:
        return await _after_end(domain, work, status)
    # The attempt was abandoned, cancelled, or replaced by a newer one: a failure changes nothing, a publication does.
    if phase is PublishPhase.FAILED:
        return NO_CHANGE
    return APPLIED if await _revive_replaced_attempt(domain, work, status) else CONTRADICTED


async def _revive_replaced_attempt(domain: Domain, old: Work, status: PublishStatus) -> bool:
    """Stop the newest attempt, and continue in it the publish of a replaced one, which was published after all.

    Return False if the newest attempt may publish as well, or if the old one was not replaced.
    """
    post, now = old.post, domain.clock()
    async with domain.db.transaction() as tx:
        newest = await attempts.find(tx, post.location, post.id, post.attempt)
        if newest is None or newest.number == old.attempt.number or not _can_be_stopped(domain, post, newest):
            return False
        sent = old.attempt.final_sent_time or now
        values: dict[str, Any] = {"publish_id": old.attempt.publish_id, "final_sent_time": sent}
        columns = {"due_at": now, "error": None}
        moved = await journal.move_with(
            tx,
            Work(post, newest),
            AttemptState.PROCESSING,
            now,
            post_state=PostState.PROCESSING,
            post=columns,
            **values,
        )
    await vendor_status.apply(domain, moved, status)
    return True


def _can_be_stopped(domain: Domain, post: PostRow, newest: AttemptRow) -> bool:
    """Return whether an attempt publishes nothing once its worker finds that it was moved."""
    not_submitted = newest.state in (AttemptState.INTENT, AttemptState.INIT_OK, AttemptState.UPLOADING)
    return not_submitted or (newest.state == AttemptState.INIT_SENT and not moves.publishes_on_submit(domain, post))


async def _during_upload(domain: Domain, work: Work, status: PublishStatus) -> str:
    """Apply a report that arrived before the vendor's response to the last bytes."""
    if status.phase is PublishPhase.FAILED:
        await vendor_status.apply(domain, work, status)
    else:
        await vendor_status.start_polling(domain, work, status)
    return APPLIED


async def _after_end(domain: Domain, work: Work, status: PublishStatus) -> str:
    """Add the ids that the post does not have, or note that the creator published a draft; a post never moves back."""
    if status.phase is PublishPhase.FAILED:
        return CONTRADICTED
    published = status.phase is PublishPhase.PUBLISHED and work.post.state == PostState.AWAITING_CREATOR
    if not published and set(status.post_ids) <= set(work.post.public_ids):
        return NO_CHANGE
    await vendor_status.apply_late(domain, work, status)
    return APPLIED


def _events(attempt: AttemptRow, provider: str, webhook: Webhook, outcome: str) -> list[PendingEvent]:
    payload: dict[str, Any] = {"provider": provider, "event": webhook.event}
    subject = names.POST.format(attempt.location, attempt.post)
    if outcome == CONTRADICTED:
        _log.error("webhook contradicts the journal", name=webhook.event, location=attempt.location, post=attempt.post)
        journal_entry = {"number": attempt.number, "state": attempt.state, "fail_code": attempt.fail_code}
        payload |= {"content": result.truncated(webhook.raw), "attempt": journal_entry}
        return [PendingEvent(attempt.location, UNKNOWN_EVENT, subject, payload, attempt.post)]
    if webhook.kind in AVAILABILITY:
        payload |= {"provider_post_id": webhook.post_id}
        return [PendingEvent(attempt.location, AVAILABILITY[webhook.kind], subject, payload, attempt.post)]
    return []
