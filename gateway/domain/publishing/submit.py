"""Submitting a post to its vendor: the checks before the call, the call, and what follows from a refusal.

Owns the way from INTENT to INIT_SENT, which is committed before the call. `submit_response` stores the response; a lost
response to a call that may publish is left to `reconcile`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from gateway.domain import post_content, vendor_errors
from gateway.domain.concurrency import until_free
from gateway.domain.context import Domain
from gateway.domain.media import links
from gateway.domain.preflight import check
from gateway.domain.preflight.check import Ready
from gateway.domain.publishing import (
    fetch_media,
    journal,
    media_handoff,
    moves,
    reconcile,
    retry_policy,
    routing,
    schedule,
    submit_response,
)
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from gateway.domain.quotas import daily_caps
from gateway.errors import AgencySuspended, DomainError, QuotaExceeded
from providers.errors import (
    Ambiguous,
    ContractBroken,
    DailyCapReached,
    GrantRevoked,
    ProviderError,
    QuotaUsedUp,
    Temporary,
    TokenRefused,
    Unavailable,
)
from providers.models.publishing import Begun, Content
from storage.attempts import ACCOUNT
from storage.database import DatabaseUnavailable, Transaction
from storage.posts import PostRow
from storage.states import AttemptState

WAIT_FOR_GRANT = (GrantRevoked, TokenRefused)
TRY_AGAIN = (*WAIT_FOR_GRANT, Temporary, Ambiguous, ContractBroken)
"""What does not end an attempt: the same call is made again, the first two only once the grant is good again."""

KNOWN_FOR = timedelta(seconds=5)
"""How long what was found when a post was created need not be read again before it is submitted."""

NOT_SENT = "The gateway's database was away; nothing was sent."


@dataclass(frozen=True, slots=True)
class Known:
    """A post that was just created and what its check has found."""

    post: PostRow
    ready: Ready


def is_current(domain: Domain, known: Known) -> bool:
    """Return whether what the check of a new post has found need not be read again."""
    # Not if the clock was set back since.
    return timedelta(0) <= domain.clock() - known.ready.check_time <= KNOWN_FOR


async def submit(domain: Domain, work: Work, stopping: Callable[[], bool], known: Ready | None = None) -> NextWork:
    """INTENT: fetch the media, repeat the checks unless they are `known`, submit, and store the vendor's response."""
    if schedule.is_early(domain, work.post):
        return await schedule.keep(domain, work)
    if _too_late(domain, work.post):
        return await _expire(domain, work)
    if (suspended := await _still_suspended(domain, work.post)) is not None:
        return await moves.wait_for_agency(domain, work, suspended)
    try:
        if any(source.needs_fetch for source in post_content.sources_of(work.post)):
            work = await _fetch_media(domain, work, stopping)
            if stopping():
                await journal.defer(domain, work, domain.clock())
                return None
            if _too_late(domain, work.post):
                return await _expire(domain, work)
        if known is None and (delay := await journal.turn_delay(domain, work.post)):
            return await moves.defer(domain, work, delay)
        await moves.access_of(domain, work.post).token()
        ready = known or await _ready(domain, work.post)
        work = await media_handoff.store(domain, work, ready.files)
    except (DomainError, ProviderError) as error:
        return await _handle_problem(domain, work, error)
    return await _claim_and_call(domain, work, ready, stopping)


async def _ready(domain: Domain, post: PostRow) -> Ready:
    """Repeat the checks; raises DomainError, ProviderError."""
    ready = await check.ready(domain, post)
    await daily_caps.require_capacity(domain, post)
    return ready


async def _handle_problem(domain: Domain, work: Work, problem: DomainError | ProviderError) -> NextWork:
    """The post cannot be submitted now: reroute it, retry, or fail."""
    if isinstance(problem, ProviderError):
        return await _handle_refusal(domain, work, problem)
    other = await routing.switch(domain, work, problem)
    if other is not None:
        return other
    stored = vendor_errors.as_stored(problem)
    if isinstance(problem, QuotaExceeded):
        return await _retry_later(domain, work, retry_policy.retry_delay(work.attempt.failures), stored)
    return await moves.fail(domain, work, stored)


async def _still_suspended(domain: Domain, post: PostRow) -> AgencySuspended | None:
    """Return the error of a post that waits for its agency and goes on waiting: nothing else is looked at then."""
    if (post.error or {}).get("reason") != AgencySuspended.reason:
        return None
    async with domain.db.read() as tx:
        try:
            await moves.require_active(tx, post)
        except AgencySuspended as error:
            return error
    return None


def _too_late(domain: Domain, post: PostRow) -> bool:
    return domain.clock() > moves.latest(post)


async def _expire(domain: Domain, work: Work) -> NextWork:
    """The post is too late: fail with the error that it waited for, if there is one."""
    late = vendor_errors.stored_error("DEADLINE_EXCEEDED", "The post could not go out in time.")
    return await moves.fail(domain, work, work.post.error or late)


async def _fetch_media(domain: Domain, work: Work, stopping: Callable[[], bool]) -> Work:
    """Fetch the media that the caller gave as addresses, one after the other; each is recorded in the post."""
    post = work.post
    # Check first whether the post must wait or fail: nothing is fetched for a post that cannot go out.
    await moves.access_of(domain, post).token()
    await check.ready(domain, post)
    for position, source in enumerate(post_content.sources_of(post)):
        if source.needs_fetch and not stopping():
            try:
                post = await fetch_media.fetch(domain, post, position, stopping=stopping)
            except (DomainError, ProviderError) as error:
                raise _with_field(error, post_content.field_path(post, position)) from None
    return Work(post, work.attempt)


def _with_field(error: DomainError | ProviderError, path: str) -> DomainError | ProviderError:
    """Return the error with the field path of the media file that it concerns."""
    error.args = (f"{path}: {error.message}",)
    error.metadata["field"] = path
    return error


async def _claim_and_call(domain: Domain, work: Work, ready: Ready, stopping: Callable[[], bool]) -> NextWork:
    post = work.post

    async def require_capacity(tx: Transaction) -> None:
        await moves.require_active(tx, post)
        # Planners' limits are shared by all their calls: the call itself finds out.
        if not moves.is_planner(domain, post):
            await daily_caps.require_capacity_within(tx, domain, post)

    sent = _announced(domain, post, ready, work.attempt.media)
    try:
        claimed = await journal.claim_submit(domain, work, before_move=require_capacity, **sent)
    except QuotaUsedUp as error:
        return await _handle_refusal(domain, work, error)
    except AgencySuspended as error:
        return await moves.wait_for_agency(domain, work, error)
    if claimed is None:
        return await moves.defer(domain, work, journal.TURN_DELAY)
    # The response comes only once: from here until it is committed the task must not be cancelled.
    return await domain.tokens.guard(_call_and_store(domain, claimed, ready, stopping))


def _announced(domain: Domain, post: PostRow, ready: Ready, media: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of an attempt with which its submit is announced."""
    sent: dict[str, Any] = {"media": {**media, ACCOUNT: ready.account.provider_account_id}}
    if moves.publishes_on_submit(domain, post):
        sent["final_sent_time"] = domain.clock()
    return sent


async def _call_and_store(domain: Domain, work: Work, ready: Ready, stopping: Callable[[], bool]) -> NextWork:
    """INIT_SENT: make the submit call and store its response."""
    try:
        await _count_draft(domain, work)
        begun = await moves.call("init", _call(domain, work, ready))
    except (Ambiguous, ContractBroken) as error:
        return await handle_lost_response(domain, work, error)
    except ProviderError as error:
        if error.unproven:
            # Stored with the refusal: without it, what was refused for good would count as never received.
            keep = partial(handle_lost_response, domain, work, error)
            return await submit_response.until_committed(domain, work, keep)
        if await _was_fetched(domain, work, error):
            return await handle_lost_response(domain, work, error)
        intent = await submit_response.revert(domain, work)
        await _learn_cap(domain, work, error)
        return await _handle_refusal(domain, intent, error)
    size = sum(file.size_bytes for file in ready.files)
    return await submit_response.store(domain, work, begun, size, send_at_once=not stopping())


async def _count_draft(domain: Domain, work: Work) -> None:
    """Count a draft before the call, because it may occupy the creator's inbox even if the response is lost."""
    if not moves.is_inbox_draft(work.post):
        return
    try:
        await daily_caps.use(domain, work.post, moves.quota_time(work))
    except DatabaseUnavailable as error:
        raise Unavailable(NOT_SENT, provider=work.post.provider) from error


async def _learn_cap(domain: Domain, work: Work, error: ProviderError) -> None:
    """Record a daily cap that caused the refusal in the quota ledger, and in the error when to retry."""
    metric = error.metadata.get("quota", "")
    if isinstance(error, DailyCapReached) and metric:
        post = work.post
        error.retry_at = await until_free(daily_caps.learn)(domain, post.provider, post.location, post.account, metric)


async def _call(domain: Domain, work: Work, ready: Ready) -> Begun:
    """Make the submit call; one that may publish must start within SUBMIT_WITHIN, else it is not made."""
    post = work.post
    content: Content
    until = None
    if not moves.publishes_on_submit(domain, post):
        content = post_content.video_file(ready.files[0])
    else:
        until = moves.submit_time(work) + retry_policy.SUBMIT_WITHIN
        try:
            content = await media_handoff.content(domain, work, ready.files)
        except DatabaseUnavailable as error:
            raise Unavailable(NOT_SENT, provider=post.provider) from error
    request = post_content.publish_request(post, ready.account, content, domain.providers[post.provider].table)
    return await moves.publishing_of(domain, post).begin(moves.access_of(domain, post, until=until), request)


async def _was_fetched(domain: Domain, work: Work, error: ProviderError) -> bool:
    """Return whether the vendor fetched media for a call that may publish and that it refused: then it may publish.

    A refusal that ends the attempt closes the links, so that nothing is fetched later.
    """
    post, may_publish = work.post, moves.publishes_on_submit(domain, work.post)
    if not error.http_status or not may_publish or not media_handoff.uses_links(domain, post):
        return False
    if isinstance(error, TRY_AGAIN):
        return await links.count_fetched(domain, post.location, post.id, work.attempt.number) > 0
    return not await links.revoke_unfetched(domain, post.location, post.id, work.attempt.number)


async def _handle_refusal(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Nothing was submitted: reroute the post if possible, retry if that can help, else fail."""
    if (other := await routing.switch(domain, work, error)) is not None:
        return other
    if isinstance(error, WAIT_FOR_GRANT):
        return await moves.wait_for_reauthorization(domain, work, error)
    if isinstance(error, TRY_AGAIN):
        return await _retry_later(
            domain,
            work,
            retry_policy.retry_delay(work.attempt.failures, error),
            vendor_errors.as_stored(error),
        )
    return await moves.fail(domain, work, vendor_errors.as_stored(error))


async def _retry_later(domain: Domain, work: Work, delay: timedelta, error: dict[str, Any]) -> NextWork:
    """Retry after `delay`, the next time after a longer one; callers see `error` until then."""
    moved = await journal.move(domain, work, AttemptState.INTENT, failures=work.attempt.failures + 1)
    return await moves.defer(domain, moved, delay, error=error)


async def handle_lost_response(domain: Domain, work: Work, error: ProviderError | None = None) -> NextWork:
    """INIT_SENT without a response: reconcile a call that may have published, else submit again."""
    if moves.publishes_on_submit(domain, work.post):
        return await reconcile.resolve_lost_submit(domain, work, error)
    # The file is still to be sent, so nothing was published.
    return await moves.resubmit(domain, work, error or Ambiguous("The response to the submit was lost."))
