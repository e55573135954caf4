"""The publish state machine: from a queued post to the vendor's last word, resumable after every line.

Owns the one rule that keeps a post from being published twice: a publish id posts at most once, and sending a chunk
again on its own address is safe, so only a second *init* can double. Up to UPLOADING a new attempt may begin; from
FINAL_SENT on every doubt is put to the vendor. Knows no job queue: `step` is called until it says when to come back.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from gateway import reasons
from gateway.domain import handover, journal, outcomes, preflight, steps, verdicts
from gateway.domain.context import Domain
from gateway.domain.errors import DomainError
from gateway.domain.journal import Overtaken, Work
from gateway.domain.steps import Again
from providers.errors import Ambiguous, ContractBroken, GrantRevoked, ProviderError, Temporary, TokenRefused
from providers.models.publishing import Begun, ChunkPlan, PublishPhase, PublishStatus
from providers.models.secret import Secret
from storage.attempts import AttemptRow
from storage.posts import PostRow

log = structlog.get_logger(__name__)


async def step(domain: Domain, location: str, post: str, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Carry a post as far as it goes now, then say in `due_at` when to look at it again.

    Safe to call at any time and by several at once: whoever is overtaken stops. `stopping` ends it at the next safe
    place.
    """
    try:
        row, attempt = await journal.read(domain, location, post)
        work = None if row is None else await _enter(domain, row, attempt)
        while work is not None:
            if stopping():
                await journal.rest(domain, work, domain.clock())
                return
            work = await _HANDLERS[work.attempt.state](domain, work)
    except Overtaken:
        log.info("publish.overtaken", location=location, post=post)


async def _enter(domain: Domain, post: PostRow, attempt: AttemptRow | None) -> Work | None:
    """Find where a post stands; one that crashed between states is taken up where its journal says."""
    if post.due_at is None:
        return None
    if post.state in ("PUBLISHED", "AWAITING_CREATOR"):
        return await _watch_late(domain, Work(post, attempt)) if attempt is not None else None
    if post.state in journal.FINAL:
        return None
    if attempt is None or attempt.state == "ABANDONED":
        return await journal.open_attempt(domain, post, attempt, state="QUEUED")
    if attempt.state == "INIT_SENT":
        return await _lost_init(domain, Work(post, attempt))
    if attempt.state == "FINAL_SENT":
        return await handover.doubt(domain, Work(post, attempt))
    return Work(post, attempt) if attempt.state in _HANDLERS else None


async def _begin(domain: Domain, work: Work) -> Again:
    """INTENT: check again what the creator allows, announce, and keep what the vendor answers."""
    post = work.post
    if outcomes.too_late(post.schedule_time or post.queue_time, post.late_tolerance_seconds, domain.clock()):
        return await steps.fail(
            domain, work, post.error or steps.error_of("DEADLINE_EXCEEDED", "The post could not go out in time.")
        )
    try:
        order = await preflight.order(domain, post)
        await steps.access_of(domain, post).token()
    except DomainError as error:
        return await steps.fail(domain, work, steps.kept_of(error))
    except ProviderError as error:
        return await _not_begun(domain, work, error)
    claimed = await journal.claim_hand_over(domain, work)
    if claimed is None:
        return await steps.rest(domain, work, timedelta(seconds=1))
    try:
        begun = await steps.call(
            "init", steps.publishing_of(domain, post).begin_video(steps.access_of(domain, post), order)
        )
    except (Ambiguous, ContractBroken) as error:
        return await _lost_init(domain, claimed, error)
    except ProviderError as error:
        return await _not_begun(domain, await _back_to_intent(domain, claimed), error)
    return await _begun(domain, claimed, begun, order.file.size)


async def _begun(domain: Domain, work: Work, begun: Begun, size: int) -> Again:
    plan = begun.plan or ChunkPlan(size, size, 1)
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, work.post.location)
    url = (begun.upload_url or Secret("")).reveal().encode()
    return await journal.move(
        domain,
        work,
        "INIT_OK",
        post={"total_bytes": size, "sent_bytes": 0},
        publish_id=begun.publish_id,
        upload_url_sealed=seal.seal("attempts", steps.row_id(work.attempt), "upload_url", work.attempt.number, url),
        upload_expire_time=begun.upload_expire_time,
        size=size,
        chunk_size=plan.chunk_size,
        chunk_count=plan.count,
        failures=0,
    )


async def _back_to_intent(domain: Domain, work: Work) -> Work:
    """The vendor did nothing: the announcement is taken back, and the account is free for another hand-over."""
    return await journal.move(domain, work, "INTENT", post_state="QUEUED", failures=work.attempt.failures + 1)


async def _not_begun(domain: Domain, work: Work, error: ProviderError) -> Again:
    """Nothing was begun: wait when waiting can help, else fail."""
    if isinstance(error, GrantRevoked | TokenRefused):
        return await steps.wait_for_human(domain, work, error)
    if isinstance(error, Temporary | Ambiguous | ContractBroken):
        delay = outcomes.retry_delay(work.attempt.failures, error)
        return await steps.rest(domain, work, delay, error=reasons.kept(error))
    return await steps.fail(domain, work, reasons.kept(error))


async def _lost_init(domain: Domain, work: Work, error: ProviderError | None = None) -> Again:
    """The answer to an init was lost: with a file to be sent it posted nothing, so another attempt may announce again.

    An inbox init may have taken one of the creator's few pending drafts, so those are tried less often.
    """
    limit = outcomes.MAX_INITS if work.post.mode == "creator_inbox" else 10 * outcomes.MAX_INITS
    kept = reasons.kept(error or Ambiguous("The answer to the announcement was lost."), "PROVIDER_UNAVAILABLE")
    if steps.tries(work) >= limit:
        return await steps.fail(domain, work, kept)
    delay = outcomes.retry_delay(steps.tries(work) - 1, error)
    return await steps.again(domain, work, delay, kept)


async def _poll(domain: Domain, work: Work) -> Again:
    """PROCESSING: one question to the vendor."""
    try:
        status = await steps.ask(domain, work, "status")
    except ProviderError as error:
        return await verdicts.status_unknown(domain, work, error)
    return await verdicts.settle(domain, work, status)


async def _watch_late(domain: Domain, work: Work) -> Again:
    """PUBLISHED without an id, or AWAITING_CREATOR: ask ever more seldom whether the vendor knows more, for a day."""
    attempt, now = work.attempt, domain.clock()
    over = now - (attempt.final_sent_time or attempt.create_time) > outcomes.POST_ID_LIMIT
    try:
        status = await steps.ask(domain, work, "late-status")
    except ProviderError:
        status = PublishStatus(PublishPhase.RUNNING)
    return await verdicts.learn_late(domain, work, status, over=over)


_HANDLERS = {
    "INTENT": _begin,
    "INIT_OK": handover.send,
    "UPLOADING": handover.send,
    "FINAL_SENT": handover.send,
    "PROCESSING": _poll,
}
