"""Calling a post back: at once while nothing gets published by itself, else by asking the vendor.

Owns which state allows it. A post that the vendor is fetching is CANCELLING until the vendor says how it ended.
"""

import structlog

from gateway.aip import names
from gateway.domain import capabilities, idempotency
from gateway.domain.concurrency import Superseded, retry_superseded
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.publishing import journal, moves, vendor_cancel
from gateway.domain.publishing.journal import Work
from gateway.errors import Conflict, StateForbids
from providers.capabilities import Capability
from providers.errors import GrantRevoked, NotFound, ProviderError, Rejected, ScopeNotGranted, TokenRefused
from storage import attempts, posts
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)

NOTHING_PUBLIC = (AttemptState.INTENT, AttemptState.INIT_OK, AttemptState.UPLOADING, AttemptState.ABANDONED)
"""States of an attempt from which nothing gets published unless we go on; INIT_SENT too, when a file is to be sent."""

PLANNED = ("planner_draft", "planner_review")
"""Posts that wait in a planner for a person: their records can be taken away."""

_ENDED = {"error": None, "due_at": None, "next_attempt_time": None}


async def cancel(domain: Domain, location: str, post: str, key: RequestKey | None) -> PostRow:
    """Call a post back; give it as it is then, CANCELLED or CANCELLING. One that is so already is given as it is.

    Raises storage's NotFound, StateForbids, Conflict (the hand-over moved on in this very moment), CapabilityMissing,
    and GrantRevoked or ScopeNotGranted where the vendor could not be asked.
    """
    first = await idempotency.earlier(domain.db, key)
    async with domain.db.read() as tx:
        row = await posts.get(tx, location, post)
    if first is not None or row.state in (PostState.CANCELLED, PostState.CANCELLING):
        return row
    work = await _commit_soon(domain, location, post, key)
    if work is not None and work.attempt.publish_id:
        await _ask(domain, work)
    async with domain.db.read() as tx:
        return await posts.get(tx, location, post)


async def _commit_soon(domain: Domain, location: str, post: str, key: RequestKey | None) -> Work | None:
    """Commit, and look again for a moment when a worker moved the post on; raises Conflict when it keeps doing so."""
    name = names.POST.format(location, post)
    try:
        return await retry_superseded(lambda: _commit(domain, location, post, key), domain.sleep)
    except Superseded:
        raise Conflict(metadata={"resource": name}, resource=name) from None


async def _commit(domain: Domain, location: str, post: str, key: RequestKey | None) -> Work | None:
    """Move the post by what its attempt allows; give the work when the vendor must be asked."""
    async with domain.db.transaction() as tx:
        # Nothing is held here: every move holds the attempt first and the post then, and so does this one.
        row = await posts.get(tx, location, post)
        attempt = await attempts.find(tx, location, post, row.attempt)
        if await idempotency.claim(tx, key, post, domain.clock()) is not None:
            return None
        if attempt is None:
            await _end_unbegun(domain, tx, row)
            return None
        return await _move(domain, tx, Work(row, attempt))


async def _end_unbegun(domain: Domain, tx: Transaction, row: PostRow) -> None:
    now = domain.clock()
    expect = (PostState.SCHEDULED, PostState.QUEUED)
    if row.state not in expect:
        raise _forbidden(row)
    changed = await posts.change(
        tx, row.location, row.id, now, expect=expect, at_attempt=row.attempt, state=PostState.CANCELLED, **_ENDED
    )
    if changed is None:
        # A worker begins it in this very moment, or somebody else ends it: the next look says which.
        raise Superseded
    await journal.record_event(tx, changed, now)


async def _move(domain: Domain, tx: Transaction, work: Work) -> Work | None:
    row, attempt, now = work.post, work.attempt, domain.clock()
    acts = moves.publishes_on_submit(domain, row)
    if row.state == PostState.AWAITING_CREATOR and row.mode in PLANNED and attempt.publish_id:
        capabilities.require(domain.providers[row.provider].table, Capability.POST_CANCEL)
        return await journal.move_with(
            tx, work, AttemptState.PROCESSING, now, post_state=PostState.CANCELLING, post={"due_at": now}
        )
    if row.state in journal.FINAL:
        raise _forbidden(row)
    if attempt.state in NOTHING_PUBLIC or (attempt.state == AttemptState.INIT_SENT and not acts):
        await journal.move_with(tx, work, AttemptState.CANCELLED, now, post_state=PostState.CANCELLED, post=_ENDED)
        return None
    if attempt.state == AttemptState.INIT_SENT:
        # The one call that may publish is under way: in a moment its answer says what can be called back.
        raise Superseded
    if attempt.state != AttemptState.PROCESSING or not acts:
        raise _forbidden(row)
    capabilities.require(domain.providers[row.provider].table, Capability.POST_CANCEL)
    return await journal.move_with(
        tx, work, AttemptState.PROCESSING, now, post_state=PostState.CANCELLING, post={"due_at": now}
    )


def _forbidden(row: PostRow) -> StateForbids:
    text = "What the vendor already has, or what has ended, cannot be called back."
    return StateForbids(row.state, text, resource=journal.subject(row))


async def _ask(domain: Domain, work: Work) -> None:
    """Ask the vendor to stop. A refusal puts the post back; without an answer the next poll asks again."""
    try:
        await vendor_cancel.request_cancel(domain, work)
    except (TokenRefused, NotFound) as error:
        log.info("publish.cancel_refused", location=work.post.location, post=work.post.id, code=error.code)
    except Rejected as error:
        back = await _put_back(domain, work)
        if back is None:
            return
        if isinstance(error, GrantRevoked | ScopeNotGranted):
            # Not the vendor's last word on the post: somebody else must consent first.
            raise
        raise _forbidden(back) from None
    except ProviderError as error:
        log.info("publish.cancel_unanswered", location=work.post.location, post=work.post.id, code=error.code)


async def _put_back(domain: Domain, work: Work) -> PostRow | None:
    """Let the post go on as if nobody had asked; None when it is called back after all.

    Raises StateForbids when it has ended otherwise in this very moment.
    """
    try:
        due = {"due_at": domain.clock()}
        return (
            await journal.move(domain, work, AttemptState.PROCESSING, post_state=PostState.PROCESSING, post=due)
        ).post
    except Superseded:
        async with domain.db.read() as tx:
            row = await posts.get(tx, work.post.location, work.post.id)
        if row.state in (PostState.CANCELLED, PostState.CANCELLING):
            return None
        raise _forbidden(row) from None
