"""Reconciling a submit whose response was lost, of a post that the vendor may have published from that call alone.

Owns the search for proof: our media links (what was not fetched, and no longer can be, was not published), the vendor's
list (`vendor_lookup`), and a publish id from a webhook. Without proof nothing is sent again: a person decides.
"""

import structlog

from gateway.domain.concurrency import backoff
from gateway.domain.context import Domain
from gateway.domain.media import links
from gateway.domain.publishing import journal, media_handoff, moves, retry_policy, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from providers.errors import Ambiguous, ProviderError
from providers.models.publishing import FoundPost, PublishPhase, PublishStatus
from providers.models.webhooks import Webhook, WebhookKind
from storage import attempts, posts, webhooks
from storage.database import advisory_lock
from storage.posts import PostRow
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)


async def resolve_lost_submit(domain: Domain, work: Work, error: ProviderError | None = None) -> NextWork:
    """INIT_SENT without a response to a call that may publish: prove that it had no effect, else INDETERMINATE."""
    error = error or Ambiguous("The response to the submit was lost.", provider=work.post.provider)
    if moves.is_planner(domain, work.post):
        return await vendor_lookup.start(domain, work, error)
    if await _cannot_be_fetched(domain, work.post):
        return await moves.resubmit(domain, work, error)
    return await vendor_status.mark_indeterminate(domain, work, error)


async def _cannot_be_fetched(domain: Domain, post: PostRow) -> bool:
    """Revoke the attempt's links unless one was used; True if the vendor never got, and never gets, all the media."""
    if not media_handoff.uses_links(domain, post):
        return False
    return await links.revoke_unfetched(domain, post.location, post.id, post.attempt)


async def look_for_proof(domain: Domain, work: Work, *, must_answer: bool = False) -> NextWork:
    """INDETERMINATE: search for proof, for a day with growing delays; after that a person decides.

    A vendor that cannot say is asked again later; with `must_answer` its ProviderError is raised.
    """
    try:
        return await (_ask if work.attempt.publish_id else _search)(domain, work)
    except ProviderError as error:
        if must_answer:
            raise
        log.info("publish.no_proof_yet", location=work.post.location, post=work.post.id, code=error.code)
        return await _look_later(domain, work)


async def _look_later(domain: Domain, work: Work) -> NextWork:
    attempt, now = work.attempt, domain.clock()
    over = now - (attempt.final_sent_time or attempt.create_time) > retry_policy.OUTCOME_LIMIT
    delay = backoff(retry_policy.PROOF_FIRST, attempt.polls, retry_policy.PROOF_MAX)
    await journal.move(
        domain, work, attempt.state, post={"due_at": None if over else now + delay}, polls=attempt.polls + 1
    )
    return None


async def _ask(domain: Domain, work: Work) -> NextWork:
    """Poll the vendor by the publish id; a publish that still runs proves nothing."""
    status = await moves.fetch_status(domain, work, "doubt-status")
    if status.phase in (PublishPhase.RECEIVING, PublishPhase.RUNNING):
        return await _look_later(domain, work)
    return await vendor_status.apply(domain, work, status)


async def _search(domain: Domain, work: Work) -> NextWork:
    """Search the vendor's list for a post without a publish id, after the webhooks that matched no attempt."""
    post, attempt = work.post, work.attempt
    async with domain.db.transaction() as tx:
        # A webhook that matched no attempt when it arrived may be about this one.
        subject = await attempts.subject_of(tx, attempt)
        since = (attempt.final_sent_time or attempt.create_time) - vendor_lookup.CLOCK_SLACK
        await webhooks.requeue(tx, post.provider, subject, since)
    listed = await vendor_lookup.find(domain, work)
    if listed.found is not None:
        return await _continue_found(domain, work, listed.found)
    if vendor_lookup.refusal_of(attempt) is not None and not listed.similar:
        return await vendor_lookup.believe_refusal(domain, work)
    return await _look_later(domain, work)


async def _continue_found(domain: Domain, work: Work, found: FoundPost) -> NextWork:
    """The vendor has the post: from here on it is in progress, and no RetryPost sends it again."""
    if not found.publish_id:
        status = PublishStatus(PublishPhase.PUBLISHED, post_ids=found.post_ids, public_uri=found.public_uri)
        return await vendor_status.apply(domain, work, status)
    adopted = await vendor_lookup.adopt(domain, work, found.publish_id)
    try:
        status = await moves.fetch_status(domain, adopted, "doubt-status")
    except ProviderError as error:
        log.info("publish.found_unasked", location=work.post.location, post=work.post.id, code=error.code)
        return None
    return await vendor_status.apply(domain, adopted, status)


async def look_before_retry(domain: Domain, work: Work) -> None:
    """FAILED by a refusal that proves nothing, and to be sent again: search the list once more for what was refused.

    A post that is found goes on; one that may be there becomes INDETERMINATE. Raises ProviderError if the vendor cannot
    say: then nothing may be sent.
    """
    listed = await vendor_lookup.find(domain, work)
    if listed.found is not None:
        await _continue_found(domain, work, listed.found)
    elif listed.similar:
        text = "The provider refused this post, and lists one now that may be it."
        await vendor_status.mark_indeterminate(domain, work, Ambiguous(text, provider=work.post.provider))


async def adopt(domain: Domain, webhook: Webhook, provider: str) -> bool:
    """Store the publish id of a webhook with the only attempt that can have caused it; return False if there is no such
    attempt, or several.

    Only reports of success count: an abandoned attempt can still be reported as failed, but never as published. That a
    post became publicly available does not count, because it is also reported for old posts.
    """
    if webhook.kind not in (WebhookKind.PUBLISHED, WebhookKind.AWAITING_CREATOR) or not webhook.publish_id:
        return False
    reported = webhook.occur_time or domain.clock()
    async with domain.db.transaction() as tx:
        # Of two concurrent deliveries the second must see that the attempt, or the id, is taken.
        await advisory_lock(tx, f"adopt|{provider}|{webhook.subject}")
        candidates = await attempts.without_id(tx, provider, webhook.subject, reported + vendor_lookup.CLOCK_SLACK)
        if len(candidates) != 1 or await attempts.by_publish_id(tx, webhook.publish_id):
            return False
        [attempt] = candidates
        post = await posts.get(tx, attempt.location, attempt.post)
        work = Work(post, attempt)
        if not _is_in_doubt(work) or webhook.mode not in ("", post.mode):
            return False
        await journal.move_with(tx, work, attempt.state, domain.clock(), publish_id=webhook.publish_id)
    return True


def _is_in_doubt(work: Work) -> bool:
    is_newest = work.post.attempt == work.attempt.number
    in_doubt = work.post.state == PostState.INDETERMINATE and work.attempt.state == AttemptState.INDETERMINATE
    return is_newest and in_doubt
