"""Submitting a post to its vendor: the checks before, the one call, and storing its answer.

Owns the way from INTENT to INIT_OK, or to PROCESSING if the vendor fetches the media itself and the submit call may
publish. INIT_SENT is committed before the call; a lost answer to a call that may publish is left to `reconcile`.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from gateway.domain import post_content, vendor_errors
from gateway.domain.concurrency import Superseded, until_stored
from gateway.domain.context import Domain
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
    vendor_lookup,
)
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from gateway.domain.quotas import daily_caps
from gateway.errors import DomainError, QuotaExceeded
from providers.errors import (
    Ambiguous,
    ContractBroken,
    DailyCapReached,
    GrantRevoked,
    ProviderError,
    Temporary,
    TokenRefused,
    Unavailable,
)
from providers.models.publishing import Begun, ChunkPlan, Content
from providers.models.secret import Secret
from storage import attempts, webhooks
from storage.database import DatabaseUnavailable, Transaction
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)
T = TypeVar("T")

STORE_LIMIT = timedelta(minutes=1)
STORE_PAUSE = timedelta(seconds=1)
"""How long, and with which pauses, storing the answer is retried while the database is unavailable."""

NOT_SENT = "The gateway's database was away; nothing was sent."


async def submit(domain: Domain, work: Work, stopping: Callable[[], bool]) -> NextWork:
    """INTENT: fetch the media, repeat the checks, submit, and store the vendor's answer."""
    if _too_late(domain, work):
        return await _expire(domain, work)
    try:
        if any(source.needs_fetch for source in post_content.sources_of(work.post)):
            work = await _fetch_media(domain, work, stopping)
            if stopping():
                await journal.defer(domain, work, domain.clock())
                return None
            if _too_late(domain, work):
                return await _expire(domain, work)
        if delay := await journal.turn_delay(domain, work.post):
            return await moves.defer(domain, work, delay)
        await moves.access_of(domain, work.post).token()
        ready = await check.ready(domain, work.post)
        await daily_caps.ready(domain, work.post)
        work = await media_handoff.store(domain, work, ready.files)
    except QuotaExceeded as error:
        other = await routing.switch(domain, work, error)
        delay = retry_policy.retry_delay(work.attempt.failures)
        return other or await _retry_later(domain, work, delay, vendor_errors.as_stored(error))
    except DomainError as error:
        return await routing.switch(domain, work, error) or await moves.fail(
            domain, work, vendor_errors.as_stored(error)
        )
    except ProviderError as error:
        return await _handle_refusal(domain, work, error)
    return await _claim_and_call(domain, work, ready)


def _too_late(domain: Domain, work: Work) -> bool:
    post = work.post
    return retry_policy.too_late(post.schedule_time or post.queue_time, post.late_tolerance_seconds, domain.clock())


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


async def _claim_and_call(domain: Domain, work: Work, ready: Ready) -> NextWork:
    may_publish = moves.publishes_on_submit(domain, work.post)
    sent = {"final_sent_time": domain.clock()} if may_publish else {}
    claimed = await journal.claim_submit(domain, work, **sent)
    if claimed is None:
        return await moves.defer(domain, work, journal.TURN_DELAY)
    # The answer comes only once: from here until it is committed the task must not be cancelled.
    return await domain.tokens.guard(_call_and_store(domain, claimed, ready))


async def _call_and_store(domain: Domain, work: Work, ready: Ready) -> NextWork:
    """INIT_SENT: make the submit call and store its answer."""
    may_publish = moves.publishes_on_submit(domain, work.post)
    try:
        await _count_draft(domain, work)
        begun = await moves.call("init", _call(domain, work, ready))
    except (Ambiguous, ContractBroken) as error:
        return await (
            reconcile.lost_response(domain, work, error) if may_publish else lost_response(domain, work, error)
        )
    except ProviderError as error:
        intent = await _until_stored(domain, work, lambda: _back_to_intent(domain, work))
        await _learn_cap(domain, work, error)
        return await _handle_refusal(domain, intent, error)
    size = sum(file.size_bytes for file in ready.files)
    store = _store_processing if may_publish else _store_upload
    next_work = await _store_answer(domain, work, begun, lambda: store(domain, work, begun, size))
    if not moves.is_inbox_draft(work.post):
        await daily_caps.use(domain, work.post, moves.quota_time(work))
    return next_work


async def _count_draft(domain: Domain, work: Work) -> None:
    """Count a draft before the call, because it may occupy the creator's inbox even if the answer is lost."""
    if not moves.is_inbox_draft(work.post):
        return
    try:
        await daily_caps.use(domain, work.post, moves.quota_time(work))
    except DatabaseUnavailable as error:
        raise Unavailable(NOT_SENT, provider=work.post.provider) from error


async def _store_answer(
    domain: Domain, work: Work, begun: Begun, commit: Callable[[], Awaitable[NextWork]]
) -> NextWork:
    """Commit the vendor's answer; if another worker moved the attempt on meanwhile, store at least the publish id, by
    which the vendor can be polled, and raise Superseded.
    """
    try:
        return await _until_stored(domain, work, commit)
    except Superseded:
        await journal.save_publish_id(domain, work, begun.publish_id)
        raise


async def _until_stored(domain: Domain, work: Work, commit: Callable[[], Awaitable[T]]) -> T:
    """Commit what only this process knows, retrying while the database is unavailable; raises DatabaseUnavailable
    after STORE_LIMIT.
    """

    def report(_: DatabaseUnavailable) -> None:
        log.error("publish.answer_not_kept", location=work.post.location, post=work.post.id)

    return await until_stored(commit, pause=STORE_PAUSE, report=report, limit=STORE_LIMIT, sleep=domain.sleep)


async def _learn_cap(domain: Domain, work: Work, error: ProviderError) -> None:
    """Record a daily cap that caused the refusal in the quota ledger, and in the error when to retry."""
    metric = error.metadata.get("quota", "")
    if isinstance(error, DailyCapReached) and metric:
        post = work.post
        error.retry_at = await daily_caps.learn(domain, post.provider, post.location, post.account, metric)


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
    request = post_content.publish_request(post, ready.account, content)
    return await moves.publishing_of(domain, post).begin(moves.access_of(domain, post, until=until), request)


async def _store_upload(domain: Domain, work: Work, begun: Begun, size: int) -> NextWork:
    """Store the upload address; the bytes are sent from here on."""
    plan = begun.plan or ChunkPlan(size, size, 1)
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, work.post.location)
    url = (begun.upload_url or Secret("")).reveal().encode()
    return await journal.move(
        domain,
        work,
        AttemptState.INIT_OK,
        post={"total_bytes": size, "sent_bytes": 0},
        publish_id=begun.publish_id,
        upload_url_sealed=seal.seal("attempts", moves.row_id(work.attempt), "upload_url", work.attempt.number, url),
        upload_expire_time=begun.upload_expire_time,
        size=size,
        chunk_size=plan.chunk_size,
        chunk_count=plan.count,
        failures=0,
        before_move=_reapply_webhooks(domain, work),
    )


async def _store_processing(domain: Domain, work: Work, begun: Begun, size: int) -> NextWork:
    """Store that the vendor fetches the media and publishes by itself: from here on it is only polled."""
    shown = {"total_bytes": size, "sent_bytes": 0, "due_at": domain.clock() + retry_policy.POLL_FIRST, "error": None}
    accepted = {} if begun.publish_id else {"media": {**work.attempt.media, vendor_lookup.ACCEPTED: True}}
    await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=shown,
        publish_id=begun.publish_id,
        **accepted,
        size=size,
        failures=0,
        polls=0,
        before_move=_reapply_webhooks(domain, work),
    )
    return None


def _reapply_webhooks(domain: Domain, work: Work) -> Callable[[Transaction], Awaitable[None]]:
    """Return a function that makes webhooks due again which arrived before the answer and matched no attempt."""

    async def reapply(tx: Transaction) -> None:
        subject = await attempts.subject_of(tx, work.attempt)
        await webhooks.look_again(tx, work.post.provider, subject, moves.submit_time(work) - reconcile.CLOCK_SLACK)

    return reapply


async def _back_to_intent(domain: Domain, work: Work) -> Work:
    """Return to INTENT, because the vendor did nothing: another post of the account may be submitted."""
    return await journal.move(
        domain,
        work,
        AttemptState.INTENT,
        post_state=PostState.QUEUED,
        before_move=moves.release_draft(domain, work),
        final_sent_time=None,
    )


async def _handle_refusal(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Nothing was submitted: reroute the post if possible, retry if that can help, else fail."""
    if (other := await routing.switch(domain, work, error)) is not None:
        return other
    if isinstance(error, GrantRevoked | TokenRefused):
        return await moves.wait_for_reauthorization(domain, work, error)
    if isinstance(error, Temporary | Ambiguous | ContractBroken):
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


async def lost_response(domain: Domain, work: Work, error: ProviderError | None = None) -> NextWork:
    """The answer to the submit was lost; as the file is still to be sent, it published nothing."""
    return await moves.resubmit(domain, work, error or Ambiguous("The answer to the announcement was lost."))
