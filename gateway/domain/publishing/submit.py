"""The announcement of a post to its vendor: what comes before it, the one call, and what its answer makes of it.

Owns the hand-over from INTENT to INIT_OK, or to PROCESSING when the vendor fetches the media itself and the one call
may publish. Before the call INIT_SENT is committed; a lost answer to a call that may publish is `reconciling`'s.
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

KEEP_TRYING = timedelta(minutes=1)
KEEP_PAUSE = timedelta(seconds=1)
"""How long, and how often, the answer to an announcement is tried to be kept while the database is away."""

NOT_SENT = "The gateway's database was away; nothing was sent."


async def submit(domain: Domain, work: Work, stopping: Callable[[], bool]) -> NextWork:
    """INTENT: bring the media here, check again what the creator allows, announce, and keep what the vendor answers."""
    if _too_late(domain, work):
        return await _give_up(domain, work)
    try:
        if any(source.needs_fetch for source in post_content.sources_of(work.post)):
            work = await _with_media(domain, work, stopping)
            if stopping():
                await journal.defer(domain, work, domain.clock())
                return None
            if _too_late(domain, work):
                return await _give_up(domain, work)
        if back := await journal.turn_delay(domain, work.post):
            return await moves.defer(domain, work, back)
        await moves.access_of(domain, work.post).token()
        ready = await check.ready(domain, work.post)
        await daily_caps.ready(domain, work.post)
        work = await media_handoff.store(domain, work, ready.files)
    except QuotaExceeded as error:
        other = await routing.switch(domain, work, error)
        delay = retry_policy.retry_delay(work.attempt.failures)
        return other or await _put_off(domain, work, delay, vendor_errors.as_stored(error))
    except DomainError as error:
        return await routing.switch(domain, work, error) or await moves.fail(
            domain, work, vendor_errors.as_stored(error)
        )
    except ProviderError as error:
        return await _not_begun(domain, work, error)
    return await _announce(domain, work, ready)


def _too_late(domain: Domain, work: Work) -> bool:
    post = work.post
    return retry_policy.too_late(post.schedule_time or post.queue_time, post.late_tolerance_seconds, domain.clock())


async def _give_up(domain: Domain, work: Work) -> NextWork:
    """The post's time is over: what it waited for is the reason, if it waited for something."""
    late = vendor_errors.stored_error("DEADLINE_EXCEEDED", "The post could not go out in time.")
    return await moves.fail(domain, work, work.post.error or late)


async def _with_media(domain: Domain, work: Work, stopping: Callable[[], bool]) -> Work:
    """Fetch what the caller gave as addresses, one after the other; a post remembers each that is here."""
    post = work.post
    # First what may make it wait, or end it: nothing is fetched for a post that cannot go out.
    await moves.access_of(domain, post).token()
    await check.ready(domain, post)
    for position, source in enumerate(post_content.sources_of(post)):
        if source.needs_fetch and not stopping():
            try:
                post = await fetch_media.fetch(domain, post, position, stopping=stopping)
            except (DomainError, ProviderError) as error:
                raise _named(error, post_content.field_path(post, position)) from None
    return Work(post, work.attempt)


def _named(error: DomainError | ProviderError, path: str) -> DomainError | ProviderError:
    """Say in an error which of a post's media it is about."""
    error.args = (f"{path}: {error.message}",)
    error.metadata["field"] = path
    return error


async def _announce(domain: Domain, work: Work, ready: Ready) -> NextWork:
    acts = moves.publishes_on_submit(domain, work.post)
    sent = {"final_sent_time": domain.clock()} if acts else {}
    claimed = await journal.claim_submit(domain, work, **sent)
    if claimed is None:
        return await moves.defer(domain, work, journal.TURN_DELAY)
    # Whoever is cut off in the middle would lose an answer that comes only once: from here to its commit it goes on.
    return await domain.tokens.guard(_announced(domain, claimed, ready))


async def _announced(domain: Domain, work: Work, ready: Ready) -> NextWork:
    """INIT_SENT: make the call, and keep what comes of it."""
    acts = moves.publishes_on_submit(domain, work.post)
    try:
        await _count_draft(domain, work)
        begun = await moves.call("init", _call(domain, work, ready))
    except (Ambiguous, ContractBroken) as error:
        return await (reconcile.lost_response(domain, work, error) if acts else lost_response(domain, work, error))
    except ProviderError as error:
        back = await _until_stored(domain, work, lambda: _back_to_intent(domain, work))
        await _learn(domain, work, error)
        return await _not_begun(domain, back, error)
    size = sum(file.size_bytes for file in ready.files)
    keep = _acting if acts else _begun
    kept = await _kept(domain, work, begun, lambda: keep(domain, work, begun, size))
    if work.post.mode != "creator_inbox":
        await daily_caps.use(domain, work.post, moves.quota_time(work))
    return kept


async def _count_draft(domain: Domain, work: Work) -> None:
    """Count a draft before the call: one whose answer is lost may hold a place in the creator's inbox all the same."""
    if work.post.mode != "creator_inbox":
        return
    try:
        await daily_caps.use(domain, work.post, moves.quota_time(work))
    except DatabaseUnavailable as error:
        raise Unavailable(NOT_SENT, provider=work.post.provider) from error


async def _kept(domain: Domain, work: Work, begun: Begun, keep: Callable[[], Awaitable[NextWork]]) -> NextWork:
    """Commit the vendor's answer. When another worker gave the attempt up meanwhile, the id is still kept with it: by
    it the vendor can be asked what became of the publish. Raises Overtaken then.
    """
    try:
        return await _until_stored(domain, work, keep)
    except Superseded:
        await journal.save_publish_id(domain, work, begun.publish_id)
        raise


async def _until_stored(domain: Domain, work: Work, commit: Callable[[], Awaitable[T]]) -> T:
    """Commit what is known here and to nobody else, also while the database is away; raises DatabaseUnavailable after
    KEEP_TRYING.
    """

    def report(_: DatabaseUnavailable) -> None:
        log.error("publish.answer_not_kept", location=work.post.location, post=work.post.id)

    return await until_stored(commit, pause=KEEP_PAUSE, report=report, limit=KEEP_TRYING, sleep=domain.sleep)


async def _learn(domain: Domain, work: Work, error: ProviderError) -> None:
    """Keep in the ledger what a refusal for a day's cap shows, and when it is worth trying again."""
    metric = error.metadata.get("quota", "")
    if isinstance(error, DailyCapReached) and metric:
        post = work.post
        error.retry_at = await daily_caps.learn(domain, post.provider, post.location, post.account, metric)


async def _call(domain: Domain, work: Work, ready: Ready) -> Begun:
    """Make the one vendor call that announces the post; one that may publish leaves soon or not at all."""
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
    order = post_content.publish_request(post, ready.account, content)
    return await moves.publishing_of(domain, post).begin(moves.access_of(domain, post, until=until), order)


async def _begun(domain: Domain, work: Work, begun: Begun, size: int) -> NextWork:
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
        first=_placing(domain, work),
    )


async def _acting(domain: Domain, work: Work, begun: Begun, size: int) -> NextWork:
    """The vendor fetches the media and publishes by itself: from here on it is only asked."""
    shown = {"total_bytes": size, "sent_bytes": 0, "due_at": domain.clock() + retry_policy.POLL_FIRST, "error": None}
    taken = {} if begun.publish_id else {"media": {**work.attempt.media, vendor_lookup.ACCEPTED: True}}
    await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=shown,
        publish_id=begun.publish_id,
        **taken,
        size=size,
        failures=0,
        polls=0,
        first=_placing(domain, work),
    )
    return None


def _placing(domain: Domain, work: Work) -> Callable[[Transaction], Awaitable[None]]:
    """Let deliveries that overtook the answer, and that nobody could place, be looked at once more."""

    async def again(tx: Transaction) -> None:
        subject = await attempts.subject_of(tx, work.attempt)
        await webhooks.look_again(tx, work.post.provider, subject, moves.submit_time(work) - reconcile.CLOCK_SLACK)

    return again


async def _back_to_intent(domain: Domain, work: Work) -> Work:
    """The vendor did nothing: the announcement is taken back, and the account is free for another hand-over."""

    async def free(tx: Transaction) -> None:
        if work.post.mode == "creator_inbox":
            await daily_caps.free(tx, domain, work.post, moves.quota_time(work))

    return await journal.move(
        domain, work, AttemptState.INTENT, post_state=PostState.QUEUED, first=free, final_sent_time=None
    )


async def _not_begun(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Nothing was begun: go another way if there is one, wait when waiting can help, else fail."""
    if (other := await routing.switch(domain, work, error)) is not None:
        return other
    if isinstance(error, GrantRevoked | TokenRefused):
        return await moves.wait_for_reauthorization(domain, work, error)
    if isinstance(error, Temporary | Ambiguous | ContractBroken):
        return await _put_off(
            domain,
            work,
            retry_policy.retry_delay(work.attempt.failures, error),
            vendor_errors.as_stored(error),
        )
    return await moves.fail(domain, work, vendor_errors.as_stored(error))


async def _put_off(domain: Domain, work: Work, delay: timedelta, kept: dict[str, Any]) -> NextWork:
    """Try again after `delay`, and after a longer one the next time."""
    moved = await journal.move(domain, work, AttemptState.INTENT, failures=work.attempt.failures + 1)
    return await moves.defer(domain, moved, delay, error=kept)


async def lost_response(domain: Domain, work: Work, error: ProviderError | None = None) -> NextWork:
    """The answer to an init was lost: with a file to be sent it posted nothing."""
    return await moves.resubmit(domain, work, error or Ambiguous("The answer to the announcement was lost."))
