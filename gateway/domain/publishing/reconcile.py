"""An announcement whose answer was lost, of a post that the vendor may have published from that one call.

Owns the search for proof: our own media links (what nobody fetched, and nobody can fetch any more, was not posted), the
vendor's list (`seeking`), and an id that a webhook brings. Without proof nothing is sent again: a human decides.
"""

from datetime import timedelta

import structlog

from gateway.domain.concurrency import backoff
from gateway.domain.context import Domain
from gateway.domain.media import links
from gateway.domain.publishing import journal, media_handoff, moves, retry_policy, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from providers.errors import Ambiguous, ProviderError
from providers.models.publishing import PublishPhase, PublishStatus
from providers.models.webhooks import Webhook, WebhookKind
from storage import attempts, posts, webhooks
from storage.database import advisory_lock
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)

LOOK_FIRST = vendor_status.LOOK_FIRST
LOOK_MAX = timedelta(minutes=15)
CLOCK_SLACK = vendor_lookup.CLOCK_SLACK


async def lost_response(domain: Domain, work: Work, error: ProviderError | None = None) -> NextWork:
    """INIT_SENT of a call that may publish, without an answer: prove that nothing came of it, or say INDETERMINATE."""
    error = error or Ambiguous("The answer to the announcement was lost.", provider=work.post.provider)
    if domain.providers[work.post.provider].table.library:
        return await vendor_lookup.start(domain, work)
    if await _cannot_be_fetched(domain, work.post):
        return await moves.resubmit(domain, work, error)
    return await vendor_status.mark_indeterminate(domain, work, error)


async def _cannot_be_fetched(domain: Domain, post: PostRow) -> bool:
    """Close the attempt's links unless one was used: true when the vendor never had, and never gets, all the media."""
    if not media_handoff.uses_links(domain, post):
        return False
    return await links.revoke_unfetched(domain, post.location, post.id, post.attempt)


async def look_for_proof(domain: Domain, work: Work) -> NextWork:
    """INDETERMINATE: look for proof once more, ever more seldom, for a day; then it is left to a human."""
    attempt, now = work.attempt, domain.clock()
    try:
        status = await _proof(domain, work)
    except ProviderError as error:
        log.info("publish.no_proof_yet", location=work.post.location, post=work.post.id, code=error.code)
        status = None
    if status is not None:
        return await vendor_status.apply(domain, work, status)
    over = now - (attempt.final_sent_time or attempt.create_time) > retry_policy.OUTCOME_LIMIT
    delay = backoff(LOOK_FIRST, attempt.polls, LOOK_MAX)
    await journal.move(
        domain, work, attempt.state, post={"due_at": None if over else now + delay}, polls=attempt.polls + 1
    )
    return None


async def _proof(domain: Domain, work: Work) -> PublishStatus | None:
    """Ask the vendor by the publish id if there is one, else find the post in its list."""
    post, attempt = work.post, work.attempt
    if attempt.publish_id:
        status = await moves.fetch_status(domain, work, "doubt-status")
        return status if status.phase not in (PublishPhase.RECEIVING, PublishPhase.RUNNING) else None
    async with domain.db.transaction() as tx:
        # A delivery that nobody could place when it came may be about this very attempt.
        subject = await attempts.subject_of(tx, attempt)
        since = (attempt.final_sent_time or attempt.create_time) - CLOCK_SLACK
        await webhooks.look_again(tx, post.provider, subject, since)
    found, _ = await vendor_lookup.find(domain, work)
    if found is None:
        return None
    if found.publish_id:
        work = await journal.move(domain, work, attempt.state, publish_id=found.publish_id)
        return await moves.fetch_status(domain, work, "doubt-status")
    return PublishStatus(PublishPhase.PUBLISHED, post_ids=found.post_ids, public_uri=found.public_uri)


async def adopt(domain: Domain, webhook: Webhook, provider: str) -> bool:
    """Return the publish id of a delivery to the one attempt that can have made it; False when there is not exactly
    one.

    Only news of success is taken: an attempt that was given up can still be reported as failed, never as posted. That
    something can be seen by everybody is no such news: it is told of old posts too.
    """
    if webhook.kind not in (WebhookKind.PUBLISHED, WebhookKind.AWAITING_CREATOR) or not webhook.publish_id:
        return False
    told = webhook.occur_time or domain.clock()
    async with domain.db.transaction() as tx:
        # Two deliveries may ask at once: the second must find the attempt, or the id, taken.
        await advisory_lock(tx, f"adopt|{provider}|{webhook.subject}")
        candidates = await attempts.without_id(tx, provider, webhook.subject, told + CLOCK_SLACK)
        if len(candidates) != 1 or await attempts.by_publish_id(tx, webhook.publish_id):
            return False
        [attempt] = candidates
        post = await posts.get(tx, attempt.location, attempt.post)
        in_doubt = (post.state, post.attempt, attempt.state) == (
            PostState.INDETERMINATE,
            attempt.number,
            AttemptState.INDETERMINATE,
        )
        if not in_doubt or webhook.mode not in ("", post.mode):
            return False
        await journal.move_with(tx, Work(post, attempt), attempt.state, domain.clock(), publish_id=webhook.publish_id)
    return True
