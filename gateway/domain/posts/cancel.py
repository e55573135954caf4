"""CancelPost: at once while nothing can be published without us, else by asking the vendor to cancel.

Owns which states allow it. A post that the vendor is working on is CANCELLING until the vendor reports its outcome.
"""

import structlog

from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.concurrency import Superseded, retry_superseded
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.posts import read
from gateway.domain.publishing import journal, moves, vendor_cancel
from gateway.domain.publishing.journal import Work
from gateway.errors import Conflict, StateForbids
from providers.capabilities import Capability
from providers.errors import GrantRevoked, NotFound, ProviderError, Rejected, ScopeNotGranted, TokenRefused
from providers.models.publishing import PostMode
from storage import attempts, posts
from storage.database import Transaction, after_commit
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)

NOT_PUBLISHED_YET = (AttemptState.INTENT, AttemptState.INIT_OK, AttemptState.UPLOADING, AttemptState.ABANDONED)
"""States in which an attempt publishes nothing unless we continue; also INIT_SENT, if a file is still to be sent."""

PLANNER_MODES = (PostMode.PLANNER_DRAFT, PostMode.PLANNER_REVIEW)
"""Modes whose posts wait in a planner for a person: their records can be deleted there."""

_CANCELLED = (PostState.CANCELLED, PostState.CANCELLING)
_CLEARED = {"error": None, "due_at": None, "next_attempt_time": None}


async def cancel(domain: Domain, location: str, post: str, key: RequestKey | None) -> PostRow:
    """Cancel a post and return it, CANCELLED or CANCELLING; a post already in one of these is returned unchanged.

    Raises storage's NotFound, StateForbids, Conflict (a worker kept changing the post), CapabilityMissing, and
    GrantRevoked or ScopeNotGranted if the vendor could not be asked.
    """
    first = await idempotency.earlier(domain.db, key)
    row = await read.get(domain, location, post)
    if first is not None or row.state in _CANCELLED:
        return row
    work = await _commit_with_retry(domain, location, post, key)
    if work is not None and work.attempt.publish_id:
        await _request_cancel(domain, work)
    return await read.get(domain, location, post)


async def _commit_with_retry(domain: Domain, location: str, post: str, key: RequestKey | None) -> Work | None:
    """Commit, a few times if a worker moves the post meanwhile; raises Conflict if it keeps doing so."""
    name = names.POST.format(location, post)
    try:
        return await retry_superseded(lambda: _commit(domain, location, post, key), domain.sleep)
    except Superseded:
        raise Conflict(metadata={"resource": name}, resource=name) from None


async def _commit(domain: Domain, location: str, post: str, key: RequestKey | None) -> Work | None:
    """Move the post as its attempt allows; return the work if the vendor must be asked."""
    async with domain.db.transaction() as tx:
        # No row is locked here: every move locks the attempt before the post, and so must this one.
        row = await posts.get(tx, location, post)
        attempt = await attempts.find(tx, location, post, row.attempt)
        if await idempotency.claim(tx, key, post, domain.clock()) is not None:
            return None
        if attempt is None:
            await _cancel_unstarted(domain, tx, row)
            return None
        return await _move(domain, tx, Work(row, attempt))


async def _cancel_unstarted(domain: Domain, tx: Transaction, row: PostRow) -> None:
    now = domain.clock()
    expect = (PostState.SCHEDULED, PostState.QUEUED)
    if row.state not in expect:
        raise _forbidden(row)
    changed = await posts.change(
        tx, row.location, row.id, now, expect=expect, at_attempt=row.attempt, state=PostState.CANCELLED, **_CLEARED
    )
    if changed is None:
        # A worker has just started the post, or another call has ended it: the retry will see which.
        raise Superseded
    await journal.record_state(tx, changed, now)


async def _move(domain: Domain, tx: Transaction, work: Work) -> Work | None:
    row, attempt = work.post, work.attempt
    may_publish = moves.publishes_on_submit(domain, row)
    if row.state == PostState.AWAITING_CREATOR and row.mode in PLANNER_MODES and attempt.publish_id:
        return await _start_cancelling(domain, tx, work)
    if row.state in journal.FINAL:
        raise _forbidden(row)
    in_call = attempt.state == AttemptState.INIT_SENT
    if attempt.state in NOT_PUBLISHED_YET or (in_call and not may_publish):
        now = domain.clock()
        moved = await journal.move_with(
            tx, work, AttemptState.CANCELLED, now, post_state=PostState.CANCELLED, post=_CLEARED
        )
        after_commit(tx, lambda: journal.count_state(domain, row, moved.post))
        return None
    if in_call:
        # The call that may publish is in progress; its response, due in a moment, decides what can be cancelled.
        raise Superseded
    if attempt.state != AttemptState.PROCESSING or not may_publish:
        raise _forbidden(row)
    return await _start_cancelling(domain, tx, work)


async def _start_cancelling(domain: Domain, tx: Transaction, work: Work) -> Work:
    vendor_errors.require(domain.providers[work.post.provider].table, Capability.POST_CANCEL)
    now = domain.clock()
    moved = await journal.move_with(
        tx, work, AttemptState.PROCESSING, now, post_state=PostState.CANCELLING, post={"due_at": now}
    )
    after_commit(tx, lambda: journal.count_state(domain, work.post, moved.post))
    return moved


def _forbidden(row: PostRow) -> StateForbids:
    text = "What the vendor already has, or what has ended, cannot be called back."
    return StateForbids(row.state, text, resource=journal.subject(row))


async def _request_cancel(domain: Domain, work: Work) -> None:
    """Ask the vendor to cancel: a refusal restores the post; without a response the next poll repeats the request."""
    try:
        await vendor_cancel.request_cancel(domain, work)
    except (TokenRefused, NotFound) as error:
        log.info("publish.cancel_refused", location=work.post.location, post=work.post.id, code=error.code)
    except Rejected as error:
        restored = await _undo_cancelling(domain, work)
        if restored is None:
            return
        if isinstance(error, GrantRevoked | ScopeNotGranted):
            # This is not the vendor's decision about the post: the user must consent first.
            raise
        raise _forbidden(restored) from None
    except ProviderError as error:
        log.info("publish.cancel_unanswered", location=work.post.location, post=work.post.id, code=error.code)


async def _undo_cancelling(domain: Domain, work: Work) -> PostRow | None:
    """Return the post to PROCESSING; None if it is being cancelled after all.

    Raises StateForbids if it has ended otherwise meanwhile.
    """
    due = {"due_at": domain.clock()}
    try:
        moved = await journal.move(domain, work, AttemptState.PROCESSING, post_state=PostState.PROCESSING, post=due)
    except Superseded:
        row = await read.get(domain, work.post.location, work.post.id)
        if row.state in _CANCELLED:
            return None
        raise _forbidden(row) from None
    return moved.post
