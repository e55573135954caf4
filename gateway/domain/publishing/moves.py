"""The building blocks of every publish step: one vendor call, one deferral, one failure, one new attempt.

Owns only these. Which one comes next is decided in `submit`, `transfer`, `vendor_lookup` and `vendor_status`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from gateway.domain import post_content, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, retry_policy
from gateway.domain.publishing.journal import Work
from gateway.domain.quotas import daily_caps
from gateway.errors import AgencySuspended
from gateway.failpoints import reach
from providers.errors import ProviderError
from providers.interface import Publishing
from providers.models.publishing import PostMode, PublishStatus
from storage import agencies
from storage.attempts import AttemptRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import AgencyState, AttemptState, PostState

T = TypeVar("T")
NextWork = Work | None
"""What a handler returns: the work to continue with at once, or None if the post is deferred or done."""


def publishing_of(domain: Domain, post: PostRow) -> Publishing:
    """Return the facet that publishes the post."""
    return domain.providers[post.provider].publishing


def is_planner(domain: Domain, post: PostRow) -> bool:
    """Return whether a planner publishes the post: it has a media library, and lists all its posts."""
    return domain.providers[post.provider].table.library


def publishes_on_submit(domain: Domain, post: PostRow) -> bool:
    """Return whether the submit call of the post alone may publish it."""
    return post_content.publishes_on_submit(post, domain.providers[post.provider].table)


def is_inbox_draft(post: PostRow) -> bool:
    """Return whether the post is delivered to the creator's inbox as a draft."""
    return post.mode == PostMode.CREATOR_INBOX


def access_of(
    domain: Domain, post: PostRow, *, background: bool = True, until: datetime | None = None
) -> ConnectionAccess:
    """Return access to the grant that publishes the post; after `until` it allows no more calls."""
    return ConnectionAccess(domain, post.provider, post.location, post.connection, background, until)


async def call(name: str, call: Awaitable[T]) -> T:
    """Make one vendor call between its two failpoints."""
    reach(f"publish.before-call.{name}")
    response = await call
    reach(f"publish.after-call.{name}")
    return response


async def fetch_status(domain: Domain, work: Work, name: str, *, background: bool = True) -> PublishStatus:
    """Ask the vendor for the status of the publish: one call, `name` in its failpoints."""
    access = access_of(domain, work.post, background=background)
    return await call(name, publishing_of(domain, work.post).status(access, work.attempt.publish_id))


def latest(post: PostRow) -> datetime:
    """Return the last moment at which the post may go out, whatever made it late."""
    return retry_policy.latest(post.schedule_time or post.queue_time, post.late_tolerance_seconds)


async def wait_for_reauthorization(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Defer the post until the connection is authorized again, and show callers what it waits for, in an event too."""
    return await _wait(domain, work, vendor_errors.as_stored(error, "REAUTHORIZATION_REQUIRED"))


async def wait_for_agency(domain: Domain, work: Work, error: AgencySuspended) -> NextWork:
    """Defer the post until its agency is resumed, and show what it waits for, in an event too."""
    return await _wait(domain, work, vendor_errors.as_stored(error))


async def require_active(tx: Transaction, post: PostRow) -> None:
    """Raise AgencySuspended if the post's agency may not publish now."""
    if await agencies.state_at(tx, post.location) != AgencyState.ACTIVE:
        raise AgencySuspended(post.agency)


async def _wait(domain: Domain, work: Work, stored: dict[str, Any]) -> NextWork:
    """Defer the post for a while; as soon as it may no longer go out, it is looked at again."""
    begins = (work.post.error or {}).get("reason") != stored["reason"]
    now, over = domain.clock(), latest(work.post) + timedelta(seconds=1)
    until = now + retry_policy.REAUTHORIZATION_WAIT
    # Callers hear at once when it may no longer go out; what the vendor has already waits on.
    until = min(until, over) if now < over else until
    await journal.defer(domain, work, until, told=begins, error=stored, next_attempt_time=until)
    return None


async def new_attempt(domain: Domain, work: Work, delay: timedelta, error: dict[str, Any] | None) -> NextWork:
    """Replace the attempt by a new one that starts after `delay`; callers see `error` until then."""
    fresh = await journal.open_attempt(
        domain,
        work.post,
        work.attempt,
        state=PostState.QUEUED,
        sent_bytes=0,
        error=error,
        due_at=domain.clock() + delay,
    )
    return await defer(domain, fresh, delay) if delay > timedelta(0) else fresh


async def resubmit(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Submit again after a pause, because the lost submit certainly had no effect.

    A lost submit of a draft may still occupy one of the creator's few pending drafts, so drafts are tried less often.
    """
    limit = retry_policy.MAX_SUBMITS if is_inbox_draft(work.post) else retry_policy.MAX_LOST_SUBMITS
    stored = vendor_errors.as_stored(error, "PROVIDER_UNAVAILABLE")
    if submit_count(work) >= limit:
        return await fail(domain, work, stored)
    return await new_attempt(domain, work, retry_policy.retry_delay(submit_count(work) - 1, error), stored)


async def restart(domain: Domain, work: Work, message: str) -> NextWork:
    """Start a new attempt, a few times, because this one cannot be finished and the vendor does not have all bytes."""
    stored = vendor_errors.stored_error("PROVIDER_UNAVAILABLE", message, provider=work.post.provider)
    if submit_count(work) >= retry_policy.MAX_SUBMITS:
        return await fail(domain, work, stored)
    return await new_attempt(domain, work, retry_policy.retry_delay(submit_count(work) - 1), stored)


async def fail(
    domain: Domain, work: Work, error: dict[str, Any] | None, *, state: PostState = PostState.FAILED, **values: Any
) -> NextWork:
    """End the attempt and the post with the error that callers see; `values` are further columns of the attempt."""
    post = {"error": error, "due_at": None, "next_attempt_time": None}
    await journal.move(domain, work, AttemptState.FAILED, post_state=state, post=post, **values)
    return None


async def defer(domain: Domain, work: Work, delay: timedelta, **shown: Any) -> NextWork:
    """Continue after `delay`; callers see a wait of more than a few seconds, and the columns in `shown`."""
    until = domain.clock() + delay
    if delay > timedelta(seconds=5) or shown:
        shown["next_attempt_time"] = until
    await journal.defer(domain, work, until, **shown)
    return None


def release_draft(domain: Domain, work: Work) -> Callable[[Transaction], Awaitable[None]]:
    """Return a function that frees the quota of a draft which does not, or no longer, occupy the creator's inbox."""

    async def release(tx: Transaction) -> None:
        if is_inbox_draft(work.post):
            await daily_caps.free(tx, domain, work.post, quota_time(work))

    return release


def submit_count(work: Work) -> int:
    """Return how many submits this round has made."""
    return work.attempt.number - work.post.round_start + 1


def quota_time(work: Work) -> float:
    """Return the time that counts for an attempt in the quota ledger, in seconds since 1970."""
    return submit_time(work).timestamp()


def submit_time(work: Work) -> datetime:
    """Return when the attempt was submitted, or created if it was not submitted yet."""
    return work.attempt.announce_time or work.attempt.create_time


def row_id(attempt: AttemptRow) -> str:
    """Return the attempt's row id, to which its sealed upload address is bound."""
    return f"{attempt.post}/{attempt.number}"
