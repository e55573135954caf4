"""What a vendor told by itself, and what it makes of posts and connections.

Owns that a webhook moves nothing that a poll could not have moved: the same verdicts, by compare-and-swap, so that of
both only one counts. What contradicts our journal is shown, never believed in silence. A disconnected connection's
news move nothing.
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
from gateway.domain.webhooks.result import APPLIED, AVAILABILITY, CONTRADICTED, KNOWN, NOT_OURS, UNKNOWN, Note, Result
from providers.models.publishing import PublishPhase, PublishStatus
from providers.models.webhooks import Webhook, WebhookKind
from storage import attempts, connections, posts
from storage.attempts import AttemptRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import AttemptState, PostState
from storage.webhooks import UNKNOWN_PUBLISH

_log = log.get("gateway.webhooks")

HANDED_OVER = ("INIT_OK", "UPLOADING", "FINAL_SENT")
OPEN = ("PROCESSING", "INDETERMINATE")
LATE = ("PUBLISHED", "AWAITING_CREATOR")

PHASES = {
    WebhookKind.PUBLISH_FAILED: PublishPhase.FAILED,
    WebhookKind.PUBLISHED: PublishPhase.PUBLISHED,
    WebhookKind.PUBLICLY_AVAILABLE: PublishPhase.PUBLISHED,
    WebhookKind.AWAITING_CREATOR: PublishPhase.AWAITING_CREATOR,
}


async def publish(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Apply news of a publish to each of our attempts that carries its id. Raises Overtaken when it loses too often."""
    found, ours = await _attempts(domain, provider, webhook)
    if not ours:
        # An announcement that was never answered may be the one; or another delivery has just found it so.
        await reconcile.adopt(domain, webhook, provider)
        found, ours = await _attempts(domain, provider, webhook)
    if not found:
        return Result(
            NOT_OURS if ours or not await result.has_live_connection(domain, provider, webhook) else UNKNOWN_PUBLISH
        )
    outcomes, notes = set(), []
    for attempt in found:
        outcome = await retry_superseded(partial(_move, domain, attempt, webhook))
        outcomes.add(outcome)
        notes += _notes(attempt, provider, webhook, outcome)
    return Result("+".join(sorted(outcomes)), notes)


async def _attempts(domain: Domain, provider: str, webhook: Webhook) -> tuple[list[AttemptRow], bool]:
    """Return the attempts that the news are for, and whether there are any of that id at all.

    Whose post went out for somebody else, or whose connection was disconnected, is none of them.
    """
    async with domain.db.read() as tx:
        carrying = await attempts.by_publish_id(tx, webhook.publish_id)
        # Of two attempts of one post the newer took the publish over from the older.
        in_order = sorted(carrying, key=lambda attempt: attempt.number)
        newest = {(attempt.location, attempt.post): attempt for attempt in in_order}
        found = [attempt for attempt in newest.values() if await _concerns(tx, attempt, provider, webhook.subject)]
    return found, bool(carrying)


async def _concerns(tx: Transaction, attempt: AttemptRow, provider: str, subject: str) -> bool:
    post = await posts.find(tx, attempt.location, attempt.post)
    if post is None or post.provider != provider:
        return False
    connection = await connections.find(tx, post.location, post.connection)
    return connection is not None and connection.provider_subject == subject and connection.status != "DISCONNECTED"


async def _move(domain: Domain, told: AttemptRow, webhook: Webhook) -> str:
    async with domain.db.read() as tx:
        post = await posts.get(tx, told.location, told.post)
        attempt = await attempts.find(tx, told.location, told.post, told.number)
    phase = PHASES.get(webhook.kind)
    if attempt is None or phase is None:
        return KNOWN
    ids = (webhook.post_id,) if webhook.post_id else ()
    failed = {"fail_code": webhook.reason, "fail_kind": webhook.fail_kind, "fail_quota": webhook.fail_quota}
    status = PublishStatus(phase, post_ids=ids, **failed)  # type: ignore[arg-type]
    work = Work(post, attempt)
    if post.attempt == attempt.number and attempt.state in HANDED_OVER:
        return await _ahead(domain, work, status)
    if post.attempt == attempt.number and attempt.state in OPEN:
        await vendor_status.apply(domain, work, status)
        return APPLIED
    if post.attempt == attempt.number and attempt.state in LATE:
        return await _late(domain, work, status)
    # Given up, called back, or replaced by a newer attempt: that it failed is no news, that it went out is.
    if phase is PublishPhase.FAILED:
        return KNOWN
    return APPLIED if await _instead(domain, work, status) else CONTRADICTED


async def _instead(domain: Domain, old: Work, status: PublishStatus) -> bool:
    """A replaced attempt went out after all: stop the newer one, if it can still be stopped, and let the old one count.

    False when the newer one may post as well, or when there is none.
    """
    post, now = old.post, domain.clock()
    async with domain.db.transaction() as tx:
        newest = await attempts.find(tx, post.location, post.id, post.attempt)
        if newest is None or newest.number == old.attempt.number or not _can_be_stopped(domain, post, newest):
            return False
        values = {"publish_id": old.attempt.publish_id, "final_sent_time": old.attempt.final_sent_time or now}
        shown = {"due_at": now, "error": None}
        moved = await journal.move_with(
            tx, Work(post, newest), AttemptState.PROCESSING, now, post_state=PostState.PROCESSING, post=shown, **values
        )
    await vendor_status.apply(domain, moved, status)
    return True


def _can_be_stopped(domain: Domain, post: PostRow, newest: AttemptRow) -> bool:
    """Return whether nothing gets published by an attempt whose worker finds it moved on."""
    waiting = newest.state in ("INTENT", "INIT_OK", "UPLOADING")
    return waiting or (newest.state == "INIT_SENT" and not moves.publishes_on_submit(domain, post))


async def _ahead(domain: Domain, work: Work, status: PublishStatus) -> str:
    """The vendor is done before its answer to the last bytes was seen."""
    if status.phase is PublishPhase.FAILED:
        await vendor_status.apply(domain, work, status)
    else:
        await vendor_status.start_polling(domain, work, status)
    return APPLIED


async def _late(domain: Domain, work: Work, status: PublishStatus) -> str:
    """After the end: an id that was missing, or a draft that its creator published; never a step back."""
    if status.phase is PublishPhase.FAILED:
        return CONTRADICTED
    published = status.phase is PublishPhase.PUBLISHED and work.post.state == "AWAITING_CREATOR"
    if not published and (not status.post_ids or work.post.provider_post_id):
        return KNOWN
    await vendor_status.apply_late(domain, work, status)
    return APPLIED


def _notes(attempt: AttemptRow, provider: str, webhook: Webhook, outcome: str) -> list[Note]:
    payload: dict[str, Any] = {"provider": provider, "event": webhook.event}
    subject = names.POST.format(attempt.location, attempt.post)
    if outcome == CONTRADICTED:
        _log.error("webhook contradicts the journal", name=webhook.event, location=attempt.location, post=attempt.post)
        kept = {"number": attempt.number, "state": attempt.state, "fail_code": attempt.fail_code}
        payload |= {"content": result.bounded(webhook.raw), "attempt": kept}
        return [Note(attempt.location, UNKNOWN, subject, payload, attempt.post)]
    if webhook.kind in AVAILABILITY:
        payload |= {"provider_post_id": webhook.post_id}
        return [Note(attempt.location, AVAILABILITY[webhook.kind], subject, payload, attempt.post)]
    return []
