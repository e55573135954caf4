"""RetryPost: the only place where a post may be submitted again although an earlier submit may have succeeded.

Owns what the vendor is asked before, and what the new round starts with. Whether a post may go out is `preflight`.
"""

import contextlib
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.domain import idempotency, post_content
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.media import links
from gateway.domain.media import uploads as upload_rules
from gateway.domain.post_content import Source
from gateway.domain.posts import read
from gateway.domain.publishing import journal, moves, queue, reconcile, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.errors import StateForbids
from providers.errors import NotFound
from providers.models.publishing import PublishPhase
from storage import attempts, uploads
from storage import posts as rows
from storage.attempts import AttemptRow
from storage.database import Transaction
from storage.fair import NOBODY
from storage.posts import PostRow
from storage.states import AttemptState, PostState


async def retry(domain: Domain, location: str, post: str, key: RequestKey | None) -> PostRow:
    """Queue a post again that FAILED, or whose outcome is unknown and still is after asking the vendor once more.

    This is the caller's decision: the earlier submit may have succeeded. Raises storage's NotFound, and StateForbids
    for any other state or if the vendor reports that the post was published after all.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await read.get(domain, location, first)
    row, attempt = await journal.read(domain, location, post)
    if row is not None and attempt is not None and _in_doubt(row, attempt):
        await _reconcile(domain, Work(row, attempt))
    elif row is not None and attempt is not None and _refused(row, attempt):
        await _look_again(domain, Work(row, attempt))
    tenant = NOBODY if row is None else row.tenant
    due, begun_here = domain.leases.first(domain.clock(), tenant)
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, post, domain.clock())
        if first is None:
            queued = await _requeue(domain, tx, location, post, due)
            if not begun_here:
                await queue.announce(tx)
    if first is not None:
        return await read.get(domain, location, first)
    if begun_here:
        domain.leases.begin(tenant, post, due, None)
    return queued


def _in_doubt(row: PostRow, attempt: AttemptRow) -> bool:
    """Return whether the newest attempt may have published: it was sent in full, and the vendor reported no failure."""
    failed_unconfirmed = (
        row.state == PostState.FAILED and attempt.publish_id and attempt.final_sent_time and not attempt.fail_code
    )
    return row.state == PostState.INDETERMINATE or bool(failed_unconfirmed)


def _refused(row: PostRow, attempt: AttemptRow) -> bool:
    """Return whether the post failed by a refusal alone, of a vendor that was seen keeping what it refuses."""
    return row.state == PostState.FAILED and not attempt.publish_id and vendor_lookup.refusal_of(attempt) is not None


async def _look_again(domain: Domain, work: Work) -> None:
    """Look once more for a post that the vendor refused; raises StateForbids if it may be there."""
    with contextlib.suppress(Superseded):
        await reconcile.look_before_retry(domain, work)
    post = await read.get(domain, work.post.location, work.post.id)
    if post.state == PostState.INDETERMINATE:
        text = "The provider's list has a post that may be this one: look at it; RetryPost once more sends it again."
        raise StateForbids(post.state, text, resource=journal.subject(post))


async def _reconcile(domain: Domain, work: Work) -> None:
    """Look for proof once more; without a publish id also revoke the media links, so that nothing is published late."""
    if not work.attempt.publish_id:
        with contextlib.suppress(Superseded):
            planner = moves.is_planner(domain, work.post)
            await reconcile.look_for_proof(domain, work, must_answer=planner)
        await links.revoke(domain, work.post.location, work.post.id, work.attempt.number)
        return
    try:
        status = await moves.fetch_status(domain, work, "asked-status", background=False)
    except NotFound:
        return
    if work.post.state == PostState.FAILED and status.phase not in (
        PublishPhase.PUBLISHED,
        PublishPhase.AWAITING_CREATOR,
    ):
        return
    with contextlib.suppress(Superseded):
        await vendor_status.apply_requested(domain, work, status)


async def _requeue(domain: Domain, tx: Transaction, location: str, post: str, due: datetime) -> PostRow:
    now = domain.clock()
    row = await rows.get(tx, location, post, lock=True)
    if row.state not in (PostState.FAILED, PostState.INDETERMINATE):
        raise StateForbids(row.state, "Only a post that failed, or whose outcome is unknown, can be tried again.")
    media = await _restore_media(tx, row)
    number = row.attempt + 1
    changed = await rows.change(
        tx,
        location,
        post,
        now,
        expect=[row.state],
        at_attempt=row.attempt,
        state=PostState.QUEUED,
        attempt=number,
        round_start=number,
        queue_time=now,
        error=None,
        differences=None,
        sent_bytes=0,
        schedule_time=None,
        due_at=due,
        **media,
    )
    fresh = AttemptRow(
        location=location, post=post, number=number, state=AttemptState.INTENT, create_time=now, update_time=now
    )
    await attempts.insert(tx, fresh)
    assert changed is not None  # noqa: S101 - the row is locked
    await journal.record_event(tx, changed, now)
    return changed


async def _restore_media(tx: Transaction, row: PostRow) -> dict[str, Any]:
    """Lock the post's uploads and return the columns after which expired copies of linked media are fetched again."""
    sources: list[Source] = []
    for source in post_content.sources_of(row):
        if source.upload and source.uri and not await uploads.is_complete(tx, row.location, source.upload):
            source = replace(source, upload="")
        # Read again by workers, also of versions that do not know of sealed addresses.
        source = replace(source, sealed=bool(source.uri) and row.addresses_sealed is not None)
        sources.append(source)
    columns = post_content.with_sources(row, sources)
    await upload_rules.hold(tx, row.location, columns["uploads"])
    return columns
