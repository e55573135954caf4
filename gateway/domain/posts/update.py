"""UpdatePost: changes caption, options and time, here while no vendor has the post, else also in the vendor's planner.

Owns which states allow it. The planner is changed before the row: repeating the edit is harmless, so a caller who got
no response, because it was lost or the process died, repeats the call.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.aip import names
from gateway.domain import idempotency, post_content, vendor_errors
from gateway.domain.concurrency import Superseded, retry_superseded, until_free
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.posts import read
from gateway.domain.preflight import check
from gateway.domain.publishing import journal, moves
from gateway.domain.publishing.journal import Work
from gateway.errors import Conflict, EtagMismatch, FieldInvalid, StateForbids
from providers.capabilities import Capability
from providers.errors import Ambiguous
from storage import accounts, attempts
from storage import posts as rows
from storage.attempts import ACCOUNT, AttemptRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import AttemptState, PostState

WAITING = (PostState.QUEUED, PostState.SCHEDULED)
IN_PLANNER = (PostState.SCHEDULED, PostState.AWAITING_CREATOR)
"""States in which a planner may hold an unpublished post."""


async def update(
    domain: Domain,
    location: str,
    post: str,
    values: Mapping[str, Any],
    key: RequestKey | None,
    *,
    etag: str = "",
    faults: Sequence[FieldInvalid] = (),
) -> PostRow:
    """Change columns of a post: `caption options schedule_time provider_extra labels late_tolerance_seconds`.

    The changed post is checked like a new one: up to one vendor call, and up to five if it is in a planner. Raises
    storage's NotFound, EtagMismatch, StateForbids, CapabilityMissing, what `preflight.check` raises, Rejected (by the
    planner), Unavailable (repeating the call is safe), Conflict.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await read.get(domain, location, first)
    try:
        return await retry_superseded(lambda: _update(domain, location, post, values, key, etag, faults), domain.sleep)
    except Superseded:
        name = names.POST.format(location, post)
        raise Conflict(metadata={"resource": name}, resource=name) from None


async def _update(
    domain: Domain,
    location: str,
    post: str,
    values: Mapping[str, Any],
    key: RequestKey | None,
    etag: str,
    faults: Sequence[FieldInvalid],
) -> PostRow:
    row, attempt = await journal.read(domain, location, post)
    if row is None:
        return await read.get(domain, location, post)
    if etag and etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=journal.subject(row))
    updated = PostRow(**{**row.model_dump(), **values})
    in_planner = attempt is not None and bool(attempt.publish_id) and row.state in IN_PLANNER
    if not in_planner and not _is_waiting(row, attempt):
        raise StateForbids(row.state, "What the vendor already has, or what has ended, cannot be changed.")
    await check.check(domain, updated, faults)
    if in_planner and attempt is not None:
        await _edit_in_planner(domain, Work(updated, attempt))
        values = {**values, "differences": None}
    if not in_planner:
        values = {**values, **_times(domain, row, updated)}
        return await _store_here(domain, row, attempt, values, key, at_version=row.version if etag else None)
    assert attempt is not None  # noqa: S101 - the planner has the post
    # What the planner has changed is stored here too, also when somebody keeps the row locked for a while.
    return await until_free(_store_planned)(domain, row, attempt, values, key)


def _is_waiting(row: PostRow, attempt: AttemptRow | None) -> bool:
    """Return whether the post waits here and no vendor has any part of it."""
    return row.state in WAITING and (attempt is None or attempt.state in (AttemptState.INTENT, AttemptState.ABANDONED))


async def _edit_in_planner(domain: Domain, work: Work) -> None:
    """Edit the post in the planner; a lost response becomes Unavailable, because repeating the edit is safe."""
    post = work.post
    provider = domain.providers[post.provider]
    vendor_errors.require(provider.table, Capability.POST_EDIT)
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    request = post_content.publish_request(post, account, post_content.placeholder(post), provider.table)
    access = moves.access_of(domain, post, background=False)
    try:
        await provider.records.edit(access, work.attempt.publish_id, request)
    except Ambiguous as error:
        text = "Whether the provider changed the post is not known; asking again is safe."
        raise vendor_errors.safe_to_repeat(error, text) from None


def _times(domain: Domain, row: PostRow, updated: PostRow) -> dict[str, Any]:
    """Return the state of a post that waits here, and when it is due: at its time if that is ahead, else now."""
    now = domain.clock()
    if post_content.is_early(updated, domain.providers[updated.provider].table, now):
        waits = {"state": PostState.SCHEDULED, "due_at": updated.schedule_time}
        return {**waits, "next_attempt_time": None, "error": None}
    if row.schedule_time is not None and updated.schedule_time is None:
        # How late it may go out counts from now.
        return {"state": PostState.QUEUED, "due_at": now, "queue_time": now, "round_start": row.attempt + 1}
    return {"due_at": now}


async def _store_here(
    domain: Domain,
    row: PostRow,
    attempt: AttemptRow | None,
    values: dict[str, Any],
    key: RequestKey | None,
    *,
    at_version: int | None,
) -> PostRow:
    """Commit the change of a post that no vendor has. A worker about to submit the unchanged post finds its attempt
    replaced, or ended because the post waits for a later time.
    """
    now = domain.clock()
    begun = attempt if attempt is not None and attempt.state == AttemptState.INTENT else None
    scheduled = values.get("state") == PostState.SCHEDULED
    if begun is not None and not scheduled:
        work = await journal.open_attempt(domain, row, begun, at_version=at_version, state=PostState.QUEUED, due_at=now)
        row, at_version = work.post, at_version and work.post.version
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, row.id, now)
        if first is None:
            if begun is not None and scheduled:
                await journal.abandon(tx, begun, now)
            return await _change(tx, row, now, values, at_version)
    return await read.get(domain, row.location, first)


async def _store_planned(
    domain: Domain, row: PostRow, attempt: AttemptRow, values: Mapping[str, Any], key: RequestKey | None
) -> PostRow:
    """Commit the change of a post that a planner has. A worker that follows the account finds the post changed."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, row.id, now)
        if first is None:
            due = {} if row.state == PostState.AWAITING_CREATOR else {"due_at": now}
            changed = await _change(tx, row, now, {**values, **due})
            if await _was_followed(tx, attempt):
                raise Superseded
            return changed
    return await read.get(domain, row.location, first)


async def _change(
    tx: Transaction, row: PostRow, now: datetime, values: Mapping[str, Any], at_version: int | None = None
) -> PostRow:
    """Change the row and record its event; raises Superseded if a worker, or with `at_version` anybody, was first."""
    # If the row was read in this session, the update changes this very object.
    before = row.state
    changed = await rows.change(
        tx, row.location, row.id, now, expect=[before], at_attempt=row.attempt, at_version=at_version, **values
    )
    if changed is None:
        raise Superseded
    await journal.record_event(
        tx, changed, now, type="POST_STATE_CHANGED" if changed.state != before else journal.UPDATED
    )
    return changed


async def _was_followed(tx: Transaction, attempt: AttemptRow) -> bool:
    """Return whether a worker has meanwhile edited the planner's record too, for the account's new id: perhaps last, so
    that the edit must be repeated.
    """
    now = await attempts.find(tx, attempt.location, attempt.post, attempt.number)
    return now is None or now.media.get(ACCOUNT) != attempt.media.get(ACCOUNT)
