"""The small moves that every part of publishing makes: one vendor call, one rest, one failure, one new attempt.

Owns nothing but them. What comes when is decided in `publishing`, `handover` and `verdicts`.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from gateway.domain import post_content, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, retry_policy
from gateway.domain.publishing.journal import Work
from gateway.failpoints import reach
from providers.errors import ProviderError
from providers.interface import Publishing
from providers.models.publishing import PublishStatus
from storage.attempts import AttemptRow
from storage.posts import PostRow
from storage.states import AttemptState, PostState

T = TypeVar("T")
NextWork = Work | None
"""What a handler gives: the work to go on with at once, or None when the post rests or is done."""


def publishing_of(domain: Domain, post: PostRow) -> Publishing:
    """Return the facet that publishes the post."""
    return domain.providers[post.provider].publishing


def publishes_on_submit(domain: Domain, post: PostRow) -> bool:
    """Return whether the one announcing call of the post may publish by itself."""
    return post_content.publishes_on_submit(post, domain.providers[post.provider].table)


def access_of(
    domain: Domain, post: PostRow, *, background: bool = True, until: datetime | None = None
) -> ConnectionAccess:
    """Return access to the grant that the post goes out with; after `until` it lets no call out."""
    return ConnectionAccess(domain, post.provider, post.location, post.connection, background, until)


async def call(name: str, call: Awaitable[T]) -> T:
    """Make one vendor call between its two failpoints."""
    reach(f"publish.before-call.{name}")
    answer = await call
    reach(f"publish.after-call.{name}")
    return answer


async def fetch_status(domain: Domain, work: Work, name: str, *, background: bool = True) -> PublishStatus:
    """Ask the vendor how the publish stands: one call, called `name` among the failpoints."""
    access = access_of(domain, work.post, background=background)
    return await call(name, publishing_of(domain, work.post).status(access, work.attempt.publish_id))


async def wait_for_reauthorization(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Wait until the connection is authorised again, and show callers that it waits for that."""
    kept = vendor_errors.as_stored(error, "REAUTHORIZATION_REQUIRED")
    return await defer(domain, work, retry_policy.REAUTHORIZATION_WAIT, error=kept)


async def new_attempt(domain: Domain, work: Work, delay: timedelta, kept: dict[str, Any] | None) -> NextWork:
    """Put a new attempt in this one's place, to begin after `delay`."""
    fresh = await journal.open_attempt(
        domain, work.post, work.attempt, state=PostState.QUEUED, sent_bytes=0, error=kept, due_at=domain.clock() + delay
    )
    return await defer(domain, fresh, delay) if delay > timedelta(0) else fresh


async def resubmit(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """The answer to an announcement was lost, and it is sure that nothing came of it: announce again, after a pause.

    A lost announcement of a draft may hold one of the creator's few pending places, so those are tried less often.
    """
    limit = retry_policy.MAX_SUBMITS if work.post.mode == "creator_inbox" else retry_policy.MAX_LOST_SUBMITS
    kept = vendor_errors.as_stored(error, "PROVIDER_UNAVAILABLE")
    if submit_count(work) >= limit:
        return await fail(domain, work, kept)
    return await new_attempt(domain, work, retry_policy.retry_delay(submit_count(work) - 1, error), kept)


async def restart(domain: Domain, work: Work, message: str) -> NextWork:
    """This attempt can no longer be finished, and the vendor holds less than the file: begin anew, a few times."""
    kept = vendor_errors.stored_error("PROVIDER_UNAVAILABLE", message, provider=work.post.provider)
    if submit_count(work) >= retry_policy.MAX_SUBMITS:
        return await fail(domain, work, kept)
    return await new_attempt(domain, work, retry_policy.retry_delay(submit_count(work) - 1), kept)


async def fail(
    domain: Domain, work: Work, kept: dict[str, Any] | None, *, state: PostState = PostState.FAILED, **values: Any
) -> NextWork:
    """End the attempt and the post, with the error that callers see; `values` are further columns of the attempt."""
    post = {"error": kept, "due_at": None, "next_attempt_time": None}
    await journal.move(domain, work, AttemptState.FAILED, post_state=state, post=post, **values)
    return None


async def defer(domain: Domain, work: Work, delay: timedelta, **shown: Any) -> NextWork:
    """Come back after `delay`; a wait of more than a few seconds is shown to callers."""
    until = domain.clock() + delay
    if delay > timedelta(seconds=5) or shown:
        shown["next_attempt_time"] = until
    await journal.defer(domain, work, until, **shown)
    return None


def submit_count(work: Work) -> int:
    """Return how many announcements this round has made."""
    return work.attempt.number - work.post.round_start + 1


def quota_time(work: Work) -> float:
    """Return by which time an attempt counts in the quota ledger, in seconds since 1970."""
    return submit_time(work).timestamp()


def submit_time(work: Work) -> datetime:
    """Return when an attempt was announced."""
    return work.attempt.announce_time or work.attempt.create_time


def row_id(attempt: AttemptRow) -> str:
    """Name the attempt among its kind, for the seal of its address."""
    return f"{attempt.post}/{attempt.number}"
