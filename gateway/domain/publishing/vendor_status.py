"""The vendor's status of a publish, and what follows for the post: published, awaiting, failed, or unknown.

Owns every move from PROCESSING on. Makes no status call itself: callers pass the response.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.domain import post_content, vendor_errors
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, kept, moves, reconnected, retry_policy
from gateway.domain.publishing.journal import Learnt, Work
from gateway.domain.publishing.moves import NextWork
from gateway.domain.quotas import daily_caps
from providers.errors import Ambiguous, GrantRevoked, NotFound, ProviderError, TokenRefused
from providers.models.publishing import FailureKind, PublishPhase, PublishStatus
from storage.attempts import AttemptRow
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)

MAX_IDS = 500
"""The most ids of one post: far more than a creator can publish of it, so that its row and its messages are bounded."""

_PENDING = (PublishPhase.RECEIVING, PublishPhase.RUNNING, PublishPhase.SCHEDULED)
_AFTER_REVIEW = (PublishPhase.SCHEDULED, PublishPhase.FAILED)
"""What may become of a draft, or of a post in review, apart from being published."""


async def start_polling(domain: Domain, work: Work, status: PublishStatus | None = None) -> NextWork:
    """The vendor has all bytes: move to PROCESSING, where it is only polled."""
    post = {"sent_bytes": work.attempt.size, "due_at": domain.clock() + retry_policy.POLL_FIRST, "error": None}
    moved = await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=post,
        confirmed=work.attempt.size,
        failures=0,
        polls=0,
    )
    return None if status is None else await apply(domain, moved, status)


async def apply(domain: Domain, work: Work, status: PublishStatus) -> NextWork:
    """Apply a status to a post that waits for it, after noting what a planner keeps otherwise than it was sent."""
    work = await kept.note(domain, work, status)
    if status.phase is PublishPhase.PUBLISHED:
        return await mark_published(domain, work, status)
    if status.phase is PublishPhase.AWAITING_CREATOR:
        return await _mark_awaiting(domain, work)
    if status.phase is PublishPhase.FAILED:
        return await _apply_failure(domain, work, status)
    if status.phase is PublishPhase.SCHEDULED:
        return await _apply_scheduled(domain, work)
    now, attempt = domain.clock(), work.attempt
    if now - outcome_since(work) > retry_policy.OUTCOME_LIMIT:
        error = Ambiguous("The provider never said how the publish ended.", code=status.vendor_status)
        return await mark_indeterminate(domain, work, error)
    started = PostState.PROCESSING if work.post.state == PostState.SCHEDULED else None
    moved = await journal.move(domain, work, attempt.state, post_state=started, **_polled(attempt))
    return await moves.defer(domain, moved, retry_policy.poll_delay(attempt.polls))


def _polled(attempt: AttemptRow) -> dict[str, Any]:
    """Return the counters of an attempt after a successful poll."""
    return {"polls": attempt.polls + 1, "failures": 0, "denials": 0, "faults": 0}


def outcome_since(work: Work) -> datetime:
    """Return from when the outcome is the vendor's: when it got everything, or the scheduled time if that is later."""
    attempt = work.attempt
    sent = attempt.final_sent_time or attempt.create_time
    return max(sent, work.post.schedule_time or sent)


async def _apply_scheduled(domain: Domain, work: Work) -> NextWork:
    """Defer a post that the vendor has scheduled until its time, then poll with growing delays."""
    followed = await reconnected.follow(domain, work)
    if followed is None:
        return None
    work = followed
    # The time is that of the row as it was read: if UpdatePost has changed it, the post is due at once.
    attempt, due = work.attempt, outcome_since(work) + retry_policy.AFTER_SCHEDULE
    state = PostState.SCHEDULED if work.post.state != PostState.CANCELLING else None
    values = _polled(attempt)
    wait = due - domain.clock() if state else timedelta(0)
    if wait < -retry_policy.OVERDUE:
        return await _defer_overdue(
            domain,
            await journal.move(domain, work, AttemptState.PROCESSING, post_state=state, unchanged=True, **values),
        )
    # The outcome may have been unknown before: now that the post is scheduled again, its error is obsolete.
    values["post"] = {"error": None} if work.post.error else None
    moved = await journal.move(domain, work, AttemptState.PROCESSING, post_state=state, unchanged=True, **values)
    return await moves.defer(domain, moved, max(wait, retry_policy.poll_delay(attempt.polls)))


async def _defer_overdue(domain: Domain, work: Work) -> NextWork:
    """The vendor keeps the post beyond its time: show callers an error, and poll less often."""
    text = "The provider keeps the post beyond its time: its account there may have to be connected again."
    error = vendor_errors.stored_error("PROVIDER_UNAVAILABLE", text, provider=work.post.provider)
    delay = retry_policy.poll_delay(work.attempt.polls, retry_policy.POST_ID_POLL_MAX)
    return await moves.defer(domain, work, delay, error=error)


async def mark_published(domain: Domain, work: Work, status: PublishStatus) -> NextWork:
    """Move to PUBLISHED; the id of a public post may come later and is polled for until then."""
    now = domain.clock()
    public = work.post.options.get("privacy_level") != "only_me"
    due = None if status.post_ids or work.post.provider_post_id or not public else now + retry_policy.POLL_FIRST
    values = {"publish_time": now, "error": None, "due_at": due, "next_attempt_time": None}
    await journal.move(
        domain,
        work,
        AttemptState.PUBLISHED,
        post_state=PostState.PUBLISHED,
        post=values,
        learnt=await _learnt(domain, work.post, status),
        before_move=moves.release_draft(domain, work),
        polls=0,
        failures=0,
    )
    return None


async def _learnt(domain: Domain, post: PostRow, status: PublishStatus) -> Learnt:
    """Return the columns for the vendor's ids of a post and its public address, as far as the status adds to them."""
    uri = await _public_uri(domain, post, status)

    def columns(current: PostRow) -> dict[str, Any]:
        known = current.public_ids
        ids = list(dict.fromkeys([*known, *status.post_ids]))[:MAX_IDS]
        found: dict[str, Any] = {}
        if ids != known:
            found = {"provider_post_ids": ids, "provider_post_id": ids[0]}
        if uri and not (known and current.public_uri):
            found["public_uri"] = uri
        return found

    return columns


async def _public_uri(domain: Domain, post: PostRow, status: PublishStatus) -> str:
    """Return the public address of a post: the vendor's own, or the one of its first id."""
    ids = post.public_ids or status.post_ids
    if status.public_uri or not ids:
        return status.public_uri
    username = await read.username(domain, post)
    photos = post_content.kind(post) == "photos"
    return moves.publishing_of(domain, post).public_uri(username, ids[0], photos=photos)


async def _mark_awaiting(domain: Domain, work: Work) -> NextWork:
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


async def _apply_failure(domain: Domain, work: Work, status: PublishStatus) -> NextWork:
    async with domain.db.transaction() as tx:
        await moves.release_draft(domain, work)(tx)
    kind = status.fail_kind
    metadata = {"provider": work.post.provider, "providerCode": status.fail_code, "providerLogId": status.log_id}
    reason = retry_policy.FAIL_REASONS[kind] if kind is not None else "CONTENT_REJECTED"
    metadata |= await _learn_cap(domain, work, status)
    error = vendor_errors.stored_error(
        reason, f"The provider gave the publish up: {status.fail_code or 'no reason'}.", **metadata
    )
    limit = retry_policy.SUBMITS_AFTER.get(kind or FailureKind.UNKNOWN, 1)
    if work.post.state != PostState.CANCELLING and moves.submit_count(work) < limit:
        log.info("publish.again", location=work.post.location, post=work.post.id, code=status.fail_code)
        return await moves.new_attempt(domain, work, retry_policy.retry_delay(moves.submit_count(work) - 1), error)
    # A failed post that was CANCELLING is cancelled, whatever the vendor states as the reason.
    cancelled = work.post.state == PostState.CANCELLING or kind is FailureKind.CANCELLED
    if cancelled:
        return await moves.fail(domain, work, None, state=PostState.CANCELLED, fail_code=status.fail_code)
    return await moves.fail(domain, work, error, fail_code=status.fail_code)


async def _learn_cap(domain: Domain, work: Work, status: PublishStatus) -> dict[str, str]:
    """Record a daily cap that the vendor reports only now; return the error metadata that says when to retry."""
    if not status.fail_quota:
        return {}
    post, counted = work.post, moves.quota_time(work)
    until = await daily_caps.learn(
        domain, post.provider, post.location, post.account, status.fail_quota, refused_stamp=counted
    )
    return {"quota": status.fail_quota, "retryAt": "" if until is None else until.isoformat()}


async def poll_failed(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """A poll failed: repeat it later, for a day; if the vendor keeps denying the id, the outcome is unknown."""
    now, attempt = domain.clock(), work.attempt
    if isinstance(error, NotFound) and work.post.state == PostState.CANCELLING and moves.is_planner(domain, work.post):
        # A planner cancels a post by deleting its record.
        return await moves.fail(domain, work, None, state=PostState.CANCELLED)
    denials = attempt.denials + isinstance(error, NotFound)
    denied = denials > retry_policy.MAX_DENIALS
    # After a day of our own downtime one failed poll proves nothing: poll a few more times.
    over = attempt.failures >= retry_policy.MIN_FAILED_POLLS and now - outcome_since(work) > retry_policy.OUTCOME_LIMIT
    if denied or over:
        return await mark_indeterminate(domain, work, error)
    moved = await journal.move(domain, work, attempt.state, failures=attempt.failures + 1, denials=denials)
    if isinstance(error, GrantRevoked | TokenRefused):
        return await moves.wait_for_reauthorization(domain, moved, error)
    return await moves.defer(domain, moved, retry_policy.retry_delay(attempt.failures, error))


async def mark_indeterminate(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Move to INDETERMINATE: proof is searched for with growing delays, and without it a person decides."""
    stored = vendor_errors.as_stored(error, "OUTCOME_UNKNOWN")
    shown = {"error": stored, "due_at": domain.clock() + retry_policy.PROOF_FIRST, "next_attempt_time": None}
    await journal.move(
        domain, work, AttemptState.INDETERMINATE, post_state=PostState.INDETERMINATE, post=shown, polls=0, failures=0
    )
    return None


async def apply_late(domain: Domain, work: Work, status: PublishStatus, *, over: bool = False) -> NextWork:
    """Apply a status after a final state: it may bring a missing id, or the outcome of a draft."""
    work = await kept.note(domain, work, status)
    post, now = work.post, domain.clock()
    if status.phase is PublishPhase.PUBLISHED and post.state == PostState.AWAITING_CREATOR:
        return await mark_published(domain, work, status)
    if post.state == PostState.AWAITING_CREATOR and moves.is_planner(domain, post) and status.phase in _AFTER_REVIEW:
        return await apply(domain, work, status)
    delay = retry_policy.poll_delay(work.attempt.polls, retry_policy.POST_ID_POLL_MAX)
    complete = bool(status.post_ids or status.public_uri or post.provider_post_id)
    due = None if over or complete else now + delay
    learnt, polls = await _learnt(domain, post, status), work.attempt.polls + 1
    await journal.move(domain, work, work.attempt.state, post={"due_at": due}, learnt=learnt, polls=polls)
    return None


async def apply_requested(domain: Domain, work: Work, status: PublishStatus) -> None:
    """Apply a status that a caller requested between two polls; an unfinished one changes no state."""
    work = await kept.note(domain, work, status)
    if work.attempt.state in (AttemptState.PUBLISHED, AttemptState.AWAITING_CREATOR):
        await apply_late(domain, work, status)
    elif status.phase not in _PENDING:
        await apply(domain, work, status)
