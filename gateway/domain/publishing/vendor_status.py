"""The vendor's word on a publish, and what it makes of the post: published, awaiting, failed, or unknown.

Owns every move from PROCESSING on. Asks nothing itself; who asked hands over the answer.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.domain import post_content, vendor_errors
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, retry_policy
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from gateway.domain.quotas import daily_caps
from providers.errors import Ambiguous, GrantRevoked, NotFound, ProviderError, TokenRefused
from providers.models.publishing import PublishPhase, PublishStatus
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)

LOOK_FIRST = timedelta(seconds=10)
"""When proof of an outcome that nobody knows is first looked for."""


async def start_polling(domain: Domain, work: Work, status: PublishStatus | None = None) -> NextWork:
    """All bytes are with the vendor: from here on it is only asked."""
    sent = {"sent_bytes": work.attempt.size, "due_at": domain.clock() + retry_policy.POLL_FIRST, "error": None}
    moved = await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=sent,
        confirmed=work.attempt.size,
        failures=0,
        polls=0,
    )
    return None if status is None else await apply(domain, moved, status)


async def apply(domain: Domain, work: Work, status: PublishStatus) -> NextWork:
    """Apply the vendor's word to a post that waits for it; None when there is nothing to do now."""
    if status.phase is PublishPhase.PUBLISHED:
        return await mark_published(domain, work, status)
    if status.phase is PublishPhase.AWAITING_CREATOR:
        return await _awaiting(domain, work)
    if status.phase is PublishPhase.FAILED:
        return await _failed_there(domain, work, status)
    if status.phase is PublishPhase.SCHEDULED:
        return await _scheduled(domain, work)
    now, attempt = domain.clock(), work.attempt
    if now - outcome_since(work) > retry_policy.OUTCOME_LIMIT:
        error = Ambiguous("The provider never said how the publish ended.", code=status.vendor_status)
        return await mark_indeterminate(domain, work, error)
    begun = PostState.PROCESSING if work.post.state == PostState.SCHEDULED else None
    calm: dict[str, Any] = {"polls": attempt.polls + 1, "failures": 0, "denials": 0, "faults": 0}
    moved = await journal.move(domain, work, attempt.state, post_state=begun, **calm)
    return await moves.defer(domain, moved, retry_policy.poll_delay(attempt.polls))


def outcome_since(work: Work) -> datetime:
    """Return from when on the outcome is the vendor's: when it got everything, or later, when it is to publish."""
    attempt = work.attempt
    sent = attempt.final_sent_time or attempt.create_time
    return max(sent, work.post.schedule_time or sent)


async def _scheduled(domain: Domain, work: Work) -> NextWork:
    """The vendor keeps it until its time: nothing to ask before that, and then ever more seldom."""
    attempt, due = work.attempt, outcome_since(work) + retry_policy.AFTER_SCHEDULE
    state = PostState.SCHEDULED if work.post.state != PostState.CANCELLING else None
    calm: dict[str, Any] = {"polls": attempt.polls + 1, "failures": 0, "denials": 0, "faults": 0}
    wait = due - domain.clock() if state else timedelta(0)
    if wait < -retry_policy.OVERDUE:
        return await _overdue(
            domain, await journal.move(domain, work, AttemptState.PROCESSING, post_state=state, **calm)
        )
    # One whose outcome was unknown waits for its time again like any other.
    calm["post"] = {"error": None} if work.post.error else None
    moved = await journal.move(domain, work, AttemptState.PROCESSING, post_state=state, **calm)
    return await moves.defer(domain, moved, max(wait, retry_policy.poll_delay(attempt.polls)))


async def _overdue(domain: Domain, work: Work) -> NextWork:
    """Its time is over and the vendor still keeps it: say so, and ask more seldom."""
    text = "The provider keeps the post beyond its time: its account there may have to be connected again."
    kept = vendor_errors.stored_error("PROVIDER_UNAVAILABLE", text, provider=work.post.provider)
    delay = retry_policy.poll_delay(work.attempt.polls, retry_policy.POST_ID_POLL_MAX)
    return await moves.defer(domain, work, delay, error=kept)


async def mark_published(domain: Domain, work: Work, status: PublishStatus) -> NextWork:
    """End well; the public id of a post that others may see can come later and is asked for until it does."""
    now = domain.clock()
    values = await _found(domain, work.post, status)
    public = work.post.options.get("privacy_level") != "only_me"
    due = None if values.get("provider_post_id") or not public else now + retry_policy.POLL_FIRST
    values |= {"publish_time": now, "error": None, "due_at": due, "next_attempt_time": None}
    free = _freeing_draft(domain, work)
    await journal.move(
        domain,
        work,
        AttemptState.PUBLISHED,
        post_state=PostState.PUBLISHED,
        post=values,
        first=free,
        polls=0,
        failures=0,
    )
    return None


async def _found(domain: Domain, post: PostRow, status: PublishStatus) -> dict[str, Any]:
    """Return the post's id and page as far as the vendor told them."""
    if not status.post_ids:
        return {"public_uri": status.public_uri} if status.public_uri else {}
    username = await read.username(domain, post)
    photos = post_content.kind(post) == "photos"
    uri = status.public_uri or moves.publishing_of(domain, post).public_uri(username, status.post_ids[0], photos=photos)
    return {"provider_post_id": status.post_ids[0], "public_uri": uri}


def _freeing_draft(domain: Domain, work: Work) -> Callable[[Transaction], Awaitable[None]]:
    """A draft that was published, or given up, no longer holds a place in the creator's inbox."""

    async def free(tx: Transaction) -> None:
        if work.post.mode == "creator_inbox":
            await daily_caps.free(tx, domain, work.post, moves.quota_time(work))

    return free


async def _awaiting(domain: Domain, work: Work) -> NextWork:
    values = {"error": None, "due_at": domain.clock() + retry_policy.POST_ID_POLL_MAX, "next_attempt_time": None}
    await journal.move(
        domain,
        work,
        AttemptState.AWAITING_CREATOR,
        post_state=PostState.AWAITING_CREATOR,
        post=values,
        polls=0,
        failures=0,
    )
    return None


async def _failed_there(domain: Domain, work: Work, status: PublishStatus) -> NextWork:
    async with domain.db.transaction() as tx:
        await _freeing_draft(domain, work)(tx)
    kind = status.fail_kind
    metadata = {"provider": work.post.provider, "providerCode": status.fail_code, "providerLogId": status.log_id}
    reason = retry_policy.FAIL_REASONS[kind] if kind is not None else "CONTENT_REJECTED"
    metadata |= await _cap_met(domain, work, status)
    kept = vendor_errors.stored_error(
        reason, f"The provider gave the publish up: {status.fail_code or 'no reason'}.", **metadata
    )
    retryable = kind is not None and kind.value == "retryable" and work.post.state != PostState.CANCELLING
    if retryable and moves.submit_count(work) < retry_policy.MAX_SUBMITS:
        log.info("publish.again", location=work.post.location, post=work.post.id, code=status.fail_code)
        return await moves.new_attempt(domain, work, retry_policy.retry_delay(moves.submit_count(work) - 1), kept)
    # What was called back and did not get through is cancelled, whatever the vendor gives as its reason.
    cancelled = work.post.state == PostState.CANCELLING or (kind is not None and kind.value == "cancelled")
    if cancelled:
        return await moves.fail(domain, work, None, state=PostState.CANCELLED, fail_code=status.fail_code)
    return await moves.fail(domain, work, kept, fail_code=status.fail_code)


async def _cap_met(domain: Domain, work: Work, status: PublishStatus) -> dict[str, str]:
    """A cap of the day that shows only now: keep what it teaches, and say when it is worth trying again."""
    if not status.fail_quota:
        return {}
    post, stamp = work.post, moves.quota_time(work)
    whose = post.provider, post.location, post.account
    until = await daily_caps.learn(domain, *whose, status.fail_quota, vain=stamp)
    return {"quota": status.fail_quota, "retryAt": "" if until is None else until.isoformat()}


async def poll_failed(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """The vendor could not say: ask again later, for a day; an id it denies again and again is an outcome unknown."""
    now, attempt = domain.clock(), work.attempt
    if isinstance(error, NotFound) and work.post.state == PostState.CANCELLING and _is_planner(domain, work.post):
        # Its record is gone, which is how a planner calls a post back.
        return await moves.fail(domain, work, None, state=PostState.CANCELLED)
    denials = attempt.denials + isinstance(error, NotFound)
    denied = denials > retry_policy.MAX_DENIALS
    # After a day of our own absence one bad answer proves nothing: the vendor is asked a few times more.
    over = attempt.failures >= retry_policy.MIN_FAILED_POLLS and now - outcome_since(work) > retry_policy.OUTCOME_LIMIT
    if denied or over:
        return await mark_indeterminate(domain, work, error)
    moved = await journal.move(domain, work, attempt.state, failures=attempt.failures + 1, denials=denials)
    if isinstance(error, GrantRevoked | TokenRefused):
        return await moves.wait_for_reauthorization(domain, moved, error)
    return await moves.defer(domain, moved, retry_policy.retry_delay(attempt.failures, error))


async def mark_indeterminate(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Say that nobody knows how it ended; proof is looked for, ever more seldom, and without it a human decides."""
    kept = vendor_errors.as_stored(error, "OUTCOME_UNKNOWN")
    shown = {"error": kept, "due_at": domain.clock() + LOOK_FIRST, "next_attempt_time": None}
    await journal.move(
        domain, work, AttemptState.INDETERMINATE, post_state=PostState.INDETERMINATE, post=shown, polls=0, failures=0
    )
    return None


_DECIDED = (PublishPhase.SCHEDULED, PublishPhase.FAILED)
"""What may become of a draft, or of a post in review, beside being published."""


def _is_planner(domain: Domain, post: PostRow) -> bool:
    return domain.providers[post.provider].table.library


async def apply_late(domain: Domain, work: Work, status: PublishStatus, *, over: bool = False) -> NextWork:
    """Take over what a vendor says after the end: an id that was missing, or a draft its creator published."""
    post, now = work.post, domain.clock()
    if status.phase is PublishPhase.PUBLISHED and post.state == PostState.AWAITING_CREATOR:
        return await mark_published(domain, work, status)
    if post.state == PostState.AWAITING_CREATOR and _is_planner(domain, post) and status.phase in _DECIDED:
        return await apply(domain, work, status)
    found = await _found(domain, post, status) if not post.provider_post_id else {}
    delay = retry_policy.poll_delay(work.attempt.polls, retry_policy.POST_ID_POLL_MAX)
    due = None if over or found or post.provider_post_id else now + delay
    await journal.move(domain, work, work.attempt.state, post={**found, "due_at": due}, polls=work.attempt.polls + 1)
    return None


async def apply_requested(domain: Domain, work: Work, status: PublishStatus) -> None:
    """Take over an answer that somebody asked for beside the polls; one that says nothing new changes nothing."""
    if work.attempt.state in (AttemptState.PUBLISHED, AttemptState.AWAITING_CREATOR):
        await apply_late(domain, work, status)
    elif status.phase not in (PublishPhase.RECEIVING, PublishPhase.RUNNING, PublishPhase.SCHEDULED):
        await apply(domain, work, status)
